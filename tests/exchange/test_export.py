"""Exports are read by lm-eval's own tools and by our import, and hold hashes, counts and scores only."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.exchange.every_eval_ever import to_every_eval_ever
from clueplus.exchange.importing import import_lm_eval
from clueplus.exchange.lm_eval_export import measures, to_lm_eval
from clueplus.exchange.names import public_name
from clueplus.records.run import Measure, RunRecord, TaskRecord
from clueplus.registry import Catalog
from tests.exchange.conftest import Recorded

CATALOG = Catalog()


def back(record: RunRecord) -> RunRecord:
    """The record after an export to lm-eval's form, as a file, and an import."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.json"
        path.write_text(json.dumps(to_lm_eval(record), allow_nan=False))
        return import_lm_eval(path, [], Path(folder), CATALOG).record


def numbers(task: TaskRecord) -> dict[str, tuple[float | None, int]]:
    return {name: (measure.value, measure.n) for name, measure in measures(task).items()}


def test_lm_eval_s_own_table_shows_an_export(ours: Recorded) -> None:
    from lm_eval.utils import make_table

    table = make_table(json.loads(json.dumps(to_lm_eval(ours.record))))
    for task in ours.record.tasks:
        assert f"|{task.name}" in table
        for name, measure in measures(task).items():
            assert name in table
            assert measure.value in (None, 0) or f"{measure.value:.4f}" in table
    assert "N/A" in table, "MeQSum has no score without an encoder"


def test_a_record_comes_back_with_its_numbers_and_reasons(ours: Recorded) -> None:
    record = back(ours.record)
    assert record.variant == ours.record.variant
    assert record.created == ours.record.created
    for task, own in zip(record.tasks, ours.record.tasks, strict=True):
        assert numbers(task) == numbers(own)
        assert task.data.documents == own.data.documents
        assert task.decoding == own.decoding
        assert (task.outcomes, task.documents, task.limit) == (own.outcomes, own.documents, own.limit)
        assert task.no_items is not None
    meqsum = record.tasks[-1]
    assert meqsum.score.value is None
    assert meqsum.score.reason == ours.record.tasks[-1].score.reason
    assert "CLUEPLUS_BERTSCORE_MODEL" in str(meqsum.score.reason)
    assert record.average.value is None


def test_lm_eval_s_own_keys_suffice_for_the_scores(ours: Recorded, tmp_path: Path) -> None:
    export = to_lm_eval(ours.record)
    del export["clueplus"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(export))
    for task, own in zip(import_lm_eval(path, [], tmp_path, CATALOG).record.tasks, ours.record.tasks, strict=True):
        assert task.outcomes == own.outcomes
        assert {name: value for name, (value, _) in numbers(task).items()} == {
            name: value for name, (value, _) in numbers(own).items()
        }


_fractions = st.floats(0, 1, allow_nan=False)
_measures = st.one_of(
    st.builds(Measure, value=_fractions, n=st.integers(1, 10**6)),
    st.builds(Measure, value=st.none(), n=st.integers(0, 10**6), reason=st.text(min_size=1, max_size=30)),
)


@st.composite
def _changes(draw: st.DrawFn, task: TaskRecord, limit: int | None) -> dict[str, Any]:
    answers = limit or task.documents
    scored, failed = draw(st.integers(1, answers)), draw(st.integers(0, 5))
    return {
        "score": draw(_measures),
        "components": {name: draw(_measures) for name in task.components},
        "beside": {name: draw(_measures) for name in task.beside},
        "outcomes": {"scored": scored, "unscorable": answers - scored, "infrastructure_error": failed},
        "documents": answers,
        "limit": limit,
        "shots": draw(st.integers(0, 20)),
        "decoding": {
            **task.decoding,
            "temperature": draw(st.floats(0, 2)),
            "stop": draw(st.lists(st.text(min_size=1, max_size=5), max_size=3)),
        },
    }


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_record_comes_back_as_it_went(ours: Recorded, data: st.DataObject) -> None:
    limit = data.draw(st.none() | st.integers(1, 10**5))
    tasks = [task.model_copy(update=data.draw(_changes(task, limit))) for task in ours.record.tasks]
    record = back(ours.record.model_copy(update={"tasks": tasks}))
    for task, own in zip(record.tasks, tasks, strict=True):
        assert numbers(task) == numbers(own)
        for name, measure in measures(own).items():
            if measure.value is None:
                assert measures(task)[name].reason == measure.reason
        for field in ("outcomes", "documents", "limit", "shots", "decoding", "version", "samples"):
            assert getattr(task, field) == getattr(own, field), field


def test_no_path_host_or_command_of_the_machine_is_exported(ours: Recorded) -> None:
    model = ours.record.model.model_copy(
        update={"name": "/home/me/secret-place/ckpt-7", "hosts": ["gpu.internal"], "spec": {"weights": "/data/w"}}
    )
    record = ours.record.model_copy(update={"model": model, "command": ["clueplus", "--mirror", "/mnt/notes"]})
    exports = [to_lm_eval(record), to_every_eval_ever(record, ours.items, CATALOG.tasks).files()]
    for export in exports:
        text = json.dumps(export)
        for trace in ("/home/me", "secret-place", "gpu.internal", "/mnt/notes", "/data/w", "127.0.0.1"):
            assert trace not in text
    assert exports[0]["model_name"] == "ckpt-7"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("microsoft/MediPhi", "microsoft/MediPhi"),
        ("baseline:nearest", "baseline:nearest"),
        ("./ckpt", "ckpt"),
        ("/home/me/ckpt/", "ckpt"),
        ("~/ckpt", "ckpt"),
        ("runs/a/step-100", "step-100"),
        (r"C:\models\ckpt", "ckpt"),
        ("/", "model"),
    ],
)
def test_of_a_path_only_the_last_part_is_a_name(name: str, shown: str) -> None:
    assert public_name(name) == shown


def test_an_incomplete_run_is_not_handed_on(ours: Recorded) -> None:
    record = ours.record.model_copy(update={"status": "incomplete", "reason": "medec: 9 of 15 got no answer"})
    with pytest.raises(ClueplusError, match="no result to hand on: medec"):
        to_lm_eval(record)
    with pytest.raises(ClueplusError, match="no result to hand on: medec"):
        to_every_eval_ever(record, ours.items, CATALOG.tasks)


def test_numbers_for_parity_do_not_pass_for_ours(ours: Recorded) -> None:
    record = ours.record.model_copy(update={"scoring": "clue-2024"})
    with pytest.raises(ClueplusError, match="scored by clue-2024"):
        to_lm_eval(record)
    with pytest.raises(ClueplusError, match="scored by clue-2024"):
        to_every_eval_ever(record, ours.items, CATALOG.tasks)
