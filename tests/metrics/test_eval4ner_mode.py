"""The parity mode equals eval4ner 0.1.0 to the last bit, and what its rules cost is shown beside our score."""

import contextlib
import io

from eval4ner import muc
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.metrics.counts import macro
from clueplus.metrics.eval4ner_mode import eval4ner_mean, eval4ner_type
from clueplus.metrics.mentions import place_values, places
from clueplus.metrics.spans import Span, count_spans

notes = st.lists(st.sampled_from(["a", "b", "ab", "A", "abc", "no", "\n"]), max_size=10).map(" ".join)
values = st.sampled_from(["a", "b", "ab", "a b", "A", "c", "", "abc no", "zz", "no a", "b ab"])
entities = st.lists(st.tuples(st.sampled_from("XYZ"), values), max_size=6)
documents = st.lists(st.tuples(entities, entities, notes), min_size=1, max_size=5)


@settings(max_examples=500, deadline=None)
@given(entities, entities, notes)
def test_one_note_scores_as_with_eval4ner(ours: list, gold: list, note: str) -> None:
    peer = muc.evaluate_one(ours, gold, note)["type"]
    assert eval4ner_type(ours, gold, note) == (peer["precision"], peer["recall"], peer["f1_score"])


@settings(deadline=None)
@given(documents)
def test_the_mean_is_that_of_eval4ner(rows: list) -> None:
    predicted, gold, texts = map(list, zip(*rows, strict=True))
    with contextlib.redirect_stdout(io.StringIO()):
        peer = muc.evaluate_all(predicted, gold, texts)["type"]
    ours = eval4ner_mean(eval4ner_type(*row) for row in rows)
    assert ours == (peer["precision"], peer["recall"], peer["f1_score"])


def test_no_notes_have_no_mean() -> None:
    assert eval4ner_mean([]) is None


@settings(deadline=None)
@given(entities, entities, notes)
def test_scores_lie_between_0_and_1_and_gold_scores_1(ours: list, gold: list, note: str) -> None:
    assert all(0 <= value <= 1 for value in eval4ner_type(ours, gold, note))
    in_note = [(label, value) for label, value in gold if value and value in note]
    assert eval4ner_type(in_note, in_note, note).precision == 1.0


NOTE = "denies alcohol, denies drugs"
DENIES = [Span(*place, "Status") for place in places("denies", NOTE)]


def test_nothing_where_nothing_is_to_be_found_scores_1_there_and_nothing_here() -> None:
    assert eval4ner_type([], [], NOTE).f1 == 1.0
    assert count_spans([], [], boundaries="overlap").f1 is None
    one_of_two = eval4ner_mean([eval4ner_type([], [], NOTE), eval4ner_type([], [("X", "alcohol")], NOTE)])
    assert one_of_two.f1 == 0.5
    notes = [([], []), ([], [Span(7, 14, "X")])]
    assert macro(count_spans(ours, gold, boundaries="overlap") for ours, gold in notes).f1 == 0.0


def test_only_the_first_place_of_a_value_is_seen_there() -> None:
    gold, ours = [("Status", "denies drugs")], [("Status", "denies")]
    assert eval4ner_type(ours, gold, NOTE).f1 == 0.0
    truth = [Span(16, 28, "Status")]
    assert count_spans(place_values(ours, NOTE, truth), truth, boundaries="overlap").f1 == 1.0


def test_case_decides_there_and_not_here() -> None:
    gold, ours = [("Status", "denies alcohol")], [("Status", "Denies")]
    assert eval4ner_type(ours, gold, NOTE).f1 == 0.0
    truth = [Span(0, 14, "Status")]
    assert count_spans(place_values(ours, NOTE, truth), truth, boundaries="overlap").f1 == 1.0


def test_the_order_of_an_answer_decides_there_and_not_here() -> None:
    note = "former smoker of one pack"
    gold = [("T", "former smoker"), ("T", "one pack")]
    long, short = ("T", "smoker of one pack"), ("T", "former")
    forward, backward = (eval4ner_type(ours, gold, note).f1 for ours in ([long, short], [short, long]))
    assert (forward, backward) == (0.5, 1.0)
    truth = [Span(0, 13, "T"), Span(17, 25, "T")]
    for ours in ([long, short], [short, long]):
        assert count_spans(place_values(ours, note, truth), truth, boundaries="overlap").f1 == 1.0
