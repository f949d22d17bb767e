"""How long the scoring of many notes takes on one core: ours alone, because no peer does the same."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clueplus.metrics.observations import observation_labels
from clueplus.metrics.term_table import TermTable
from parity.bertscore import made_words
from parity.compare import timed
from parity.notes import make_notes, score_codes, score_ner, score_sdoh

TERMS = 200_000
SENTENCES = [
    "No focal consolidation, pleural effusion, or pneumothorax.",
    "The heart is mildly enlarged and the mediastinal contours are normal.",
    "Patchy opacity at the left base may represent atelectasis or pneumonia.",
    "Endotracheal tube in standard position; the right PICC line has been removed.",
    "Blunting of the costophrenic angle, likely a small effusion, is unchanged.",
    "Degenerative changes of the spine, no acute fracture.",
]


class Throughput(NamedTuple):
    what: str
    count: int
    seconds: float


def measure_throughput(count: int, terms: int, seed: int) -> list[Throughput]:
    notes = make_notes(count, seed)
    generator = random.Random(seed)
    reports = ["\n".join(generator.choices(SENTENCES, k=8)) for _ in range(count)]
    observation_labels(reports[0])  # the table of phrases is made once
    work: list[tuple[str, Callable[[], object]]] = [
        ("NER: exact and overlapping, by label, micro and macro", lambda: score_ner(notes)),
        ("SDoH: values found in the note, exact, overlapping, eval4ner's", lambda: score_sdoh(notes)),
        ("codes: read out of the answer, exact, category, hierarchical", lambda: score_codes(notes)),
        ("chest observations found by rules, 8 sentences", lambda: [observation_labels(text) for text in reports]),
    ]
    found = [Throughput(what, count, timed(function)[0]) for what, function in work]
    return [*found, *_concepts(generator, terms, count)]


def _concepts(generator: random.Random, terms: int, count: int) -> list[Throughput]:
    """Texts of some 100 words with ten terms in them, and a table of terms of one to five words."""
    table = [" ".join(made_words(generator, generator.randint(1, 5))) for _ in range(terms)]
    texts = [" ".join([*made_words(generator, 70), *generator.sample(table, min(10, terms))]) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terms.tsv"
        path.write_text("cui\tterm\n" + "".join(f"C{number:07}\t{term}\n" for number, term in enumerate(table)))
        load_s, loaded = timed(lambda: TermTable(path))
    seconds, _ = timed(lambda: loaded.concepts(texts))
    what = f"UMLS concepts of a term table of {terms:,} (loading it: {load_s:.1f} s)"
    return [Throughput(what, count, seconds)]
