"""Instruction data made to order by a served model: sampled, generated, checked, judged, corrupted."""
