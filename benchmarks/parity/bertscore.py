"""BERTScore of pairs of made-up texts, against the bert-score library.

One pass of the encoder over each text, and for each pair the product of two matrices of token vectors. Both sides run
the same encoder of random weights (256 dimensions, the first 4 of 6 layers, made here: no download) in batches of 64,
on one thread. The library is timed on all pairs at once; the numbers are compared with those that it gives pair by
pair, because in a batch it lets padding match with similarity 0.
"""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from clueplus.metrics import bertscore
from parity.compare import Comparison, compare

TOLERANCE = 1e-5
LAYERS, HIDDEN, LONGEST = 4, 256, 128
SYLLABLES = [consonant + vowel for consonant in "bdfglmnprst" for vowel in "aeiou"]

Pair = tuple[str, str]


def made_words(generator: random.Random, count: int) -> list[str]:
    return ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))) for _ in range(count)]


def build_encoder(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SYLLABLES, *(f"##{part}" for part in SYLLABLES)]
    tokenizer = BertTokenizer({token: n for n, token in enumerate(vocabulary)}, model_max_length=LONGEST)
    torch.manual_seed(0)
    shape = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS + 2,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    }
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=LONGEST, initializer_range=0.1, **shape)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_pairs(count: int, words: int, seed: int) -> list[Pair]:
    generator = random.Random(seed)
    return [
        (
            " ".join(made_words(generator, generator.randint(1, words))),
            " ".join(made_words(generator, generator.randint(1, words))),
        )
        for _ in range(count)
    ]


def compare_bertscore(count: int, words: int, seed: int) -> Comparison:
    import torch
    from bert_score import BERTScorer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        build_encoder(Path(folder))
        encoder = bertscore._Encoder(Path(folder), LAYERS)
        peer = BERTScorer(model_type=folder, num_layers=LAYERS, idf=False, device="cpu", batch_size=64)

        def theirs(pairs: Sequence[Pair]) -> list[float]:
            return peer.score(*map(list, zip(*pairs, strict=True)))[2].tolist()

        return compare(
            "BERTScore F1",
            "bert-score",
            f"pairs of up to {words} words",
            make_pairs(count, words, seed),
            encoder.f1,
            theirs,
            expected=lambda pairs: [theirs([pair])[0] for pair in pairs],
            tolerance=TOLERANCE,
        )
