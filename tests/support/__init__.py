"""Models and servers that tests share."""
