"""n2c2 2022 track 2 from its brat folders: train, dev and test, each with NAME.txt beside NAME.ann."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.load import import_module
from clueplus.errors import DataError

SPLITS = ("test", "train", "dev")

brat = import_module(Path(__file__).with_name("brat.py"))
task = import_module(Path(__file__).with_name("sdoh.py"))


def read(path: Path) -> Imported:
    """The notes of folders named "test"; few-shot examples from those named "train" and "dev".

    Args:
        path: a folder above the three; each may have folders for the hospitals in it.

    Raises:
        DataError: there are no such folders, or no note in them.
    """
    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in SPLITS}
    rejected: list[Rejected] = []
    outside: Counter[str] = Counter()
    hashes: dict[str, list[str]] = {}
    for name, part, file in _notes(path):
        annotations = file.with_suffix(".ann")
        if not annotations.is_file():
            rejected.append(Rejected(f"{name}.txt", 1, "no .ann file beside it"))
            continue
        hashes.setdefault(name.rpartition("/")[0], []).extend((file_hash(file), file_hash(annotations)))
        try:
            parts[part].append(_document(name, _text(file), _text(annotations), outside))
        except brat.BratError as fault:
            rejected.append(Rejected(f"{name}.ann", fault.args[0], fault.args[1]))
    for name in ("test", "train"):
        if not parts[name]:
            raise DataError(f"{path}: no note with annotations in a folder '{name}'", fix="give the folder above them")
    pool = _unlike_the_test(parts, rejected)
    sources = {folder: hashlib.sha256("\n".join(found).encode()).hexdigest() for folder, found in hashes.items()}
    splits = {"test": parts["test"], "fewshot": task.shots_first(pool)}
    return Imported(splits, sources, rejected, {"arguments outside the schema": dict(sorted(outside.items()))})


def _notes(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Each text file in a folder of a split: its name without ending, the split, where it is."""
    for file in sorted(path.rglob("*.txt")):
        name = file.relative_to(path).with_suffix("").as_posix()
        part = next((folder.lower() for folder in name.split("/")[:-1] if folder.lower() in SPLITS), None)
        if part is not None:
            yield name, part, file


def _unlike_the_test(parts: dict[str, list[dict[str, Any]]], rejected: list[Rejected]) -> list[dict[str, Any]]:
    """The training and development notes whose text is no test note's; short notes often recur."""
    known = {" ".join(document["note"].lower().split()) for document in parts["test"]}
    pool = []
    for document in parts["train"] + parts["dev"]:
        if " ".join(document["note"].lower().split()) in known:
            rejected.append(Rejected(f"{document['id']}.txt", 1, "the text of a test note"))
        else:
            pool.append(document)
    return pool


def _document(name: str, note: str, annotations: str, outside: Counter[str]) -> dict[str, Any]:
    if not note.strip():
        raise brat.BratError(1, "the note is empty")
    entries = sorted(brat.entries(note, annotations, outside))
    answer = [
        {"entity": entity, "label": label, "value": " ".join(note[start:end].split())}
        for start, end, entity, label in entries
    ]
    return {
        "id": name,
        "note": note,
        "scope": "span",
        "spans": json.dumps([[start, end, task.key(entity, label)] for start, end, entity, label in entries]),
        "answer": json.dumps(answer, ensure_ascii=False),
        "group": name.split("/")[-2],
        "case": name,
    }


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise brat.BratError(1, f"{file.suffix} is not UTF-8") from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
