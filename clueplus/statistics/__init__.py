"""Intervals now; paired tests, multiplicity and power with the gate. NumPy arrays in, typed results out."""
