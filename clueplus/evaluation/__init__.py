"""plan -> generate -> score -> record; the response store."""
