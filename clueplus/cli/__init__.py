"""One module a command group: parses, calls, prints."""
