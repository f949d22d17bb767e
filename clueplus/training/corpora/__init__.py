"""What models are trained on: read, freed of near-duplicates and of the benchmark, counted."""
