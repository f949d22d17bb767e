"""Where a checkpoint comes from: written beside it, drawn, told in its card."""
