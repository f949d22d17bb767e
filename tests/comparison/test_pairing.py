from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clueplus.comparison.fields import NotComparableError
from clueplus.comparison.pairing import Components, Pairing, answers_of, by_task, pair
from clueplus.files import sha256
from clueplus.records.run import ItemRecord, Run
from tests.support.runs import make_items, make_run


def run(items: Sequence[ItemRecord]) -> Run:
    return make_run({"medec": list(items)})


def paired(first: Sequence[ItemRecord], second: Sequence[ItemRecord]) -> Pairing:
    return pair(run(first), run(second), "medec")


def scores(pairing: Pairing) -> list[tuple[float | None, float | None]]:
    def value(components: Components) -> float | None:
        return components["accuracy"]

    return [(value(p.baseline_components), value(p.candidate_components)) for p in pairing.pairs]


def counts(pairing: Pairing) -> tuple[int, int, int, int]:
    return len(pairing.pairs), pairing.missing_baseline, pairing.missing_candidate, pairing.cut


def test_items_are_paired_by_document_wherever_they_stand() -> None:
    first = make_items("medec", [0.1, 0.2, 0.3])
    second = [replace(item, index=7 - item.index) for item in make_items("medec", [0.4, 0.5, 0.6])]
    assert scores(paired(first, second[::-1])) == [(0.1, 0.4), (0.2, 0.5), (0.3, 0.6)]


def test_another_task_of_the_run_gives_no_pairs() -> None:
    first = make_run({"medec": [1.0], "mednli": [0.0, 0.0]})
    assert scores(pair(first, first, "medec")) == [(1.0, 1.0)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0.1, None, 0.3], [0.4, 0.5, 0.6], (2, 1, 0, 0)),
        ([0.1, 0.2, 0.3], [0.4, None, None], (1, 0, 2, 0)),
        ([None, 0.2], [None, 0.5], (1, 1, 1, 0)),
        ([0.1], [0.4, 0.5], (1, 1, 0, 0)),
        ([0.1, 0.2, 0.3], [0.4], (1, 0, 2, 0)),
        ([], [0.4], (0, 1, 0, 0)),
        ([], [], (0, 0, 0, 0)),
    ],
)
def test_items_without_a_partner_are_counted_by_side(
    first: list[float | None], second: list[float | None], expected: tuple[int, int, int, int]
) -> None:
    assert counts(paired(make_items("medec", first), make_items("medec", second))) == expected


def test_an_unscorable_answer_is_a_zero_that_counts() -> None:
    unscorable = make_items("medec", [0.0], outcome="unscorable")
    assert scores(paired(make_items("medec", [1.0]), unscorable)) == [(1.0, 0.0)]


def test_a_prompt_that_differs_in_one_byte_is_refused_and_both_hashes_are_named() -> None:
    changed = make_items("medec", [0.1, 0.2])
    changed[1] = replace(changed[1], prompt_hash=sha256("medec prompt 1 "))
    with pytest.raises(NotComparableError) as caught:
        paired(make_items("medec", [0.1, 0.2]), changed)
    differing = caught.value.differing
    assert (differing.task, differing.field) == ("medec", "prompts")
    document = f" (document {sha256('medec document 1')[:12]})"
    assert differing.baseline == sha256("medec prompt 1")[:12] + document
    assert differing.candidate == sha256("medec prompt 1 ")[:12] + document


def cut(item: ItemRecord, characters: int, text: str) -> ItemRecord:
    return replace(item, cut=characters, prompt_hash=sha256(text))


def test_prompts_cut_to_different_contexts_are_left_out_and_counted() -> None:
    first, second = make_items("medec", [0.1, 0.2, 0.3]), make_items("medec", [0.4, 0.5, 0.6])
    first[0] = cut(first[0], 500, "short")
    first[1], second[1] = cut(first[1], 500, "shorter"), cut(second[1], 900, "shortest")
    pairing = paired(first, second)
    assert counts(pairing) == (1, 0, 0, 2)
    assert scores(pairing) == [(0.3, 0.6)]


def test_prompts_cut_alike_are_paired_and_other_prompts_cut_alike_refused() -> None:
    first, second = make_items("medec", [0.1]), make_items("medec", [0.4])
    alike = [cut(first[0], 500, "same")]
    assert scores(paired(alike, [cut(second[0], 500, "same")])) == [(0.1, 0.4)]
    with pytest.raises(NotComparableError, match="prompts"):
        paired(alike, [cut(second[0], 500, "other")])


def samples(values: Sequence[float | None]) -> list[ItemRecord]:
    """One document, a sample a value."""
    return [
        item
        for number, value in enumerate(values)
        for item in make_items("medec", [value], sample=number, response_key=sha256(f"sample {number}"))
    ]


def test_samples_are_averaged_before_pairing_even_in_unequal_numbers() -> None:
    assert scores(paired(samples([0.0, 1.0, 1.0, 1.0]), samples([1.0]))) == [(0.75, 1.0)]


def test_a_failed_sample_is_left_out_of_its_item_and_all_failed_leave_the_item_out() -> None:
    assert scores(paired(samples([None, 1.0, 0.0]), samples([0.25]))) == [(0.5, 0.25)]
    assert counts(paired(samples([None, None]), samples([0.25]))) == (0, 1, 0, 0)


def test_a_component_is_averaged_over_the_samples_that_have_it() -> None:
    first = [
        replace(item, components=components)
        for item, components in zip(
            samples([0.0, 0.0, 0.0]),
            [{"a": 0.0, "b": None}, {"a": 1.0, "b": 0.5}, {"a": 0.5, "b": None}],
            strict=True,
        )
    ]
    (found,) = paired(first, samples([1.0])).pairs
    assert found.baseline_components == {"a": 0.5, "b": 0.5}
    none = [replace(item, components={"a": None}) for item in samples([0.0, 0.0])]
    (found,) = paired(none, samples([1.0])).pairs
    assert found.baseline_components == {"a": None}


def test_a_document_that_stands_there_twice_is_refused() -> None:
    twice = make_items("medec", [0.1, 0.2])
    twice[1] = replace(twice[1], document_hash=twice[0].document_hash)
    with pytest.raises(NotComparableError, match=r"medec: items is document \w{12} twice in results/model"):
        paired(make_items("medec", [0.1, 0.2]), twice)


def test_answers_are_found_by_document_and_sample() -> None:
    found = answers_of(run(samples([0.1, 0.2])), "medec")
    document = sha256("medec document 0")
    assert list(found) == [(document, 0), (document, 1)]
    assert answers_of(Run(Path(), run([]).record, []), "medec") == {}


def test_a_run_is_taken_apart_by_task() -> None:
    whole = make_run({"medec": [1.0, 0.0], "mednli": [0.5], "pls": []})
    found = by_task(whole)
    assert {task: [item.id for item in part.items] for task, part in found.items()} == {
        "medec": ["medec-0", "medec-1"],
        "mednli": ["mednli-0"],
        "pls": [],
    }
    assert all(part.record is whole.record for part in found.values())
