from typing import Any

import pytest

from clueplus.comparison.fields import Differing, NotComparableError, check_runs, check_tasks, of_the_model, own_stops
from clueplus.files import sha256
from clueplus.records.run import DataRecord, Run
from tests.support.runs import make_run, make_task

VALUES = {"medec": [0.0, 1.0]}


def check(baseline: Run, candidate: Run) -> None:
    check_runs(baseline, candidate)
    check_tasks(baseline, candidate, "medec")


def refusal(baseline: Run, candidate: Run) -> Differing:
    with pytest.raises(NotComparableError) as caught:
        check(baseline, candidate)
    return caught.value.differing


def changed(**fields: Any) -> Run:
    return make_run(VALUES, task_fields=fields)


def data(**documents: str) -> DataRecord:
    before = make_task("medec", []).data
    return before.model_copy(update={"documents": {**before.documents, **documents}})


def decoding(**values: Any) -> dict[str, Any]:
    return {"max_tokens": 32, "temperature": 0.0, "stop": ["\n\nNote:"], "seed": 1234, **values}


def test_two_runs_of_the_same_work_are_comparable() -> None:
    one, other = make_run(VALUES, name="one"), make_run(VALUES, name="other")
    check(one, other)


@pytest.mark.parametrize(
    ("fields", "field", "before", "after"),
    [
        ({"version": 2}, "version", "1", "2"),
        ({"scoring": "clue-2024"}, "scoring", "clueplus-1", "clue-2024"),
        ({"components": {}}, "components", "accuracy", ""),
        ({"shots": 5}, "shots", "3", "5"),
        ({"data": data(test="b" * 64)}, "data.documents.test", sha256("medec test")[:12], "b" * 12),
        ({"data": data(fewshot="b" * 64)}, "data.documents.fewshot", sha256("medec fewshot")[:12], "b" * 12),
        ({"decoding": decoding(temperature=0.7)}, "decoding.temperature", "0.0", "0.7"),
        ({"decoding": decoding(max_tokens=64)}, "decoding.max_tokens", "32", "64"),
        ({"decoding": decoding(seed=1)}, "decoding.seed", "1234", "1"),
        ({"decoding": decoding(stop=["\n"])}, "decoding.stop", "['\\n\\nNote:']", "['\\n']"),
    ],
)
def test_the_first_field_that_differs_is_named_with_both_values(
    fields: dict[str, Any], field: str, before: str, after: str
) -> None:
    assert refusal(make_run(VALUES), changed(**fields)) == Differing(field, before, after, "medec")
    assert refusal(changed(**fields), make_run(VALUES)) == Differing(field, after, before, "medec")


def test_of_two_differing_fields_the_first_is_named() -> None:
    assert refusal(make_run(VALUES), changed(shots=1, scoring="clue-2024")).field == "scoring"


@pytest.mark.parametrize("extra", [{"alpha": 5}, {"zeta": 1}])
def test_a_decoding_parameter_that_one_side_lacks_is_named(extra: dict[str, Any]) -> None:
    differing = refusal(make_run(VALUES), changed(decoding=decoding(**extra)))
    (name,) = extra
    assert differing.field == f"decoding.{name}"
    assert (differing.baseline, differing.candidate) == ("none", str(extra[name]))
    mirrored = Differing(f"decoding.{name}", str(extra[name]), "none", "medec")
    assert refusal(changed(decoding=decoding(**extra)), make_run(VALUES)) == mirrored


def test_only_a_hash_is_shortened() -> None:
    for value in ("x" * 64, "a" * 63, "a" * 65):
        assert refusal(make_run(VALUES), changed(decoding=decoding(note=value))).candidate == value
    assert refusal(make_run(VALUES), changed(decoding=decoding(note="a" * 64))).candidate == "a" * 12


