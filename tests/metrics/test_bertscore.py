"""BERTScore against the bert-score library, with an encoder of random weights that the test makes."""

import importlib.util
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from clueplus.errors import ClueplusError
from clueplus.metrics import bertscore
from clueplus.metrics.bertscore import bertscore_f1, bertscore_identity, bertscore_missing, prepare
from tests.support.tiny_encoder import LAYERS, LONGEST, WORDS, build_tiny_bert, build_tiny_roberta

needs_torch = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")),
    reason="torch or transformers is not installed: pip install 'clueplus[hf]'",
)


@contextmanager
def one_thread() -> Iterator[None]:
    """On a busy machine ten times as fast: the threads of a tiny product mostly wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def forget() -> None:
    for cache in (
        bertscore._encoder.cache_clear,
        bertscore._layer.cache_clear,
        bertscore._identity.cache_clear,
        bertscore._cache.clear,
    ):
        cache()


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with one_thread():
        yield build_tiny_bert(tmp_path_factory.mktemp("bertscore") / "tiny")


@pytest.fixture(scope="module")
def tiny_robertas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """One as published, and its twin whose own tokenizer puts the space before the first word."""
    folder = tmp_path_factory.mktemp("roberta")
    with one_thread():
        plain, spaced = folder / "plain", folder / "spaced"
        yield build_tiny_roberta(plain), build_tiny_roberta(spaced, add_prefix_space=True)


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(bertscore.MODEL_VARIABLE, raising=False)
    monkeypatch.delenv(bertscore.LAYER_VARIABLE, raising=False)
    forget()
    yield
    forget()


@pytest.fixture
def model(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(tiny_bert))
    return tiny_bert


def pairs() -> tuple[list[str], list[str]]:
    rng = random.Random(0)
    texts = [
        " ".join(rng.choices([*WORDS, "knees,", "Feverish?", "120/80", "…"], k=rng.randint(1, 40))) for _ in range(80)
    ]
    found = [*zip(texts[:40], texts[40:], strict=True), *((text, text) for text in texts[:5])]
    found += [("pain", "pain"), ("pain", "fever"), ("knee", texts[0]), ("...", "?!"), ("?", "the knee"), ("…", "…")]
    found += [("fever " * 50, "pain " * 50), ("the knee " * 60, "knee"), (" pain\n", "pain"), ("PAIN", "pain")]
    # Twins after truncation; the same prediction with two references; swapped sides.
    found += [("fever " * 30 + "pain", "fever " * 30 + "knee"), (texts[1], texts[2]), (texts[2], texts[1])]
    return [prediction for prediction, _ in found], [reference for _, reference in found]


def library(peer: ModuleType, model: Path, layer: int) -> list[float]:
    """The scores of `pairs` from bert-score, without idf and rescaling."""
    scorer = peer.BERTScorer(
        model_type=str(model), num_layers=layer, idf=False, rescale_with_baseline=False, device="cpu"
    )
    # One pair a batch: bert-score lets a padded token match with similarity 0, so a batch can raise a negative maximum.
    return [scorer.score([p], [r])[2].item() for p, r in zip(*pairs(), strict=True)]


@needs_torch
@pytest.mark.parametrize("layer", [0, 2, LAYERS])
def test_scores_are_those_of_bert_score_in_batches_of_any_size(
    model: Path, layer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = pytest.importorskip("bert_score", reason="bert-score is not installed: pip install 'clueplus[dev]'")
    predictions, references = pairs()
    expected = library(peer, model, layer)
    monkeypatch.setenv(bertscore.LAYER_VARIABLE, str(layer))
    for batch_size in (1, 7, 64):
        forget()
        prepare(predictions, references, batch_size=batch_size)
        ours = [bertscore_f1(p, r) for p, r in zip(predictions, references, strict=True)]
        assert ours == pytest.approx(expected, abs=1e-5)


@needs_torch
@pytest.mark.parametrize("layer", [1, LAYERS])
def test_roberta_has_the_space_that_bert_score_gives_it(
    tiny_robertas: tuple[Path, Path], layer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = pytest.importorskip("bert_score", reason="bert-score is not installed: pip install 'clueplus[dev]'")
    plain, spaced = tiny_robertas
    # With transformers 5 bert-score's own request for the space is ignored: the twin's tokenizer has it by itself.
    expected = library(peer, spaced, layer)
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(plain))
    monkeypatch.setenv(bertscore.LAYER_VARIABLE, str(layer))
    predictions, references = pairs()
    for batch_size in (1, 64):
        forget()
        prepare(predictions, references, batch_size=batch_size)
        ours = [bertscore_f1(p, r) for p, r in zip(predictions, references, strict=True)]
        assert ours == pytest.approx(expected, abs=1e-5)


@needs_torch
def test_the_first_word_is_tokenized_as_a_later_one(tiny_robertas: tuple[Path, Path]) -> None:
    tokens = bertscore._tokenizer(tiny_robertas[0])("pain pain")["input_ids"]
    assert len(tokens) == 4
    assert tokens[1] == tokens[2]


@needs_torch
def test_a_roberta_without_a_limit_is_cut_at_the_positions_that_it_uses(
    tiny_robertas: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_robertas[0], tmp_path / "unlimited"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["model_max_length"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(folder))
    assert bertscore._encoder(*bertscore._model()).max_length == LONGEST
    assert bertscore_f1("fever " * 1000, "pain") == bertscore_f1("fever " * (LONGEST - 2), "pain")


@needs_torch
def test_a_model_without_tokens_at_both_ends_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertTokenizer

    monkeypatch.setattr(BertTokenizer, "num_special_tokens_to_add", lambda self: 1)
    with pytest.raises(ClueplusError, match=r"no encoder that puts a token before and one after .* BERT or a RoBERTa"):
        bertscore_f1("pain", "knee")


@needs_torch
def test_another_layer_is_another_score_without_a_restart(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, identities = set(), set()
    for layer in range(LAYERS + 1):
        monkeypatch.setenv(bertscore.LAYER_VARIABLE, str(layer))
        scores.add(bertscore_f1("the knee", "pain in his left knee"))
        identities.add(bertscore_identity())
    assert len(scores) == len(identities) == LAYERS + 1


@needs_torch
def test_a_pair_alone_scores_as_in_a_batch(model: Path) -> None:
    alone = bertscore_f1("the knee", "pain in his left knee")
    forget()
    prepare(["the knee", "fever " * 20], ["pain in his left knee", "pain"])
    assert bertscore_f1("the knee", "pain in his left knee") == pytest.approx(alone, abs=1e-6)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The batches of texts that go through the encoder."""
    batches: list[list[str]] = []
    vectors = bertscore._Encoder.vectors

    def recorded(self: bertscore._Encoder, texts: Sequence[str]) -> object:
        batches.append(list(texts))
        return vectors(self, texts)

    monkeypatch.setattr(bertscore._Encoder, "vectors", recorded)
    return batches


