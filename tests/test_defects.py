"""The defects of the harness that CLUE+ scores come from, one by one, each shown to be absent here.

The list, with its numbers: the CLUE harness (TIO-IKIM/CLUE, commit 2de4314c), eval4ner, the generator of MedConceptsQA,
and what the file of MEDEC does to those who read it. What is kept on purpose, for parity, is `--scoring clue-2024`; its
own tests show both numbers (tests/tasks/test_clue_2024.py).
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from clueplus.cli.main import run as command_line
from clueplus.data import Library, load_splits
from clueplus.data.importing import import_task
from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.evaluation.options import Options
from clueplus.evaluation.run import evaluate
from clueplus.metrics import concepts
from clueplus.metrics.icd_codes import parse_codes
from clueplus.models.wire import cut_at_stop
from clueplus.records.run import Run
from clueplus.registry import Catalog
from tests.data.test_icd10cm import order_line, tabular_list
from tests.metrics.test_bertscore import one_thread
from tests.support.fake_server import END, FakeServer, fake_server
from tests.support.task_scores import load, means, oracle

TASKS = list(Catalog().tasks)
NLI = ["entailment", "neutral", "contradiction"]


class Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Evaluates tasks on their samples with what a server answers, into one results folder."""
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "no-data"))

    def evaluated(server: FakeServer, *tasks: str, **options: Any) -> Run:
        wanted = Options("fake", tasks, "sample", [server.base_url], results_dir=tmp_path / "results", **options)
        return evaluate(wanted, Silent())  # type: ignore[arg-type]

    return evaluated


def module(task: str, name: str | None = None) -> Any:
    return import_module(Catalog().task(task).folder / f"{name or task}.py")


def score(task: str, document: Mapping[str, Any], answer: str) -> dict[str, float | None]:
    components: dict[str, float | None] = load(task).score(document, answer)["score"]
    return components


def asked(prompt: Sequence[Mapping[str, str]]) -> str:
    return prompt[-1]["content"]


# 1. No temperature or seed was set: every run sampled at 1.0.


def test_1_decoding_is_greedy_and_seeded_and_the_record_says_so(run: Callable[..., Run]) -> None:
    with fake_server() as server:
        found = run(server, "medec", limit=2)
    assert [(r["temperature"], r["seed"], r["top_p"]) for r in server.requests] == [(0.0, 1234, 1.0)] * 2
    decoding = found.record.tasks[0].decoding
    assert (decoding["temperature"], decoding["seed"], decoding["top_p"]) == (0.0, 1234, 1.0)


@pytest.mark.parametrize("name", TASKS)
def test_1_no_task_asks_for_sampling(name: str) -> None:
    assert load(name).decoding.temperature == 0.0


def test_1_several_samples_have_seeds_of_their_own(run: Callable[..., Run]) -> None:
    with fake_server() as server:
        run(server, "medec", limit=1, samples=3, temperature=0.7)
    assert sorted((r["temperature"], r["seed"]) for r in server.requests) == [(0.7, 1234), (0.7, 1235), (0.7, 1236)]


# 2. The first item counted twice, in MedNLI and in MeDiSumCode.


@pytest.mark.parametrize(("name", "component"), [("mednli", "accuracy"), ("medisumcode", "exact_f1")])
def test_2_each_item_counts_once(run: Callable[..., Run], name: str, component: str) -> None:
    task = load(name)
    first = asked(task.prompt(task.splits.test[0], "chat"))  # type: ignore[arg-type]
    right = task.target(task.splits.test[0])

    def reply(payload: dict[str, Any], number: int) -> str:
        return right if asked(payload["messages"]) == first else "no idea"

    with fake_server(reply) as server:
        record = run(server, name, limit=5).record.tasks[0]
    assert record.components[component].value == pytest.approx(1 / 5)
    assert record.score.value == pytest.approx(1 / 5)


# 3. MedNLI was right if the gold label occurred exactly once in the answer.


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("entailment, neutral or contradiction", "entailment", False),
        ("entailment, neutral or contradiction", "neutral", False),
        ("not entailment", "entailment", False),
        ("Neutral. It is neutral.", "neutral", True),
    ],
)
def test_3_a_label_is_what_an_answer_says_not_what_occurs_in_it(answer: str, gold: str, right: bool) -> None:
    document = {"premise": "p", "hypothesis": "h", "labels": NLI, "answer": gold}
    assert score("mednli", document, answer) == {"accuracy": float(right)}


# 4. UMLS F1 was 0 when neither side had an entity.


