"""What is refused, what is left out and said so, and that no text of a document comes out of an import."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clueplus.data import Library, load_splits
from clueplus.errors import ClueplusError, StoreError
from clueplus.exchange.importing import import_lm_eval
from clueplus.files import sha256
from clueplus.models.base import prompt_hash
from clueplus.records.run import RunRecord, read_run
from clueplus.registry import Catalog
from clueplus.statistics.intervals import mean_of_means_interval
from tests.support.lm_eval_files import lm_eval_hash, results_of, sample_line, write_json, write_lines
from tests.support.restricted_task import CANARY, documents, write_restricted_task

Lines = list[dict[str, Any]]
SPEC = Catalog().task("medec")
DOCUMENTS = load_splits(SPEC, "sample", Library(Path("none"))).test


def lines_of(count: int = len(DOCUMENTS)) -> Lines:
    return [
        sample_line(
            number,
            document,
            {"accuracy": float(number % 3 == 0)},
            {"flag_accuracy": 1.0, "error_note_accuracy": float(number % 3 == 0) if number % 2 else None},
            unscorable=number == 4,
            chat=True,
        )
        for number, document in enumerate(DOCUMENTS[:count])
    ]


class Files:
    """The two files of a run in a folder; a test changes them before it imports them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines = folder, lines_of()
        self.results = results_of(SPEC, self.lines, len(DOCUMENTS))

    def write(self) -> tuple[Path, Path]:
        return (
            write_json(self.folder / "results_x.json", self.results),
            write_lines(self.folder / "samples_medec_x.jsonl", self.lines),
        )

    def load(self, *, samples: bool = True, catalog: Catalog | None = None) -> RunRecord:
        results, lines = self.write()
        files = [lines] if samples else []
        return import_lm_eval(results, files, self.folder / "out", catalog or Catalog()).record


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_with_samples_there_are_items_and_intervals(files: Files) -> None:
    record = files.load()
    (task,) = record.tasks
    assert (task.score.value, task.score.n, task.no_items) == (pytest.approx(1 / 3), 15, None)
    assert task.score.low is not None
    assert task.score.low < 1 / 3
    assert task.beside["error_note_accuracy"].n == 7
    assert task.outcomes == {"scored": 14, "unscorable": 1, "infrastructure_error": 0}
    assert record.variant == "sample", "told by the number of documents"
    _, again, items = read_run(files.folder / "out" / "ckpt" / record.run)
    assert again == record
    assert [item.index for item in items] == list(range(15))


@pytest.mark.parametrize(("chat", "api"), [(True, "chat"), (False, "completions")])
def test_a_prompt_has_the_hash_that_our_own_run_gives_it(files: Files, chat: bool, api: str) -> None:
    files.lines = [
        sample_line(number, document, {"accuracy": 1.0}, {"flag_accuracy": 1.0}, unscorable=False, chat=chat)
        for number, document in enumerate(DOCUMENTS)
    ]
    files.results = results_of(SPEC, files.lines, len(DOCUMENTS))
    record = files.load()
    _, _, items = read_run(files.folder / "out" / "ckpt" / record.run)
    text = f"Read this: {json.dumps(DOCUMENTS[2])}"
    assert items[2].prompt_hash == prompt_hash([{"role": "user", "content": text}] if chat else text)
    assert record.model.api == api
    assert record.tasks[0].decoding["repetition_penalty"] is None, "lm-eval left it to the server"


def test_without_samples_there_are_scores_and_the_record_says_so(files: Files) -> None:
    record = files.load(samples=False)
    (task,) = record.tasks
    assert (task.score.value, task.score.low, task.score.high) == (pytest.approx(1 / 3), None, None)
    assert task.score.reason == "no interval, n is the task's: imported without its samples"
    assert task.no_items == "imported without its samples"
    assert (task.prompts, task.data.documents) == (None, {})
    assert task.outcomes["unscorable"] == 1


def test_a_machine_s_paths_and_hosts_stay_behind(files: Files) -> None:
    record = files.load()
    assert record.model.name == "ckpt"
    written = "".join(path.read_text() for path in (files.folder / "out").rglob("*") if path.is_file())
    for trace in ("/home/me", "gpu.internal", str(files.folder)):
        assert trace not in written


def test_a_part_of_the_documents_is_a_limit(files: Files) -> None:
    files.lines = lines_of(6)
    files.results = results_of(SPEC, files.lines, len(DOCUMENTS))
    (task,) = files.load().tasks
    assert (task.documents, task.limit) == (6, 6)