def test_fields_of_the_whole_run_come_first() -> None:
    other = make_run(VALUES, task_fields={"shots": 1}, variant="open")
    assert refusal(make_run(VALUES), other) == Differing("variant", "official", "open")
    by_api = make_run(VALUES, task_fields={"shots": 1}, model_fields={"api": "completions"})
    assert refusal(make_run(VALUES), by_api) == Differing("api", "chat", "completions")


@pytest.mark.parametrize("side", ["baseline", "candidate", "both"])
def test_an_incomplete_run_is_no_result(side: str) -> None:
    bad = make_run(VALUES, status="incomplete", reason="medec: 9 of 10 requests got no answer: timeout")
    good = make_run(VALUES)
    baseline, candidate = {"baseline": (bad, good), "candidate": (good, bad), "both": (bad, bad)}[side]
    with pytest.raises(NotComparableError, match="9 of 10 requests") as caught:
        check_runs(baseline, candidate)
    assert caught.value.differing.field == "status"
    assert "run its command again" in str(caught.value)


def test_models_behind_a_metric_must_agree_where_both_have_one() -> None:
    one, other = changed(metric_models={"bertscore_f1": "x"}), changed(metric_models={"bertscore_f1": "y"})
    assert refusal(one, other) == Differing("metric_models.bertscore_f1", "x", "y", "medec")
    check_tasks(one, make_run(VALUES), "medec")


def test_a_limit_that_left_out_documents_is_named_and_one_that_did_not_is_none() -> None:
    check_tasks(make_run(VALUES), changed(limit=2), "medec")
    differing = refusal(make_run(VALUES), make_run({"medec": [1.0]}, task_fields={"limit": 1}))
    assert differing == Differing("limit", "none (2 documents)", "1 (1 documents)", "medec")


def test_stop_strings_of_the_model_are_its_own_and_those_of_the_task_must_agree() -> None:
    one = make_run(VALUES)
    other = make_run(
        VALUES,
        task_fields={"decoding": decoding(stop=["\n\nNote:", "<|end|>"])},
        model_fields={"stop": ["<|end|>"]},
    )
    check_tasks(one, other, "medec")
    assert own_stops(other.record.tasks[0], other.record.model) == ["\n\nNote:"]
    assert of_the_model(one, other, ["medec"]) == (Differing("stop", "[]", "['<|end|>']"),)
    unlike = make_run(
        VALUES,
        task_fields={"decoding": decoding(stop=["<|end|>"])},
        model_fields={"stop": ["<|end|>"]},
    )
    assert refusal(one, unlike).field == "decoding.stop"


def test_stop_strings_that_are_not_appended_are_not_taken_off() -> None:
    odd = make_run(VALUES, model_fields={"stop": ["<|end|>"]})
    assert own_stops(odd.record.tasks[0], odd.record.model) == ["\n\nNote:"]


def test_another_template_is_told_but_no_reason_to_refuse() -> None:
    one, other = make_run(VALUES), make_run(VALUES, template="b" * 64)
    check_tasks(one, other, "medec")
    assert of_the_model(one, other, ["medec"]) == (Differing("template", "a" * 12, "b" * 12),)
    assert of_the_model(one, one, ["medec"]) == ()


def test_an_unknown_template_is_not_a_known_one() -> None:
    differing = of_the_model(make_run(VALUES), make_run(VALUES, template=None), ["medec"])
    assert differing == (Differing("template", "a" * 12, "unknown"),)


def test_rules_without_a_template_are_compared_with_models_that_have_one() -> None:
    rule = make_run(VALUES, model_fields={"kind": "baseline", "identity": {"medec": {"kind": "baseline"}}})
    assert of_the_model(rule, make_run(VALUES), ["medec"]) == ()
    assert of_the_model(make_run(VALUES), rule, ["medec"]) == ()


def test_the_message_is_one_line_with_a_fix() -> None:
    error = NotComparableError(Differing("shots", "3", "5", "medec"))
    assert str(error) == (
        "not comparable: medec: shots is 3 in the baseline and 5 in the candidate."
        " Fix: evaluate both with the same task, data and settings"
    )