@pytest.mark.parametrize(("name", "field"), [("pls", "summary"), ("medisumqa", "answer")])
def test_4_two_texts_without_a_concept_are_in_no_mean(
    name: str, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "terms.tsv"
    table.write_text("cui\tterm\nC1\tfever\n")
    monkeypatch.setenv(concepts.CONCEPTS_VARIABLE, str(table))
    assert score(name, {field: "nothing new"}, "nothing to add")["umls_f1"] is None
    assert score(name, {field: "nothing new"}, "fever")["umls_f1"] == 0.0
    assert score(name, {field: "fever"}, "fever")["umls_f1"] == 1.0


# 5. Results were saved as strings of two decimals.


def test_5_numbers_are_saved_whole(run: Callable[..., Run]) -> None:
    with fake_server(lambda payload, number: "The patient has a cough and a fever.") as server:
        found = run(server, "aci_bench", "rrs_qa")
    for task in json.loads((found.folder / "run.json").read_text())["tasks"]:
        value = task["components"]["rouge_1"]["value"]
        own = [item.components["rouge_1"] for item in found.items if item.task == task["name"]]
        assert isinstance(value, float)
        assert value == pytest.approx(sum(v for v in own if v is not None) / len(own), abs=1e-15)
        assert value != round(value, 4)
    with_decimals = [line for line in (found.folder / "items.jsonl").read_text().splitlines() if '"rouge_1":0.' in line]
    assert any(len(line.split('"rouge_1":0.')[1].split("}")[0]) > 6 for line in with_decimals)


# 6. Few-shot examples were drawn from the shuffled test set and left out of scoring.


@pytest.mark.parametrize("name", TASKS)
def test_6_examples_come_from_a_pool_that_no_test_document_is_in(name: str) -> None:
    task = load(name)
    metadata = task.spec.metadata
    test, pool = (
        {json.dumps(d[metadata.input]) for d in split} | {d["id"] for d in split}
        for split in (task.splits.test, task.splits.fewshot)
    )
    assert not test & pool
    shown: list[Any] = [task.prompt(d, "chat") for d in task.splits.test[:3]]
    examples = [[m["content"] for m in prompt if m["role"] == "assistant"] for prompt in shown]
    assert examples == [[task.target(d) for d in task.splits.fewshot[: task.spec.num_fewshot]]] * len(shown)


def test_6_every_test_document_is_scored(run: Callable[..., Run]) -> None:
    with fake_server() as server:
        found = run(server, "mednli", "medec", "icd10cm")
    for record in found.record.tasks:
        assert record.score.n == record.documents == len(load(record.name).splits.test)


# 7. LongHealth: unseeded shuffles, a limit for task 1 only, no room for the answer, the gold letter by substring, one
# exact phrase, a prompt without F where F exists, and reruns that appended to old predictions.


def patients() -> dict[str, Any]:
    """Two patients of upstream's layout; the right option of each question stands inside another option."""

    def question(number: int) -> dict[str, Any]:
        options = dict(zip("abcde", ["5 mg", "15 mg", "5 mg twice", "2.5 mg", "none"], strict=True))
        fields = {f"answer_{letter}": text for letter, text in options.items()}
        place = {"text_0": {"start": [0.1], "end": [0.2]}}
        return {"question": f"Which dose {number}?", **fields, "correct": "5 mg", "answer_location": place}

    return {
        f"patient_{n}": {
            "name": f"Name {n}",
            "birthday": "1.1.1950",
            "texts": {f"text_{k}": f"Text {k} of {n}." for k in range(6)},
            "questions": [question(k) for k in range(4)],
        }
        for n in (1, 2)
    }


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    path = tmp_path / "benchmark_v5.json"
    path.write_text(json.dumps(patients()))
    return path


def test_7_shuffles_are_seeded_and_the_seed_is_kept(benchmark: Path) -> None:
    first, second = (module("longhealth", "importer").read(benchmark) for _ in range(2))
    assert first.splits == second.splits
    assert first.notes["seed"]
    orders = {json.dumps(item["options"]) for item in first.splits["test"] if item["question"] == "Which dose 0?"}
    assert len(orders) > 5, "they are shuffled"


def test_7_the_gold_letter_is_that_of_the_equal_text(benchmark: Path) -> None:
    items = [item for item in module("longhealth", "importer").read(benchmark).splits["test"] if item["task"] < 3]
    assert {item["options"]["ABCDE".index(item["answer"])] for item in items} == {"5 mg"}


def test_7_the_prompt_names_f_where_f_exists() -> None:
    task = load("longhealth")
    for document in task.splits.test:
        prompt = asked(task.prompt(document, "chat"))  # type: ignore[arg-type]
        assert ("A to F" in prompt) == ("\nF. " in prompt) == (document["task"] > 1)
        assert ("A to E" in prompt) == (document["task"] == 1)


@pytest.mark.parametrize("phrase", ["{}", "({})", "Answer: {}", "The correct answer is {}.", "**{}**"])
def test_7_a_letter_needs_no_exact_phrase(phrase: str) -> None:
    task = load("longhealth")
    assert means(task, [phrase.format(answer) for answer in oracle(task)])["score"] == 1


def test_7_prompts_of_all_three_tasks_are_cut_to_one_context_with_room_for_the_answer(run: Callable[..., Run]) -> None:
    with fake_server(vllm=True, max_model_len=320) as server:
        found = run(server, "longhealth")
    tasks = {item.index: load("longhealth").splits.test[item.index]["task"] for item in found.items if item.cut}
    assert set(tasks.values()) == {1, 2, 3}
    for request in server.requests:
        # The fake server's template: one BOS, one token a word, two tokens around a turn, one to begin the answer.
        words = 2 + sum(len(message["content"].split()) + 2 for message in request["messages"])
        assert words + request["max_tokens"] <= 320
        assert "Letter:" in asked(request["messages"])


def test_7_a_rerun_appends_nothing(run: Callable[..., Run], tmp_path: Path) -> None:
    with fake_server(lambda payload, number: "A") as server:
        first = run(server, "longhealth")
        stored = [gzip.decompress(path.read_bytes()) for path in (tmp_path / "results/fake").glob("*.gz")]
        second = run(server, "longhealth")
        assert len(server.requests) == len(first.items)
    assert [gzip.decompress(path.read_bytes()) for path in (tmp_path / "results/fake").glob("*.gz")] == stored
    assert stored
    assert stored[0].count(b"\n") == len(first.items) == len(second.items)
    assert second.record.tasks == first.record.tasks


ONCE_MISSED = {"C4A", "C7A", "C7B", "D3A", "M1A", "O9A", "U07", "Z3A"}

# 8. The expression for codes missed 389 billable ones; repeats distorted exact F1; an empty gold list held "".


def test_8_every_billable_code_of_2021_is_found_with_and_without_its_dot(data_mirror: Path) -> None:
    order = gzip.decompress((data_mirror / "icd10cm_2021" / "icd10cm-order-Jan-2021.txt.gz").read_bytes()).decode()
    billable = [line[6:13].strip() for line in order.splitlines() if line[14] == "1"]
    assert len(billable) == 72_621
    once_missed = [code for code in billable if code[:3] in ONCE_MISSED]
    assert len(once_missed) == 389
    dotted = [f"{code[:3]}.{code[3:]}" if len(code) > 3 else code for code in billable]
    assert parse_codes(", ".join(billable)) == billable == parse_codes("\n".join(dotted))


def test_8_codes_are_sets_and_a_stay_without_codes_is_in_no_mean() -> None:
    once = score("medisumcode", {"codes": ["I10", "K21.9"]}, "I10, E11.9")
    assert once == score("medisumcode", {"codes": ["I10", "K21.9"]}, "I10, I10, I10, E11.9")
    assert once["exact_f1"] == 0.5
    assert score("medisumcode", {"codes": []}, "none")["exact_f1"] is None


# 9. Generators wrote JSON Lines where evaluators read JSON, with other key names; the downloader fetched HTML pages.


def test_9_what_an_import_writes_is_what_an_evaluation_reads(benchmark: Path, tmp_path: Path) -> None:
    spec = Catalog().task("longhealth")
    manifest, _ = import_task(spec, benchmark, tmp_path / "data")
    splits = load_splits(spec, "official", Library(tmp_path / "data"))
    assert len(splits.test) == manifest.splits["test"] == 2 * 4 * 15
    written = module("longhealth", "importer").read(benchmark).splits["test"]
    assert sorted(splits.test, key=lambda d: str(d["id"])) == sorted(written, key=lambda d: str(d["id"]))


def test_9_another_key_is_refused_where_documents_are_made(
    benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importer = module("longhealth", "importer")
    read = importer.read

    def renamed(path: Path) -> Any:
        found = read(path)
        found.splits["test"] = [{"Question" if k == "question" else k: d[k] for k in d} for d in found.splits["test"]]
        return found

    monkeypatch.setattr(importer, "read", renamed)
    with pytest.raises(DataError, match="missing or undeclared field Question"):
        import_task(Catalog().task("longhealth"), benchmark, tmp_path / "data")


def test_9_a_page_in_place_of_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    for source in Catalog().task("medec").metadata.variants["official"].sources:
        (tmp_path / "mirror" / source.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / source.file).write_text("<!DOCTYPE html><html>This repository</html>")
    assert command_line(["data", "fetch", "medec", "--mirror", str(tmp_path / "mirror")]) == 2
    assert "expected sha256" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_9_no_address_is_that_of_a_page_about_a_file() -> None:
    variants = chain.from_iterable(spec.metadata.variants.values() for spec in Catalog().tasks.values())
    addresses = [source.url for variant in variants for source in variant.sources]
    assert addresses
    assert [url for url in addresses if "/blob/" in url or "/tree/" in url or url.endswith("/")] == []


# 10. eval4ner saw the first occurrence of a value only, with case; nothing against nothing was 1.0; order mattered.

NOTE = "Denies alcohol. Denies drugs, smokes a pack a day."


def sdoh(gold: Sequence[tuple[str, int, int]], *values: tuple[str, str]) -> float | None:
    spans = json.dumps([[start, end, label] for label, start, end in gold])
    entries = [{"entity": label.split("/")[0], "label": label.split("/")[1], "value": value} for label, value in values]
    document = {"note": NOTE, "scope": "span", "spans": spans}
    return score("sdoh", document, json.dumps(entries))["overlap_f1"]


def test_10_entities_are_scored_where_they_stand() -> None:
    assert sdoh([("drug/statustime", 16, 22)], ("drug/statustime", "Denies drugs")) == 1
    assert sdoh([("tobacco/amount", 37, 43)], ("tobacco/amount", "A Pack")) == 1
    two = [("tobacco/amount", 37, 43), ("tobacco/amount", 44, 49)]
    answer = [("tobacco/amount", "a pack a day"), ("tobacco/amount", "a pack")]
    assert sdoh(two, *answer) == sdoh(two, *answer[::-1]) == 1
    assert sdoh([]) is None


# 11. Run-on text: the end token of the chat template was no stop, where a generation config omitted it.


def test_11_an_answer_ends_at_the_templates_end_token_and_at_the_tasks_stops(run: Callable[..., Run]) -> None:
    import zlib

    with fake_server(vllm=True) as server:
        run(server, "medec", limit=1)
    (request,) = server.requests
    assert request["stop_token_ids"] == [zlib.crc32(END.encode())]
    assert request["stop"] == list(load("medec").decoding.stop)
    stop = request["stop"][0]
    assert cut_at_stop(f"-1{stop} and so on", request["stop"]) == "-1"


def test_11_a_server_that_ignores_stops_gives_no_run_on_text(run: Callable[..., Run]) -> None:
    task = load("medec")
    answers = {asked(task.prompt(d, "chat")): task.target(d) for d in task.splits.test}  # type: ignore[arg-type]
    runs_on = f"{task.decoding.stop[0]} another note\nAnswer: 7"
    with fake_server(lambda payload, number: answers[asked(payload["messages"])] + runs_on) as server:
        assert run(server, "medec").record.tasks[0].score.value == 1


def test_11_a_checkpoint_whose_generation_config_forgot_the_end_token_stops_at_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from clueplus.models.checkpoint import Checkpoint
    from tests.support.tiny_model import END as TINY_END
    from tests.support.tiny_model import PAD, build_tiny_model

    with one_thread():
        folder = build_tiny_model(tmp_path / "model")
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text())
        told = {"eos_token": PAD} if name.startswith("tokenizer") else {"eos_token_id": None}
        (folder / name).write_text(json.dumps({**content, **told}))
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("eos_token", f"'{TINY_END}'"))
    with one_thread():
        checkpoint = Checkpoint(str(folder))
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    assert next(token["id"] for token in added if token["content"] == TINY_END) in checkpoint.end_ids


