"""Where content is found, and the look-up of tasks, groups and models by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, TypeVar

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.registry.model_spec import ModelSpec
from clueplus.registry.task_spec import GroupSpec, TaskSpec
from clueplus.registry.yaml_file import read_yaml

ENTRY_POINT_GROUP = "clueplus.tasks"
Spec = TypeVar("Spec", TaskSpec, GroupSpec, ModelSpec)


def content_folder(kind: str) -> Path:
    """The folder of shipped content of one `kind`: "tasks", "models", "training" or "leaderboard".

    A wheel carries content inside the package (`clueplus/content/`); in a checkout it stands beside the package.

    Raises:
        ClueplusError: neither place has it, so the installation is broken.
    """
    package = Path(__file__).resolve().parents[1]
    for root in (package / "content", package.parent):
        if (root / kind).is_dir():
            return root / kind
    raise ClueplusError(f"the installed clueplus has no '{kind}' folder", fix="reinstall clueplus")


class _Shape(NamedTuple):
    is_group: bool
    path: Path


class Catalog:
    """Tasks, groups and models by name.

    Looks in the shipped folders, in packages that register a folder under the entry point `clueplus.tasks`, and in
    `tasks_dirs`; a name that appears twice is an error that names both files. Only YAML is read, so listing is fast.
    """

    def __init__(self, tasks_dirs: Sequence[Path] = ()) -> None:
        for folder in tasks_dirs:
            if not folder.is_dir():
                raise ClueplusError(
                    f"--tasks-dir {folder}: no such folder", fix="give the folder that holds your task folders"
                )
        self._user_dirs = [folder.resolve() for folder in tasks_dirs]

    @cached_property
    def task_dirs(self) -> list[Path]:
        """Every folder with task folders, shipped first."""
        return [content_folder("tasks"), *_registered_folders(), *self._user_dirs]

    @cached_property
    def tasks(self) -> dict[str, TaskSpec]:
        """Every task by name, in the order of the names."""
        return _by_name(read_yaml(p, TaskSpec) for is_group, p in self._files if not is_group)

    @cached_property
    def groups(self) -> dict[str, GroupSpec]:
        """Every group by name; no name is also that of a task."""
        groups = _by_name(read_yaml(p, GroupSpec) for is_group, p in self._files if is_group)
        for name in groups.keys() & self.tasks.keys():
            raise _twice(name, self.tasks[name].path, groups[name].path)
        return groups

    @cached_property
    def models(self) -> dict[str, ModelSpec]:
        """Every model by name, in the order of the names."""
        return _by_name(read_yaml(p, ModelSpec) for p in sorted(content_folder("models").glob("*.yaml")))

    @cached_property
    def _files(self) -> list[_Shape]:
        files: list[_Shape] = []
        for folder in self.task_dirs:
            files += [_Shape(False, p) for p in sorted(folder.glob("*/*.yaml"))]
            files += [_Shape(True, p) for p in sorted(folder.glob("*.yaml"))]
        return files

    def task(self, name: str) -> TaskSpec:
        """The task called `name`.

        Raises:
            ClueplusError: there is none; the message suggests near names.
        """
        if name not in self.tasks:
            raise ClueplusError(f"unknown task '{name}'", fix=f"{did_you_mean(name, [*self.tasks, *self.groups])}")
        return self.tasks[name]

    def model(self, name: str) -> ModelSpec:
        """The model called `name`.

        Raises:
            ClueplusError: there is none; the message suggests near names.
        """
        if name not in self.models:
            raise ClueplusError(f"unknown model '{name}'", fix=did_you_mean(name, self.models))
        return self.models[name]

    def select(self, names: Iterable[str]) -> list[TaskSpec]:
        """The tasks that `names` (of tasks and groups) stand for, each once, in the order given.

        Raises:
            ClueplusError: an unknown name, or no name at all.
        """
        chosen: dict[str, TaskSpec] = {}
        for name in names:
            members = self.groups[name].task if name in self.groups else [name]
            for member in members:
                chosen.setdefault(member, self.task(member))
        if not chosen:
            raise ClueplusError("no task was named", fix="clueplus tasks list shows them")
        return list(chosen.values())


def _registered_folders() -> list[Path]:
    """Folders that installed packages offer: each entry point loads to a path or to a function that returns one."""
    folders = []
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            value = point.load()
            folder = Path(value() if callable(value) else value)
        except Exception as error:
            raise ClueplusError(
                f"the entry point '{point.name}' ({ENTRY_POINT_GROUP}) fails: {type(error).__name__}: {error}",
                fix="mend or uninstall the package that registers it",
            ) from error
        if not folder.is_dir():
            raise ClueplusError(f"the entry point '{point.name}' ({ENTRY_POINT_GROUP}) names no folder: {folder}")
        folders.append(folder.resolve())
    return folders


def _twice(name: str, first: Path, second: Path) -> ClueplusError:
    return ClueplusError(f"'{name}' is defined twice: {first} and {second}")


def _by_name(specs: Iterable[Spec]) -> dict[str, Spec]:
    found: dict[str, Spec] = {}
    for spec in specs:
        if spec.name in found:
            raise _twice(spec.name, found[spec.name].path, spec.path)
        found[spec.name] = spec
    return dict(sorted(found.items()))
