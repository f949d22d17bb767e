"""Imports run one way, files stay short, and the command line starts without heavy packages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "clueplus"
MOST_LINES = 400
HEAVY = {
    *("torch", "transformers", "datasets", "pandas", "lm_eval", "sklearn", "scipy"),
    *("aiohttp", "openpyxl", "pooch", "nltk", "rapidfuzz"),
}

# The rooms from the lowest to the highest: a room may import itself and what stands before it.
LEVELS = [
    {"errors"},
    {"files"},
    {"registry"},
    {"metrics", "statistics", "records", "plots"},
    {"data"},
    {"models"},
    {"evaluation"},
    {"comparison", "exchange"},
    {"gate"},
    {"leaderboard", "training"},
    {"cli"},
    {"__main__"},
]
# These know numbers and text only, so that they can be read and checked on their own.
NARROW = {
    **{room: {"errors"} for room in ("files", "registry", "metrics", "statistics", "plots")},
    "records": {"errors", "files", "registry"},
    "comparison": {"errors", "files", "registry", "statistics", "records", "plots"},
    "gate": {"errors", "files", "registry", "statistics", "records", "plots", "comparison"},
    "exchange": {"errors", "files", "registry", "metrics", "statistics", "records", "data"},
    "leaderboard": {"errors", "files", "registry", "statistics", "records", "plots", "comparison", "gate"},
}
# What the code of a task may use of the house.
TASK_ROOMS = {"data", "metrics", "errors"}


def modules(folder):
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(module):
    """The room of a module's dotted name: "clueplus.data.load" is in "data"; the package itself has none."""
    return module.split(".")[1] if "." in module else ""


def imports(tree):
    """Every module that is imported anywhere in a file; from-imports of the package itself name the room."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            if node.module == "clueplus":
                yield from (f"clueplus.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
            else:
                yield node.module


def rooms_used(path):
    names = imports(ast.parse(path.read_text(encoding="utf-8")))
    return {room_of(name) for name in names if name.split(".")[0] == "clueplus"} - {""}


def allowed_rooms(room):
    level = next(number for number, rooms in enumerate(LEVELS) if room in rooms)
    return {room} | NARROW.get(room, set().union(*LEVELS[:level]))


def top_level_imports(tree):
    """The first names of what a module imports when it is imported: not in functions, not for type checkers only."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]
        pending += ast.iter_child_nodes(node)


def test_every_room_has_a_level():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules(PACKAGE)}
    assert rooms - {"__init__"} == set().union(*LEVELS)


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_room_and_from_lower_ones(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = set() if room == "__init__" else allowed_rooms(room)
    assert rooms_used(path) <= allowed


@pytest.mark.parametrize("path", modules(REPOSITORY / "tasks"), ids=lambda path: path.stem)
def test_a_task_imports_only_data_and_metrics_of_the_house(path):
    assert rooms_used(path) <= TASK_ROOMS


@pytest.mark.parametrize("folder", ["clueplus", "tasks"])
def test_no_file_is_longer_than_one_can_read_at_a_sitting(folder):
    files = [path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


LIGHT = [*modules(PACKAGE / "cli"), *modules(PACKAGE / "registry"), PACKAGE / "errors.py", PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_heavy_package_is_imported_when_a_light_module_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert HEAVY.isdisjoint(top_level_imports(tree))


def test_the_command_line_and_the_catalog_start_without_a_heavy_package():
    code = "import sys, clueplus.cli.main, clueplus.registry as r; r.Catalog().tasks; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY.isdisjoint(found.stdout.split())
