"""Spans, values and codes of made-up notes, against nervaluate, seqeval, eval4ner and scikit-learn.

A note has 200 made-up words with some 15 gold spans of four labels; the prediction keeps, moves, relabels or drops
each and invents some. No span overlaps another of its side: BIO tags could not hold it, and tools that take the first
free span would depend on the order. A note has 12 codes of a made-up table of 3,000, and an answer that names 12.

What a peer wants to be given (dictionaries, BIO tags, indicator matrices) is made before the time is taken.
"""

import contextlib
import io
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from eval4ner import muc
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from sklearn.metrics import f1_score

from clueplus.metrics.counts import Counts, macro, micro
from clueplus.metrics.eval4ner_mode import eval4ner_mean, eval4ner_type
from clueplus.metrics.icd_codes import category_matches, exact_matches, hierarchical_matches, parse_codes
from clueplus.metrics.spans import Boundaries, Span, count_by_label
from parity.compare import Comparison, compare

LABELS = ["Alcohol", "Drug", "Employment", "Tobacco"]
WORDS, SPANS, CODES = 200, 15, 12


class Note(NamedTuple):
    text: str
    gold: list[Span]
    predicted: list[Span]
    gold_codes: list[str]
    answer: str

    def values(self, spans: list[Span]) -> list[tuple[str, str]]:
        return [(span.label, self.text[span.start : span.end]) for span in spans]


def make_notes(count: int, seed: int) -> list[Note]:
    generator = random.Random(seed)
    syllables = [consonant + vowel for consonant in "bdfglmnprst" for vowel in "aeiou"]
    vocabulary = ["".join(generator.choices(syllables, k=generator.randint(1, 3))) for _ in range(2_000)]
    table = [f"{letter}{number:02}{end}" for letter in "ABCDEFGHIJ" for number in range(30) for end in range(10)]
    return [make_note(generator, vocabulary, table) for _ in range(count)]


