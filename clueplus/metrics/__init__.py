"""Pure functions from (prediction, reference) to numbers."""
