"""Encoders of random weights, for BERTScore without a download."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = [
    *("the", "patient", "has", "fever", "and", "pain", "in", "his", "left", "knee", "what", "is", "treatment", "for")
]
PIECES = [*(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), *"abcdefghijklmnopqrstuvwxyz0123456789.,?!-()/"]
LAYERS, LONGEST = 3, 24


def build_tiny_bert(folder: Path) -> Path:
    """A BERT with WordPiece and random weights, large enough that its token vectors point in different directions."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES]
    tokenizer = BertTokenizer({token: n for n, token in enumerate(dict.fromkeys(vocabulary))}, model_max_length=LONGEST)
    shape = {"hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), **shape, max_position_embeddings=LONGEST + 8, initializer_range=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_tiny_roberta(folder: Path, *, add_prefix_space: bool = False) -> Path:
    """A RoBERTa with byte-level BPE and random weights; as published, its first word has no space before it."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([" ".join(WORDS)] * 3, vocab_size=400, special_tokens=special, show_progress=False)
    state = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in state["merges"]]
    tokenizer = RobertaTokenizer(
        vocab=state["vocab"], merges=merges, model_max_length=LONGEST, add_prefix_space=add_prefix_space
    )
    # As in the real one, the first two positions are never used: a text of LONGEST tokens needs LONGEST + 2.
    shape = {"hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64}
    config = RobertaConfig(vocab_size=400, **shape, max_position_embeddings=LONGEST + 2, initializer_range=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        RobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
