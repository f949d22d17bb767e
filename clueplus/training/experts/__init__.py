"""Experts: a base model trained further on one corpus."""
