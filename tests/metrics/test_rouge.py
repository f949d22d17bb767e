"""ROUGE against Google's rouge-score, on random text and on every pair of two real data sets."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from clueplus.metrics.rouge import RougeScore, RougeScores, rouge, rouge_corpus

TOLERANCE = 1e-9
Pair = tuple[str, str]

# Few distinct words make repeats and long common subsequences likely; the endings give the stemmer work. The
# words of three letters and fewer must stay unstemmed, the non-ASCII ones test lower-casing and separation.
WORDS = (
    *("the", "us", "A", "b", "12", "x2", "120mg", "bed", "beds", "pain", "pains", "painful", "Painfully"),
    *("tie", "ties", "dies", "dying", "skies", "flies", "news", "caresses", "hope", "hoped", "hopping"),
    *("relational", "conditional", "rational", "generalization", "oscillators"),
    *("é", "café", "naïve", "\u212aelvin", "\u0130stanbul", "\u017fong", "\u0663", "½", "\uff11\uff12", "ß"),
)
SEPARATORS = [" ", "  ", "\n", "\t", "-", "'", "_", ".", "\x00", "\u00a0", "\u2028", "é", "\ud800"]

sentences = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SEPARATORS)), max_size=40).map(
    lambda parts: "".join(word + separator for word, separator in parts)
)
short_alphabet = st.text(alphabet="abAB \n", max_size=40)
any_characters = st.text(alphabet=st.characters(), max_size=60)  # Unlike the default, with lone surrogates.
texts = st.one_of(sentences, short_alphabet, any_characters)

with_and_without_stemmer = pytest.mark.parametrize("stemmer", [False, True], ids=["plain", "stemmed"])


def peer_scores(
    pairs: Iterable[Pair], stemmer: bool, measures: Sequence[str] = ("rouge1", "rouge2", "rougeL")
) -> Iterator[list[RougeScore]]:
    scorer = rouge_scorer.RougeScorer(list(measures), use_stemmer=stemmer)
    for prediction, reference in pairs:
        scores = scorer.score(reference, prediction)
        yield [RougeScore(*scores[measure]) for measure in measures]


def assert_equal_scores(ours: Sequence[RougeScore], peer: Sequence[RougeScore], pair: object) -> None:
    differences = np.abs(np.array(ours) - np.array(peer))
    assert differences.shape == (len(peer), 3)
    assert differences.max() <= TOLERANCE, f"pair {pair!r}: ours {ours}, rouge-score {peer}"


@with_and_without_stemmer
@settings(max_examples=400, deadline=None)
@given(prediction=texts, reference=texts)
@example(prediction="", reference="")
@example(prediction="", reference="pain")
@example(prediction="pain", reference="")
@example(prediction="...", reference="pain")
@example(prediction="pain", reference="pain")
@example(prediction="a a a a", reference="a a")
@example(prediction="a b a b a b", reference="b a b a")
@example(prediction="a b", reference="b a")
@example(prediction="\u212a k K", reference="k")
def test_equals_rouge_score_on_any_text(prediction: str, reference: str, stemmer: bool) -> None:
    (peer,) = peer_scores([(prediction, reference)], stemmer)
    assert_equal_scores(rouge(prediction, reference, stemmer=stemmer), peer, (prediction, reference))


@with_and_without_stemmer
@given(prediction=texts, reference=texts)
@settings(deadline=None)
def test_swapping_the_texts_swaps_precision_and_recall(prediction: str, reference: str, stemmer: bool) -> None:
    forward = rouge(prediction, reference, stemmer=stemmer)
    backward = rouge(reference, prediction, stemmer=stemmer)
    for score, swapped in zip(forward, backward, strict=True):
        assert (score.precision, score.recall) == (swapped.recall, swapped.precision)
        assert score.f1 == pytest.approx(swapped.f1, abs=TOLERANCE)


@with_and_without_stemmer
@given(text=texts, tail=texts)
@settings(deadline=None)
def test_a_text_with_two_tokens_scores_one_against_itself(text: str, tail: str, stemmer: bool) -> None:
    same = f"{text} knee {tail} pain"
    assert rouge(same, same, stemmer=stemmer) == RougeScores(*[RougeScore(1.0, 1.0, 1.0)] * 3)


@given(prediction=texts, reference=texts)
@settings(deadline=None)
def test_values_are_fractions_and_order_costs_matches(prediction: str, reference: str) -> None:
    scores = rouge(prediction, reference)
    assert all(0.0 <= value <= 1.0 for score in scores for value in score)
    # A common subsequence uses each token at most as often as both texts have it.
    assert scores.rouge_l.recall <= scores.rouge_1.recall
    assert scores.rouge_l.precision <= scores.rouge_1.precision


def test_the_examples_of_lin_2004() -> None:
    reference = "police killed the gunman"
    assert rouge("police kill the gunman", reference).rouge_l == RougeScore(0.75, 0.75, 0.75)
    assert rouge("the gunman kill police", reference).rouge_l == RougeScore(0.5, 0.5, 0.5)
    # ROUGE-2 does not tell the two apart, which is the paper's case for ROUGE-L.
    assert rouge("police kill the gunman", reference).rouge_2.recall == pytest.approx(1 / 3)
    assert rouge("the gunman kill police", reference).rouge_2.recall == pytest.approx(1 / 3)


def test_precision_belongs_to_the_prediction_and_recall_to_the_reference() -> None:
    scores = rouge("chest pain", "chest pain since two days")
    assert scores.rouge_1 == RougeScore(1.0, 2 / 5, 2 * (2 / 5) / (1 + 2 / 5))
    assert scores.rouge_2 == RougeScore(1.0, 1 / 4, 2 * (1 / 4) / (1 + 1 / 4))
    assert scores.rouge_l == scores.rouge_1


def test_the_stemmer_leaves_tokens_of_three_characters() -> None:
    assert rouge("pains", "pain", stemmer=True).rouge_1.f1 == 1.0
    assert rouge("pains", "pain").rouge_1.f1 == 0.0
    assert rouge("tie", "ties", stemmer=True).rouge_1.f1 == 1.0
    assert rouge("ads", "ad", stemmer=True).rouge_1.f1 == 0.0


@with_and_without_stemmer
def test_corpus_scores_pair_by_pair(stemmer: bool) -> None:
    predictions, references = ["knee pain", "", "fevers"], ["pain in the knee", "cough", "fever"]
    expected = [
        rouge(prediction, reference, stemmer=stemmer)
        for prediction, reference in zip(predictions, references, strict=True)
    ]
    assert rouge_corpus(predictions, references, stemmer=stemmer) == expected
    assert rouge_corpus([], [], stemmer=stemmer) == []


def test_corpus_names_both_lengths_when_they_differ() -> None:
    with pytest.raises(ValueError, match="2 predictions and 3 references"):
        rouge_corpus(["a", "b"], ["a", "b", "c"])


@pytest.fixture(scope="session")
def meqsum_pairs(data_mirror: Path) -> list[Pair]:
    """(consumer health question, summary); the sheet declares thousands of empty columns, so only three are read."""
    workbook = openpyxl.load_workbook(
        data_mirror / "meqsum" / "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx", read_only=True
    )
    with closing(workbook):
        header, *rows = workbook.worksheets[0].iter_rows(max_col=3, values_only=True)
    assert header == ("File", "CHQ", "Summary")
    return [(str(question), str(summary)) for _, question, summary in rows]


@pytest.fixture(scope="session")
def aci_pairs(data_mirror: Path) -> list[Pair]:
    """(dialogue, note) of all five splits."""
    splits = ["train", "valid", "clinicalnlp_taskB_test1", "clinicalnlp_taskC_test2", "clef_taskC_test3"]
    pairs = []
    for split in splits:
        with (data_mirror / "aci_bench" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            pairs += [(row["dialogue"], row["note"]) for row in csv.DictReader(file)]
    return pairs


@with_and_without_stemmer
def test_equals_rouge_score_on_every_meqsum_pair(meqsum_pairs: list[Pair], stemmer: bool) -> None:
    assert len(meqsum_pairs) == 1000
    ours = rouge_corpus(*zip(*meqsum_pairs, strict=True), stemmer=stemmer)
    for number, (scores, peer) in enumerate(zip(ours, peer_scores(meqsum_pairs, stemmer), strict=True)):
        assert_equal_scores(scores, peer, number)


# rouge-score fills a table of (dialogue tokens x note tokens) in Python: about 100 s for both passes over the
# 207 full ACI-Bench pairs. Its own table is therefore asked for the first words of each dialogue against the
# whole note, and the full pairs are checked with its table replaced by the same recurrence in NumPy.
FIRST_WORDS = 300


def lcs_table_in_numpy(reference_tokens: list[str], prediction_tokens: list[str]) -> list[list[int]]:
    """Stand in for rouge-score's table, of which it reads the last cell only."""
    numbers = {token: number for number, token in enumerate({*reference_tokens, *prediction_tokens})}
    prediction_numbers = np.array([numbers[token] for token in prediction_tokens])
    row = np.zeros(len(prediction_tokens) + 1, dtype=np.int64)
    for token in reference_tokens:
        # max(above, left, above-left + 1 on a match), the maximum with the left neighbour as a running one.
        matched = row[:-1] + (prediction_numbers == numbers[token])
        row[1:] = np.maximum.accumulate(np.maximum(row[1:], matched))
    return [[int(row[-1])]]


