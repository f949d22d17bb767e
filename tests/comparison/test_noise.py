from pathlib import Path
from typing import Any

import pytest

from clueplus.comparison.noise import noise
from clueplus.errors import ClueplusError
from clueplus.evaluation.options import Options
from clueplus.evaluation.run import evaluate_repeatedly
from clueplus.records.run import Run
from tests.support.fake_server import fake_server


class Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def runs(folder: Path, replies: Any, **options: Any) -> list[Run]:
    with fake_server(replies) as server:
        wanted = Options("fake", ["medec"], "sample", [server.base_url], results_dir=folder, concurrency=1, **options)
        return evaluate_repeatedly(wanted, Silent())  # type: ignore[arg-type]


def test_two_runs_answer_everything_themselves_and_their_flips_are_told(tmp_path: Path) -> None:
    # The sixteenth answer is the first of the second run: three answers differ there, one in its text alone.
    changed = {17: "0", 20: "I can't say", 23: "-1."}
    first, second = runs(tmp_path, lambda payload, number: changed.get(number, "-1"), repeat=2)
    assert first.record.generation.generated == second.record.generation.generated == 15
    assert first.folder != second.folder
    found = noise([first, second])
    (flips,) = found.pairs["1-2"]
    assert (flips.task, flips.answers, flips.texts) == ("medec", 15, 3)
    assert flips.scores <= 2
    a, b = first.record.tasks[0].score.value, second.record.tasks[0].score.value
    assert a is not None
    assert b is not None
    assert flips.delta == pytest.approx(b - a)
    assert found.batch_invariant == ["unset", "unset"]


def test_equal_runs_have_no_noise(tmp_path: Path) -> None:
    (flips,) = noise(runs(tmp_path, lambda payload, number: "-1", repeat=2)).pairs["1-2"]
    assert (flips.texts, flips.scores, flips.delta, flips.mean_change) == (0, 0, 0.0, 0.0)


def test_three_runs_make_three_pairs(tmp_path: Path) -> None:
    assert list(noise(runs(tmp_path, lambda payload, number: "-1", repeat=3)).pairs) == ["1-2", "1-3", "2-3"]


def test_runs_of_different_work_are_refused(tmp_path: Path) -> None:
    (all_of_it,) = runs(tmp_path, lambda payload, number: "-1")
    (part,) = runs(tmp_path, lambda payload, number: "-1", limit=3)
    with pytest.raises(ClueplusError, match="not the same work"):
        noise([all_of_it, part])
    with pytest.raises(ClueplusError, match="two runs or more"):
        noise([part])


def test_the_setting_of_the_engine_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    (run,) = runs(tmp_path, lambda payload, number: "-1")
    assert run.record.environment["VLLM_BATCH_INVARIANT"] == "1"


def test_samples_are_seeded_kept_apart_and_averaged(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []

    def reply(payload: Any, number: int) -> str:
        seen.append((payload["seed"], payload["temperature"]))
        return "-1" if payload["seed"] % 2 else "no idea"

    (run,) = runs(tmp_path, reply, samples=4, temperature=0.7)
    assert sorted(seen) == sorted([(1234 + n, 0.7) for n in range(4)] * 15)
    (task,) = run.record.tasks
    assert (task.documents, task.samples, task.score.n) == (15, 4, 60)
    assert task.outcomes["unscorable"] == 30
    assert task.score.value == pytest.approx(7 / 15 / 2)
    assert len({item.response_key for item in run.items}) == 60
    assert runs(tmp_path, reply, samples=4, temperature=0.7)[0].record.generation.generated == 0
    assert runs(tmp_path, reply, samples=6, temperature=0.7)[0].record.generation.generated == 30


def test_several_greedy_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match="4 equal answers"):
        runs(tmp_path, lambda payload, number: "-1", samples=4)
