"""Few-shot pools out of sets without a split: whole clusters, the same for everybody, never seen in the test."""

from typing import Any

import pytest

from clueplus.data import hold_out


def documents(clusters: int, each: int = 2) -> list[dict[str, Any]]:
    return [
        {"id": f"{c}-{n}", "drug": f"drug {c}", "question": f"question {c} {n}", "words": (c * 7 + n) % 5}
        for c in range(clusters)
        for n in range(each)
    ]


def split(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return hold_out(rows, "drug", "question", lambda document: document["words"])


@pytest.mark.parametrize(("clusters", "held"), [(5, 4), (80, 4), (100, 5), (500, 25)])
def test_a_twentieth_of_the_clusters_is_held_out_whole_and_nothing_is_lost(clusters: int, held: int) -> None:
    rows = documents(clusters)
    found = split(rows)
    pool, test = ({row["drug"] for row in found[name]} for name in ("fewshot", "test"))
    assert len(pool) == held
    assert not pool & test
    assert sorted(row["id"] for name in found for row in found[name]) == sorted(row["id"] for row in rows)


def test_the_pool_does_not_depend_on_the_order_of_the_rows_or_on_what_they_say() -> None:
    rows = documents(100)
    changed = [{**row, "question": row["question"] + "?"} for row in reversed(rows)]
    assert {row["id"] for row in split(rows)["fewshot"]} == {row["id"] for row in split(changed)["fewshot"]}


def test_the_pool_is_sorted_and_the_test_keeps_its_order() -> None:
    found = split(documents(200))
    words = [row["words"] for row in found["fewshot"]]
    assert words == sorted(words)
    numbers = [int(row["id"].split("-")[0]) for row in found["test"]]
    assert numbers == sorted(numbers)


def test_examples_that_are_equally_good_keep_the_order_of_the_rows() -> None:
    for rows in (documents(200), documents(200)[::-1]):
        place = {row["id"]: number for number, row in enumerate(rows)}
        found = [(row["words"], place[row["id"]]) for row in split(rows)["fewshot"]]
        assert len(found) == 20
        assert found == sorted(found)


def test_a_question_of_both_sides_stays_in_the_test_alone() -> None:
    rows = [{**row, "question": "the same"} if row["id"].endswith("-0") else row for row in documents(100)]
    found = split(rows)
    assert all(row["question"] != "the same" for row in found["fewshot"])
    assert sum(row["question"] == "the same" for row in found["test"]) == 95
