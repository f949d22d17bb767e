"""Time the scores of spans, mentions and codes against nervaluate, seqeval, eval4ner and scikit-learn, on one core.

    python benchmarks/spans.py [--notes 10000] [--peer-notes 200] [--seed 0] [--json]

What must be computed, for every note:

* NER: exact and overlap counts by label from two lists of spans, then micro and macro F1. nervaluate does that from
  the same spans; seqeval computes the exact part from BIO tags, whose making is not timed.
* SDoH: every (label, value) of an answer found in the note, then the same counts. eval4ner computes its own score from
  the same values; our mode that agrees with it is timed beside it.
* Codes: codes read out of the text of an answer, then exact, category and hierarchical F1 over notes. scikit-learn
  computes the exact part from indicator matrices, whose making is not timed, nor is the reading.

The notes: 200 made-up words with 15 gold spans of four labels; the prediction keeps, moves, relabels or drops each and
invents some. Codes: 12 a note from a made-up table of 3,000.

Seconds are processor time of the whole process. Peers are timed on the first --peer-notes notes and scaled to all. The
differences are those of micro F1 (nervaluate, seqeval) and of the mean F1 (eval4ner, scikit-learn) on the peers' notes;
the exit code is 1 where one exceeds 1e-9.
"""

import argparse
import contextlib
import io
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from eval4ner import muc
from nervaluate import Evaluator
from seqeval.metrics import f1_score as seqeval_f1
from sklearn.metrics import f1_score

from clueplus.metrics.counts import macro, micro
from clueplus.metrics.eval4ner_mode import eval4ner_mean, eval4ner_type
from clueplus.metrics.icd_codes import category_matches, exact_matches, hierarchical_matches, parse_codes
from clueplus.metrics.mentions import place_values
from clueplus.metrics.spans import Span, count_by_label, count_spans

