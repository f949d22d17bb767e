"""clueplus: evaluate clinical language models on CLUE+ and decide whether they may ship."""

__version__ = "0.1.0"
