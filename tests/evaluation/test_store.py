import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.errors import StoreError
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer


def filled(path: Path, *texts: str) -> Path:
    store = ResponseStore(path)
    with store.writing():
        for number, text in enumerate(texts):
            store.append(f"k{number}", Answer(text, "stop", 1, 2, 0.5))
    return path


@given(st.lists(st.text(), max_size=5))
def test_every_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = filled(tmp_path_factory.mktemp("store") / "r.jsonl", *texts)
    store = ResponseStore(path).load()
    assert [store.get(f"k{number}") for number in range(len(texts))] == [Answer(t, "stop", 1, 2, 0.5) for t in texts]


def test_nothing_but_the_key_finds_an_answer(tmp_path: Path) -> None:
    store = ResponseStore(filled(tmp_path / "r.jsonl", "one")).load()
    assert store.get("k1") is None


def test_a_file_that_is_not_there_is_an_empty_store(tmp_path: Path) -> None:
    assert len(ResponseStore(tmp_path / "r.jsonl").load()) == 0


def test_the_later_of_two_lines_counts(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl", "old")
    filled(path, "new")
    answer = ResponseStore(path).load().get("k0")
    assert answer is not None
    assert answer.text == "new"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_cut_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    path = filled(tmp_path / "r.jsonl", "one", "two")
    path.write_bytes(path.read_bytes()[:-cut])
    store = ResponseStore(path).load()
    assert len(store) == 1
    with store.writing():
        store.append("k1", Answer("two again"))
    again = ResponseStore(path).load()
    assert [again.get(k).text for k in ("k0", "k1")] == ["one", "two again"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "broken",
    ["not json", "{}", '{"key": "k", "answer": {"text": 3, "other": 1}, "check": ""}', "", '{"key": "k0"'],
)
def test_a_broken_line_in_the_middle_is_named_and_nothing_is_lost(tmp_path: Path, broken: str) -> None:
    path = filled(tmp_path / "r.jsonl", "one", "two")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], broken, lines[1]]) + "\n")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="line 2 is corrupt") as error:
        ResponseStore(path).load()
    assert "--fresh" in str(error.value)
    assert path.read_bytes() == before


def test_a_changed_answer_is_a_corrupt_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl", "the dose is 5 mg")
    path.write_text(path.read_text().replace("5 mg", "9 mg"))
    with pytest.raises(StoreError, match="line 1 is corrupt"):
        ResponseStore(path).load()


def test_there_is_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResponseStore(path).writing():
        with pytest.raises(StoreError, match="another run"), ResponseStore(path).writing():
            pass
    with ResponseStore(path).writing():
        pass


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't write"), ResponseStore(tmp_path / "file" / "r.jsonl").writing():
        pass


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    store = ResponseStore(filled(tmp_path / "r.jsonl", "one")).load()

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    with store.writing():
        real, store._file = store._file, Full()  # type: ignore[assignment]
        with pytest.raises(StoreError, match="No space left"):
            store.append("k9", Answer("x"))
        store._file = real
    assert store.get("k9") is None
    assert len(ResponseStore(store.path).load()) == 1


def test_the_file_is_one_json_document_a_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl", "a\nb\u2028c", "\ud83d")
    assert [json.loads(line)["key"] for line in path.read_bytes().split(b"\n")[:-1]] == ["k0", "k1"]
