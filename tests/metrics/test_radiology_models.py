"""RadGraph F1 and CheXbert F1: their arithmetic, and adapters over doubles and a tiny CheXbert of random weights."""

import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.metrics import radiology_models
from clueplus.metrics.observations import OBSERVATIONS, Label, Labels, observation_labels
from clueplus.metrics.radiology_models import (
    CHEXBERT_VARIABLE,
    RADGRAPH_VARIABLE,
    CheXbertReader,
    Graph,
    Level,
    chexbert_f1,
    chexbert_identity,
    chexbert_missing,
    graph_f1,
    radgraph_f1,
    radgraph_identity,
    radgraph_missing,
    read,
)
from tests.support.tiny_encoder import WORDS, build_tiny_bert

needs_torch = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")),
    reason="torch or transformers is not installed: pip install 'clueplus[hf]'",
)
LEVELS: tuple[Level, ...] = ("simple", "partial", "complete")


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        radiology_models._cache.clear()
        radiology_models._radgraph.cache_clear()
        radiology_models._chexbert.cache_clear()

    monkeypatch.delenv(RADGRAPH_VARIABLE, raising=False)
    monkeypatch.delenv(CHEXBERT_VARIABLE, raising=False)
    forget()
    yield
    forget()


def entity(tokens: str, label: str, *relations: tuple[str, str]) -> dict[str, Any]:
    return {"tokens": tokens, "label": label, "relations": [list(relation) for relation in relations]}


HAS, LACKS = "Observation::definitely present", "Observation::definitely absent"
LOCATED: Graph = {"entities": {"1": entity("effusion", HAS, ("located_at", "2")), "2": entity("pleural", "Anatomy")}}
BARE: Graph = {"entities": {"1": entity("effusion", HAS), "2": entity("pleural", "Anatomy")}}
ABSENT: Graph = {"entities": {"1": entity("effusion", LACKS, ("located_at", "2")), "2": entity("lung", "Anatomy")}}
MOVED: Graph = {"entities": {"1": entity("effusion", HAS, ("located_at", "2")), "2": entity("base", "Anatomy")}}
NOTHING: Graph = {"entities": {}}


class WordGraphs:
    """Every word an entity of its own; the package's rules for what it is asked."""

    identity = "words"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def read(self, reports: Sequence[str]) -> list[Graph]:
        assert all(report.strip() for report in reports)
        self.asked.append(list(reports))
        return [{"entities": {word: entity(word, HAS) for word in report.split()}} for report in reports]


class RuleLabels:
    identity = "rules"

    def read(self, reports: Sequence[str]) -> list[Labels]:
        return [observation_labels(report) for report in reports]


@pytest.mark.parametrize(
    ("left", "right", "scores"),
    [
        (LOCATED, LOCATED, (1.0, 1.0, 1.0)),
        (LOCATED, BARE, (1.0, 0.5, 0.5)),
        (LOCATED, MOVED, (0.5, 0.5, 0.0)),
        (LOCATED, ABSENT, (0.0, 0.0, 0.0)),
        (LOCATED, NOTHING, (0.0, 0.0, 0.0)),
        (NOTHING, NOTHING, (None, None, None)),
    ],
)
def test_each_level_asks_for_more(left: Graph, right: Graph, scores: tuple[float | None, ...]) -> None:
    assert tuple(graph_f1(left, right, level=level) for level in LEVELS) == scores
    assert tuple(graph_f1(right, left, level=level) for level in LEVELS) == scores


def random_graph(rng: Random) -> Graph:
    names = [str(number) for number in range(rng.randint(1, 5))]
    entities = {}
    for name in names:
        relations = [(rng.choice(["modify", "located_at"]), rng.choice(names)) for _ in range(rng.randint(0, 2))]
        entities[name] = entity(rng.choice(["effusion", "Lung", "lung", "Base"]), rng.choice([HAS, LACKS]), *relations)
    return {"entities": entities}


def test_the_levels_are_those_of_the_package() -> None:
    rewards = pytest.importorskip("radgraph.rewards", reason="radgraph is not installed: clueplus[radiology]")
    rng = Random(0)
    for _ in range(500):
        left, right = random_graph(rng), random_graph(rng)
        theirs = rewards.compute_reward(left, right, "all")
        assert [graph_f1(left, right, level=level) for level in LEVELS] == pytest.approx(theirs)


@given(st.integers(), st.sampled_from(LEVELS))
def test_graphs_have_symmetric_scores(seed: int, level: Level) -> None:
    rng = Random(seed)
    left, right = random_graph(rng), random_graph(rng)
    score = graph_f1(left, right, level=level)
    assert score is not None
    assert 0 <= score <= 1
    assert score == graph_f1(right, left, level=level)
    assert graph_f1(left, left, level=level) == 1.0


