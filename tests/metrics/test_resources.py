"""Components that need a model or a table: what is missing is told, and what is there is prepared and named."""

from pathlib import Path

import pytest

from clueplus.metrics import bertscore, concepts
from clueplus.metrics.resources import RESOURCES, needed, why_missing


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (bertscore.MODEL_VARIABLE, concepts.CONCEPTS_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def test_only_components_with_a_resource_are_found_in_their_order() -> None:
    assert list(needed(["rouge_l", "umls_f1", "bertscore_f1", "accuracy"])) == ["umls_f1", "bertscore_f1"]
    assert needed(["rouge_l"]) == {}


@pytest.mark.parametrize("name", RESOURCES)
def test_what_is_missing_names_the_variable_and_has_no_identity(name: str) -> None:
    why = why_missing(name)
    assert why is not None
    assert "set CLUEPLUS_" in why
    assert RESOURCES[name].identity() is None
    RESOURCES[name].prepare(["a"], ["b"])  # nothing to do, and no error


def test_a_component_that_needs_nothing_misses_nothing() -> None:
    assert why_missing("rouge_1") is None


def test_a_term_table_is_named_and_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "terms.tsv"
    table.write_text("cui\tterm\nC1\tsepsis\n")
    monkeypatch.setenv(concepts.CONCEPTS_VARIABLE, str(table))
    resource = RESOURCES["umls_f1"]
    assert resource.missing() is None
    assert (resource.identity() or "").startswith("terms.tsv, 1 terms, sha256 ")
    resource.prepare(["sepsis"], ["no Sepsis"])

    def forgotten(*_: object) -> None:
        raise AssertionError("extracted again")

    monkeypatch.setattr(concepts._extractor(), "_phrases", type("Broken", (), {"find": forgotten})())
    assert concepts.umls_f1("sepsis", "no Sepsis") == 1
