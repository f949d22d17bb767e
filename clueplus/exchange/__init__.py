"""Run records in the forms of other harnesses, and back."""