def make_note(generator: random.Random, vocabulary: list[str], table: list[str]) -> Note:
    words = generator.choices(vocabulary, k=WORDS)
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    gold, predicted = [], []
    # One slot of words a span: neither side overlaps itself.
    for slot in range(0, WORDS - 8, WORDS // (SPANS + 2)):
        first, size, label = slot + generator.randint(0, 3), generator.randint(1, 4), generator.choice(LABELS)
        span = Span(starts[first], starts[first + size] - 1, label)
        dice = generator.random()
        if dice < 0.9:
            gold.append(span)
        if dice < 0.6 or dice >= 0.9:
            predicted.append(span)
        elif dice < 0.65:
            predicted.append(span._replace(end=starts[first + size + 1] - 1))
        elif dice < 0.7:
            predicted.append(span._replace(start=starts[max(first - 1, 0)]))
        elif dice < 0.8:
            predicted.append(span._replace(label=generator.choice(LABELS)))
    codes = generator.sample(table, CODES)
    found = [code if generator.random() < 0.7 else generator.choice(table) for code in codes]
    answer = "\n".join(f"{number}. **{code[:3]}.{code[3:]}** - some words" for number, code in enumerate(found, 1))
    return Note(" ".join(words), gold, predicted, codes, answer)


def compare_notes(count: int, seed: int) -> list[Comparison]:
    notes = make_notes(count, seed)
    return [
        _against_nervaluate("exact", "strict", notes),
        _against_nervaluate("overlap", "ent_type", notes),
        _against_seqeval(notes),
        _against_eval4ner(notes),
        *_codes_against_sklearn(notes),
    ]


def _f1(by_label: list[dict[str, Counts]]) -> list[float]:
    """Micro F1, then the F1 of each label."""
    of = {label: micro(counts[label] for counts in by_label if label in counts) for label in LABELS}
    return [counts.f1 or 0.0 for counts in (micro(of.values()), *of.values())]


def _against_nervaluate(boundaries: Boundaries, scheme: str, notes: list[Note]) -> Comparison:
    def dictionaries(spans: list[Span]) -> list[dict[str, str | int]]:
        return [{"label": span.label, "start": span.start, "end": span.end - 1} for span in spans]

    rows = [(note, dictionaries(note.gold), dictionaries(note.predicted)) for note in notes]

    def ours(rows: Sequence[tuple[Note, object, object]]) -> list[float]:
        return _f1([count_by_label(note.predicted, note.gold, boundaries=boundaries) for note, _, _ in rows])

    def theirs(rows: Sequence[tuple[Note, object, object]]) -> list[float]:
        gold, predicted = ([row[side] for row in rows] for side in (1, 2))
        found = Evaluator(gold, predicted, tags=LABELS, loader="dict").evaluate()
        return [float(part[scheme].f1) for part in (found["overall"], *(found["entities"][name] for name in LABELS))]

    name = "NER, exact spans: F1, micro and by label" if boundaries == "exact" else "NER, overlapping spans: the same"
    return compare(name, "nervaluate", "notes", rows, ours, theirs)


def _against_seqeval(notes: list[Note]) -> Comparison:
    rows = [(note, _tags(note, note.gold), _tags(note, note.predicted)) for note in notes]

    def ours(rows: Sequence[tuple[Note, list[str], list[str]]]) -> list[float]:
        return _f1([count_by_label(note.predicted, note.gold, boundaries="exact") for note, _, _ in rows])

    def theirs(rows: Sequence[tuple[Note, list[str], list[str]]]) -> list[float]:
        gold, predicted = ([row[side] for row in rows] for side in (1, 2))
        report = classification_report(gold, predicted, output_dict=True, zero_division=0)
        return [float(report[name]["f1-score"]) if name in report else 0.0 for name in ("micro avg", *LABELS)]

    return compare("NER, exact spans: the same", "seqeval", "notes", rows, ours, theirs)


def _tags(note: Note, spans: list[Span]) -> list[str]:
    row = ["O"] * len(note.text)
    for span in spans:
        row[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return row


def _against_eval4ner(notes: list[Note]) -> Comparison:
    rows = [(note.text, note.values(note.predicted), note.values(note.gold)) for note in notes]

    def ours(rows: Sequence[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]) -> list[float]:
        mean = eval4ner_mean(eval4ner_type(predicted, gold, text) for text, predicted, gold in rows)
        assert mean is not None
        return list(mean)

    def theirs(rows: Sequence[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]) -> list[float]:
        texts, predicted, gold = map(list, zip(*rows, strict=True))
        with contextlib.redirect_stdout(io.StringIO()):
            found = muc.evaluate_all(predicted, gold, texts)["type"]
        return [found["precision"], found["recall"], found["f1_score"]]

    return compare("SDoH, eval4ner mode: precision, recall, F1", "eval4ner", "notes", rows, ours, theirs)


def _codes_against_sklearn(notes: list[Note]) -> list[Comparison]:
    def plain(code: str) -> list[str]:
        return [code]

    def category(code: str) -> list[str]:
        return [code[:3]]

    def path(code: str) -> list[str]:
        return [code[:3], code]  # codes of the made-up table have four characters

    kinds = (("exact", exact_matches, plain), ("category", category_matches, category),
             ("hierarchical", hierarchical_matches, path))  # fmt: skip
    return [_codes(name, score, nodes, notes) for name, score, nodes in kinds]


def _codes(
    name: str, score: Callable[[list[str], list[str]], Counts], nodes: Callable[[str], list[str]], notes: list[Note]
) -> Comparison:
    pairs = [(parse_codes(note.answer), note.gold_codes) for note in notes]
    sides = [[{node for code in pair[side] for node in nodes(code)} for pair in pairs] for side in (0, 1)]
    known = sorted(set().union(*sides[0], *sides[1]))
    matrices = [np.array([[node in row for node in known] for row in side], dtype=int) for side in sides]
    rows = list(zip(pairs, *matrices, strict=True))

    def ours(rows: Sequence[tuple[tuple[list[str], list[str]], np.ndarray, np.ndarray]]) -> float:
        return macro(score(*pair) for pair, _, _ in rows).f1 or 0.0

    def theirs(rows: Sequence[tuple[tuple[list[str], list[str]], np.ndarray, np.ndarray]]) -> float:
        predicted, gold = (np.stack([row[side] for row in rows]) for side in (1, 2))
        return float(f1_score(gold, predicted, average="samples"))

    return compare(f"ICD-10-CM codes, {name}: mean F1 of notes", "scikit-learn", "notes", rows, ours, theirs)
