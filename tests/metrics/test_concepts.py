"""UMLS F1: the sets' arithmetic, the choice of an extractor, and what the scispaCy adapter asks of scispaCy."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.metrics import concepts
from clueplus.metrics.clue2024 import set_f1
from clueplus.metrics.concepts import (
    CONCEPTS_VARIABLE,
    NO_CONCEPTS,
    ConceptScore,
    concept_score,
    concepts_identity,
    concepts_missing,
    find_concepts,
    umls_f1,
    umls_score,
)
from clueplus.metrics.scispacy_linker import INSTALL, MODEL, ScispacyLinker, scispacy_missing

sets = st.frozensets(st.sampled_from("abcdef"))


class Words:
    """Every word is a concept; notes what it is asked for."""

    identity = "words"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def concepts(self, texts: Sequence[str]) -> list[frozenset[str]]:
        self.asked.append(list(texts))
        return [frozenset(text.split()) for text in texts]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(CONCEPTS_VARIABLE, raising=False)
    concepts._cache.clear()
    yield
    concepts._cache.clear()
    concepts._load.cache_clear()


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "terms.tsv"
    path.write_text("cui\tterm\nC1\tdiabetes\nC2\tdiabetes mellitus\nC3\tfever\n")
    monkeypatch.setenv(CONCEPTS_VARIABLE, str(path))
    return path


def test_precision_is_of_the_prediction_and_recall_of_the_reference() -> None:
    found = concept_score({"a", "b", "c", "d"}, {"a", "x"})
    assert found == ConceptScore(1 / 4, 1 / 2, 2 / 6, None)


def test_no_concept_on_either_side_is_no_score_but_0_in_clue() -> None:
    assert concept_score(set(), set()) == ConceptScore(None, None, None, NO_CONCEPTS)
    assert set_f1(set(), set()) == 0.0
    assert concept_score({"a"}, set()) == ConceptScore(0.0, None, 0.0, None)
    assert concept_score(set(), {"a"}) == ConceptScore(None, 0.0, 0.0, None)


@given(sets, sets)
def test_f1_is_the_harmonic_mean(predicted: frozenset[str], reference: frozenset[str]) -> None:
    found = concept_score(predicted, reference)
    if predicted or reference:
        precision, recall = found.precision or 0.0, found.recall or 0.0
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert found.f1 == pytest.approx(expected)
        assert found.f1 == concept_score(reference, predicted).f1 == pytest.approx(set_f1(predicted, reference))


@given(st.text(alphabet="ab ;\n", max_size=20), st.text(alphabet="ab ;\n", max_size=20))
def test_any_pair_has_a_score_in_0_to_1_or_a_reason(prediction: str, reference: str) -> None:
    found = umls_score(prediction, reference, Words())
    assert (found.f1 is None) == (found.reason is not None)
    assert found.f1 is None or 0 <= found.f1 <= 1
    assert umls_f1(reference, reference, Words()) in (1.0, None)


def test_a_corrupted_oracle_scores_less(table: Path) -> None:
    references = ["fever", "diabetes mellitus", "diabetes; fever"]
    assert [umls_f1(text, text) for text in references] == [1.0, 1.0, 1.0]
    assert [umls_f1(text, other) for text, other in zip(references, references[1:] + references[:1], strict=True)] == [
        0.0,
        0.0,
        2 / 3,
    ]


def test_a_text_is_extracted_once_and_only_its_hash_is_kept() -> None:
    words = Words()
    assert find_concepts(["a b", "c", "a b"], words) == [{"a", "b"}, {"c"}, {"a", "b"}]
    umls_f1("c", "d", words)
    assert words.asked == [["a b", "c"], ["d"]]
    assert "a b" not in repr(concepts._cache.keys())


def test_another_extractor_does_not_answer_from_the_memory_of_the_first(table: Path) -> None:
    assert find_concepts(["fever"], Words()) == [{"fever"}]
    assert find_concepts(["fever"]) == [{"C3"}]


def test_a_lone_surrogate_is_a_text_too(table: Path) -> None:
    assert umls_f1("\ud800 fever", "fever \ud801") == 1.0


def test_without_the_variable_the_reason_names_it() -> None:
    reason = concepts_missing()
    assert reason is not None
    assert reason.startswith(f"not computed: set {CONCEPTS_VARIABLE} to a term table")
    assert umls_f1("fever", "fever") is None
    assert umls_score("fever", "fever").reason == reason
    assert concepts_identity() is None


def test_a_table_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONCEPTS_VARIABLE, "/no/such/table.tsv")
    assert concepts_missing() == f"not computed: {CONCEPTS_VARIABLE} names /no/such/table.tsv, which is no file"
    assert umls_f1("fever", "fever") is None


def test_the_identity_is_that_of_the_tables_content(table: Path) -> None:
    first = concepts_identity()
    assert first is not None
    assert first.startswith("terms.tsv, 3 terms, sha256 ")
    assert umls_f1("fever", "diabetes") == 0.0
    table.write_text("cui\tterm\nC1\tdiabetes\nC1\tfever, changed\nC1\tfever\n")
    assert concepts_identity() != first
    assert umls_f1("fever", "diabetes") == 1.0


# scispaCy itself needs a licensed download of 1 GB; the double below has the parts of it that CLUE uses.


def entity(*candidates: str) -> SimpleNamespace:
    return SimpleNamespace(_=SimpleNamespace(kb_ents=[(cui, 0.9) for cui in candidates]))


class Pipeline:
    meta = {"version": "0.5.4"}  # noqa: RUF012

    def __init__(self) -> None:
        self.pipes: list[tuple[str, dict[str, Any]]] = []
        self.batches: list[list[str]] = []

    def add_pipe(self, name: str, config: dict[str, Any]) -> None:
        self.pipes.append((name, config))

    def get_pipe(self, name: str) -> SimpleNamespace:
        names = {"C1": "Diabetes", "C2": "Diabetes", "C3": "Fever"}
        known = {cui: SimpleNamespace(canonical_name=name) for cui, name in names.items()}
        return SimpleNamespace(kb=SimpleNamespace(cui_to_entity=known))

    def pipe(self, texts: list[str]) -> Iterator[SimpleNamespace]:
        self.batches.append(texts)
        entities = {"dm": entity("C1", "C3"), "diabetes": entity("C2"), "fever": entity("C3"), "he": entity()}
        yield from (SimpleNamespace(ents=[entities[word] for word in text.split()]) for text in texts)


@pytest.fixture
def scispacy(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    pipeline = Pipeline()
    spacy = ModuleType("spacy")
    spacy.load = lambda name: pipeline  # type: ignore[attr-defined]
    package, linking = ModuleType("scispacy"), ModuleType("scispacy.linking")
    package.__version__, package.linking = "0.6.2", linking  # type: ignore[attr-defined]
    for name, module in {"spacy": spacy, "scispacy": package, "scispacy.linking": linking}.items():
        monkeypatch.setitem(sys.modules, name, module)
    find = importlib.util.find_spec
    installed = {"spacy", "scispacy", MODEL}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found" if name in installed else find(name))
    monkeypatch.setenv(CONCEPTS_VARIABLE, "scispacy")
    return pipeline


def test_the_linker_gives_the_best_candidate_of_each_linked_entity(scispacy: Pipeline) -> None:
    assert concepts_missing() is None
    assert find_concepts(["he dm", "diabetes fever", "he"]) == [{"C1"}, {"C2", "C3"}, set()]
    assert scispacy.batches == [["he dm", "diabetes fever", "he"]]
    assert scispacy.pipes == [("scispacy_linker", {"resolve_abbreviations": True, "linker_name": "umls"})]
    assert concepts_identity() == f"scispacy 0.6.2, {MODEL} 0.5.4, umls, CUIs"


def test_clue_compares_canonical_names(scispacy: Pipeline) -> None:
    linker = ScispacyLinker(names=True)
    assert linker.identity.endswith("canonical names")
    assert umls_f1("dm", "diabetes", linker) == 1.0
    assert umls_f1("dm", "diabetes") == 0.0


def test_a_linker_that_fails_to_load_is_one_line(scispacy: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str, config: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(scispacy, "add_pipe", fails)
    with pytest.raises(ClueplusError, match=r"linker can't be loaded \(ConnectionError\)"):
        umls_f1("dm", "dm")


def test_without_scispacy_the_reason_is_the_exact_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONCEPTS_VARIABLE, "scispacy")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found" if name == "spacy" else None)
    lacking = f"not computed: scispacy and {MODEL} not installed; {INSTALL} (Python < 3.13, numpy < 2)"
    assert concepts_missing() == scispacy_missing() == lacking
    assert INSTALL.startswith("pip install 'scispacy")
    assert umls_f1("dm", "dm") is None
    with pytest.raises(ClueplusError, match="not installed"):
        ScispacyLinker()
