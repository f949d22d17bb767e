"""Small corpora, specs and listeners for tests that train."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.spec import Training
from clueplus.training.trained import Progress
from tests.support.tiny_model import CLINICAL_TEXT

PARAGRAPHS = [" ".join(paragraph.split()) for paragraph in CLINICAL_TEXT.split("\n\n")]
CANARY = "canary-patient-note-5512"
SENTENCES = [
    sentence.strip() + "." for paragraph in PARAGRAPHS for sentence in paragraph.split(". ") if len(sentence) > 20
]


class Heard:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.states: list[Progress] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, state: Progress) -> None:
        self.states.append(state)


def training(**fields: Any) -> Training:
    """Hyperparameters at which a step is exact arithmetic: no noise, no warm-up, float32."""
    plain = {"max_length": 256, "batch": 2, "learning_rate": 1e-3, "warmup_steps": 0, "dtype": "float32"}
    return Training(**{**plain, "neftune_alpha": None, **fields})


def dapt(**fields: Any) -> ExpertSpec:
    return ExpertSpec(method="dapt", phases=(training(**fields),))


def pit(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **both: Any) -> ExpertSpec:
    return ExpertSpec(method="pit", phases=(training(**both, **(first or {})), training(**both, **(second or {}))))


def align_spec(method: str, **fields: Any) -> AlignSpec:
    return AlignSpec(method=method, training=training(**{"max_length": 512, **fields}))  # type: ignore[arg-type]


def write_corpus(folder: Path, texts: Iterable[str], task_data: Iterable[Sequence[str]] | None = None) -> Path:
    """A folder with documents.jsonl as the corpora room leaves it."""
    folder.mkdir(parents=True)
    outputs = iter(task_data) if task_data is not None else None
    rows = [
        {"id": f"d{number}", "text": text, "source": "test", "task_data": list(next(outputs)) if outputs else []}
        for number, text in enumerate(texts)
    ]
    _write(folder / "documents.jsonl", rows)
    return folder


def write_rows(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A folder with rows.jsonl as the corpora room leaves it."""
    folder.mkdir(parents=True)
    _write(folder / "rows.jsonl", rows)
    return folder


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def instruction_rows(count: int = 8) -> list[dict[str, Any]]:
    """Each asks for the first words of a sentence."""
    return [
        {"instruction": "Repeat the first three words.", "input": text, "output": " ".join(text.split()[:3])}
        for text in SENTENCES[:count]
    ]


def preference_rows(count: int = 8) -> list[dict[str, Any]]:
    return [{**row, "rejected_output": "I can't say."} for row in instruction_rows(count)]


def checkpoint_digest(folder: Path) -> str:
    """Over everything of a checkpoint but what tells of the run."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "training.jsonl":
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def sequence_losses(folder: Path, sequences: Iterable[Sequence[int]], masked: Sequence[int] | None = None) -> list[Any]:
    """What transformers itself says of each sequence alone: the summed loss and the number of predicted tokens.

    `masked` are the numbers of leading tokens of each sequence that no loss is taken of.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    for number, ids in enumerate(sequences):
        first = max(1, masked[number] if masked is not None else 1)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([list(ids)])).logits[0, first - 1 : -1]
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(list(ids)[first:]), reduction="none")
        found.append((losses.sum().item(), len(losses)))
    return found


def mean_loss(folder: Path, sequences: Iterable[Sequence[int]], masked: Sequence[int] | None = None) -> float:
    """Over all predicted tokens of all sequences."""
    found = sequence_losses(folder, sequences, masked)
    return float(sum(loss for loss, _ in found) / sum(count for _, count in found))