# MEDEC's file: 328 empty rows at its end, "NA" that becomes NaN and flags that become floats in pandas, CRLF inside
# sentences, a split at "mm" and "Hg", error sentences that are not the sentence of their number.

WHOLE = [f"{number} Sentence {word} stands here in one whole piece." for number, word in enumerate("abcdef")]


def medec_row(name: str, sentences: Sequence[str], error: int, more: str = "") -> str:
    broken = "\n".join(sentences)
    return f'{name},"{broken}",{error},"another sentence",NA,"NA"{more}'


@cache
def medec_documents(line_end: str = "\r\n") -> list[dict[str, Any]]:
    """What the task makes of a file with all that."""
    columns = "Text ID,Sentences,Error Sentence ID,Error Sentence,Error Type,Corrected Sentence"
    pressure = ["0 First words of the note are these.", "1 Blood pressure was 120/80 mm", "Hg on arrival.", "2 NA"]
    test = [
        medec_row("one", [*pressure, "3 The sodium was 140."], 3).replace("here", "there").replace("\n", line_end),
        medec_row("two", ["0 Other words begin this note.", "1 NA"], -1),
        ",,,,,",
        ",,,,,",
    ]
    other = [text.replace("Sentence", "Remark") for text in WHOLE]
    pool = [medec_row("three", WHOLE, 2), medec_row("four", other, -1)]
    code = module("medec")
    files = {code.TEST: [columns, *test], code.POOL: [columns, *pool]}
    built = code.build({name: ("\n".join(rows) + "\n").encode() for name, rows in files.items()})
    return list(built["test"])


