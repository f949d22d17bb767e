"""From a task folder and a variant to its checked documents."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from clueplus.data.documents import Document, Documents, Splits, check_splits
from clueplus.data.imported import read_imported
from clueplus.data.library import Library
from clueplus.errors import DataError
from clueplus.files import sha256
from clueplus.registry import TaskMetadata, TaskSpec, VariantName

VARIANT_VARIABLE = "CLUEPLUS_VARIANT"

Build = Callable[[Mapping[str, bytes]], Mapping[str, list[Document]]]


def task_dataset(module_file: str, build: Build | None = None) -> Callable[..., dict[str, Documents]]:
    """The `custom_dataset` function of a task: what lm-eval calls to get the task's documents.

    Args:
        module_file: `__file__` of the task's module; `sample.jsonl` stands beside it.
        build: from the content of the source files, by their `file` name, to the lists "test" and "fewshot". None
            where no variant has sources: every one is shipped or imported.

    Returns:
        A function of the task's metadata. It also understands `variant` (default: the environment variable
        `CLUEPLUS_VARIANT`, then "official") and `mirror`, which stock lm-eval passes with `--metadata`, and
        `library`, a `Library` that takes the place of this user's.
    """
    folder = Path(module_file).resolve().parent

    def dataset(**options: Any) -> dict[str, Documents]:
        metadata = TaskMetadata.model_validate({k: v for k, v in options.items() if k in TaskMetadata.model_fields})
        variant = options.get("variant") or os.environ.get(VARIANT_VARIABLE) or "official"
        library = options.get("library") or Library.here(options.get("mirror"))
        splits = _splits(folder, metadata, variant, library, build)
        return {"test": splits.test, "fewshot": splits.fewshot}

    return dataset


def load_splits(spec: TaskSpec, variant: VariantName, library: Library) -> Splits:
    """The documents of a task without lm-eval: for `clueplus data` and for tests.

    Raises:
        DataError: the variant does not exist, a file is absent or changed, or a document is not as declared.
    """
    module_name, _, function = spec.custom_dataset.removeprefix("!function ").rpartition(".")
    module = import_module(spec.folder / f"{module_name}.py")
    metadata = spec.metadata.model_dump()
    loaded = getattr(module, function)(**metadata, variant=variant, library=library)
    return Splits(loaded["test"], loaded["fewshot"])


def sample_pool(module_file: str) -> list[Document]:
    """The few-shot documents of the task's `sample.jsonl`: a pool for a set that has nothing to spare.

    Args:
        module_file: `__file__` of a module in the task's folder.
    """
    return list(_sample(Path(module_file).resolve().with_name("sample.jsonl")).fewshot)


def _splits(folder: Path, metadata: TaskMetadata, variant: str, library: Library, build: Build | None) -> Splits:
    name = f"{folder.name} ({variant})"
    if variant not in get_args(VariantName):
        raise DataError(f"unknown variant '{variant}'", fix=f"use one of {', '.join(get_args(VariantName))}")
    if variant not in metadata.variants:
        raise DataError(f"{folder.name} has no variant '{variant}'", fix=f"it has {', '.join(metadata.variants)}")
    if variant == "sample":
        return check_splits(_sample(folder / "sample.jsonl"), metadata, name)
    if metadata.variants[variant].imported:
        path, _ = read_imported(library.folder, folder.name, variant)
        splits = check_splits(_sample(path), metadata, name)
        return Splits(_fair_order(splits.test, metadata.cluster), splits.fewshot)
    if build is None:
        raise DataError(f"{name}: there is nothing to build it from")
    files = {source.file: library.read(source) for source in metadata.variants[variant].sources}
    built = build(files)
    splits = check_splits(Splits(Documents(built["test"]), Documents(built["fewshot"])), metadata, name)
    return Splits(_fair_order(splits.test, metadata.cluster), splits.fewshot)


def _fair_order(documents: Sequence[Document], cluster: str) -> Documents:
    """The documents in an order that the data does not know, dependent ones together.

    Upstream files are sorted, one by error type: their first rows are no sample of the rest, and `--limit` must be.
    """
    return Documents(sorted(documents, key=lambda document: sha256(str(document[cluster]))))


def _sample(path: Path) -> Splits:
    splits: dict[str, Documents] = {"test": Documents(), "fewshot": Documents()}
    try:
        with path.open(encoding="utf-8") as file:  # not splitlines: a document may hold U+2028
            lines = file.readlines()
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: can't be read (not UTF-8 at byte {error.start})") from error
    for number, line in enumerate(lines, start=1):
        try:
            document = json.loads(line)
            splits[document.pop("split")].append(document)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError(f"{path}:{number}: not a JSON document with 'split' test or fewshot") from error
    return Splits(splits["test"], splits["fewshot"])


def import_module(path: Path) -> ModuleType:
    """The Python module of a task's folder.

    Raises:
        DataError: there is none.
    """
    name = f"clueplus_task_{path.stem}_{abs(hash(str(path)))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError(f"{path}: no such task module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
