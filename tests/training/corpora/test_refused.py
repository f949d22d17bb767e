"""Files that are test data are known by hash and content, under whatever name."""

import gzip
import zipfile

import pytest

from clueplus.data import Library
from clueplus.data.importing import file_hash
from clueplus.errors import DataError
from clueplus.files import sha256
from clueplus.registry import Catalog
from clueplus.training.corpora.refused import TestFiles
from tests.support.corpora import SENTENCE, OnlyThese, write_task

TEST_LINES = [f"patient {number} was seen for complaint {number * 7} in spring" for number in range(20)]
_CODE = """\
from clueplus.data import task_dataset


def build(files):
    lines = [line for name in sorted(files) if b"PK" != files[name][:2] for line in files[name].decode().splitlines()]
    made = [
        {"id": str(n), "note": line.split(",")[1], "answer": "yes", "ward": "w", "options": ["a", "b"]}
        for n, line in enumerate(lines)
    ]
    test = [document for document, line in zip(made, lines) if line.startswith("test")]
    return {"test": test, "fewshot": [document for document in made if document not in test]}


dataset = task_dataset(__file__, build)
"""


@pytest.fixture
def refuse(tmp_path):
    """A function that refuses a file; the task's open variant is made of the content of files by name."""

    def with_files(path, files):
        sources = ""
        for name, content in files.items():
            (tmp_path / "data" / "up").mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / "up" / name).write_bytes(content)
            sources += (
                f"        - {{file: up/{name}, url: 'https://example.org/x', commit: '{'0' * 40}', "
                f"sha256: {sha256(content)}, licence: none, tier: open}}\n"
            )
        more = f"    open:\n      tier: open\n      licence: none\n      description: x\n      sources:\n{sources}"
        folder = write_task(tmp_path / "tasks", [SENTENCE], more=more)
        (folder / "toy" / "toy.py").write_text(_CODE)
        TestFiles(OnlyThese([folder]), Library(tmp_path / "data")).refuse(path, file_hash(path))

    return with_files


def content(lines, split):
    return "".join(f"{split},{line}\n" for line in lines).encode()


TEST, TRAIN = content(TEST_LINES, "test"), content(["another patient altogether"] * 30, "train")


def put(path, raw):
    path.write_bytes(raw)
    return path


def test_a_file_that_test_documents_are_made_from_is_refused(refuse, tmp_path):
    path = put(tmp_path / "mine.txt", TEST)
    with pytest.raises(DataError, match=r"mine\.txt is test data of toy \(open\): .* can't be evaluated"):
        refuse(path, {"a.csv": TEST, "b.csv": TRAIN})


def test_so_is_the_same_file_packed(refuse, tmp_path):
    path = put(tmp_path / "mine.txt.gz", gzip.compress(TEST))
    with pytest.raises(DataError, match="test data of toy"):
        refuse(path, {"a.csv": TEST, "b.csv": TRAIN})


def test_one_of_several_test_files_is_refused(refuse, tmp_path):
    path = put(tmp_path / "mine.txt", content(TEST_LINES[:4], "test"))
    with pytest.raises(DataError, match="test data of toy"):
        refuse(path, {"a.csv": content(TEST_LINES[:4], "test"), "b.csv": content(TEST_LINES[4:], "test") + TRAIN})


def test_the_training_file_of_the_same_data_is_not(refuse, tmp_path):
    refuse(put(tmp_path / "mine.txt", TRAIN), {"a.csv": TEST, "b.csv": TRAIN})


def test_a_file_that_nobody_registered_is_not(refuse, tmp_path):
    refuse(put(tmp_path / "mine.txt", b"something else"), {"a.csv": TEST, "b.csv": TRAIN})


@pytest.mark.parametrize("raw", [b"PK\x03\x04 no archive \0", b"PK\0\0binary"])
def test_a_registered_file_that_is_no_text_is_refused(refuse, tmp_path, raw):
    with pytest.raises(DataError, match="test data of toy"):
        refuse(put(tmp_path / "mine.bin", raw), {"a.csv": TEST, "b.csv": TRAIN, "c.bin": raw})


def test_a_workbook_is_looked_into(refuse, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("sheet.xml", "".join(f"<t>{line}</t>" for line in TEST_LINES))
    raw = (tmp_path / "x.zip").read_bytes()
    with pytest.raises(DataError, match="test data of toy"):
        refuse(put(tmp_path / "mine.xlsx", raw), {"a.csv": TEST, "b.csv": TRAIN, "c.xlsx": raw})


def test_a_workbook_of_something_else_passes(refuse, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("sheet.xml", "<t>nothing of the kind</t>")
    raw = (tmp_path / "x.zip").read_bytes()
    refuse(put(tmp_path / "mine.xlsx", raw), {"a.csv": TEST, "b.csv": TRAIN, "c.xlsx": raw})


def test_every_shipped_sample_file_is_refused(tmp_path):
    files = TestFiles(Catalog(), Library(tmp_path))
    for spec in Catalog().tasks.values():
        copy = put(tmp_path / "copy.jsonl", (spec.folder / "sample.jsonl").read_bytes())
        with pytest.raises(DataError, match=rf"test data of {spec.name} \(sample\)"):
            files.refuse(copy, file_hash(copy))


REFUSED = {
    *("clinicalnlp_taskB_test1.csv", "clinicalnlp_taskC_test2.csv", "clef_taskC_test3.csv", "sdoh_nli_test.csv"),
    *("NCBItestset_corpus.txt", "Partial_Iteration_2_demographic_annotated.csv"),
    *("MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv", "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"),
}
FREE = {
    *("train.csv", "valid.csv", "MTS-Dialog-TrainingSet.csv", "NCBItrainset_corpus.txt", "sdoh_nli_validation.csv"),
    "MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv",
}


def test_real_test_files_are_refused_and_real_training_files_are_not(data_mirror, tmp_path):
    files = TestFiles(Catalog(), Library(tmp_path, data_mirror))
    refused = set()
    for path in data_mirror.glob("*/*"):
        if path.name in REFUSED | FREE:
            try:
                files.refuse(path, file_hash(path))
            except DataError:
                refused.add(path.name)
    assert refused == REFUSED
