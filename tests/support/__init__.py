"""What tests share: a tiny language model and a real server for it."""
