"""Alignment: supervised fine-tuning on instructions, and preference optimisation."""