def test_medec_empty_rows_are_dropped_and_numbers_are_whole() -> None:
    assert [(d["id"], d["error_id"], type(d["error_id"])) for d in medec_documents()] == [
        ("one", 3, int),
        ("two", -1, int),
    ]


def test_medec_na_is_a_text() -> None:
    one, two = medec_documents()
    assert (one["error_type"], one["corrected"], two["sentences"][1]) == ("NA", "NA", "NA")


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_medec_sentences_keep_their_numbers_over_line_ends_inside_them(line_end: str) -> None:
    sentences = medec_documents(line_end)[0]["sentences"]
    assert len(sentences) == 4
    assert sentences[1] == "Blood pressure was 120/80 mm Hg on arrival."
    assert not any("\r" in sentence or "\n" in sentence for sentence in sentences)


def test_medec_the_number_is_the_answer_whatever_the_error_sentence_says() -> None:
    document = medec_documents()[0]
    assert document["sentences"][3] == "The sodium was 140."
    assert score("medec", document, "3") == {"accuracy": 1.0}


def test_medec_the_official_split_has_597_notes(data_mirror: Path, tmp_path: Path) -> None:
    test = load_splits(Catalog().task("medec"), "official", Library(tmp_path, data_mirror)).test
    assert len(test) == 597
    assert Counter(type(d["error_id"]) for d in test) == {int: 597}
    assert not [d["id"] for d in test if any("\r" in sentence or not sentence for sentence in d["sentences"])]


