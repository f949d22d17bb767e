"""A causal language model in this process: transformers loads it, and it answers a few prompts at once."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import ClueplusError, EndpointError, one_line
from clueplus.models.base import Answer, Api, Decoding, Prompt, RequestFailedError
from clueplus.models.template import PROBES, Probe, Template, read_template

_PACKAGES = ("torch", "transformers", "accelerate")
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
# Where nobody set a limit, tokenizers tell one of 10 to the 30.
_ENDLESS = 10**9


class Asked(NamedTuple):
    """A prompt as token ids, and how it is to be answered."""

    ids: list[int]
    decoding: Decoding


class Checkpoint:
    """Weights, tokenizer and chat template, loaded to the first CUDA device, or to the CPU where there is none.

    `context` is the number of tokens that a prompt and its answer may have together, `template` what the chat template
    does (None for plain text), `end_ids` the tokens that end an answer. `rope_switch` is the length in tokens above
    which the whole batch gets other positions (longrope), None for other models.

    Args:
        weights: a folder, or a hub id.
        revision: of a hub id.
        api: "chat" reads the chat template.
        dtype: of the weights, as torch names it, or "auto" for the checkpoint's own.

    Raises:
        ClueplusError: torch or transformers is missing, or the template opens a prompt with two BOS tokens.
        EndpointError: the model can't be loaded, or has no chat template that works.
    """

    def __init__(self, weights: str, *, revision: str | None = None, api: Api = "chat", dtype: str = "auto") -> None:
        missing = [package for package in _PACKAGES if find_spec(package) is None]
        if missing:
            raise ClueplusError(f"no {missing[0]} to load '{weights}' with", fix="pip install 'clueplus[hf]'")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        if Path(weights).is_dir() and not (Path(weights) / "config.json").is_file():
            raise EndpointError(f"{weights} is no checkpoint: it has no config.json", fix="give a saved model's folder")
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(weights, revision=revision)
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                weights, revision=revision, dtype=dtype, device_map=self.device
            ).eval()
        except Exception as error:  # OSError, ValueError, and errors of the hub's and of safetensors' own
            raise _loading_error(weights, error) from error
        self.context = _context(self._model.config, self._tokenizer)
        self.rope_switch = _rope_switch(self._model.config)
        self._bos: list[int] = []
        self.template = self._read_template(weights) if api == "chat" else None
        self.end_ids = self._end_ids()
        # generate() fills whatever a request leaves open from here: the checkpoint's sampling defaults.
        self._model.generation_config = GenerationConfig()

    def _read_template(self, weights: str) -> Template:
        if not self._tokenizer.chat_template:
            raise EndpointError(
                f"{weights} has no chat template", fix="--api completions, or save the template with the tokenizer"
            )
        try:
            ids = [self._probe(probe) for probe in PROBES]
        except Exception as error:  # a template may raise whatever its author wrote
            raise EndpointError(
                f"the chat template of {weights} fails on a plain conversation ({type(error).__name__})",
                fix="mend chat_template in the tokenizer's files, or --api completions",
            ) from error
        template = read_template(ids, self._tokenizer.convert_ids_to_tokens(ids[1]))
        if template.add_special_tokens:
            self._bos = ids[3][:1]
        return template

    def _probe(self, probe: Probe) -> list[int]:
        if probe.messages is not None:
            return self._chat(probe.messages, generation_prompt=probe.generation_prompt)
        return list(self._tokenizer(probe.text, add_special_tokens=probe.special_tokens)["input_ids"])

    def _chat(self, messages: list[dict[str, str]], *, generation_prompt: bool = True) -> list[int]:
        return list(
            self._tokenizer.apply_chat_template(messages, add_generation_prompt=generation_prompt, return_dict=False)
        )

    def _end_ids(self) -> frozenset[int]:
        told = self._model.generation_config.eos_token_id
        ends = [*(told if isinstance(told, list) else [told]), self._tokenizer.eos_token_id]
        if self.template is not None:
            ends.append(self.template.end_token_id)
        return frozenset(end for end in ends if end is not None)

    def ids(self, prompt: Prompt) -> list[int]:
        """A prompt's token ids: messages through the chat template, text with the tokenizer's own special tokens.

        Raises:
            RequestFailedError: the template or the tokenizer refuses it.
        """
        try:
            if isinstance(prompt, str):
                return list(self._tokenizer(prompt)["input_ids"])
            return [*self._bos, *self._chat(prompt)]
        except Exception as error:
            name = type(error).__name__
        raise RequestFailedError(f"the chat template or the tokenizer refuses the prompt ({name})")

    def generate(self, asked: Sequence[Asked], closing: threading.Event) -> list[Answer]:
        """The answers to one batch, in its order.

        Args:
            asked: prompts with equal `max_tokens` and `temperature`; a batch of one when the temperature is above 0.
            closing: when it is set, generation ends after the next token, and the answers are worth nothing.
        """
        import torch
        from transformers import StoppingCriteriaList

        start = time.perf_counter()
        longest = max(len(one.ids) for one in asked)
        ids = torch.full((len(asked), longest), self._pad())
        mask = torch.zeros_like(ids)
        for row, one in enumerate(asked):
            ids[row, longest - len(one.ids) :] = torch.tensor(one.ids)
            mask[row, longest - len(one.ids) :] = 1
        halt = _Halt(self._text, longest, [one.decoding.stop for one in asked], closing)
        with torch.inference_mode(), self._seeded(asked[0].decoding):
            rows = self._model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                generation_config=self._config(asked[0].decoding),
                stopping_criteria=StoppingCriteriaList([halt]),
            )[:, longest:].tolist()
        seconds = round(time.perf_counter() - start, 4)
        return [
            self._answer(one, row[:length], seconds) for one, row, length in zip(asked, rows, halt.lengths, strict=True)
        ]

    def _pad(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(min(self.end_ids, default=0) if pad is None else pad)

    def _config(self, decoding: Decoding) -> Any:
        from transformers import GenerationConfig

        # top_k is 50 where nobody says otherwise.
        sampling = {"temperature": decoding.temperature, "top_p": 1.0, "top_k": 0} if decoding.temperature > 0 else {}
        return GenerationConfig(
            max_new_tokens=decoding.max_tokens,
            do_sample=decoding.temperature > 0,
            eos_token_id=sorted(self.end_ids) or None,
            pad_token_id=self._pad(),
            **sampling,
        )

    def _seeded(self, decoding: Decoding) -> AbstractContextManager[Any]:
        """The random numbers of one answer, apart from everybody else's in this process."""
        import torch

        scope = ExitStack()
        if decoding.temperature > 0:
            scope.enter_context(torch.random.fork_rng([torch.cuda.current_device()] if self.device == "cuda" else []))
            torch.manual_seed(decoding.seed)
        return scope

    def _answer(self, asked: Asked, row: list[int], seconds: float) -> Answer:
        """What a row of tokens says up to its end token and its earliest stop string, both left out."""
        end = next((number for number, token in enumerate(row) if token in self.end_ids), None)
        text = self._text(row[:end])
        stop = _earliest(text, asked.decoding.stop)
        return Answer(
            text=text[:stop],
            finish_reason="length" if end is None and stop is None else "stop",
            prompt_tokens=len(asked.ids),
            completion_tokens=len(row) if end is None else end + 1,
            seconds=seconds,
        )

    def _text(self, ids: list[int]) -> str:
        # The tokenizer's clean-up would join "week ." to "week.", which no server does.
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def free(self) -> None:
        """Drops the weights. Nothing can be generated any more."""
        self._model = None
        self.tidy()

    def tidy(self) -> None:
        """Gives memory of past batches back to the device."""
        import torch

        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()