@settings(deadline=None)
@given(
    reference_tokens=st.lists(st.sampled_from("abcd"), min_size=1, max_size=30),
    prediction_tokens=st.lists(st.sampled_from("abcd"), min_size=1, max_size=30),
)
def test_the_stand_in_table_has_the_last_cell_of_rouge_score(
    reference_tokens: list[str], prediction_tokens: list[str]
) -> None:
    expected = rouge_scorer._lcs_table(reference_tokens, prediction_tokens)[-1][-1]
    assert lcs_table_in_numpy(reference_tokens, prediction_tokens)[-1][-1] == expected


@with_and_without_stemmer
def test_equals_rouge_score_on_every_aci_bench_pair(
    aci_pairs: list[Pair], stemmer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(aci_pairs) == 207
    monkeypatch.setattr(rouge_scorer, "_lcs_table", lcs_table_in_numpy)
    ours = rouge_corpus(*zip(*aci_pairs, strict=True), stemmer=stemmer)
    for number, (scores, peer) in enumerate(zip(ours, peer_scores(aci_pairs, stemmer), strict=True)):
        assert_equal_scores(scores, peer, number)


@with_and_without_stemmer
def test_rouge_l_equals_the_untouched_rouge_score_on_every_aci_bench_pair(aci_pairs: list[Pair], stemmer: bool) -> None:
    pairs = [(" ".join(dialogue.split()[:FIRST_WORDS]), note) for dialogue, note in aci_pairs]
    ours = rouge_corpus(*zip(*pairs, strict=True), stemmer=stemmer)
    for number, (scores, peer) in enumerate(zip(ours, peer_scores(pairs, stemmer, ["rougeL"]), strict=True)):
        assert_equal_scores([scores.rouge_l], peer, number)
