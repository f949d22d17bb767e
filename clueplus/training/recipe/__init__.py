"""Recipes: a graph of stages, its plan, its execution."""