@needs_torch
def test_each_text_is_embedded_once_in_batches_of_the_size_asked_for(model: Path, embedded: list[list[str]]) -> None:
    predictions = ["pain", "fever", "knee", "knee"]
    prepare(predictions, ["what"] * 4, batch_size=2)
    prepare(predictions, ["what"] * 4)
    for prediction in predictions:
        bertscore_f1(prediction, "what")
    assert embedded == [["knee", "pain"], ["what", "fever"]]


@needs_torch
def test_batches_do_not_depend_on_the_order_or_the_hashes_of_pairs(model: Path, embedded: list[list[str]]) -> None:
    letters = "qwertyuiopasdfghjklzxcvbnm"
    prepare([*letters, "knee"], ["pain"] * 27, batch_size=64)
    assert embedded == [[*sorted(letters), "knee", "pain"]]


@needs_torch
def test_many_pairs_are_matched_window_by_window(
    model: Path, embedded: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions, references = pairs()
    prepare(predictions, references)
    together = [bertscore_f1(p, r) for p, r in zip(predictions, references, strict=True)]
    forget()
    embedded.clear()
    monkeypatch.setattr(bertscore, "_WINDOW", 500)
    prepare(predictions, references)
    assert [bertscore_f1(p, r) for p, r in zip(predictions, references, strict=True)] == pytest.approx(
        together, abs=1e-6
    )
    assert len(embedded) > 5
    # A window holds 500 characters, or a single pair that is longer than that.
    assert all(sum(map(len, batch)) <= 500 or len(batch) <= 2 for batch in embedded)


@needs_torch
def test_the_layers_after_the_compared_one_are_not_run(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bertscore.LAYER_VARIABLE, "1")
    encoder = bertscore._encoder(*bertscore._model())
    assert len(encoder.model.encoder.layer) == 1


@needs_torch
def test_a_tokenizer_without_a_limit_is_cut_at_the_positions_of_the_model(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = bertscore_f1("fever " * (LONGEST - 2), "pain")
    folder = Path(shutil.copytree(model, tmp_path / "unlimited"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert config.pop("model_max_length") == LONGEST
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(folder))
    assert bertscore_f1("fever " * (LONGEST - 2), "pain") == pytest.approx(limited, abs=1e-6)
    assert bertscore_f1("fever " * 1000, "pain") == bertscore_f1("fever " * (LONGEST + 8 - 2), "pain")


@needs_torch
@pytest.mark.parametrize("text", ["pain", "the patient has fever, and pain.", "knee " * 100])
def test_identical_texts_score_one_and_never_more(model: Path, text: str) -> None:
    score = bertscore_f1(text, text)
    assert score == pytest.approx(1.0, abs=1e-5)
    assert score is not None
    assert score <= 1.0


@needs_torch
@pytest.mark.parametrize(
    ("prediction", "reference"),
    [("", "pain"), (" \n", "pain"), ("pain", ""), ("", ""), ("\u200b", "pain"), ("pain", "\u200b")],
)
def test_a_text_without_tokens_scores_zero(model: Path, prediction: str, reference: str) -> None:
    assert bertscore_f1(prediction, reference) == 0.0


@needs_torch
@pytest.mark.parametrize("build", [build_tiny_bert, build_tiny_roberta])
def test_half_an_emoji_is_a_text_like_any_other(
    build: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_thread():
        monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(build(tmp_path)))
        prepare(["fever \ud83d", "\udfff"], ["fever", "fever"])
        assert bertscore_f1("fever \ud83d", "fever") == bertscore_f1("fever ?", "fever")
        assert 0 <= (bertscore_f1("\udfff", "fever") or 0) <= 1


@needs_torch
def test_a_harmonic_mean_of_unlike_signs_is_0_and_not_far_outside_its_range(model: Path) -> None:
    import torch

    encoder = bertscore._encoder(model, LAYERS)
    # Precision 1, recall -0.9: the formula gives -18.
    angle = torch.acos(torch.tensor(-0.9))
    near = [float(torch.cos(angle)), float(torch.sin(angle))]
    vectors = {"p": torch.tensor([near, [-1.0, 0.0], near]), "r": torch.tensor([[-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "_embedded", lambda texts, batch_size: vectors)
        assert encoder.f1([("p", "r")]) == [0.0]


@needs_torch
def test_nothing_to_prepare_loads_no_model(model: Path) -> None:
    prepare([], [])
    prepare(["", " \n", "pain"], ["pain", "pain", ""])
    assert bertscore._encoder.cache_info().currsize == 0


def test_without_the_variable_the_reason_names_it() -> None:
    reason = bertscore_missing()
    assert reason is not None
    assert f"set {bertscore.MODEL_VARIABLE} to a local folder" in reason
    assert bertscore_f1("pain", "pain") is None
    assert bertscore_identity() is None
    prepare(["pain"], ["pain"])
    assert not bertscore._cache


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(folder))
        reason = bertscore_missing()
        assert reason is not None
        assert str(folder) in reason
        assert "config.json" in reason
        assert bertscore_f1("pain", "pain") is None


@pytest.mark.parametrize("lacking", ["torch", "transformers"])
def test_a_package_that_is_missing_is_named_with_its_extra(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == lacking else "found")
    assert bertscore_missing() == f"not computed: {lacking} not installed; pip install 'clueplus[hf]'"
    assert bertscore_f1("pain", "pain") is None


def config_only(folder: Path, layers: int) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_hidden_layers": layers}))
    return str(folder)


@needs_torch
@pytest.mark.parametrize(
    ("name", "layers", "chosen"),
    [
        ("scibert_scivocab_uncased", 12, 8),
        ("roberta-large", 24, 17),
        ("bert-base-uncased", 12, 9),
        ("tiny-scibert", 3, 3),
        ("other", 6, 6),
    ],
)
def test_the_layer_is_the_published_choice_or_the_last(
    name: str, layers: int, chosen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, config_only(tmp_path / name, layers))
    assert (bertscore_identity() or "").startswith(f"{name}, layer {chosen}, weights ")


@needs_torch
@pytest.mark.parametrize("layer", [str(LAYERS + 1), "-1", "last", "1.5", "²"])
def test_a_layer_that_the_model_lacks_is_an_error(model: Path, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bertscore.LAYER_VARIABLE, layer)
    with pytest.raises(ClueplusError, match=rf"{bertscore.LAYER_VARIABLE}={layer}.*0 to {LAYERS}"):
        bertscore_f1("pain", "knee")


@needs_torch
@pytest.mark.parametrize("config", ["{}", "[]", "not JSON", '{"num_hidden_layers": "many"}'])
def test_a_config_without_a_number_of_layers_is_an_error(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(config)
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(tmp_path))
    for ask in (bertscore_identity, lambda: bertscore_f1("pain", "knee")):
        with pytest.raises(ClueplusError, match="names no num_hidden_layers"):
            ask()


@needs_torch
@pytest.mark.parametrize("model_type", ["bert", "no such type"])
def test_a_folder_with_nothing_but_a_config_is_an_error(
    model_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, "num_hidden_layers": 2}))
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(tmp_path))
    with pytest.raises(ClueplusError, match="can't be loaded as an encoder"):
        bertscore_f1("pain", "knee")


@needs_torch
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_truncated_file_of_the_model_is_an_error(
    file: str, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "truncated"))
    (folder / file).write_bytes((tiny_bert / file).read_bytes()[:100])
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(folder))
    with pytest.raises(ClueplusError, match="can't be loaded as an encoder"):
        bertscore_f1("pain", "knee")


@needs_torch
def test_the_identity_changes_with_the_weights(model: Path) -> None:
    before = bertscore_identity()
    weights = next(model.glob("*.safetensors"))
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    forget()
    try:
        assert bertscore_identity() != before
    finally:
        weights.write_bytes(content)
