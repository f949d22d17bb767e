from dataclasses import replace

import pytest

from clueplus.comparison.comparison import Comparison, compare
from clueplus.comparison.fields import Differing, NotComparableError
from clueplus.errors import ClueplusError
from tests.support.runs import make_items, make_run

MEDEC, MEDNLI = [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]


def test_tasks_are_compared_in_the_baselines_order_and_averaged() -> None:
    found = compare(
        make_run({"medec": MEDEC, "mednli": MEDNLI}, name="old"),
        make_run({"mednli": [1.0] * 4, "medec": [0.0] * 4}, name="new"),
    )
    assert [(task.task, task.difference.delta) for task in found.tasks] == [("medec", -0.5), ("mednli", 0.5)]
    assert found.macro.delta == 0.0
    assert (found.baseline.name, found.candidate.name) == ("old", "new")
    assert (found.baseline.run, found.baseline.variant, found.baseline.clueplus) == (
        "20260101T000000Z", "official", "0.1.0",
    )  # fmt: skip
    assert found.notes == ()


def test_p_values_are_adjusted_for_the_other_tasks() -> None:
    found = compare(
        make_run({"medec": [0.0] * 20, "mednli": MEDNLI * 5, "pls": [0.5] * 4}),
        make_run({"medec": [1.0] * 6 + [0.0] * 14, "mednli": MEDEC * 5, "pls": [0.5] * 4}),
    )
    p, adjusted = [task.p for task in found.tasks], [task.p_holm for task in found.tasks]
    assert p[0] is not None
    assert adjusted == [pytest.approx(3 * p[0]), 1.0, 1.0]


def uneven() -> Comparison:
    return compare(make_run({"medec": MEDEC, "pls": MEDNLI}), make_run({"medec": MEDEC, "sdoh": MEDNLI}))


def test_a_task_of_one_run_only_is_named_and_leaves_no_mean() -> None:
    found = uneven()
    assert [task.task for task in found.tasks] == ["medec"]
    assert (found.only_baseline, found.only_candidate) == (("pls",), ("sdoh",))
    assert found.macro.delta is None
    assert found.macro.reason == "only one run has pls, sdoh"


def test_asking_for_tasks_leaves_the_others_out_of_the_mean() -> None:
    baseline, candidate = make_run({"medec": MEDEC, "pls": MEDNLI}), make_run({"medec": MEDEC, "sdoh": MEDNLI})
    found = compare(baseline, candidate, ["medec"])
    assert (found.macro.delta, found.only_baseline, found.only_candidate) == (0.0, (), ())
    with pytest.raises(NotComparableError) as caught:
        compare(baseline, candidate, ["pls"])
    assert caught.value.differing.field == "tasks"
    with pytest.raises(ClueplusError, match=r"no run has a task 'medc'. Fix: did you mean medec\?"):
        compare(baseline, candidate, ["medc"])


def test_without_a_common_task_runs_are_not_comparable() -> None:
    with pytest.raises(NotComparableError) as caught:
        compare(make_run({"medec": MEDEC}), make_run({"pls": MEDNLI, "sdoh": MEDNLI}))
    assert caught.value.differing == Differing("tasks", "medec", "pls, sdoh")


def test_a_task_without_a_difference_leaves_no_mean() -> None:
    lacking = [{"rouge": 0.5, "bertscore": None}] * 4
    found = compare(make_run({"medec": MEDEC, "pls": lacking}), make_run({"medec": MEDEC, "pls": lacking}))
    assert found.macro.delta is None
    assert found.macro.reason == "no difference in pls"
    assert "pls: no difference: bertscore has no value in either run" in found.notes


def test_an_incomplete_run_is_refused_before_anything_else() -> None:
    with pytest.raises(NotComparableError, match="status is complete in the baseline and incomplete"):
        compare(make_run({"medec": MEDEC}), make_run({"pls": MEDNLI}, status="incomplete", reason="medec: 9 of 10"))


def test_one_changed_prompt_of_one_task_refuses_the_whole() -> None:
    changed = make_items("mednli", MEDNLI)
    changed[3] = replace(changed[3], prompt_hash="f" * 64)
    with pytest.raises(NotComparableError, match="mednli: prompts is"):
        compare(make_run({"medec": MEDEC, "mednli": MEDNLI}), make_run({"medec": MEDEC, "mednli": changed}))


def test_notes_tell_what_a_reader_must_know() -> None:
    first, second = make_items("medec", [*MEDEC, None]), make_items("medec", [*MEDEC, 1.0])
    second[0] = replace(second[0], cut=5, prompt_hash="f" * 64)
    found = compare(
        make_run({"medec": first}, clueplus="0.1.0", model_fields={"engine": "vllm 0.32"}),
        make_run({"medec": second}, clueplus="0.2.0", template="b" * 64, task_fields={"samples": 4}),
    )
    assert found.notes == (
        "clueplus version: 0.1.0 and 0.2.0",
        "engine: vllm 0.32 and unknown",
        "template: aaaaaaaaaaaa and bbbbbbbbbbbb; it is part of what is compared",
        "medec: 1 and 4 samples an item; each item counts with its mean",
        "medec: items without a score are left out: 1 of the baseline, 0 of the candidate",
        "medec: 1 items are left out, whose prompts were cut differently to fit the contexts",
    )
    assert found.of_the_model == (Differing("template", "a" * 12, "b" * 12),)


def test_an_item_that_one_run_has_no_score_for_is_told_whichever_it_is() -> None:
    whole, part = make_run({"medec": [0.0, 1.0, 1.0]}, name="whole"), make_run({"medec": [0.0, 1.0, None]}, name="part")
    told = "medec: items without a score are left out: "
    assert compare(whole, part).notes == (told + "0 of the baseline, 1 of the candidate",)
    assert compare(part, whole).notes == (told + "1 of the baseline, 0 of the candidate",)


def test_a_run_compared_with_itself_is_told() -> None:
    run = make_run({"medec": MEDEC})
    found = compare(run, run)
    assert found.notes == ("both are the same run",)
    assert found.macro.delta == 0.0
