"""Span scores against seqeval, nervaluate and SciPy's maximum matching, on random documents and on real ones."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from seqeval.metrics import f1_score, precision_score, recall_score

from clueplus.metrics.counts import Counts, macro, micro
from clueplus.metrics.spans import Span, count_by_label, count_spans, nowhere
from tests.support.pubtator import pubtator

LABELS = "XYZ"
LENGTH = 24

any_span = st.builds(
    lambda start, size, label: Span(start, start + size, label),
    st.integers(0, LENGTH),
    st.integers(0, 6),
    st.sampled_from(LABELS),
)
any_spans = st.lists(any_span | st.sampled_from(LABELS).map(nowhere), max_size=10)


@st.composite
def flat_spans(draw: st.DrawFn) -> list[Span]:
    """Spans of one document that don't overlap one another, as BIO tags can write them."""
    cuts = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=12)))
    pairs = [(a, b) for a, b in pairwise(cuts) if draw(st.booleans())]
    return [Span(a, b, draw(st.sampled_from(LABELS))) for a, b in pairs]


documents = st.lists(st.tuples(flat_spans(), flat_spans()), min_size=1, max_size=4)


def overlap(a: Span, b: Span) -> bool:
    return max(a.start, b.start) < min(a.end, b.end)


def equal(a: Span, b: Span) -> bool:
    return a.start < a.end and a[:2] == b[:2]


def best_matching(ours: list[Span], gold: list[Span], fits: Callable[[Span, Span], bool], labels: bool) -> int:
    edges = [[fits(a, b) and (not labels or a.label == b.label) for b in gold] for a in ours]
    if not ours or not gold:
        return 0
    return int((maximum_bipartite_matching(csr_array(np.array(edges, dtype=int))) >= 0).sum())


@settings(max_examples=400, deadline=None)
@given(any_spans, any_spans, st.booleans())
def test_no_one_to_one_matching_has_more_pairs(ours: list[Span], gold: list[Span], labels: bool) -> None:
    for boundaries, fits in (("exact", equal), ("overlap", overlap)):
        counts = count_spans(ours, gold, boundaries=boundaries, labels=labels)
        assert counts == (best_matching(ours, gold, fits, labels), len(ours), len(gold))


