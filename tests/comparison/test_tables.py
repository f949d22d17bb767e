import json
from collections.abc import Sequence
from typing import Any

import pytest

from clueplus.comparison.as_json import as_json
from clueplus.comparison.comparison import describe
from clueplus.comparison.several import Several, compare_all
from clueplus.comparison.tables import as_markdown, components, notes, summary, tables
from clueplus.comparison.wording import interval, legend, letters, markdown, p_value, percent, plain, points
from clueplus.statistics.paired import no_difference
from tests.support.runs import make_items, make_run

LACKING = [{"rouge": 0.5, "bertscore": None}] * 4


def two(**fields: Any) -> Several:
    return compare_all(
        [
            make_run({"medec": [0.0] * 10 + [1.0] * 10, "mednli": [0.2] * 20}, name="old"),
            make_run({"medec": [1.0] * 19 + [0.0], "mednli": [0.1] + [0.2] * 19}, name="new", **fields),
        ]
    )


def three(*tasks: str) -> Several:
    values: dict[str, Sequence[float]] = {"a": [0.0] * 20, "b": [0.5] * 20, "c": [1.0] * 20}
    return compare_all([make_run(dict.fromkeys(tasks, values[name]), name=name) for name in values])


def test_two_runs_are_one_table_of_tasks_and_their_mean() -> None:
    (table,) = tables(two())
    assert table.headings == ("task", "n", "A", "B", "delta", "95% interval", "won-lost", "flips", "p (Holm)")
    medec, mednli, mean = table.rows
    assert medec[:5] == ("medec", "20", "50.0", "95.0", "+45.0")
    assert medec[6:8] == ("10-1", "11")
    assert mednli[:5] == ("mednli", "20", "20.0", "19.5", "-0.5")
    assert mednli[6:8] == ("0-1", "0")
    assert mean[:5] == ("mean of 2", "40", "35.0", "57.2", "+22.2")
    low, high = (float(end) for end in medec[5].split(" to "))
    assert low < 45 < high
    assert table.footers == 1


def test_what_is_unknown_is_a_dash() -> None:
    runs = [make_run({"pls": LACKING}, name=name) for name in ("old", "new")]
    (table,) = tables(compare_all(runs))
    assert table.rows == (("pls", "4", *["-"] * 7), ("mean of 1", "4", *["-"] * 7))


def test_more_runs_are_a_table_of_scores_and_a_matrix() -> None:
    scores, matrix = tables(three("medec"))
    assert scores.headings == ("task", "A", "B", "C")
    assert scores.rows == (("medec", "0.0", "50.0", "100.0 *"),)
    assert matrix.rows == (
        ("A", "", "-50.0 *", "-100.0 *"),
        ("B", "+50.0 *", "", "-50.0 *"),
        ("C", "+100.0 *", "+50.0 *", ""),
    )


def test_a_difference_that_is_not_settled_has_no_star() -> None:
    runs = [make_run({"medec": values}, name=str(n)) for n, values in enumerate(([0.0, 1.0], [1.0, 0.0], [1.0, 1.0]))]
    _, matrix = tables(compare_all(runs))
    assert not any("*" in cell for row in matrix.rows for cell in row)


def test_the_summary_tells_the_mean_and_what_is_settled() -> None:
    assert summary(two().pairs[0, 1]) == (
        f"B is 22.2 points above A in the mean (95% interval {interval(two().pairs[0, 1].macro)}: settled)."
        " B is shown to be better on 1 and worse on 0 of 2 tasks (p < 0.05, Holm)."
    )
    assert summary(three("medec").pairs[0, 2], "x", "y").startswith("y is 100.0 points above x in the mean (95% ")


def test_the_summary_tells_a_loss_and_an_open_question() -> None:
    worse = compare_all([make_run({"m": [1.0] * 20}), make_run({"m": [0.0] * 20})])
    assert "B is 100.0 points below A" in summary(worse.pairs[0, 1])
    assert "better on 0 and worse on 1 of 1 tasks" in summary(worse.pairs[0, 1])
    unsettled = compare_all([make_run({"m": [1.0, 0.0]}), make_run({"m": [0.0, 1.0]})])
    assert ": not settled)" in summary(unsettled.pairs[0, 1])


def test_the_summary_of_a_comparison_without_mean_or_interval_says_so() -> None:
    lacking = compare_all([make_run({"pls": LACKING}), make_run({"pls": LACKING})])
    assert summary(lacking.pairs[0, 1]).startswith("There is no mean of all tasks. ")
    one = compare_all([make_run({"m": [1.0]}), make_run({"m": [0.0]})])
    assert "100.0 points below A in the mean, without an interval." in summary(one.pairs[0, 1])


def test_a_note_of_all_pairs_stands_once_and_others_name_their_pairs() -> None:
    versions = {"a": "1", "b": "1", "c": "2"}
    runs = [make_run({"pls": LACKING}, name=name, clueplus=version) for name, version in versions.items()]
    found = notes(compare_all(runs))
    assert "pls: no difference: bertscore has no value in either run" in found
    assert "A-C, B-C: clueplus version: 1 and 2" in found
    assert len(found) == 3


def test_a_mean_without_value_says_how_to_get_that_of_the_others() -> None:
    runs = [make_run({"medec": [1.0] * 4, "pls": LACKING}, name=name) for name in ("old", "new")]
    assert notes(compare_all(runs)) == [
        "pls: no difference: bertscore has no value in either run",
        "the mean of all tasks has no value: no difference in pls",
        "for the mean of the others: --tasks medec",
    ]
    single = [make_run({"medec": [value]}, name="x") for value in (0.0, 1.0)]
    assert notes(compare_all(single)) == ["the mean of all tasks has no interval: 1 of 1 tasks have no standard error"]


