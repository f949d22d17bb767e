"""How long scoring takes on one core: all that a task does with an answer, from its text to every number of the item.

Ours alone: no peer does the same.
"""

import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.data.load import import_module
from clueplus.metrics.observations import observation_labels
from clueplus.metrics.term_table import TermTable
from clueplus.registry import content_folder
from parity.bertscore import made_words
from parity.compare import timed
from parity.notes import LABELS, Note, make_notes

TERMS = 200_000
TYPES = dict(zip(LABELS, ["SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"], strict=True))
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
    found = [
        Throughput(f"{what} (`{task}`)", count, _task_seconds(task, [item(note) for note in notes]))
        for what, task, item in (
            ("NER", "ner_ncbi_disease", _ner),
            ("SDoH", "sdoh", _sdoh),
            ("codes", "medisumcode", _codes),
        )
    ]
    seconds, _ = timed(lambda: [observation_labels(report) for report in reports])
    found.append(Throughput("chest observations, by rules, 8 sentences", count, seconds))
    return [*found, *_concepts(generator, terms, count)]


def _task_seconds(task: str, items: list[tuple[dict[str, Any], str]]) -> float:
    """What the task's own `process_results` takes for these documents and answers."""
    process_results: Callable[..., Any] = import_module(content_folder("tasks") / task / f"{task}.py").process_results
    assert not process_results(items[0][0], [items[0][1]])["unscorable"]  # and what is loaded once is loaded
    return timed(lambda: [process_results(document, [answer]) for document, answer in items])[0]


def _ner(note: Note) -> tuple[dict[str, Any], str]:
    spans = [(span.start, span.end, TYPES[span.label]) for span in note.gold]
    answer = [{"text": text, "type": TYPES[label]} for label, text in note.values(note.predicted)]
    return {"text": note.text, "spans": json.dumps(spans)}, json.dumps(answer)


def _sdoh(note: Note) -> tuple[dict[str, Any], str]:
    spans = [(span.start, span.end, f"{span.label.lower()}/type") for span in note.gold]
    answer = [{"entity": label, "label": "Type", "value": text} for label, text in note.values(note.predicted)]
    return {"note": note.text, "scope": "span", "spans": json.dumps(spans)}, json.dumps(answer)


def _codes(note: Note) -> tuple[dict[str, Any], str]:
    return {"codes": note.gold_codes}, note.answer


def _concepts(generator: random.Random, terms: int, count: int) -> list[Throughput]:
    """Texts of some 100 words with ten terms in them, and a table of terms of one to five words."""
    table = [" ".join(made_words(generator, generator.randint(1, 5))) for _ in range(terms)]
    texts = [" ".join([*made_words(generator, 70), *generator.sample(table, min(10, terms))]) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terms.tsv"
        path.write_text("cui\tterm\n" + "".join(f"C{number:07}\t{term}\n" for number, term in enumerate(table)))
        load_s, loaded = timed(lambda: TermTable(path))
    seconds, _ = timed(lambda: loaded.concepts(texts))
    what = f"UMLS concepts, by a table of {terms:,} terms (loading it: {load_s:.1f} s)"
    return [Throughput(what, count, seconds)]
