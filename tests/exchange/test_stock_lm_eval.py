"""What stock lm-eval writes of our tasks becomes the record that clueplus makes of the same answers."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from clueplus.exchange.importing import import_lm_eval
from clueplus.records.run import Run
from clueplus.registry import Catalog
from tests.exchange.conftest import Recorded


@pytest.fixture(scope="module")
def imported(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    (results,) = stock.glob("results_*.json")
    return import_lm_eval(results, sorted(stock.glob("samples_*")), tmp_path_factory.mktemp("in"), Catalog())


def test_the_items_are_those_of_our_own_run(imported: Run, ours: Recorded) -> None:
    assert len(imported.items) == len(ours.items) == 29
    known_here_only = {"response_key", "truncated", "prompt_tokens", "completion_tokens"}
    told, own = (
        [{name: value for name, value in asdict(item).items() if name not in known_here_only} for item in run.items]
        for run in (imported, ours)
    )
    assert told == own
    assert {item.outcome for item in imported.items} == {"scored", "unscorable"}


def test_the_numbers_are_those_of_our_own_run(imported: Run, ours: Recorded) -> None:
    for theirs, own in zip(imported.record.tasks, ours.record.tasks, strict=True):
        assert theirs.outcomes == own.outcomes
        assert theirs.documents == own.documents
        for name, measure in {"score": own.score, **own.components, **own.beside}.items():
            found = {"score": theirs.score, **theirs.components, **theirs.beside}[name]
            assert (found.value is None) == (measure.value is None)
            if measure.value is None:
                assert found.reason
                continue
            assert found.value == pytest.approx(measure.value, abs=1e-12)
            assert (found.n, found.interval) == (measure.n, measure.interval)
            assert (found.low, found.high) == pytest.approx((measure.low, measure.high), abs=1e-9)


def test_all_that_a_comparison_asks_for_is_the_same(imported: Run, ours: Recorded) -> None:
    theirs, own = imported.record, ours.record
    assert (theirs.variant, theirs.model.api, theirs.status) == (own.variant, own.model.api, own.status)
    for task, mine in zip(theirs.tasks, own.tasks, strict=True):
        for field in ("version", "scoring", "shots", "limit", "prompts", "no_items"):
            assert getattr(task, field) == getattr(mine, field), field
        assert task.decoding == mine.decoding
        assert task.data.documents == mine.data.documents
        assert task.data.tier == mine.data.tier


def test_a_record_says_that_it_is_imported_and_what_it_does_not_know(imported: Run) -> None:
    record = imported.record
    assert record.imported is not None
    assert (record.imported.source, record.imported.version) == ("lm-eval", "0.4.13")
    assert set(record.imported.samples) == {"medec", "meqsum"}
    assert (record.model.kind, record.generation) == ("imported", None)
    assert all(task.truncated is None and task.trivial_baseline.score.value is None for task in record.tasks)


def test_no_text_of_the_samples_is_kept(imported: Run, stock: Path) -> None:
    written = "".join(path.read_text() for path in imported.folder.iterdir())
    assert str(stock) not in written
    assert "127.0.0.1" not in written
    (samples,) = stock.glob("samples_medec_*")
    for line in samples.read_text().splitlines():
        for sentence in json.loads(line)["doc"]["sentences"]:
            assert sentence not in written


def test_without_the_gen_kwargs_the_unknown_parameters_are_null(stock: Path, tmp_path: Path) -> None:
    (results,) = stock.glob("results_*.json")
    content = json.loads(results.read_text())
    for config in content["configs"].values():
        for name in ("top_p", "repetition_penalty", "seed"):
            del config["generation_kwargs"][name]
    changed = tmp_path / "results.json"
    changed.write_text(json.dumps(content))
    decoding = import_lm_eval(changed, [], tmp_path, Catalog()).record.tasks[0].decoding
    assert (decoding["top_p"], decoding["repetition_penalty"], decoding["seed"]) == (None, None, None)
    assert decoding["max_tokens"] == 32