@given(st.text(), st.text())
def test_any_pair_has_a_radgraph_score(prediction: str, reference: str) -> None:
    score = radgraph_f1(prediction, reference, reader=WordGraphs())
    assert score is None or 0 <= score <= 1
    assert radgraph_f1(reference, reference, reader=WordGraphs()) in (1.0, None)


def test_blank_texts_are_not_read_and_others_once() -> None:
    reader = WordGraphs()
    assert radgraph_f1("effusion", " \n", reader=reader) == 0.0
    assert radgraph_f1("", "", reader=reader) is None
    assert radgraph_f1("effusion", "effusion left", reader=reader) == pytest.approx(2 / 3)
    assert reader.asked == [["effusion"], ["effusion left"]]


def test_chexbert_f1_counts_what_may_be_as_positive() -> None:
    predictions = ["Possible pneumonia.", "Small effusion.", "No effusion."]
    references = ["Pneumonia.", "No effusion.", "No effusion."]
    found = chexbert_f1(predictions, references, reader=RuleLabels())
    # Pneumonia 1 of 1; effusion made up; "No Finding" in one prediction and two references.
    assert found.micro == pytest.approx(2 * 2 / (3 + 3))
    assert found.by_observation["Pneumonia"] == 1.0
    assert found.by_observation["Pleural Effusion"] == 0.0
    assert chexbert_f1(references, references, reader=RuleLabels())[:2] == (1.0, 1.0)
    assert chexbert_f1(["", ""], ["", ""], reader=RuleLabels()).micro is None
    with pytest.raises(ValueError, match="shorter"):
        chexbert_f1(["Pneumonia."], [], reader=RuleLabels())


def test_without_weights_the_reason_names_the_variable() -> None:
    for missing, variable in ((radgraph_missing, RADGRAPH_VARIABLE), (chexbert_missing, CHEXBERT_VARIABLE)):
        assert (missing() or "").startswith(f"not computed: set {variable} to a")
    assert radgraph_f1("effusion", "effusion") is None
    assert chexbert_f1(["effusion"], ["effusion"]).reason == chexbert_missing()
    assert chexbert_f1(["effusion"], ["effusion"]).micro is None
    assert radgraph_identity() is None
    assert chexbert_identity() is None


def folder(path: Path, *files: str) -> Path:
    path.mkdir()
    for name in files:
        (path / name).write_bytes(b"{}")
    return path


def test_a_folder_without_the_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RADGRAPH_VARIABLE, str(folder(tmp_path / "radgraph", "config.json")))
    monkeypatch.setenv(CHEXBERT_VARIABLE, str(tmp_path / "absent"))
    assert radgraph_missing() == (
        f"not computed: {RADGRAPH_VARIABLE} names {tmp_path}/radgraph, which holds no weights.th"
    )
    assert (chexbert_missing() or "").endswith("which holds no chexbert.pth and no config.json")


def test_a_package_that_is_missing_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radiology_models, "find_spec", lambda name: None if name in ("radgraph", "torch") else "found")
    monkeypatch.setenv(RADGRAPH_VARIABLE, str(folder(tmp_path / "radgraph-xl", "config.json", "weights.th")))
    monkeypatch.setenv(CHEXBERT_VARIABLE, str(folder(tmp_path / "chexbert", "config.json", "chexbert.pth")))
    assert radgraph_missing() == ("not computed: radgraph and torch not installed; pip install 'clueplus[radiology]'")
    assert chexbert_missing() == "not computed: torch not installed; pip install 'clueplus[hf]'"


def test_a_folder_of_another_name_says_which_names_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RADGRAPH_VARIABLE, str(folder(tmp_path / "mine", "config.json", "weights.th")))
    assert "called radgraph, radgraph-xl, modern-radgraph-xl, echograph" in (radgraph_missing() or "")


# The package's weights need a licence; the double has its interface, and sees whether it could reach the network.


class RadGraphDouble:
    made: list[dict[str, str]] = []  # noqa: RUF012

    def __init__(self, **settings: str) -> None:
        from huggingface_hub import constants

        assert constants.HF_HUB_OFFLINE
        self.made.append(settings)

    def __call__(self, reports: list[str]) -> dict[str, Graph]:
        return {str(number): graph for number, graph in enumerate(WordGraphs().read(reports))}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = ModuleType("radgraph")
    package.RadGraph = RadGraphDouble  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "radgraph", package)
    monkeypatch.setattr(radiology_models, "find_spec", lambda name: "found")
    RadGraphDouble.made.clear()
    path = folder(tmp_path / "radgraph-xl", "config.json", "weights.th")
    monkeypatch.setenv(RADGRAPH_VARIABLE, str(path))
    return path


