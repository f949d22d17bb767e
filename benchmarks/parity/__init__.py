"""What metric_parity.py compares: made-up inputs, our score of them, and a reference implementation's."""
