"""Run records -> a static site that opens from a disk and ranks only what may be ranked."""