@pytest.mark.parametrize("value", [float("nan"), "N/A", None, "absent"])
def test_a_value_that_lm_eval_lacks_is_null_with_a_reason(files: Files, value: Any) -> None:
    numbers = files.results["results"]["medec"]
    for name in ("score,none", "accuracy,none"):
        numbers[name] = value
        if value == "absent":
            del numbers[name]
    record = files.load(samples=False)
    measures = record.tasks[0].score, record.tasks[0].components["accuracy"]
    assert [measure.value for measure in measures] == [None, None]
    assert measures[0].reason == "lm-eval has none: no value of accuracy"
    assert record.average.value is None
    assert record.average.reason == "no score for medec"


def test_tasks_that_can_t_be_imported_are_named_with_the_reason(files: Files) -> None:
    names = {"gsm8k": {}, "icd10cm": {"score,none": 0.5}, "meqsum": {"score,none": 0.5, "unscorable,none": 0.0}}
    files.results["results"] |= {**names, "clueplus_open": {"score,none": 0.5}}
    files.results["group_subtasks"] = {"clueplus_open": ["medec"]}
    for name in ("icd10cm", "meqsum"):
        files.results["configs"][name] = files.results["configs"]["medec"]
        files.results["n-shot"][name] = 3
        files.results["n-samples"][name] = {"original": 77, "effective": 77}
    files.results["versions"] |= {"icd10cm": 2, "meqsum": 1}
    record = files.load()
    assert [task.name for task in record.tasks] == ["medec"]
    assert record.imported is not None
    assert record.imported.left_out == {
        "gsm8k": "no such task here",
        "icd10cm": "version 2 there, 1 here",
        "meqsum": "77 documents are those of no variant, or of several",
    }


def _cut(files: Files, text: str) -> None:
    results, lines = files.write()
    (results if text == "results" else lines).write_text(
        (results if text == "results" else lines).read_text()[:-300], encoding="utf-8"
    )
    import_lm_eval(results, [lines], files.folder / "out", Catalog())


def _change(files: Files, change: Callable[[Files], None]) -> None:
    change(files)
    files.load()


def _edit_document(files: Files) -> None:
    files.lines[2]["doc"]["sentences"][0] += " And more."


def _edit_prompt(files: Files) -> None:
    files.lines[2]["arguments"]["gen_args_0"]["arg_0"] = ["another prompt"]


def _edit_scores(files: Files) -> None:
    files.lines[1] |= {"score": {"accuracy": 1.0}, "accuracy": 1.0}


def _edit_result(files: Files) -> None:
    files.results["results"]["medec"]["score,none"] += 0.01


def _other_hash(files: Files) -> None:
    files.results["task_hashes"] = {"medec": "0" * 64}


def _twice(files: Files) -> None:
    files.lines.append(files.lines[3])


def _fewer(files: Files) -> None:
    files.lines = files.lines[:-1]
    hashes = "".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in files.lines)
    files.results["task_hashes"] = {"medec": lm_eval_hash(hashes)}


def _other_documents(files: Files) -> None:
    document = {**files.lines[0]["doc"], "case": "another-case"}
    files.lines[0] = {
        **sample_line(0, document, {"accuracy": 1.0}, {"flag_accuracy": 1.0}, unscorable=False, chat=True)
    }
    files.results = results_of(SPEC, files.lines, len(DOCUMENTS))


def _percent(files: Files) -> None:
    files.results["results"]["medec"]["score,none"] = 33.3


def _other_filter(files: Files) -> None:
    files.lines[0]["filter"] = "strict-match"


def _no_scores(files: Files) -> None:
    del files.lines[0]["score"]


def _unknown_variant(files: Files) -> None:
    files.results["configs"]["medec"]["metadata"]["variant"] = "secret"


