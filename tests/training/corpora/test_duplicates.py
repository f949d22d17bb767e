"""Near-duplicates are found by estimated likeness, the first one stays, and the same ones are found each time."""

import random

import pytest

from clueplus.training.corpora.duplicates import NearDuplicateFilter
from clueplus.training.corpora.spec import NearDuplicates
from clueplus.training.corpora.words import runs, word_hashes


def text(seed, length=200):
    return [f"w{random.Random(f'{seed} {place}').randrange(10**6)}" for place in range(length)]


def changed(of, places):
    return [f"x{place}" if place in places else word for place, word in enumerate(of)]


def jaccard(one, other, n=5):
    first, second = (set(runs(word_hashes(each), n).tolist()) for each in (one, other))
    return len(first & second) / len(first | second)


def kept(texts, threshold=0.8, seed=1234, permutations=128, n=5):
    found = NearDuplicateFilter(NearDuplicates(threshold=threshold, permutations=permutations, ngram=n), seed)
    return [number for number, each in enumerate(texts) if found.is_new(runs(word_hashes(each), n))]


def test_a_text_with_a_changed_word_is_a_near_duplicate_and_another_one_is_not():
    first, second = text("a"), text("b")
    assert kept([first, second, changed(first, {20}), changed(second, {150}), text("c")]) == [0, 1, 4]


def test_the_threshold_decides():
    first = text("a")
    near, far = changed(first, {50}), changed(first, set(range(20, 200, 20)))
    assert jaccard(first, near) > 0.9
    assert 0.5 < jaccard(first, far) < 0.7
    assert kept([first, near, far]) == [0, 2]
    assert kept([first, near, far], threshold=0.4) == [0]
    assert kept([first, near, first], threshold=1.0) == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_well_above_the_threshold_is_never_missed(seed):
    texts = [text(f"{seed} {number}") for number in range(30)]
    copies = [changed(each, {10, 190}) for each in texts]
    assert min(map(jaccard, texts, copies)) > 0.85
    assert kept([*texts, *copies], threshold=0.75, seed=seed) == list(range(30))


def test_a_dropped_text_is_no_reason_to_drop_the_next():
    chain = [text("a")]
    for step in range(6):  # each is like its neighbor, and the ends are not alike
        chain.append(changed(chain[-1], set(range(step * 30, step * 30 + 16))))
    assert jaccard(chain[0], chain[1]) > 0.8 > jaccard(chain[0], chain[2])
    assert kept(chain)[:2] == [0, 2]


def test_texts_shorter_than_a_run_are_never_alike():
    assert kept([["a", "b"], ["a", "b"]]) == [0, 1]
    assert kept([[], []]) == [0, 1]


def test_the_same_texts_are_found_each_time():
    texts = [changed(text(number // 3), set(range(0, 200, 7 + number % 3 * 9))) for number in range(60)]
    assert kept(texts) == kept(texts)
