"""Several checkpoints of one architecture become one: streaming, in fp32, seeded, validated."""
