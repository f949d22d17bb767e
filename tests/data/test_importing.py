"""The frame of imports, with a task of the tests; each task's importer has tests of its own."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from clueplus.data.imported import read_imported, write_imported
from clueplus.data.importing import file_hash, need_columns
from clueplus.errors import DataError
from tests.support.restricted_task import CANARY, NAME, write_restricted_task

IMPORTER = """\
import csv
from clueplus.data.importing import Imported, Rejected, file_hash, need_columns


def read(path):
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        need_columns(reader.fieldnames, ["id", "note"], path.name)
        rows = list(reader)
    good = [row for row in rows if row["note"]]
    bad = [Rejected(path.name, number, "no note") for number, row in enumerate(rows, 1) if not row["note"]]
    documents = [
        {"id": r["id"], "patient": r["id"], "note": r["note"], "answer": "yes", "ward": "a", "kind": "b"} for r in good
    ]
    return Imported({"test": documents[:-1], "fewshot": documents[-1:]}, {path.name: file_hash(path)}, bad, {"seed": 1})
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = write_restricted_task(tmp_path / "tasks", tmp_path / "other-data")
    (folder / NAME / "importer.py").write_text(IMPORTER)
    return folder


def held(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "notes.csv"
    path.write_text(text)
    return path


def test_rows_become_private_documents_with_a_manifest(cli_run: Any, tasks: Path, tmp_path: Path) -> None:
    path = held(tmp_path, f"id,note\n1,{CANARY} one\n2,\n3,{CANARY} three\n4,{CANARY} four\n")
    result = cli_run("data", "import", NAME, path, "--tasks-dir", tasks)
    assert result.code == 0, result.err
    assert result.out == f"{NAME} (official): 2 test, 1 fewshot documents, 1 rows rejected\n"
    assert "rejected: notes.csv row 2: no note" in result.err
    assert CANARY not in result.out + result.err
    documents, manifest = read_imported(tmp_path / "data", NAME, "official")
    assert manifest.sources == {"notes.csv": file_hash(path)}
    assert (manifest.rejected, manifest.notes) == ({"no note": 1}, {"seed": 1})
    for file in documents.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(documents.parent.stat().st_mode) == 0o700
    assert json.loads(cli_run("data", "import", NAME, path, "--tasks-dir", tasks, "--json").out)["splits"] == {
        "test": 2,
        "fewshot": 1,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{CANARY},a\n1,2\n", "no column id, note"),
        ("id,note\n1,a\n", "the test split is empty"),
        (f"id,note\n1,{CANARY}\n1,b\n2,c\n", "its id is that of"),
    ],
)
def test_files_of_another_shape_are_refused_without_their_text(
    cli_run: Any, tasks: Path, tmp_path: Path, text: str, told: str
) -> None:
    result = cli_run("data", "import", NAME, held(tmp_path, text), "--tasks-dir", tasks)
    assert result.code == 2
    assert told in result.err
    assert CANARY not in result.err
    assert not (tmp_path / "data").exists()


def test_a_task_that_is_fetched_imports_nothing(cli_run: Any, tmp_path: Path) -> None:
    result = cli_run("data", "import", "medec", tmp_path)
    assert result.code == 2
    assert "clueplus data fetch medec" in result.err


def two_variants(tasks: Path, returned: str) -> None:
    """The task with a second imported variant, and an importer that says which one it read."""
    declaration = tasks / NAME / f"{NAME}.yaml"
    text = declaration.read_text()
    official = next(line for line in text.splitlines() if line.strip().startswith("official:"))
    declaration.write_text(text.replace(official, f"{official}\n{official.replace('official:', 'open:')}"))
    importer = IMPORTER.replace('{"seed": 1})', f'{{"seed": 1}}, {returned})')
    (tasks / NAME / "importer.py").write_text(importer)


def test_an_importer_says_which_of_two_variants_it_read(cli_run: Any, tasks: Path, tmp_path: Path) -> None:
    two_variants(tasks, "'open'")
    result = cli_run("data", "import", NAME, held(tmp_path, "id,note\n1,a\n2,b\n"), "--tasks-dir", tasks)
    assert result.out == f"{NAME} (open): 1 test, 1 fewshot documents, 0 rows rejected\n"
    assert read_imported(tmp_path / "data", NAME, "open")[1].variant == "open"
    with pytest.raises(DataError, match="was not imported"):
        read_imported(tmp_path / "data", NAME, "official")


@pytest.mark.parametrize(("returned", "told"), [("None", "no variant"), ("'sample'", "sample")])
def test_an_importer_that_names_no_imported_variant_is_refused(
    cli_run: Any, tasks: Path, tmp_path: Path, returned: str, told: str
) -> None:
    two_variants(tasks, returned)
    result = cli_run("data", "import", NAME, held(tmp_path, "id,note\n1,a\n2,b\n"), "--tasks-dir", tasks)
    assert result.code == 2
    assert f"its importer read {told}, of official, open" in result.err
    assert not (tmp_path / "data").exists()


def test_a_path_that_is_not_there_is_told(cli_run: Any, tasks: Path) -> None:
    assert "no such file" in cli_run("data", "import", NAME, "nowhere", "--tasks-dir", tasks).err


def test_documents_that_were_changed_by_hand_are_refused(tmp_path: Path) -> None:
    write_imported(tmp_path, "t", "official", {"test": [{"id": "1"}]}, sources={})
    path, _ = read_imported(tmp_path, "t", "official")
    path.write_text(path.read_text().replace("1", "2"))
    with pytest.raises(DataError, match="changed since it was imported"):
        read_imported(tmp_path, "t", "official")
    path.unlink()
    with pytest.raises(DataError, match="was not imported"):
        read_imported(tmp_path, "t", "official")


def test_a_missing_column_is_named_and_what_is_there_is_not() -> None:
    with pytest.raises(DataError, match=r"f\.csv: no column b"):
        need_columns(["a"], ["a", "b"], "f.csv")
    need_columns(["a", "b", "c"], ["a", "b"], "f.csv")


@pytest.fixture
def cli_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    from typing import NamedTuple

    from clueplus.cli.main import run

    class Result(NamedTuple):
        code: int
        out: str
        err: str

    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))

    def call(*words: object) -> Result:
        code = run([str(word) for word in words])
        return Result(code, *capsys.readouterr())

    return call
