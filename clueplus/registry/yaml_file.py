"""YAML content files read into typed models; every fault is one line that names the file and the line."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from clueplus.errors import ClueplusError

Model = TypeVar("Model", bound=BaseModel)


# libyaml's parser is ten times faster than the pure Python one; every wheel of PyYAML has it.
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc, valid-type]
    """Safe YAML that refuses repeated keys and keeps lm-eval's `!function` tag as the text of the reference."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            problem = "a key is no plain value: put text with {{ }} in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' appears twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("!function", lambda loader, node: f"!function {node.value}")


def read_yaml(path: Path, model: type[Model]) -> Model:
    """The content of the YAML file `path` as a `model`, which also gets the `path`.

    Raises:
        ClueplusError: the file can't be read, is no YAML mapping, or does not fit the model; the message names the
            file and, where there is one, the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClueplusError(f"{path}: can't be read ({error})") from error
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that does not exist
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ClueplusError(f"{place}: not valid YAML: {problem}") from error
    if not isinstance(data, dict):
        raise ClueplusError(f"{path}: expected a YAML mapping, found {type(data).__name__}")
    if "path" in data:  # it would be overwritten in silence
        line = _line_of(yaml.compose(text, Loader=_Loader), ("path",))
        raise ClueplusError(f"{path}:{line}: path: unknown key")
    try:
        return model.model_validate({**data, "path": path})
    except ValidationError as error:
        raise ClueplusError(_first_fault(path, yaml.compose(text, Loader=_Loader), error)) from error


def _first_fault(path: Path, root: yaml.Node | None, error: ValidationError) -> str:
    """The first validation fault with its line; the number of further ones is told."""
    faults = error.errors(include_url=False)
    fault = faults[0]
    where = ".".join(str(part) for part in fault["loc"])
    message = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{path}:{_line_of(root, fault['loc'])}: {where or 'file'}: {message}{more}"


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The 1-based line of the deepest node of `location` that exists."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
