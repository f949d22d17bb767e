"""Numbers in, SVG out: inline figures with a text alternative, made without a chart library."""
