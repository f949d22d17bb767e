"""Which rows share text with a test split: by hand, and against a search that is slow and simple."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.training.corpora.overlap import RowWords, Wanted, Where, build_index
from clueplus.training.corpora.words import words
from tests.support.corpora import SENTENCE, WORDS

HERE = Where("toy", "sample")


def index(*texts, n=13):
    made = [text if isinstance(text, Wanted) else Wanted.of(text) for text in texts]
    return build_index([(HERE, text) for text in made], n)


def rules(found, *texts, share=0.0):
    return [hit.rule for hit in found.hits(RowWords(texts), share)]


@pytest.mark.parametrize("start", range(4))
def test_thirteen_words_of_a_long_text_are_enough_wherever_they_stand(start):
    run = " ".join(WORDS[start : start + 13])
    assert rules(index(SENTENCE), f"It says: {run.upper()}, and more.") == ["n-gram"]
    assert rules(index(SENTENCE), "nothing", run) == ["n-gram"]


def test_twelve_words_of_a_long_text_are_not():
    found = index(SENTENCE)
    assert rules(found, " ".join(WORDS[:12])) == []
    assert rules(found, " ".join(WORDS[:12]) + " other " + " ".join(WORDS[13:])) == []
    assert rules(found, " ".join(WORDS[:7]), " ".join(WORDS[7:])) == [], "two texts are not one"


def test_the_length_of_runs_is_what_the_spec_says():
    assert rules(index(SENTENCE, n=6), " ".join(WORDS[3:9])) == ["n-gram"]
    assert rules(index(SENTENCE, n=6), " ".join(WORDS[3:8])) == []


@pytest.mark.parametrize("length", range(8, 13))
def test_a_short_text_counts_as_a_whole_and_anywhere(length):
    short = " ".join(WORDS[:length])
    found = index(short)
    assert rules(found, f"a doctor asks {short} today") == ["short text"]
    assert rules(found, f"a doctor asks {' '.join(WORDS[1:length])} today") == []


@pytest.mark.parametrize("length", range(5, 8))
def test_a_very_short_text_counts_as_a_line_of_its_own(length):
    short = " ".join(WORDS[:length])
    found = index(short)
    assert rules(found, f"Some text.\nQuestion: {short}?\nAnswer: yes") == ["short text"]
    assert rules(found, f"Some text.\n- {short}.") == ["short text"]
    assert rules(found, short) == ["short text", "whole text"]
    assert rules(found, f"a doctor asks {short} today") == []


def test_a_term_never_counts():
    assert rules(index("alpha bravo charlie delta"), "alpha bravo charlie delta") == []


def test_a_whole_text_counts_when_no_run_of_it_does():
    text = " ".join(WORDS * 2)
    assert rules(index(text), text, share=0.9) == ["n-gram", "whole text"]
    assert rules(index(text), f"{text} more", share=0.999) == ["n-gram"]


def test_a_share_lets_stock_phrases_pass_and_stops_a_quarter_of_a_text():
    text = " ".join(f"word{number}" for number in range(112))  # 100 runs of 13
    found = index(text)
    quote = " ".join(f"word{number}" for number in range(22))  # ten of them
    assert rules(found, quote, share=0.1) == []
    assert rules(found, f"{quote} word22", share=0.1) == ["n-gram"]
    assert rules(found, quote) == ["n-gram"]


def test_the_share_is_of_one_text_and_not_of_all():
    first, second = (" ".join(f"{name}{number}" for number in range(22)) for name in "ab")  # ten runs each
    half = [" ".join(text.split()[:16]) for text in (first, second)]  # four of the ten
    assert rules(index(first, second), *half, share=0.4) == []
    assert rules(index(first, second), *half, share=0.3) == ["n-gram"]


def test_options_count_when_they_stand_together_and_not_alone():
    long = " ".join(WORDS)
    found = index(Wanted.of_parts([long, "quebec romeo sierra", "tango uniform", "victor"]))
    assert rules(found, long) == [], "a definition is not a question"
    assert rules(found, f"{long}\nquebec romeo sierra\ntango uniform\nvictor, then") == ["n-gram"]


def test_short_options_count_together():
    options = ["alpha bravo", "charlie delta", "echo foxtrot", "golf hotel"]
    found = index(Wanted.of_parts(options))
    assert rules(found, "; ".join(options)) == ["short text", "whole text"]
    assert rules(found, "; ".join(options[:3])) == []


def test_a_run_counts_for_every_split_that_has_it():
    other = Where("other", "open")
    found = build_index([(HERE, Wanted.of(SENTENCE)), (other, Wanted.of(f"{SENTENCE} quebec"))], 13)
    hits = found.hits(RowWords([SENTENCE]))
    assert [(hit.where, hit.rule) for hit in hits] == [(other, "n-gram"), (HERE, "n-gram"), (HERE, "whole text")]
    assert {len(hit.runs) for hit in hits} == {4, 1}


def test_a_text_twice_in_a_split_is_indexed_once():
    assert len(index(SENTENCE, SENTENCE.upper()).owners) == 1


def test_an_index_of_nothing_finds_nothing():
    assert rules(build_index([], 13), SENTENCE) == []
    assert rules(index(SENTENCE)) == []


TEXT = st.lists(st.sampled_from("abc"), max_size=24).map(" ".join)


@settings(max_examples=150)
@given(st.lists(TEXT, max_size=4), st.lists(TEXT, min_size=1, max_size=3))
def test_it_finds_what_a_slow_search_finds(tests, row):
    def contains(text, run):
        return f" {' '.join(run)} " in f" {text} "

    n = 9
    expected = set()
    for test in map(words, tests):
        if len(test) >= n and any(contains(t, test[i : i + n]) for t in row for i in range(len(test) - n + 1)):
            expected.add("n-gram")
        if 8 <= len(test) < n and any(contains(t, test) for t in row):
            expected.add("short text")
        if 5 <= len(test) < 8 and any(words(t) == test for t in row):
            expected.add("short text")
        if len(test) >= 5 and any(words(t) == test for t in row):
            expected.add("whole text")
    assert set(rules(index(*tests, n=n), *row)) == expected
