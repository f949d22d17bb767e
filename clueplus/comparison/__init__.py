"""From two or more run records to paired differences; what is not comparable is refused by name."""
