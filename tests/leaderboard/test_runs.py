import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clueplus.errors import ClueplusError
from clueplus.leaderboard.runs import collect, condense
from tests.support.boards import board_run, write_runs
from tests.support.runs import make_items, make_run


def test_runs_come_oldest_first_from_any_depth(tmp_path: Path) -> None:
    write_runs(tmp_path / "a", board_run("late", tasks=["medec"], after=2))
    write_runs(tmp_path / "b" / "c", board_run("early", tasks=["medec"], after=1))
    runs, rejected = collect(tmp_path)
    assert [run.record.model.name for run in runs] == ["early", "late"]
    assert rejected == []


def test_hidden_folders_and_links_are_not_entered(tmp_path: Path) -> None:
    write_runs(tmp_path / "elsewhere", board_run("other", tasks=["medec"]))
    results = write_runs(tmp_path / "results", board_run("one", tasks=["medec"]))
    write_runs(results / ".hidden", board_run("hidden", tasks=["medec"]))
    (results / "link").symlink_to(tmp_path / "elsewhere")
    runs, _ = collect(results)
    assert [run.record.model.name for run in runs] == ["one"]


def test_a_bad_record_is_named_and_the_others_enter(tmp_path: Path) -> None:
    write_runs(tmp_path, *(board_run(name, tasks=["medec"]) for name in ("good", "extra", "short", "junk")))
    extra, short, junk = (next((tmp_path / f"model-{n}").iterdir()) for n in (1, 2, 3))
    record = json.loads((extra / "run.json").read_text())
    (extra / "run.json").write_text(json.dumps({**record, "surprise": 1}))
    (short / "items.jsonl").write_text((short / "items.jsonl").read_text().partition("\n")[2])
    (junk / "run.json").write_bytes(b"\xff{")
    runs, rejected = collect(tmp_path)
    assert [run.record.model.name for run in runs] == ["good"]
    assert [each.place.split("/")[0] for each in rejected] == ["model-1", "model-2", "model-3"]
    assert "surprise" in rejected[0].reason
    assert "39 items" in rejected[1].reason


def test_no_folder_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match="no such folder"):
        collect(tmp_path / "nothing")


def test_items_are_counted_by_their_mean_and_tokens_summed() -> None:
    values = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 0.1}, None]
    run = make_run({"t": make_items("t", values, prompt_tokens=10, completion_tokens=2)})
    found = condense(run.record, run.items)["t"]
    assert list(np.flatnonzero(found.histogram)) == [0, 11, 19]
    assert (found.prompt_tokens, found.completion_tokens) == (30, 6)
    assert found.sums is not None
    assert len(found.sums.labels) == 3


def test_tokens_that_were_not_always_counted_have_no_sum() -> None:
    items = make_items("t", [1.0, 0.0], prompt_tokens=10)
    items[1] = replace(items[1], prompt_tokens=None)
    run = make_run({"t": items})
    assert condense(run.record, run.items)["t"].prompt_tokens is None


def test_other_weights_have_another_fingerprint_and_a_baselines_pool_does_not_count(tmp_path: Path) -> None:
    def run(weights: str, pool: str) -> object:
        identity = {"medec": {"kind": "baseline", "weights": weights, "pool": pool}}
        return board_run("m", tasks=["medec"], model_fields={"identity": identity})

    write_runs(tmp_path, run("a", "1"), run("a", "2"), run("b", "1"))  # type: ignore[arg-type]
    prints = [run.fingerprint for run in collect(tmp_path)[0]]
    assert prints[0] == prints[1] != prints[2]
