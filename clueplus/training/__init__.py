"""From checkpoints to the next checkpoint."""