# The generator of MedConceptsQA: the gold again among its distractors, ancestors and descendants as distractors, items
# whose answer is C dropped.


@cache
def icd10cm_questions() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The questions of a small release in which texts come twice, and its definitions by code."""
    blocks = {f"A{b}0-A{b}9": [f"A{b}{c}" for c in range(5)] for b in range(4)}
    codes = [code + end for block in blocks.values() for code in block for end in ("", "0", "1", "10", "11", "2", "3")]
    # Every fifth definition is also that of a code of the next category, and the first two of a category are alike.
    texts = {code: f"of {code}" for code in codes}
    texts |= {code: texts[f"{code[:2]}{(int(code[2]) + 1) % 5}{code[3:]}"] for code in codes[::5]}
    texts |= {code: texts[code[:3]] for code in codes if code.endswith("10")}
    order = "\n".join(order_line(n, code, 1, text) for n, (code, text) in enumerate(texts.items(), start=1))
    code = module("icd10cm")
    built = code.build({code.ORDER: order.encode(), code.TABULAR: tabular_list({"1": blocks})})
    return list(built["test"]), texts


def related(code: str, texts: Mapping[str, str]) -> set[str]:
    """The definitions of a code's ancestors and descendants, and its own."""
    return {text for other, text in texts.items() if other.startswith(code) or code.startswith(other)}


def test_icd10cm_the_gold_is_there_once_and_nothing_in_line_with_it() -> None:
    questions, texts = icd10cm_questions()
    assert len(questions) > 100
    for question in questions:
        gold = question["code"].replace(".", "")
        assert question["options"].count(texts[gold]) == 1, question["id"]
        assert question["options"]["ABCD".index(question["answer"])] == texts[gold]
        assert set(question["options"]) & related(gold, texts) == {texts[gold]}, question["id"]
        assert len(set(question["options"])) == 4


def test_icd10cm_no_letter_is_dropped_and_every_code_has_its_three_questions() -> None:
    questions, _ = icd10cm_questions()
    letters = Counter(question["answer"] for question in questions)
    assert min(letters[letter] for letter in "ABCD") > 0.15 * len(questions)
    assert set(Counter(question["code"] for question in questions).values()) == {3}
    assert Counter(question["level"] for question in questions) == dict.fromkeys(
        ("easy", "medium", "hard"), len(questions) // 3
    )