class _Halt:
    """Tells generation which rows have ended: those with a stop string, and all of them once the model closes.

    `lengths` is the number of tokens up to the one that completed a row's stop string, None where there is none. What
    follows in such a row is padding, and may look like text.
    """

    def __init__(self, text: Any, start: int, stops: Sequence[tuple[str, ...]], closing: threading.Event) -> None:
        self.lengths: list[int | None] = [None] * len(stops)
        self._text, self._start, self._stops, self._closing = text, start, stops, closing
        # A token stands for a byte at least; some more tokens for special ones, and to begin at a whole character.
        longest = max((len(stop.encode()) for row in stops for stop in row), default=0)
        self._window = longest + 8 if longest else 0

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        """A tensor of (rows,) booleans for the token `ids` (rows, tokens) so far."""
        import torch

        if self._closing.is_set():
            return torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        length = ids.shape[1] - self._start
        if self._window:
            for number, tail in enumerate(ids[:, self._start :][:, -self._window :].tolist()):
                if self.lengths[number] is None and self._ended(ids[number], tail, self._stops[number]):
                    self.lengths[number] = length
        return torch.tensor([ended is not None for ended in self.lengths], device=ids.device)

    def _ended(self, row: Any, tail: list[int], stops: tuple[str, ...]) -> bool:
        # To decode every answer anew after every token would take longer than to generate it.
        if _earliest(self._text(tail), stops) is None:
            return False
        return _earliest(self._text(row[self._start :].tolist()), stops) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory, or this machine's, is full."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY)


def _earliest(text: str, stops: Sequence[str]) -> int | None:
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def _context(config: Any, tokenizer: Any) -> int | None:
    told = (getattr(config.get_text_config(), "max_position_embeddings", None), tokenizer.model_max_length)
    return min((int(length) for length in told if length and 0 < length < _ENDLESS), default=None)


def _rope_switch(config: Any) -> int | None:
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    return rope.get("original_max_position_embeddings") if rope.get("rope_type") == "longrope" else None


def _loading_error(weights: str, error: Exception) -> EndpointError:
    if is_out_of_memory(error):
        return EndpointError(
            f"out of memory while loading {weights}", fix="take a machine with more memory, or a smaller model"
        )
    return EndpointError(
        f"{weights} can't be loaded: {type(error).__name__}: {one_line(str(error))[:160]}",
        fix="give the folder of a saved model, or a hub id that this machine can reach",
    )
