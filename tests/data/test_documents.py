"""Documents are what their task declares; faults and digests."""

import pytest

from clueplus.data.documents import Documents, Splits, check_splits, describe, document_hash, documents_digest
from clueplus.errors import DataError
from clueplus.registry import TaskMetadata

CANARY = "Jane Roe, born 1961, has a cough"
FIELDS = {"id": "str", "note": "str", "lines": "list[str]", "number": "int", "remark": "str?"}


@pytest.fixture
def metadata():
    return TaskMetadata(
        version=1,
        title="Notes",
        description="Notes.",
        homepage="https://example.org",
        citation="None.",
        task_type="test",
        components=["accuracy"],
        input="note",
        reference="number",
        fields=FIELDS,
        scoring=["clueplus-1"],
        trivial_baseline="majority",
        lead={"constant": "0"},
        variants={"sample": {"tier": "sample", "licence": "MIT", "description": "Made up."}},
    )


def make_document(name, **changes):
    return {"id": name, "note": f"{CANARY} {name}", "lines": [CANARY], "number": 0, "remark": None} | changes


def make_splits(test=None, fewshot=None):
    test = [make_document("a"), make_document("b")] if test is None else test
    return Splits(Documents(test), Documents([make_document("c")] if fewshot is None else fewshot))


def fault(splits, metadata):
    with pytest.raises(DataError) as caught:
        check_splits(splits, metadata, "notes (sample)")
    message = str(caught.value)
    assert CANARY not in message
    assert message.startswith("notes (sample): ")
    return message.removeprefix("notes (sample): ")


def test_good_splits_come_back_unchanged(metadata):
    splits = make_splits(fewshot=[make_document("c", remark=""), make_document("d", number=-1, remark="x")])
    assert check_splits(splits, metadata, "notes") is splits


def test_an_empty_test_split_is_named(metadata):
    assert fault(make_splits(test=[]), metadata) == "the test split is empty"


def test_an_empty_few_shot_split_is_named(metadata):
    assert fault(make_splits(fewshot=[]), metadata) == "the fewshot split is empty"


def test_a_missing_field_names_split_row_and_field(metadata):
    document = make_document("b")
    del document["number"]
    assert fault(make_splits([make_document("a"), document]), metadata) == (
        "test row 2: missing or undeclared field number"
    )


def test_an_undeclared_field_names_split_row_and_field(metadata):
    splits = make_splits(fewshot=[make_document("c", surplus=CANARY)])
    assert fault(splits, metadata) == "fewshot row 1: missing or undeclared field surplus"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", None),
        ("note", 7),
        ("note", " \n"),
        ("lines", CANARY),
        ("lines", []),
        ("lines", [CANARY, 7]),
        ("lines", [CANARY, " "]),
        ("number", CANARY),
        ("number", 1.0),
        ("number", True),
        ("number", None),
        ("remark", 7),
        ("remark", [CANARY]),
    ],
)
def test_a_wrong_type_names_split_row_field_and_type(metadata, field, value):
    splits = make_splits([make_document("a"), make_document("b", **{field: value})])
    assert fault(splits, metadata) == f"test row 2: field '{field}' is not a non-empty {FIELDS[field]}"


def test_a_repeated_id_names_split_and_row(metadata):
    splits = make_splits([make_document(CANARY), make_document("b"), make_document(CANARY, note="other")])
    assert fault(splits, metadata) == "test row 3: its id is that of test row 1"


def test_an_id_repeated_between_the_splits_names_split_and_row(metadata):
    splits = make_splits(fewshot=[make_document("c"), make_document("b", note="other")])
    assert fault(splits, metadata) == "fewshot row 2: its id is that of test row 2"


def test_a_few_shot_example_that_is_also_a_test_input_names_its_row(metadata):
    splits = make_splits(fewshot=[make_document("c"), make_document("d", note=make_document("a")["note"])])
    assert fault(splits, metadata) == "few-shot row 2 has the same note as a test document"


def test_equal_inputs_inside_one_split_are_allowed(metadata):
    splits = make_splits([make_document("a", note="x"), make_document("b", note="x")])
    assert check_splits(splits, metadata, "notes") is splits


def test_the_digest_changes_with_one_character():
    changed = [make_document("a"), make_document("b", note=make_document("b")["note"] + " ")]
    assert documents_digest(changed) != documents_digest([make_document("a"), make_document("b")])


def test_the_digest_changes_with_the_order_of_documents():
    documents = [make_document("a"), make_document("b")]
    assert documents_digest(documents[::-1]) != documents_digest(documents)


def test_the_digest_does_not_change_with_the_order_of_fields():
    document = make_document("a")
    assert documents_digest([dict(reversed(document.items()))]) == documents_digest([document])


def test_the_digest_of_splits_is_that_of_each():
    splits = make_splits()
    assert splits.digest() == {"test": documents_digest(splits.test), "fewshot": documents_digest(splits.fewshot)}


def test_the_hash_of_a_document_tells_it_from_others():
    assert document_hash(make_document("a")) == document_hash(dict(reversed(make_document("a").items())))
    assert document_hash(make_document("a")) != document_hash(make_document("a", number=1))


def test_documents_show_their_field_names():
    assert list(Documents([make_document("a")]).features) == list(FIELDS)
    assert Documents().features == {}


def test_describe_counts_documents_and_labels(metadata):
    documents = Documents([make_document("a"), make_document("b", number=2, remark="x"), make_document("c", number=2)])
    found = describe(documents, metadata)
    assert found["documents"] == 3
    assert found["sha256"] == documents_digest(documents)
    assert found["fields"]["number"] == {"values": {"0": 1, "2": 2}}
    assert found["fields"]["remark"] == {"values": {"null": 2, "x": 1}}


def test_describe_measures_what_has_more_than_thirty_values(metadata):
    documents = Documents(make_document(str(n), note="x" * (n + 1), lines=["ab"] * (n + 1)) for n in range(31))
    fields = describe(documents, metadata)["fields"]
    assert fields["note"] == {"characters": {"min": 1, "mean": 16.0, "max": 31}, "distinct": 31}
    assert fields["lines"] == {"characters": {"min": 2, "mean": 47.0, "max": 92}, "distinct": 31}


def test_describe_counts_thirty_values_as_labels(metadata):
    documents = Documents(make_document(str(n), number=n) for n in range(30))
    assert len(describe(documents, metadata)["fields"]["number"]["values"]) == 30


def test_describe_never_lists_ids(metadata):
    assert describe(Documents([make_document("a")]), metadata)["fields"]["id"] == {
        "characters": {"min": 1, "mean": 1.0, "max": 1},
        "distinct": 1,
    }
