"""Labels, flags and sets, against scikit-learn: what classification tasks, MEDEC, UMLS F1 and observations rest on."""

import random
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_recall_fscore_support

from clueplus.metrics.concepts import concept_score
from clueplus.metrics.error_detection import Judged, error_detection
from clueplus.metrics.labels import NLI, balanced_accuracy, macro_f1
from clueplus.metrics.observation_rules import OBSERVATIONS
from clueplus.metrics.observations import Label, observation_f1
from parity.compare import Comparison, compare

Pair = tuple[str, str]


def compare_labels(count: int, seed: int) -> list[Comparison]:
    generator = random.Random(seed)
    return [part(generator, count) for part in (_labels, _flags, _sets, _observations)]


def _labels(generator: random.Random, count: int) -> Comparison:
    names = list(NLI)

    def ours(pairs: Sequence[Pair]) -> list[float | None]:
        predicted, gold = zip(*pairs, strict=True)
        return [balanced_accuracy(predicted, gold), macro_f1(predicted, gold)]

    def theirs(pairs: Sequence[Pair]) -> list[float]:
        predicted, gold = zip(*pairs, strict=True)
        return [balanced_accuracy_score(gold, predicted), f1_score(gold, predicted, average="macro", zero_division=0)]

    gold = generator.choices(names, weights=(8, 3, 1), k=count)
    pairs = [(truth if generator.random() < 0.6 else generator.choice(names), truth) for truth in gold]
    # The first two are what both sides are warmed up with: one label on each side would make scikit-learn warn.
    pairs[:2] = [(names[0], names[0]), (names[1], names[1])]
    return compare("labels: balanced accuracy, macro F1", "scikit-learn", "answers", pairs, ours, theirs)


def _flags(generator: random.Random, count: int) -> Comparison:
    def ours(notes: Sequence[Judged]) -> list[float | None]:
        found = error_detection(notes)
        return [found.accuracy.value, found.flag_accuracy.value, found.flag_balanced_accuracy.value]

    def theirs(notes: Sequence[Judged]) -> list[float]:
        gold, predicted = [note.truth for note in notes], [note.predicted for note in notes]
        flags = [number >= 0 for number in gold], [number >= 0 for number in predicted]
        return [accuracy_score(gold, predicted), accuracy_score(*flags), balanced_accuracy_score(*flags)]

    def note() -> Judged:
        truth = generator.choice((-1, generator.randint(0, 20)))
        return Judged(truth if generator.random() < 0.5 else generator.randint(-1, 20), truth)

    notes = [Judged(-1, -1), Judged(3, 3), *(note() for _ in range(count - 2))]
    return compare("MEDEC: sentence and flag accuracy, balanced", "scikit-learn", "notes", notes, ours, theirs)


def _sets(generator: random.Random, count: int) -> Comparison:
    concepts = [f"C{number:07}" for number in range(300)]

    def ours(pairs: Sequence[tuple[frozenset[str], frozenset[str], np.ndarray, np.ndarray]]) -> list[float | None]:
        scores = [concept_score(predicted, gold) for predicted, gold, _, _ in pairs]
        return [value for score in scores for value in score[:3]]

    def theirs(pairs: Sequence[tuple[frozenset[str], frozenset[str], np.ndarray, np.ndarray]]) -> list[float]:
        rows = (precision_recall_fscore_support(g, p, average="binary", zero_division=0) for _, _, p, g in pairs)
        return [value for row in rows for value in row[:3]]

    def row(chosen: frozenset[str]) -> np.ndarray:
        return np.array([concept in chosen for concept in concepts], dtype=int)

    pairs = []
    for _ in range(count):
        gold = frozenset(generator.sample(concepts, 10))
        predicted = frozenset([*generator.sample(sorted(gold), 6), *generator.sample(concepts, 4)])
        pairs.append((predicted, gold, row(predicted), row(gold)))
    return compare("UMLS concepts: precision, recall, F1 of a pair", "scikit-learn", "pairs", pairs, ours, theirs)


def _observations(generator: random.Random, count: int) -> Comparison:
    Reports = Sequence[tuple[dict[str, Label], dict[str, Label]]]  # noqa: N806

    def matrix(reports: Sequence[dict[str, Label]]) -> np.ndarray:
        return np.array(
            [[labels.get(name) is Label.POSITIVE for name in OBSERVATIONS] for labels in reports], dtype=int
        )

    def ours(pairs: Reports) -> list[float | None]:
        found = observation_f1(*zip(*pairs, strict=True))
        return [found.micro, *(value or 0.0 for value in found.by_observation.values())]

    def theirs(pairs: Reports) -> list[float]:
        predicted, gold = map(matrix, zip(*pairs, strict=True))
        micro = f1_score(gold, predicted, average="micro", zero_division=0)
        return [micro, *f1_score(gold, predicted, average=None, zero_division=0)]

    def labels() -> dict[str, Label]:
        return {name: generator.choice(list(Label)) for name in generator.sample(list(OBSERVATIONS), 5)}

    pairs = [(labels() if generator.random() < 0.5 else gold, gold) for gold in (labels() for _ in range(count))]
    name = "chest observations: F1, micro and of each of 14"
    return compare(name, "scikit-learn", "reports", pairs, ours, theirs)