LABELS = ["Alcohol", "Drug", "Tobacco", "Employment"]
WORDS, SPANS, CODES = 200, 15, 12
TOLERANCE = 1e-9


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
    # One slot of words a span: neither side overlaps itself, so that BIO tags can hold it.
    for slot in range(0, WORDS - 8, WORDS // (SPANS + 2)):
        first, size, label = slot + generator.randint(0, 3), generator.randint(1, 4), generator.choice(LABELS)
        span = Span(starts[first], starts[first + size] - 1, label)
        dice = generator.random()
        if dice < 0.9:
            gold.append(span)
        if dice < 0.6 or dice >= 0.9:
            predicted.append(span)
        elif dice < 0.7:
            predicted.append(span._replace(end=starts[first + size + 1] - 1))
        elif dice < 0.8:
            predicted.append(span._replace(label=generator.choice(LABELS)))
    codes = generator.sample(table, CODES)
    found = [code if generator.random() < 0.7 else generator.choice(table) for code in codes]
    answer = "\n".join(f"{number}. **{code[:3]}.{code[3:]}** - some words" for number, code in enumerate(found, 1))
    return Note(" ".join(words), gold, predicted, codes, answer)


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def count_notes(notes: list[Note]) -> float:
    """Everything that is computed of NER; the micro F1 of the exact counts is what peers are compared by."""
    exact = [count_by_label(note.predicted, note.gold, boundaries="exact") for note in notes]
    overlapping = [count_by_label(note.predicted, note.gold, boundaries="overlap") for note in notes]
    for labels in (exact, overlapping):
        macro(micro(counts.values()) for counts in labels)
    return micro(counts for labels in exact for counts in labels.values()).f1 or 0.0


def place_notes(notes: list[Note]) -> None:
    for note in notes:
        spans = place_values(note.values(note.predicted), note.text, note.gold)
        count_spans(spans, note.gold, boundaries="exact")
        count_by_label(spans, note.gold, boundaries="overlap")


def code_notes(notes: list[Note]) -> float:
    read = [(parse_codes(note.answer), note.gold_codes) for note in notes]
    category, hierarchical = ((score(*pair) for pair in read) for score in (category_matches, hierarchical_matches))
    macro(category), macro(hierarchical)
    return macro(exact_matches(*pair) for pair in read).f1 or 0.0


def as_eval4ner(notes: list[Note]) -> float:
    mean = eval4ner_mean(
        eval4ner_type(note.values(note.predicted), note.values(note.gold), note.text) for note in notes
    )
    assert mean is not None
    return mean.f1


def nervaluate_f1(notes: list[Note]) -> float:
    sides = [
        [[{"label": s.label, "start": s.start, "end": s.end - 1} for s in side] for side in rows]
        for rows in ([note.gold for note in notes], [note.predicted for note in notes])
    ]
    return float(Evaluator(*sides, tags=LABELS, loader="dict").evaluate()["overall"]["strict"].f1)


def eval4ner_f1(notes: list[Note]) -> float:
    sides = [
        [note.values(side) for note, side in rows]
        for rows in ([(n, n.predicted) for n in notes], [(n, n.gold) for n in notes])
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        return float(muc.evaluate_all(*sides, [note.text for note in notes])["type"]["f1_score"])


def tags(note: Note, spans: list[Span]) -> list[str]:
    row = ["O"] * len(note.text)
    for span in spans:
        row[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return row


def indicators(rows: list[list[str]], codes: list[str]) -> np.ndarray:
    return np.array([[code in row for code in codes] for row in map(set, rows)], dtype=int)


def measure(notes: list[Note], peer_notes: int) -> list[dict[str, Any]]:
    few = notes[:peer_notes]
    bio = [
        [tags(note, side) for note, side in rows]
        for rows in ([(n, n.gold) for n in few], [(n, n.predicted) for n in few])
    ]
    known = sorted({code for note in few for code in (*note.gold_codes, *parse_codes(note.answer))})
    matrices = [indicators(rows, known) for rows in ([n.gold_codes for n in few], [parse_codes(n.answer) for n in few])]
    rows: list[tuple[str, Callable[[list[Note]], Any], str | None, Callable[[], float] | None]] = [
        ("NER", count_notes, "nervaluate", lambda: nervaluate_f1(few)),
        ("NER", count_notes, "seqeval", lambda: float(seqeval_f1(*bio))),
        ("SDoH, placed", place_notes, None, None),
        ("SDoH, as eval4ner", as_eval4ner, "eval4ner", lambda: eval4ner_f1(few)),
        ("codes", code_notes, "scikit-learn", lambda: float(f1_score(*matrices, average="samples"))),
    ]
    return [row(name, ours, notes, few, peer, score) for name, ours, peer, score in rows]


def row(
    name: str,
    ours: Callable[[list[Note]], Any],
    notes: list[Note],
    few: list[Note],
    peer: str | None,
    peer_score: Callable[[], float] | None,
) -> dict[str, Any]:
    seconds, _ = timed(lambda: ours(notes))
    result: dict[str, Any] = {"what": name, "seconds": seconds, "peer": peer}
    if peer_score is not None:
        peer_seconds, expected = timed(peer_score)
        result["peer_seconds"] = peer_seconds * len(notes) / len(few)
        result["difference"] = abs(ours(few) - expected)
    return result


def print_table(notes: int, peer_notes: int, results: list[dict[str, Any]]) -> None:
    print(f"{notes} notes, seconds of one core; peers timed on {peer_notes} notes and scaled")
    print(f"{'what':18} {'seconds':>8} {'notes/s':>9}  {'peer':12} {'seconds':>8} {'ratio':>7} {'difference':>10}")
    for result in results:
        line = f"{result['what']:18} {result['seconds']:8.2f} {notes / result['seconds']:9.0f}"
        if result["peer"]:
            peer_seconds = result["peer_seconds"]
            line += f"  {result['peer']:12} {peer_seconds:8.2f} {peer_seconds / result['seconds']:6.1f}x"
            line += f" {result['difference']:10.2g}"
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--notes", type=int, default=10_000)
    parser.add_argument("--peer-notes", type=int, default=200, help="notes that the peers are timed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    if min(arguments.notes, arguments.peer_notes) < 1:
        parser.error("--notes and --peer-notes must be at least 1")
    peer_notes = min(arguments.notes, arguments.peer_notes)
    results = measure(make_notes(arguments.notes, arguments.seed), peer_notes)
    if arguments.json:
        settings = {"notes": arguments.notes, "peer_notes": peer_notes, "seed": arguments.seed}
        print(json.dumps({**settings, "tolerance": TOLERANCE, "results": results}, indent=2))
    else:
        print_table(arguments.notes, peer_notes, results)
    return 0 if all(result.get("difference", 0.0) <= TOLERANCE for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
