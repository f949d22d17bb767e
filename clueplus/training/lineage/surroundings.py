"""The code and the packages that made something."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clueplus import __version__
from clueplus.files import canonical_json, sha256
from clueplus.records.lineage import Code

_PACKAGES = (
    *("torch", "transformers", "trl", "peft", "accelerate", "datasets", "datasketch", "tokenizers", "safetensors"),
    *("numpy", "lm-eval"),
)
_ROOMS = {
    "corpus": ("training/corpora",),
    "expert": ("training/experts", "training/trainer"),
    "align": ("training/alignment", "training/trainer"),
    "merge": ("training/merging",),
    "evaluate": ("evaluation", "metrics"),
    "gate": ("gate", "comparison"),
}


@cache
def code_of(kind: str, stage_version: int) -> Code:
    """The code behind a kind of stage."""
    package = Path(__file__).resolve().parents[2]
    files = [file for room in _ROOMS[kind] for file in sorted((package / room).rglob("*.py"))]
    content = {file.relative_to(package).as_posix(): sha256(file.read_bytes()) for file in files}
    return Code(clueplus=__version__, version=stage_version, sha256=sha256(canonical_json(content)))


@cache
def environment() -> dict[str, str]:
    """Versions that a result may depend on; nothing of the machine but what it is."""
    found = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
