"""Intervals, paired tests, multiplicity, non-inferiority and power: NumPy arrays in, typed results out."""
