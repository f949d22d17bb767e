"""BERTScore F1 (Zhang et al., ICLR 2020) with a model from a local folder: greedy cosine matching of token vectors.

No weights are downloaded here. The folder comes from the environment variable `CLUEPLUS_BERTSCORE_MODEL` (CLUE uses
SciBERT, uncased, without rescaling); where it is not set, the component is not computed and says why.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from clueplus.errors import ClueplusError

MODEL_VARIABLE = "CLUEPLUS_BERTSCORE_MODEL"
LAYER_VARIABLE = "CLUEPLUS_BERTSCORE_LAYER"
# bert-score's published choice for SciBERT, a 12-layer encoder; other encoders have their own.
_LAYERS = {"scibert": 8, "roberta-large": 17, "bert-base": 9}

_WINDOW = 500_000  # characters
_SPACED = {"RobertaTokenizer", "GPT2Tokenizer"}

_Model = tuple[Path, int]  # its folder and the layer
_cache: dict[tuple[_Model, str, str], float] = {}


def bertscore_missing() -> str | None:
    """Why BERTScore can't be computed here, as one line with the fix; None when it can."""
    folder = os.environ.get(MODEL_VARIABLE)
    if not folder:
        return f"not computed: set {MODEL_VARIABLE} to a local folder with an encoder (CLUE: scibert_scivocab_uncased)"
    if not (Path(folder) / "config.json").is_file():
        return f"not computed: {MODEL_VARIABLE} names {folder}, which holds no config.json"
    from importlib.util import find_spec

    lacking = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if lacking:
        return f"not computed: {' and '.join(lacking)} not installed; pip install 'clueplus[hf]'"
    return None


def bertscore_identity() -> str | None:
    """What scores depend on: the encoder's folder name, the layer, and the sha256 of its weights; None without one."""
    return None if bertscore_missing() else _identity(*_model())


@lru_cache(maxsize=8)
def _identity(folder: Path, layer: int) -> str:
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.name}, layer {layer}, weights {digest.hexdigest()}"


def bertscore_f1(prediction: str, reference: str) -> float | None:
    """BERTScore F1 of one pair, in [0, 1] (in practice 0.3 to 1), without rescaling; None where it can't be computed.

    An empty prediction or reference scores 0, and so does a pair whose precision or recall is no positive cosine: there
    the harmonic mean is no mean, and has no bounds. Pairs seen before are remembered; see `prepare`.
    """
    if bertscore_missing():
        return None
    key = (_model(), prediction, reference)
    if key not in _cache:
        prepare([prediction], [reference])
    return _cache[key]


def prepare(predictions: Sequence[str], references: Sequence[str], *, batch_size: int = 64) -> None:
    """Computes many pairs in batches, so that `bertscore_f1` answers from memory.

    Texts are sorted by length and embedded `batch_size` at a time, once each, on the device that torch offers.

    Raises:
        ClueplusError: the model can't be loaded.
    """
    if bertscore_missing():
        return
    model = _model()
    pairs = {(p, r) for p, r in zip(predictions, references, strict=True) if (model, p, r) not in _cache}
    for prediction, reference in pairs:
        if not prediction.strip() or not reference.strip():
            _cache[model, prediction, reference] = 0.0
    # By length, and then by text: the last digits of a score depend on its batch, and a set has no order of its own.
    todo = sorted(
        (pair for pair in pairs if (model, *pair) not in _cache), key=lambda pair: (len(pair[0]) + len(pair[1]), pair)
    )
    for window in _windows(todo):
        for (prediction, reference), value in zip(window, _encoder(*model).f1(window, batch_size), strict=True):
            _cache[model, prediction, reference] = value


