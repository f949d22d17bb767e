"""NCBI disease: what the file becomes, how lists of mentions are read and scored."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.evaluation.task import LoadedTask
from clueplus.registry import Catalog
from tests.support.pubtator import pubtator
from tests.support.task_variants import load_variant
from tests.tasks.test_scoring import means, numbers, oracle

TEXT = "Asthma in asthma clinics.\nAsthma and liver disease were seen."
SPANS = [[0, 6, "SpecificDisease"], [10, 16, "Modifier"], [26, 32, "SpecificDisease"], [37, 50, "DiseaseClass"]]


def document(spans: Any = SPANS) -> dict[str, Any]:
    return {"id": "1", "text": TEXT, "spans": json.dumps(spans), "answer": "x"}


def score(mentions: Any) -> dict[str, Any]:
    answer = mentions if isinstance(mentions, str) else json.dumps(mentions)
    return load_variant("ner_ncbi_disease", "sample").score(document(), answer)


def mention(text: object, kind: object) -> dict[str, object]:
    return {"text": text, "type": kind}


GOLD = [mention(TEXT[start:end], kind) for start, end, kind in SPANS]


@pytest.fixture(params=["sample", "official"])
def task(request: pytest.FixtureRequest) -> LoadedTask:
    mirror = request.getfixturevalue("data_mirror") if request.param == "official" else None
    return load_variant("ner_ncbi_disease", request.param, mirror)


def test_the_oracle_scores_1_on_everything(task: LoadedTask) -> None:
    found = means(task, oracle(task))
    assert found.pop("unscorable") == 0
    assert set(found) == {"score", *task.spec.metadata.components, *task.spec.metadata.beside}
    assert set(found.values()) == {1.0}


def test_references_of_other_documents_and_halved_ones_score_less(task: LoadedTask) -> None:
    gold = oracle(task)
    other = means(task, gold[1:] + gold[:1])
    # No mention twice in the halves, or the place of a cut one is another's.
    halves = [json.dumps(json.loads(answer)[::2]) for answer in gold]
    half = means(task, halves)
    assert other["exact_f1"] < 0.2
    assert other["exact_f1"] + 0.1 < half["exact_f1"] < 0.8
    assert half["unscorable"] == 0


def test_mentions_in_another_order_and_with_other_case_are_right(task: LoadedTask) -> None:
    turned = [json.dumps(json.loads(answer)[::-1]).upper().replace("TEXT", "text") for answer in oracle(task)]
    turned = [answer.replace('"TYPE"', '"type"') for answer in turned]
    assert means(task, turned)["score"] == 1


def test_mentions_with_the_next_type_are_untyped_mentions_only(task: LoadedTask) -> None:
    wrong = [
        json.dumps(
            [mention(m["text"], "CompositeMention") for m in json.loads(answer) if m["type"] != "CompositeMention"]
        )
        for answer in oracle(task)
    ]
    found = means(task, wrong)
    assert found["exact_f1"] == found["specific_disease_f1"] == 0
    assert found["untyped_f1"] > 0.9


@pytest.mark.parametrize("empty", ["", "no diseases", "[[", "7"])
def test_answers_without_a_list_are_unscorable_and_score_0(task: LoadedTask, empty: str) -> None:
    found = means(task, [empty] * len(task.splits.test))
    assert found.pop("unscorable") == 1
    assert set(found.values()) == {0.0}


def test_an_empty_list_is_an_answer_and_wrong(task: LoadedTask) -> None:
    found = means(task, ["[]"] * len(task.splits.test))
    assert (found["score"], found["unscorable"], found["valid_json"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("mentions", "exact", "overlap", "untyped"),
    [
        (GOLD, 1, 1, 1),
        (GOLD[:3], 6 / 7, 6 / 7, 6 / 7),
        ([*GOLD, mention("asthma", "Modifier")], 8 / 9, 8 / 9, 8 / 9),
        ([*GOLD[:3], mention("liver", "DiseaseClass")], 3 / 4, 1, 3 / 4),
        ([*GOLD[:3], mention("liver disease", "Modifier")], 3 / 4, 3 / 4, 1),
        ([*GOLD[:3], mention("gout", "DiseaseClass")], 3 / 4, 3 / 4, 3 / 4),
        ([mention("asthma", "specific disease")], 2 / 5, 2 / 5, 2 / 5),
        ([mention("asthma", "Specific_Disease")], 2 / 5, 2 / 5, 2 / 5),
        ({"mentions": GOLD}, 1, 1, 1),
        (GOLD[0], 2 / 5, 2 / 5, 2 / 5),
        ([*GOLD, "asthma", 7, None, {}, {"text": "asthma"}], 8 / 13, 8 / 13, 8 / 13),
        ([mention(["asthma"], "Modifier"), mention("asthma", 7)], 0, 0, 0),
        ([mention("", "Modifier")], 0, 0, 0),
        ({}, 0, 0, 0),
    ],
)
def test_mentions_count_one_to_one(mentions: Any, exact: float, overlap: float, untyped: float) -> None:
    found = score(mentions)
    assert [found[f"{name}_f1"] for name in ("exact", "overlap", "untyped")] == pytest.approx([exact, overlap, untyped])
    assert found["score"] == {"exact_f1": found["exact_f1"]}
    assert found["unscorable"] == 0


def test_types_are_scored_by_themselves_where_they_occur() -> None:
    found = score([*GOLD[1:], mention("clinics", "CompositeMention")])
    assert found["modifier_f1"] == found["disease_class_f1"] == 1
    assert found["specific_disease_f1"] == pytest.approx(2 / 3)
    assert found["composite_mention_f1"] == 0
    assert "composite_mention_f1" not in score(GOLD)


def test_json_that_had_to_be_repaired_is_scored_and_counted() -> None:
    broken = json.dumps(GOLD)[:-1]
    assert (score(broken)["exact_f1"], score(broken)["valid_json"], score(broken)["unscorable"]) == (1, 0, 0)
    fenced = f"Here they are:\n```json\n{json.dumps(GOLD)}\n```"
    assert (score(fenced)["exact_f1"], score(fenced)["valid_json"]) == (1, 1)


@settings(deadline=None)
@given(data=st.data())
def test_any_answer_has_numbers_between_0_and_1(data: st.DataObject) -> None:
    task = load_variant("ner_ncbi_disease", "sample")
    chosen = data.draw(st.sampled_from(task.splits.test))
    marks = st.sampled_from([*'[]{}",:\n', '"text": ', '"type": "Modifier"', "asthma", task.target(chosen)])
    text = "".join(data.draw(st.lists(st.text(max_size=9) | marks, max_size=12)))
    leaf = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5)
    shape = st.recursive(
        leaf, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(["text", "type", "x"]), x)
    )
    for answer in (text, json.dumps(data.draw(shape))):
        found = task.score(chosen, answer)
        assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))
        assert set(found["score"]) == {"exact_f1"}


def test_the_offsets_are_those_of_the_corpus(data_mirror: Path) -> None:
    task = load_variant("ner_ncbi_disease", "official", data_mirror)
    upstream = pubtator(data_mirror / "ncbi_disease" / "NCBItestset_corpus.txt")
    expected = sorted((text.rstrip(), sorted([s.start, s.end, s.label] for s in spans)) for text, spans in upstream)
    assert sorted((d["text"], json.loads(d["spans"])) for d in task.splits.test) == expected
    assert sum(len(spans) for _, spans in expected) == 960
    assert len(task.splits.fewshot) == 592, "one of 593 comes twice"


def test_the_three_examples_show_all_four_types(task: LoadedTask) -> None:
    shown = [m["type"] for d in task.splits.fewshot[:3] for m in json.loads(d["answer"])]
    assert set(shown) == {"SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"}
    prompt = task.prompt(task.splits.test[0], "chat")
    assert isinstance(prompt, list)
    answers = [message["content"] for message in prompt if message["role"] == "assistant"]
    # lm-eval evaluates a templated target that looks like a Python list, and shows its first item only.
    assert [json.loads(answer) for answer in answers] == [json.loads(d["answer"]) for d in task.splits.fewshot[:3]]
    assert task.splits.test[0]["answer"] not in prompt[-1]["content"]


BLOCK = "\n1|t|A title on asthma\n1|a|An abstract.\n1\t11\t17\tasthma\tModifier\tD1\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BLOCK.replace("1|a|", "1|b|"), "no title and abstract in block 1"),
        (BLOCK.replace("11\t17", "12\t18"), "offsets 12 to 18 do not hold the mention"),
        (BLOCK.replace("Modifier", "Gene"), "another type"),
        (BLOCK.replace("\tD1", ""), "a line of 5 cells"),
    ],
)
def test_a_broken_file_is_refused(text: str, told: str) -> None:
    folder = Catalog().task("ner_ncbi_disease").folder
    module = import_module(folder / "ner_ncbi_disease.py")
    assert len(module._documents({"f": (BLOCK + "\n" + BLOCK).encode()}, "f")) == 1
    with pytest.raises(DataError, match=told):
        module._documents({"f": text.encode()}, "f")
