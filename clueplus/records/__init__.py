"""What a run leaves behind: read by whoever compares, decides or publishes, without the code that made it."""
