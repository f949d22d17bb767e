"""Time BERTScore against the bert-score library, and how fast concepts and observations are found, on one core.

    python benchmarks/text_metrics.py [--pairs 200] [--words 60] [--texts 2000] [--terms 200000] [--seed 0] [--json]

BERTScore: what must be computed is one pass of the encoder over each text, and for each pair the product of two
matrices of token vectors. Both sides run the same encoder of random weights (256 dimensions, the first 4 of 6 layers,
made here: no download) on the same pairs in batches of 64, each with a reference of its own. Both are warmed up with
other texts. The library's scores are computed twice: all pairs at once, which is timed, and pair by pair, which
the scores are compared with, because in a batch it lets padding match with similarity 0. The exit code is 1 where a
score differs by more than 1e-5.

Concepts: a table of made-up terms of one to five words, and texts that hold one term in ten words. Observations:
sentences of radiology reports in random order. Both are measured in words a second; no peer does the same.

Seconds are processor time of the whole process.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clueplus.metrics import bertscore
from clueplus.metrics.observations import observation_labels
from clueplus.metrics.term_table import TermTable

TOLERANCE = 1e-5
LAYERS, HIDDEN, LONGEST = 4, 256, 128
SYLLABLES = [consonant + vowel for consonant in "bdfglmnprst" for vowel in "aeiou"]
SENTENCES = [
    "No focal consolidation, pleural effusion, or pneumothorax.",
    "The heart is mildly enlarged and the mediastinal contours are normal.",
    "Patchy opacity at the left base may represent atelectasis or pneumonia.",
    "Endotracheal tube in standard position; the right PICC line has been removed.",
    "Blunting of the costophrenic angle, likely a small effusion, is unchanged.",
    "Degenerative changes of the spine, no acute fracture.",
]


def made_words(generator: random.Random, count: int) -> list[str]:
    return ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))) for _ in range(count)]


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


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


def make_pairs(generator: random.Random, count: int, words: int) -> tuple[list[str], list[str]]:
    lengths = [generator.randint(1, words) for _ in range(2 * count)]
    texts = [" ".join(made_words(generator, length)) for length in lengths]
    return texts[:count], texts[count:]


def measure_bertscore(generator: random.Random, count: int, words: int) -> dict[str, Any]:
    import torch
    from bert_score import BERTScorer

    torch.set_num_threads(1)
    predictions, references = make_pairs(generator, count, words)
    pairs = list(zip(predictions, references, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        build_encoder(Path(folder))
        encoder = bertscore._Encoder(Path(folder), LAYERS)
        peer = BERTScorer(model_type=folder, num_layers=LAYERS, idf=False, device="cpu", batch_size=64)
        encoder.f1([("ba da", "ga")])
        peer.score(["ba da"], ["ga"])
        ours_s, ours = timed(lambda: encoder.f1(pairs))
        peer_s, _ = timed(lambda: peer.score(predictions, references))
        expected = [peer.score([p], [r])[2].item() for p, r in pairs]
    return {
        "pairs": count,
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "largest_difference": max(abs(a - b) for a, b in zip(ours, expected, strict=True)),
    }


def measure_concepts(generator: random.Random, terms: int, texts: int) -> dict[str, Any]:
    table = [" ".join(made_words(generator, generator.randint(1, 5))) for _ in range(terms)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terms.tsv"
        path.write_text("cui\tterm\n" + "".join(f"C{number:07}\t{term}\n" for number, term in enumerate(table)))
        load_s, loaded = timed(lambda: TermTable(path))
    notes = [" ".join([*made_words(generator, 90), *generator.sample(table, min(10, terms))]) for _ in range(texts)]
    seconds, found = timed(lambda: loaded.concepts(notes))
    words = sum(len(note.split()) for note in notes)
    concepts = sum(map(len, found))
    return {"terms": terms, "load_s": load_s, "words": words, "concepts": concepts, "words_per_s": words / seconds}


def measure_observations(generator: random.Random, texts: int) -> dict[str, Any]:
    reports = ["\n".join(generator.choices(SENTENCES, k=8)) for _ in range(texts)]
    observation_labels(reports[0])
    seconds, _ = timed(lambda: [observation_labels(report) for report in reports])
    words = sum(len(report.split()) for report in reports)
    return {"reports": texts, "words": words, "words_per_s": words / seconds, "reports_per_s": texts / seconds}


def print_table(results: dict[str, dict[str, Any]]) -> None:
    for name, result in results.items():
        print(name)
        for key, value in result.items():
            print(f"  {key:20} {value:.3g}" if isinstance(value, float) else f"  {key:20} {value}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--words", type=int, default=60, help="most words in each text of a pair")
    parser.add_argument("--texts", type=int, default=2000, help="notes and reports")
    parser.add_argument("--terms", type=int, default=200_000, help="terms in the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    if min(arguments.pairs, arguments.words, arguments.texts, arguments.terms) < 1:
        parser.error("--pairs, --words, --texts and --terms must be at least 1")
    generator = random.Random(arguments.seed)
    results = {
        "bertscore": measure_bertscore(generator, arguments.pairs, arguments.words),
        "concepts": measure_concepts(generator, arguments.terms, arguments.texts),
        "observations": measure_observations(generator, arguments.texts),
    }
    if arguments.json:
        print(json.dumps({"tolerance": TOLERANCE, **results}, indent=2))
    else:
        print_table(results)
    return 0 if results["bertscore"]["largest_difference"] <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