def _wrong_variant(files: Files) -> None:
    files.results["configs"]["medec"]["metadata"]["variant"] = "official"


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda files: _cut(files, "results"), "results_x.json: not JSON at line"),
        (lambda files: _cut(files, "samples"), "samples_medec_x.jsonl: line 15 is not JSON: the file may be cut off"),
        (lambda files: _change(files, _edit_document), "line 3: the document is not the one of its doc_hash"),
        (lambda files: _change(files, _edit_prompt), "line 3: the prompt is not the one of its prompt_hash"),
        (lambda files: _change(files, _edit_scores), "medec: 'score' of the results is not the mean of the samples"),
        (lambda files: _change(files, _edit_result), "medec: 'score' of the results is not the mean of the samples"),
        (lambda files: _change(files, _other_hash), "its hash is none of those that the results give"),
        (lambda files: _change(files, _twice), "line 16: document 3 stands there twice"),
        (lambda files: _change(files, _fewer), "14 samples of medec, and the results count 15"),
        (lambda files: _change(files, _other_documents), "its documents are not those of medec sample"),
        (lambda files: _change(files, _percent), r"medec: 'score' is no number in \[0, 1\]"),
        (lambda files: _change(files, _other_filter), "our tasks have no filter 'strict-match'"),
        (lambda files: _change(files, _no_scores), "document 0 has not the scores of medec"),
        (lambda files: _change(files, _unknown_variant), "nothing to import: medec: no variant 'secret' here"),
        (lambda files: _change(files, _wrong_variant), "15 documents there, the variant official has 597"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(files: Files, act: Any, told: str) -> None:
    with pytest.raises(StoreError, match=told) as caught:
        act(files)
    assert not (files.folder / "out").exists()
    for document in DOCUMENTS:
        assert document["sentences"][0] not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[]", "not a results file of lm-eval"),
        (b"{}", "not a results file of lm-eval: results: Field required"),
        (b'{"results": {}}', "not a results file of lm-eval"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "not JSON at line 1"),
    ],
)
def test_a_file_that_is_not_lm_eval_s_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=told):
        import_lm_eval(path, [], tmp_path / "out", Catalog())


def test_a_run_record_of_ours_is_not_taken_for_one(tmp_path: Path) -> None:
    path = write_json(tmp_path / "run.json", {"schema_version": 1, "tasks": []})
    with pytest.raises(StoreError, match="results: Field required"):
        import_lm_eval(path, [], tmp_path, Catalog())


def test_the_same_file_is_not_imported_twice(files: Files) -> None:
    files.load()
    with pytest.raises(StoreError, match="already imported"):
        files.load(samples=False)


def test_samples_given_twice_are_told(files: Files) -> None:
    results, lines = files.write()
    with pytest.raises(StoreError, match="given twice"):
        import_lm_eval(results, [lines, lines], files.folder / "out", Catalog())


def _restricted(tmp_path: Path) -> tuple[Catalog, Lines, dict[str, Any]]:
    catalog = Catalog([write_restricted_task(tmp_path / "tasks", tmp_path / "data")])
    lines = [
        sample_line(number, document, {"accuracy": float(number % 2)}, {}, unscorable=False, chat=True)
        for number, document in enumerate(documents(10))
    ]
    return catalog, lines, results_of(catalog.task("secret_notes"), lines, 10)


def test_of_restricted_documents_only_hashes_are_kept(tmp_path: Path) -> None:
    catalog, lines, results = _restricted(tmp_path)
    paths = write_json(tmp_path / "r.json", results), write_lines(tmp_path / "s.jsonl", lines)
    found = import_lm_eval(paths[0], [paths[1]], tmp_path / "out", catalog)
    assert found.record.tasks[0].data.tier == "restricted"
    assert found.items[0].id == sha256(lines[0]["doc"]["id"])[:16]
    assert {item.groups["kind"] for item in found.items} == {"surgery", "medicine"}
    patients = [item.cluster for item in found.items]
    assert len(set(patients)) == 5
    score = found.record.tasks[0].score
    expected = mean_of_means_interval(np.array([[float(number % 2)] for number in range(10)]), patients)
    assert (score.low, score.high) == (expected.low, expected.high), "items of one patient are dependent"
    for path in found.folder.iterdir():
        assert CANARY not in path.read_text()


@pytest.mark.parametrize("spoil", ["doc", "doc_hash", "prompt_hash", "score", "filter", "cut", "field", "doc_id"])
def test_no_message_quotes_a_restricted_document(tmp_path: Path, spoil: str) -> None:
    catalog, lines, results = _restricted(tmp_path)
    line = lines[3]
    if spoil == "field":
        document = {**line["doc"], CANARY: CANARY}
        lines[3] = sample_line(3, document, {"accuracy": 1.0}, {}, unscorable=False, chat=True)
        results = results_of(catalog.task("secret_notes"), lines, 10)
    elif spoil in ("doc_hash", "prompt_hash"):
        line[spoil] = CANARY
    elif spoil == "score":
        line["score"] = {CANARY: 1.0}
    elif spoil != "cut":
        line[spoil] = CANARY if spoil != "filter" else "none-" * 20 + CANARY
    paths = write_json(tmp_path / "r.json", results), write_lines(tmp_path / "s.jsonl", lines)
    if spoil == "cut":
        paths[1].write_text(paths[1].read_text()[:-200])
    with pytest.raises(ClueplusError) as caught:
        import_lm_eval(paths[0], [paths[1]], tmp_path / "out", catalog)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.__cause__)