def test_components_are_listed_with_their_own_intervals() -> None:
    values = [{"exact": 0.0, "loose": 0.5}] * 6
    found = compare_all([make_run({"pls": values}), make_run({"pls": [{"exact": 0.0, "loose": 1.0}] * 6})])
    table = components(found.pairs[0, 1])
    assert [row[:3] for row in table.rows] == [("pls", "exact", "0.0"), ("pls", "loose", "+50.0")]
    assert table.words == 2


def test_markdown_holds_the_runs_the_table_and_the_summary() -> None:
    text = as_markdown(two(clueplus="0.2.0"))
    lines = text.splitlines()
    assert lines[0] == "- A  old, run 20260101T000000Z, official data"
    assert "| task | n | A | B | delta | 95% interval | won-lost | flips | p (Holm) |" in lines
    assert "| :-- | --: | --: | --: | --: | --: | --: | --: | --: |" in lines
    assert any(line.startswith("| medec | 20 | 50.0 | 95.0 | +45.0 | ") for line in lines)
    assert any(line.startswith("B is 22.2 points above A") for line in lines)
    assert lines[-1] == "- clueplus version: 0.1.0 and 0.2.0"
    assert "| medec | 0.0 | 50.0 | 100.0 \\* |" in as_markdown(three("medec"))


def test_hostile_names_stay_text_in_markdown() -> None:
    name = "a|b `c` <img src=x> [d](http://e) *f*\n# g\u202e"
    text = as_markdown(compare_all([make_run({"medec": [1.0]}, name=name), make_run({"medec": [0.0]}, name="x")]))
    assert "a\\|b \\`c\\` \\<img src=x\\> \\[d\\](http://e) \\*f\\*\ufffd# g\ufffd, run" in text
    assert markdown("x&lt;\\") == "x\\&lt;\\\\"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.0"), (-0.0001, "0.0"), (0.0004, "0.0"), (0.0149, "+1.5"), (-0.2, "-20.0"), (None, "-")],
)
def test_points_have_a_sign_unless_they_are_none(value: float | None, shown: str) -> None:
    assert points(value) == shown


def test_numbers_as_every_table_shows_them() -> None:
    assert (percent(0.12345), percent(None)) == ("12.3", "-")
    assert (p_value(0.0004), p_value(0.001), p_value(0.0456), p_value(1.0), p_value(None)) == (
        "<0.001", "0.001", "0.046", "1.000", "-",
    )  # fmt: skip
    assert interval(no_difference(0.1, "why", n=1, clusters=1)) == "-"


def test_runs_are_called_by_letters_and_told_apart_below_them() -> None:
    runs = [describe(make_run({"m": [1.0]}, name=name, run=run)) for name, run in [("x", "1"), ("x", "2")]]
    assert legend(runs) == ["A  x, run 1, official data", "B  x, run 2, official data"]
    assert letters(26)[-1] == "Z"
    assert letters(27)[-1] == "27"
    assert plain("a\u202eb\x1b[31m") == "a\ufffdb\ufffd[31m"


def test_json_holds_all_pairs_and_every_number() -> None:
    found = json.loads(json.dumps(as_json(three("medec", "mednli")), allow_nan=False))
    assert found["schema_version"] == 1
    assert [run["name"] for run in found["runs"]] == ["a", "b", "c"]
    assert [(pair["baseline"], pair["candidate"]) for pair in found["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    pair = found["pairs"][1]
    assert pair["macro"]["delta"] == 1.0
    assert pair["macro_p"] < 0.001
    assert pair["macro_p_holm"] >= pair["macro_p"]
    task = pair["tasks"][0]
    assert (task["task"], task["n"], task["baseline"], task["candidate"]) == ("medec", 20, 0.0, 1.0)
    assert set(task["difference"]) == {
        "delta", "se", "df", "low", "high", "n", "clusters", "method", "reason",
    }  # fmt: skip
    assert task["components"]["accuracy"]["delta"] == 1.0
    assert task["changes"]["wins"] == 20
    assert task["changes"]["flips"] == len(task["changes"]["flipped"]) == 20


def test_flipped_items_are_listed_the_worst_losses_first() -> None:
    (pair,) = as_json(two())["pairs"]
    changes = pair["tasks"][0]["changes"]
    assert (changes["flips"], changes["flipped"][0]["id"]) == (11, "medec-19")
    assert [item["candidate"] - item["baseline"] for item in changes["flipped"]] == [-1.0] + [1.0] * 10


def test_no_item_of_restricted_data_is_listed() -> None:
    sides = [make_run({"m": make_items("m", [v])}, task_fields={"tier": "restricted"}) for v in (0.0, 1.0)]
    found = as_json(compare_all(sides))
    changes = found["pairs"][0]["tasks"][0]["changes"]
    assert (changes["wins"], changes["flips"], changes["flipped"]) == (1, 1, [])
    item = sides[0].items[0]
    for secret in (item.id, item.document_hash, item.response_key, item.cluster):
        assert secret not in json.dumps(found)


def test_a_task_without_a_difference_is_null_in_json() -> None:
    (pair,) = as_json(compare_all([make_run({"pls": LACKING}), make_run({"pls": LACKING})]))["pairs"]
    task = pair["tasks"][0]
    assert (task["changes"], task["p"], task["p_holm"], task["difference"]["delta"]) == (None, None, None, None)
    assert task["difference"]["reason"] == "bertscore has no value in either run"
    assert pair["macro"]["reason"] == "no difference in pls"
