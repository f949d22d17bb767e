"""SDoH: how lists of entity, label and value are read and scored, and what brat files become."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.importing import import_task
from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.evaluation.task import LoadedTask
from clueplus.registry import Catalog
from tests.support.task_variants import imported, load_variant
from tests.tasks.test_scoring import means, numbers, oracle

NOTE = "Denies alcohol. Denies drugs, smokes a pack a day."
SPANS = [[0, 6, "alcohol/statustime"], [16, 22, "drug/statustime"], [37, 43, "tobacco/amount"]]
CANARY = "CANARY8813"


def entry(entity: object, label: object, value: object = "") -> dict[str, object]:
    return {"entity": entity, "label": label, "value": value}


GOLD = [
    entry("Alcohol", "StatusTime", "Denies"),
    entry("Drug", "StatusTime", "Denies"),
    entry("Tobacco", "Amount", "a pack"),
]


def score(entries: Any, spans: Any = SPANS, scope: str = "span") -> dict[str, Any]:
    answer = entries if isinstance(entries, str) else json.dumps(entries)
    return load_variant("sdoh", "sample").score({"note": NOTE, "scope": scope, "spans": json.dumps(spans)}, answer)


@pytest.fixture(params=["sample", "open"])
def task(request: pytest.FixtureRequest) -> LoadedTask:
    mirror = request.getfixturevalue("data_mirror") if request.param == "open" else None
    return load_variant("sdoh", request.param, mirror)


def test_the_oracle_scores_1_on_everything(task: LoadedTask) -> None:
    found = means(task, oracle(task))
    assert found.pop("unscorable") == 0
    assert set(found) == {"score", *task.spec.metadata.components, *task.spec.metadata.beside}
    assert set(found.values()) == {1.0}


def test_references_of_other_documents_and_halved_ones_score_less(task: LoadedTask) -> None:
    gold = oracle(task)
    other = means(task, gold[1:] + gold[:1])
    half = means(task, [answer if n % 2 else "[]" for n, answer in enumerate(gold)])
    assert other["score"] < 0.6
    assert other["score"] < half["score"] < 0.8


def test_every_entity_renamed_scores_0(task: LoadedTask) -> None:
    found = means(task, [answer.replace('"entity": "', '"entity": "No') for answer in oracle(task)])
    assert (found["score"], found["exact_f1"], found["empty_kept"], found["valid_json"]) == (0, 0, 1, 1)


@pytest.mark.parametrize("empty", ["", " \n", "nothing found", "[["])
def test_answers_without_a_list_are_unscorable_and_score_0(task: LoadedTask, empty: str) -> None:
    found = means(task, [empty] * len(task.splits.test))
    assert found.pop("unscorable") == 1
    assert set(found.values()) == {0.0}


def test_an_empty_list_has_a_score_only_where_there_is_something(task: LoadedTask) -> None:
    results = [task.score(d, "[]") for d in task.splits.test]
    empty = [d["spans"] == "[]" for d in task.splits.test]
    assert any(empty)
    assert [r["score"]["overlap_f1"] for r in results] == [None if nothing else 0.0 for nothing in empty]
    assert [r.get("empty_kept") for r in results] == [1.0 if nothing else None for nothing in empty]


@pytest.mark.parametrize(
    ("entries", "overlap", "exact", "eval4ner"),
    [
        (GOLD, 1, 1, 1),
        (GOLD[::-1], 1, 1, 1),
        (GOLD[:2], 4 / 5, 4 / 5, 4 / 5),
        ([*GOLD[:2], entry("Tobacco", "Amount", "pack a day")], 1, 2 / 3, 1),
        ([*GOLD[:2], entry("tobacco", "amount", "A  PACK")], 1, 1, 2 / 3),  # eval4ner compares with case, and sees keys
        ([*GOLD[:2], entry("Tobacco", "Frequency", "a pack")], 2 / 3, 2 / 3, 2 / 3),
        ([*GOLD[:2], entry("Drug", "Amount", "a pack")], 2 / 3, 2 / 3, 2 / 3),
        ([*GOLD, GOLD[0]], 6 / 7, 6 / 7, 6 / 7),
        ([*GOLD, entry("Drug", "Type", "heroin")], 6 / 7, 6 / 7, 6 / 7),
        ({"entries": GOLD}, 1, 1, 1),
        (GOLD[2], 1 / 2, 1 / 2, 1 / 2),
        ([*GOLD, "a pack", None, {}, {"entity": "Drug", "value": "Denies"}], 6 / 10, 6 / 10, None),
        ([entry("Tobacco", "Amount", ["a pack"]), entry("Tobacco", ["Amount"], "a pack")], 0, 0, 0),
        ([{"entity": "Tobacco", "label": "Amount"}], 0, 0, None),
        ({}, 0, 0, 0),
    ],
)
def test_entries_count_one_to_one(entries: Any, overlap: float, exact: float, eval4ner: float | None) -> None:
    found = score(entries)
    assert (found["overlap_f1"], found["exact_f1"]) == pytest.approx((overlap, exact))
    assert eval4ner is None or found["eval4ner_f1"] == pytest.approx(eval4ner)
    assert found["score"] == {"overlap_f1": found["overlap_f1"]}


def test_notes_with_nothing_to_find_have_no_f1_when_left_empty_and_0_when_not() -> None:
    assert score("[]", [])["score"] == {"overlap_f1": None}
    assert (score("[]", [])["empty_kept"], score("[]", [])["eval4ner_f1"]) == (1, 1)
    assert (score(GOLD, [])["overlap_f1"], score(GOLD, [])["empty_kept"]) == (0, 0)
    broken = score("nothing", [])
    assert (broken["overlap_f1"], broken["empty_kept"], broken["eval4ner_f1"], broken["unscorable"]) == (0, 0, 0, 1)
    assert "empty_kept" not in score(GOLD)


def test_sentences_without_marked_words_are_scored_by_entity_and_label_once() -> None:
    spans = [[0, len(NOTE), "housing/adverse"], [0, len(NOTE), "support/nonadverse"]]
    gold = [{"entity": "Housing", "label": "adverse"}, {"entity": "Support", "label": "nonadverse"}]
    assert score(gold, spans, "sentence")["overlap_f1"] == 1
    assert score([*gold, gold[0]], spans, "sentence")["overlap_f1"] == 1
    assert score([entry(**gold[0], value="not in the note"), gold[1]], spans, "sentence")["overlap_f1"] == 1
    assert score([gold[0], {"entity": "Support", "label": "adverse"}], spans, "sentence")["overlap_f1"] == 0.5
    assert score([*gold, {"entity": "Parent", "label": "adverse"}], spans, "sentence")["overlap_f1"] == 4 / 5


def test_json_that_had_to_be_repaired_is_scored_and_counted() -> None:
    found = score(json.dumps(GOLD)[:-1])
    assert (found["overlap_f1"], found["valid_json"], found["unscorable"]) == (1, 0, 0)


@settings(deadline=None)
@given(data=st.data(), scope=st.sampled_from(["span", "sentence"]), spans=st.sampled_from([SPANS, []]))
def test_any_answer_has_numbers_between_0_and_1(data: st.DataObject, scope: str, spans: Any) -> None:
    marks = st.sampled_from(
        [*'[]{}",:\n', '"entity": "Drug"', '"label": "Type"', '"value": ', "Denies", json.dumps(GOLD)]
    )
    text = "".join(data.draw(st.lists(st.text(max_size=9) | marks, max_size=12)))
    keys = st.sampled_from(["entity", "label", "value", "x"])
    leaf = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5)
    shape = st.recursive(leaf, lambda x: st.lists(x, max_size=4) | st.dictionaries(keys, x))
    for answer in (text, json.dumps(data.draw(shape))):
        found = score(answer, spans, scope)
        assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))
        assert set(found["score"]) == {"overlap_f1"}


def test_the_prompt_asks_for_what_the_variant_has(task: LoadedTask) -> None:
    prompt = task.prompt(task.splits.test[0], "chat")
    assert isinstance(prompt, list)
    assert [m["role"] for m in prompt] == ["user", "assistant"] * 4 + ["user"]
    question = prompt[-1]["content"]
    assert question.endswith("JSON list:")
    assert ("TypeLiving" in question) == (task.variant_name == "sample") == ('"value"' in question)
    assert ("Transportation" in question) == (task.variant_name == "open")
    answers = [message["content"] for message in prompt if message["role"] == "assistant"]
    # lm-eval evaluates a templated target that looks like a Python list, and shows its first item only.
    assert [json.loads(answer) for answer in answers] == [json.loads(d["answer"]) for d in task.splits.fewshot[:4]]


def test_no_sentence_of_the_open_pool_is_of_a_case_of_the_test_set(data_mirror: Path) -> None:
    splits = load_variant("sdoh", "open", data_mirror).splits
    assert not {d["case"] for d in splits.fewshot} & {d["case"] for d in splits.test}
    assert (len(splits.test), len(splits.fewshot)) == (379, 62)


# brat files as the shared task has them: events with triggers and arguments, attributes for the normal values.
TEXT = "Social History:\nDenies tobacco and EtOH. Former\nheroin use (IV). Works as a nurse; lives alone."


def brat(text: str = TEXT) -> str:
    bounds = [
        ("T1", "Tobacco", "tobacco"),
        ("T2", "StatusTime", "Denies"),
        ("T3", "Alcohol", "EtOH"),
        ("T4", "Drug", "heroin"),
        ("T5", "StatusTime", "Former"),
        ("T6", "Type", "heroin"),
        ("T7", "Method", "IV"),
        ("T8", "Employment", "Works"),
        ("T9", "StatusEmploy", "Works"),
        ("T10", "Type", "nurse"),
        ("T11", "LivingStatus", "lives"),
        ("T12", "StatusTime", "lives"),
        ("T13", "TypeLiving", "alone"),
    ]
    lines = [f"{n}\t{kind} {text.index(words)} {text.index(words) + len(words)}\t{words}" for n, kind, words in bounds]
    lines += [
        "E1\tTobacco:T1 Status:T2",
        "E2\tAlcohol:T3 Status:T2",
        "E3\tDrug:T4 Status:T5 Type:T6 Method:T7",
        "E4\tEmployment:T8 Status:T9 Type:T10",
        "E5\tLivingStatus:T11 Status:T12 Type:T13",
        "A1\tStatusTimeVal T2 none",
        "A2\tStatusEmployVal T9 employed",
        "A3\tTypeLivingVal T13 alone",
        "#1\tAnnotatorNotes T1\tnone",
    ]
    return "\n".join(lines) + "\n"


def held(folder: Path, **files: str) -> Path:
    """Two hospitals with test, train and dev notes; `files` adds or replaces files, "__" for "/" in their names."""
    for part, count in (("test", 3), ("train", 5), ("dev", 2)):
        for site in ("mimic", "uw"):
            for number in range(count):
                text = TEXT.replace("nurse;", f"nurse; {CANARY} {part}{site}{number},")
                (folder / part / site).mkdir(parents=True, exist_ok=True)
                (folder / part / site / f"{number:04d}.txt").write_text(text)
                (folder / part / site / f"{number:04d}.ann").write_text(brat(text))
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_ann", ".ann").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    return folder


def test_brat_folders_become_the_official_variant(tmp_path: Path) -> None:
    task, rejected = imported("sdoh", held(tmp_path / "held"), tmp_path / "data")
    assert rejected == []
    assert (len(task.splits.test), len(task.splits.fewshot)) == (6, 14)
    (document,) = [d for d in task.splits.test if d["id"] == "test/uw/0001"]
    assert json.loads(document["answer"]) == [
        entry("Alcohol", "StatusTime", "Denies"),
        entry("Tobacco", "StatusTime", "Denies"),
        entry("Drug", "StatusTime", "Former"),
        entry("Drug", "Type", "heroin"),
        entry("Drug", "Method", "IV"),
        entry("Employment", "StatusEmploy", "Works"),
        entry("Employment", "Type", "nurse"),
        entry("LivingStatus", "StatusTime", "lives"),
        entry("LivingStatus", "TypeLiving", "alone"),
    ]
    start, end, label = json.loads(document["spans"])[2]
    assert (document["note"][start:end], label, document["group"]) == ("Former", "drug/statustime", "uw")
    found = means(task, oracle(task))
    assert (found["score"], found["exact_f1"], found["eval4ner_f1"], found["unscorable"]) == (1, 1, 1, 0)
    assert set(task.sources) == {f"{part}/{site}" for part in ("test", "train", "dev") for site in ("mimic", "uw")}


@pytest.mark.parametrize(
    ("changed", "row", "reason"),
    [
        ({"test__uw__0000_ann": "T1\tTobacco 0\tx\n"}, 1, "not a text bound of brat"),
        ({"test__uw__0000_ann": "T1\tTobacco 0 6\tEtOH\n"}, 1, "the offsets do not hold these words"),
        ({"test__uw__0000_ann": "A1\tx T1\nT1\tTobacco 9000 9006\tDenies\n"}, 2, "the offsets do not hold these words"),
        ({"test__uw__0000_ann": "E1\tTobacco\n"}, 1, "not an event of brat"),
        ({"test__uw__0000_ann": "E1\tTobacco:T1 Status:T2\n"}, 1, "an argument that is not in the file"),
        ({"test__uw__0000_ann": "", "test__uw__0000_txt": " \n"}, 1, "the note is empty"),
        ({"test__uw__0000_txt": "\udcff"}, 1, ".txt is not UTF-8"),
    ],
)
def test_broken_notes_are_left_out_by_file_line_and_reason(
    tmp_path: Path, changed: dict[str, str], row: int, reason: str
) -> None:
    task, rejected = imported("sdoh", held(tmp_path / "held", **changed), tmp_path / "data")
    assert [tuple(r) for r in rejected] == [("test/uw/0000.ann", row, reason)]
    assert len(task.splits.test) == 5


def test_notes_without_annotations_and_those_of_the_test_set_are_left_out(tmp_path: Path) -> None:
    folder = held(tmp_path / "held", train__uw__0009_txt="a note", other__0001_txt="a readme")
    known = (folder / "test" / "uw" / "0000.txt").read_text()
    (folder / "dev" / "uw" / "0000.txt").write_text(known.upper())
    (folder / "dev" / "uw" / "0000.ann").write_text("")
    task, rejected = imported("sdoh", folder, tmp_path / "data")
    assert [tuple(r) for r in rejected] == [
        ("train/uw/0009.txt", 1, "no .ann file beside it"),
        ("dev/uw/0000.txt", 1, "the text of a test note"),
    ]
    assert len(task.splits.fewshot) == 13


def test_notes_without_events_have_an_empty_list(tmp_path: Path) -> None:
    task, _ = imported("sdoh", held(tmp_path / "held", test__uw__0000_ann=""), tmp_path / "data")
    (document,) = [d for d in task.splits.test if d["id"] == "test/uw/0000"]
    assert (document["answer"], document["spans"]) == ("[]", "[]")


def test_arguments_are_named_by_type_then_by_role_and_words_in_pieces_are_joined(tmp_path: Path) -> None:
    text = "Smokes one or two packs.\r\nDrinks."
    lines = [
        "T1\tTobacco 0 6\tSmokes",
        "T2\tStatus 0 6\tSmokes",
        "T3\tAmount 7 10;18 23\tone packs",
        "T4\tLocation 26 32\tDrinks",
        "T5\tFrequency 26 32\tDrinks",
        "E1\tTobacco:T1 Status:T2 Amount:T3 Amount2:T3 Where:T4 Amount3:T5",
        "E2\tTobacco:T1 Status:T2",
        "E3\tHousehold:T1 Status:T2",
    ]
    folder = held(tmp_path / "held", test__uw__0000_txt=text, test__uw__0000_ann="\r\n".join(lines) + "\r\n")
    manifest, rejected = import_task(Catalog().task("sdoh"), folder, tmp_path / "data")
    assert rejected == []
    assert manifest.notes == {"arguments outside the schema": {"Household Status": 1, "Tobacco Location": 1}}
    task = load_variant("sdoh", "official", folder=tmp_path / "data")
    (document,) = [d for d in task.splits.test if d["id"] == "test/uw/0000"]
    assert json.loads(document["answer"]) == [
        entry("Tobacco", "StatusTime", "Smokes"),
        entry("Tobacco", "Amount", "one or two packs"),
        entry("Tobacco", "Frequency", "Drinks"),
    ]
    assert document["note"] == text


def test_each_of_the_four_examples_adds_kinds_of_entry_to_those_before_it() -> None:
    module = import_module(Catalog().task("sdoh").folder / "sdoh.py")
    kinds = ["a b", "a b", "c", "a b c", "d", "a", "e e", "a b c d e f"]
    pool = [
        {"id": str(n), "note": "x" * (n + 1), "spans": json.dumps([[0, 1, kind] for kind in found.split()])}
        for n, found in enumerate([*kinds, *[""] * 6])
    ]
    # The last of the kinds is in the longer half of the notes.
    assert [d["id"] for d in module.shots_first(pool)[:4]] == ["3", "4", "6", "0"]
    assert sorted(d["id"] for d in module.shots_first(pool)) == sorted(d["id"] for d in pool)
    assert len(module.shots_first(pool[:2])) == 2


@pytest.mark.parametrize(("missing", "told"), [("test", "a folder 'test'"), ("train", "a folder 'train'")])
def test_folders_without_the_splits_are_refused_without_their_text(tmp_path: Path, missing: str, told: str) -> None:
    folder = held(tmp_path / "held")
    (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(DataError, match=told) as caught:
        import_task(Catalog().task("sdoh"), folder, tmp_path / "data")
    assert CANARY not in str(caught.value)
    assert not (tmp_path / "data").exists()
