"""A recipe of every kind of stage, and stage functions that take no time: what they write depends on what they read."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.files import sha256
from clueplus.training.recipe.find import read_recipe
from clueplus.training.recipe.job import Function, Job
from clueplus.training.recipe.spec import Recipe

RECIPE = """\
name: small
description: Every kind of stage once.
base: BASE
stages:
  notes:
    corpus:
      sources: [{name: notes, licence: CC0-1.0, path: NOTES}]
  rows:
    corpus:
      kind: instructions
      sources: [{name: rows, licence: Apache-2.0, path: ROWS}]
  expert:
    expert: {corpus: notes, method: dapt, phases: [{steps: 2}]}
  merged:
    merge: {merge_method: slerp, base_model: base, models: [{model: expert}], parameters: {t: 0.5}}
  sft:
    align: {method: sft, base: merged, rows: rows, training: {steps: 2}}
  before:
    evaluate: {model: base, tasks: [mednli], variant: sample}
  after:
    evaluate: {model: sft, tasks: [mednli], variant: sample}
  gate:
    gate: {baseline: before, candidate: after}
"""
READ = ("documents.jsonl", "rows.jsonl", "config.json", "model.safetensors")
ORDER = ["notes", "rows", "expert", "merged", "sft", "before", "after", "gate"]


def write_checkpoint(folder: Path, value: float) -> Path:
    """A checkpoint of one weight."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "none"}')
    save_file({"weight": np.full((2, 2), value, dtype=np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder with the recipe's base and corpora."""
    write_checkpoint(tmp_path / "base", 1.0)
    (tmp_path / "notes.jsonl").write_text('{"text": "A note."}\n')
    (tmp_path / "rows.jsonl").write_text('{"instruction": "i", "input": "u", "output": "o"}\n')
    return tmp_path


@pytest.fixture
def write(place: Path) -> Callable[..., Recipe]:
    """Writes the recipe with texts replaced, and reads it."""

    def call(*changes: tuple[str, str]) -> Recipe:
        text = RECIPE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        for name, path in (("BASE", "base"), ("NOTES", "notes.jsonl"), ("ROWS", "rows.jsonl")):
            text = text.replace(name, str(place / path))
        (place / "small.yaml").write_text(text)
        return read_recipe(str(place / "small.yaml"))

    return call


class Functions:
    """Stage functions that note what they were called for. `fail` names a stage that fails."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.fail: str | None = None
        self.salt = ""

    def table(self) -> dict[Any, Function]:
        return dict.fromkeys(("corpus", "expert", "merge", "align", "evaluate", "gate"), self)

    def __call__(self, job: Job) -> dict[str, Any]:
        self.called.append(job.name)
        if job.name == self.fail:
            raise ClueplusError("the disk is full", fix="free some space")
        value = int(sha256(self.salt + job.stage.kind + _told(job))[:4], 16)
        if job.stage.kind == "corpus":
            job.out.mkdir()
            name = "documents.jsonl" if job.stage.corpus.kind == "documents" else "rows.jsonl"
            (job.out / name).write_text(json.dumps({"text": str(value)}) + "\n")
            sources = [{"name": source.name, "documents": 1, "tokens": 3} for source in job.stage.corpus.sources]
            return {"documents": 1, "tokens": 3, "sources": sources}
        if job.stage.kind == "evaluate":
            job.out.mkdir(exist_ok=True)
            return {"average": 0.25, "tasks": {"mednli": 0.25}, "variant": "sample", "scores": str(value)}
        if job.stage.kind == "gate":
            job.out.mkdir()
            return {"status": "FAIL", "reasons": ["it lost"]}
        write_checkpoint(job.out, value)
        losses = {"phase1_first": 2.0, "phase1_last": 1.0}
        return {"steps": 2, "tokens": 10, "losses": losses, "facts": {"folder": str(job.out), "device": "cpu"}}


def _told(job: Job) -> str:
    """Everything that a stage of this kind is told, and what it reads."""
    spec: Any = job.stage.block.spec()
    texts = [str(spec) if isinstance(spec, dict) else spec.model_dump_json(exclude={"sources"})]
    for source in getattr(spec, "sources", ()):
        texts.append(Path(source.path).read_text())
    for folder in job.inputs.values():
        wanted = [file for file in folder.iterdir() if file.name in READ]
        texts += [sha256(file.read_bytes()) for file in sorted(wanted)]
    return "".join(texts)


@pytest.fixture
def functions() -> Functions:
    return Functions()


class Heard:
    """A reporter that keeps what it hears."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.was_kept: list[str] = []

    def note(self, text: str) -> None: ...

    def progress(self, state: Any) -> None: ...

    def counted(self, what: str, done: int, total: int) -> None: ...

    def kept(self, name: str) -> None:
        self.was_kept.append(name)

    def started(self, name: str, kind: str, number: int, total: int) -> None: ...

    def finished(self, name: str, seconds: float, told: str) -> None:
        self.done.append(name)


@pytest.fixture
def heard() -> Iterator[Heard]:
    return Heard()
