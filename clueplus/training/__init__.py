"""From corpora to experts, merges and aligned models, each with the record of where it comes from."""