@settings(deadline=None)
@given(any_spans, any_spans, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_swapping_the_sides_swaps_precision_and_recall(
    ours: list[Span], gold: list[Span], random: Random
) -> None:
    for boundaries in ("exact", "overlap"):
        counts = count_spans(ours, gold, boundaries=boundaries)
        shuffled = random.sample(ours, len(ours)), random.sample(gold, len(gold))
        assert count_spans(*shuffled, boundaries=boundaries) == counts
        assert count_spans(gold, ours, boundaries=boundaries) == (counts.matched, counts.gold, counts.predicted)


@settings(deadline=None)
@given(any_spans, any_spans)
def test_labels_add_up_and_looser_rules_match_no_less(ours: list[Span], gold: list[Span]) -> None:
    exact, overlapping = (count_spans(ours, gold, boundaries=how) for how in ("exact", "overlap"))
    assert exact.matched <= overlapping.matched <= min(len(ours), len(gold))
    assert overlapping.matched <= count_spans(ours, gold, boundaries="overlap", labels=False).matched
    for boundaries, counts in (("exact", exact), ("overlap", overlapping)):
        labels = count_by_label(ours, gold, boundaries=boundaries)
        assert list(labels) == sorted({span.label for span in [*ours, *gold]})
        assert micro(labels.values()) == counts


@settings(deadline=None)
@given(st.lists(any_span.filter(lambda span: span.start < span.end), max_size=10))
def test_gold_scores_1_and_each_corruption_costs(gold: list[Span]) -> None:
    for boundaries in ("exact", "overlap"):
        assert count_spans(gold, gold, boundaries=boundaries) == (len(gold),) * 3
        moved = [span._replace(start=span.start + 100, end=span.end + 100) for span in gold]
        other = [span._replace(label="other") for span in gold]
        for corrupted in (moved, other, [nowhere(span.label) for span in gold]):
            assert count_spans(corrupted, gold, boundaries=boundaries) == (0, len(gold), len(gold))
        assert count_spans(gold[1:], gold, boundaries=boundaries).matched == max(len(gold) - 1, 0)
    wider = [span._replace(end=span.end + 1) for span in gold]
    assert count_spans(wider, gold, boundaries="overlap").matched == len(gold)


def tags(spans: list[Span]) -> list[str]:
    row = ["O"] * LENGTH
    for span in spans:
        row[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return row


@settings(deadline=None)
@given(documents)
def test_exact_scores_are_those_of_seqeval(pairs: list[tuple[list[Span], list[Span]]]) -> None:
    counts = [count_spans(ours, gold, boundaries="exact") for ours, gold in pairs]
    total, predicted, gold = micro(counts), [tags(ours) for ours, _ in pairs], [tags(gold) for _, gold in pairs]
    assert (total.precision or 0) == pytest.approx(precision_score(gold, predicted, zero_division=0), abs=1e-12)
    assert (total.recall or 0) == pytest.approx(recall_score(gold, predicted, zero_division=0), abs=1e-12)
    assert (total.f1 or 0) == pytest.approx(f1_score(gold, predicted, zero_division=0), abs=1e-12)


def nervaluate_counts(ours: list[Span], gold: list[Span]) -> dict[str, object]:
    # nervaluate's ends are inclusive.
    both = [[[{"label": s.label, "start": s.start, "end": s.end - 1} for s in side]] for side in (gold, ours)]
    return Evaluator(*both, tags=list(LABELS), loader="dict").evaluate()["overall"]


@settings(deadline=None)
@given(flat_spans(), flat_spans())
def test_counts_are_those_of_nervaluate(ours: list[Span], gold: list[Span]) -> None:
    peer = nervaluate_counts(ours, gold)
    assert count_spans(ours, gold, boundaries="exact").matched == peer["strict"].correct
    assert count_spans(ours, gold, boundaries="exact", labels=False).matched == peer["exact"].correct
    # It takes gold spans in the order of the predictions, which can cost it matches but never win one.
    typed = count_spans(ours, gold, boundaries="overlap")
    untyped = count_spans(ours, gold, boundaries="overlap", labels=False)
    assert peer["ent_type"].correct <= typed.matched
    assert peer["partial"].correct + peer["partial"].partial <= untyped.matched


@settings(deadline=None)
@given(flat_spans(), flat_spans())
def test_counts_are_those_of_nervaluate_where_no_span_has_a_choice(ours: list[Span], gold: list[Span]) -> None:
    assume(all(sum(overlap(a, b) for b in gold) <= 1 for a in ours))
    assume(all(sum(overlap(a, b) for a in ours) <= 1 for b in gold))
    peer = nervaluate_counts(ours, gold)
    assert count_spans(ours, gold, boundaries="overlap").matched == peer["ent_type"].correct
    untyped = count_spans(ours, gold, boundaries="overlap", labels=False)
    assert untyped.matched == peer["partial"].correct + peer["partial"].partial
    assert untyped.predicted - untyped.matched == peer["partial"].spurious
    assert untyped.gold - untyped.matched == peer["partial"].missed


def test_a_tool_that_takes_the_first_free_span_finds_fewer_pairs() -> None:
    gold = [Span(0, 4, "X"), Span(6, 9, "X")]
    ours = [Span(3, 9, "X"), Span(8, 12, "X")]
    assert nervaluate_counts(ours, gold)["ent_type"].correct == 1
    assert count_spans(ours, gold, boundaries="overlap").matched == 2


def test_touching_spans_do_not_overlap_and_empty_ones_match_nothing() -> None:
    assert count_spans([Span(0, 3, "X")], [Span(3, 5, "X")], boundaries="overlap").matched == 0
    assert count_spans([Span(0, 3, "X")], [Span(2, 5, "X")], boundaries="overlap").matched == 1
    assert count_spans([Span(2, 2, "X")], [Span(0, 5, "X")], boundaries="overlap").matched == 0
    assert count_spans([Span(2, 2, "X")], [Span(2, 2, "X")], boundaries="exact").matched == 0


def test_repeats_of_one_prediction_match_once() -> None:
    for boundaries in ("exact", "overlap"):
        assert count_spans([Span(0, 3, "X")] * 3, [Span(0, 3, "X")], boundaries=boundaries) == (1, 3, 1)


def test_one_long_prediction_matches_one_of_the_gold_spans_in_it() -> None:
    gold = [Span(0, 2, "X"), Span(4, 6, "X"), Span(8, 9, "X")]
    assert count_spans([Span(0, 9, "X")], gold, boundaries="overlap") == (1, 1, 3)


@pytest.mark.parametrize(("boundaries", "expected"), [("exact", 0.0), ("overlap", 1.0)])
def test_real_mentions_score_1_and_what_a_trailing_character_costs(
    data_mirror: Path, boundaries: str, expected: float
) -> None:
    notes = pubtator(data_mirror / "ncbi_disease" / "NCBItestset_corpus.txt")
    assert sum(len(spans) for _, spans in notes) == 960
    perfect = [count_spans(spans, spans, boundaries=boundaries) for _, spans in notes]
    assert micro(perfect).f1 == macro(perfect).f1 == 1.0
    longer = [[span._replace(end=span.end + 1) for span in spans] for _, spans in notes]
    shifted = [count_spans(ours, spans, boundaries=boundaries) for ours, (_, spans) in zip(longer, notes, strict=True)]
    assert micro(shifted).f1 == expected


def test_the_only_right_answer_to_a_note_without_entities_is_no_lift() -> None:
    assert count_spans([], [], boundaries="overlap") == Counts(0, 0, 0)
    assert count_spans([], [], boundaries="overlap").f1 is None
    assert count_spans([nowhere("X")], [], boundaries="overlap").f1 == 0.0


def test_thousands_of_spans_in_one_note_take_well_under_a_second() -> None:
    random = Random(0)
    ours, gold = ([Span(s := random.randrange(10**6), s + 50, "X") for _ in range(20_000)] for _ in range(2))
    start = time.process_time()
    assert count_spans(ours, gold, boundaries="overlap").matched > 5_000
    assert time.process_time() - start < 2
