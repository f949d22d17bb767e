"""Words and their runs, against slow and simple ones."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.training.corpora import words as module
from clueplus.training.corpora.words import runs, whole_hash, word_hashes, words

WORDS = st.lists(st.sampled_from("abcdefg"), max_size=30)


def test_words_have_no_case_punctuation_or_width():
    assert words("Na+ 1,200 mg — the PATIENT's\tＦＵＬＬ_width Straße") == [
        *("na", "1", "200", "mg", "the", "patient", "s", "full", "width", "strasse")
    ]
    assert words(" .,;\n") == []


@settings(max_examples=100)
@given(WORDS, WORDS, st.integers(1, 15))
def test_two_runs_have_one_hash_exactly_if_they_have_the_same_words(one, other, length):
    def naive(of):
        return [tuple(of[start : start + length]) for start in range(len(of) - length + 1)]

    by_hash = {}
    for of in (one, other):
        hashes = runs(word_hashes(of), length)
        assert len(hashes) == len(naive(of))
        for value, run in zip(hashes.tolist(), naive(of), strict=True):
            assert by_hash.setdefault(value, run) == run
    assert len(by_hash) == len({*naive(one), *naive(other)})


def test_hashes_are_the_same_in_every_process():
    assert word_hashes(["gout"]).tolist() == [12794554424283892845]
    assert whole_hash(["gout", "attack"]) == whole_hash(words("Gout: attack!")) == 11084878539096027322


def test_the_order_of_words_counts():
    assert runs(word_hashes(["a", "b"]), 2)[0] != runs(word_hashes(["b", "a"]), 2)[0]
    assert whole_hash(["a", "b"]) != whole_hash(["b", "a"])


def test_remembered_words_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WORDS", 10)
    monkeypatch.setattr(module, "_HASHES", module._WordHashes())
    before = word_hashes(["first"])
    word_hashes([f"word{number}" for number in range(100)])
    assert len(module._HASHES) <= 10
    assert np.array_equal(word_hashes(["first"]), before)