def test_the_package_is_given_the_folder_and_no_network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert radgraph_missing() is None
    assert radgraph_f1("small effusion", "effusion") == pytest.approx(2 / 3)
    assert radgraph_f1("effusion", "effusion") == 1.0
    assert RadGraphDouble.made == [{"model_type": "radgraph-xl", "model_cache_dir": str(weights.parent)}]
    assert radgraph_identity() == f"radgraph-xl, weights {hashlib.sha256(b'{}').hexdigest()}"
    assert not constants.HF_HUB_OFFLINE


def test_a_package_that_fails_to_load_is_one_line(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: RadGraphDouble, **settings: str) -> None:
        raise FileNotFoundError("vocabulary")

    monkeypatch.setattr(RadGraphDouble, "__init__", fails)
    with pytest.raises(ClueplusError, match=r"can't be loaded \(FileNotFoundError\)\. Fix: "):
        radgraph_f1("effusion", "effusion")


@pytest.fixture(scope="module")
def tiny_chexbert(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BERT of random weights with fourteen random heads, saved as CheXbert's authors saved theirs."""
    import torch
    from transformers import BertModel

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    path = build_tiny_bert(tmp_path_factory.mktemp("chexbert") / "tiny")
    state = {f"module.bert.{name}": tensor for name, tensor in BertModel.from_pretrained(path).state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    for number in range(14):
        classes = 4 if number < 13 else 2
        state[f"module.linear_heads.{number}.weight"] = torch.randn(classes, 32, generator=generator)
        state[f"module.linear_heads.{number}.bias"] = torch.randn(classes, generator=generator)
    torch.save({"model_state_dict": state, "epoch": 3}, path / "chexbert.pth")
    yield path
    torch.set_num_threads(threads)


def one_by_one(path: Path, report: str) -> list[int]:
    """The classes of one report, without batches: the first token's last vector through each head."""
    import torch
    from transformers import AutoTokenizer, BertModel

    state = torch.load(path / "chexbert.pth", weights_only=True)["model_state_dict"]
    encoded = AutoTokenizer.from_pretrained(path)(report, return_tensors="pt", truncation=True)
    with torch.no_grad():
        first = BertModel.from_pretrained(path).eval()(**encoded).last_hidden_state[0, 0]
    heads = [(state[f"module.linear_heads.{n}.weight"], state[f"module.linear_heads.{n}.bias"]) for n in range(14)]
    return [int((weight @ first + bias).argmax()) for weight, bias in heads]


@needs_torch
def test_labels_do_not_depend_on_the_batch(tiny_chexbert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHEXBERT_VARIABLE, str(tiny_chexbert))
    rng = Random(0)
    # Up to 20 words, which the tiny tokenizer's limit leaves whole.
    reports = [" ".join(rng.choices(WORDS, k=rng.randint(1, 20))) for _ in range(40)]
    assert chexbert_missing() is None
    signs = {1: Label.POSITIVE, 2: Label.NEGATIVE, 3: Label.UNCERTAIN}
    reader = CheXbertReader(tiny_chexbert)
    expected = [one_by_one(tiny_chexbert, report) for report in reports]
    assert reader.read(reports) == [
        {name: signs[number] for name, number in zip(OBSERVATIONS, classes, strict=True) if number}
        for classes in expected
    ]
    assert {number for classes in expected for number in classes} == {0, 1, 2, 3}
    assert read(["", reports[0]], reader, {})[0] == {}
    assert chexbert_f1(reports, reports)[:2] == (1.0, 1.0)
    assert reader.read(["the  knee\n"]) == reader.read(["the knee"])
    assert reader.read(["fever " * 1000])


@needs_torch
def test_the_identity_is_that_of_the_checkpoint(tiny_chexbert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHEXBERT_VARIABLE, str(tiny_chexbert))
    digest = hashlib.sha256((tiny_chexbert / "chexbert.pth").read_bytes()).hexdigest()
    assert chexbert_identity() == f"chexbert, weights {digest}"


@needs_torch
@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_checkpoint_that_is_none_is_one_line(
    content: bytes, tiny_chexbert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copytree(tiny_chexbert, tmp_path / "broken"))
    (path / "chexbert.pth").write_bytes(content)
    monkeypatch.setenv(CHEXBERT_VARIABLE, str(path))
    with pytest.raises(ClueplusError, match=r"broken can't be loaded \("):
        chexbert_f1(["effusion"], ["effusion"])


@needs_torch
def test_a_checkpoint_that_lacks_a_head_is_refused(tiny_chexbert: Path, tmp_path: Path) -> None:
    import torch

    path = Path(shutil.copytree(tiny_chexbert, tmp_path / "headless"))
    saved = torch.load(path / "chexbert.pth", weights_only=True)
    del saved["model_state_dict"]["module.linear_heads.13.bias"]
    torch.save(saved, path / "chexbert.pth")
    with pytest.raises(ClueplusError, match="KeyError"):
        CheXbertReader(path)