def _windows(pairs: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Pairs in groups whose token vectors fit in memory together: 0.4 GB for an encoder of 768 dimensions."""
    window: list[tuple[str, str]] = []
    size = 0
    for pair in pairs:
        # Four characters are about a token; of a long text only the first 512 tokens are embedded.
        weight = sum(min(len(text), 2048) for text in pair)
        if window and size + weight > _WINDOW:
            yield window
            window, size = [], 0
        window.append(pair)
        size += weight
    if window:
        yield window


class _Encoder:
    """An encoder cut after the layer whose vectors are compared."""

    def __init__(self, folder: Path, layer: int) -> None:
        import torch
        from transformers import AutoModel

        self.layer = layer
        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.tokenizer = _tokenizer(folder)
            self.model = (
                AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).to(self.device).eval()
            )
        except Exception as error:  # a truncated file raises an error of safetensors' own, others OSError or ValueError
            raise ClueplusError(
                f"{MODEL_VARIABLE}: {folder} can't be loaded as an encoder ({type(error).__name__})"
            ) from error
        if self.tokenizer.num_special_tokens_to_add() != 2 or self.tokenizer.pad_token is None:
            raise ClueplusError(
                f"{MODEL_VARIABLE}: {folder} is no encoder that puts a token before and one after a text",
                fix="use a BERT or a RoBERTa",
            )
        self.max_length = min(self.tokenizer.model_max_length, _positions(self.model))
        layers = getattr(getattr(self.model, "encoder", None), "layer", None)
        if layers is not None:  # what comes after is never looked at: a third of SciBERT
            self.model.encoder.layer = layers[: self.layer]

    def vectors(self, texts: Sequence[str]) -> list[Any]:
        """One (tokens, hidden) tensor of unit vectors a text, with the special tokens at both ends."""
        torch = self.torch
        encoded = self.tokenizer(
            [_encodable(text.strip()) for text in texts],
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        ).to(self.device)
        with torch.inference_mode():
            hidden = self.model(**encoded, output_hidden_states=True).hidden_states[self.layer]
        hidden = torch.nn.functional.normalize(hidden, dim=-1)
        lengths = encoded["attention_mask"].sum(dim=1).tolist()
        return [row[:length] for row, length in zip(hidden, lengths, strict=True)]

    def _embedded(self, texts: Iterable[str], batch_size: int) -> dict[str, Any]:
        """The vectors of each text; those of like length go together, so that little is padded."""
        ordered = sorted(texts, key=lambda text: (len(text), text))
        batches = (ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size))
        return {text: row for batch in batches for text, row in zip(batch, self.vectors(batch), strict=True)}

    def f1(self, pairs: Sequence[tuple[str, str]], batch_size: int = 64) -> list[float]:
        """BERTScore F1 of each (prediction, reference)."""
        embedded = self._embedded({text for pair in pairs for text in pair}, batch_size)
        scores = []
        for prediction, reference in ((embedded[p], embedded[r]) for p, r in pairs):
            if len(prediction) <= 2 or len(reference) <= 2:
                scores.append(0.0)
                continue
            # As in bert-score, the two special tokens of a text may be matched but weigh nothing themselves.
            similarity = prediction @ reference.T
            precision = similarity.max(dim=1).values[1:-1].mean().item()
            recall = similarity.max(dim=0).values[1:-1].mean().item()
            f1 = 2 * precision * recall / (precision + recall) if min(precision, recall) > 0 else 0.0
            scores.append(min(f1, 1.0))  # rounding makes a cosine of 1 a little more
        return scores


def _encodable(text: str) -> str:
    """A text without lone surrogates, which an answer may hold as half of an emoji and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _tokenizer(folder: Path) -> Any:
    """The tokenizer of an encoder, with a space before the first word where bert-score puts one."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if type(tokenizer).__name__.removesuffix("Fast") in _SPACED:
        # Byte-level BPE has other tokens for a word at the very start. bert-score asks for the space at each call,
        # which transformers 5 ignores, so that its scores depend on the version; asked for here, it is always there.
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, add_prefix_space=True)
    return tokenizer


def _positions(model: Any) -> int:
    """The longest text, in tokens. RoBERTa numbers its positions from after the padding's number."""
    limit = int(getattr(model.config, "max_position_embeddings", 512))
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return limit if padding is None else limit - padding - 1


@lru_cache(maxsize=1)
def _encoder(folder: Path, layer: int) -> _Encoder:
    return _Encoder(folder, layer)


def _model() -> _Model:
    folder = Path(os.environ[MODEL_VARIABLE])
    return folder, _layer(folder, os.environ.get(LAYER_VARIABLE))


@lru_cache(maxsize=8)
def _layer(folder: Path, chosen: str | None) -> int:
    """The hidden layer to compare: set by the user, bert-score's choice for known encoders, else the last."""
    import json

    try:
        layers = int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClueplusError(f"{MODEL_VARIABLE}: {folder}/config.json names no num_hidden_layers") from error
    if chosen:
        if not chosen.isdecimal() or int(chosen) > layers:
            raise ClueplusError(f"{LAYER_VARIABLE}={chosen}: the model has layers 0 to {layers}")
        return int(chosen)
    return next((layer for name, layer in _LAYERS.items() if name in folder.name.lower() and layer <= layers), layers)
