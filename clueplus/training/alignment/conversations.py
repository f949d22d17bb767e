"""From rows to token ids: the base's chat template, and where the answer begins and ends in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clueplus.errors import DataError
from clueplus.models.template import PROBES, Probe, read_template
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.rows import Row

Ids = list[int]
_SYSTEM_PROBE = "Answer briefly."


class Encoded(NamedTuple):
    """A prompt and an answer that is ended with the template's end token."""

    prompt: Ids
    answer: Ids


class Chat:
    """A base's chat template, read off from what it does.

    `end` is the token that closes an answer: the last one that is trained on, since generation stops there. `system`
    tells whether the template has a system role; where it has none the instruction opens the user's turn.

    Raises:
        DataError: there is no template, it fails on a plain conversation, or it closes no answer.
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        if not base.tokenizer.chat_template:
            raise DataError(
                f"{base.folder} has no chat template", fix="save chat_template.jinja with the tokenizer of the base"
            )
        try:
            ids = [self._probe(probe) for probe in PROBES]
        except Exception as error:  # a template may raise whatever its author wrote
            raise DataError(
                f"the chat template of {base.folder} fails on a plain conversation ({type(error).__name__})",
                fix="mend chat_template in the tokenizer's files",
            ) from error
        template = read_template(ids, base.tokenizer.convert_ids_to_tokens(ids[1]))
        if template.end_token_id is None:
            raise DataError(
                f"the chat template of {base.folder} closes an answer with no special token, so no end can be learned",
                fix="let the template write eos_token after an assistant's words",
            )
        self.end = template.end_token_id
        self.system = self._has_system_role()
        self._bos: Ids = ids[3][:1] if template.add_special_tokens else []

    def encode(self, asked: Sequence[tuple[Row, str]]) -> list[Encoded | None]:
        """The token ids of rows with an answer each; None where the prompt's are no beginning of the whole's.

        That happens where a template renders a prompt alone in another way, and where tokens merge across the border.
        Many at once: a tokenizer has threads for them.
        """
        texts = []
        for row, answer in asked:
            messages = self.messages(row)
            texts.append(self._render(messages, generation_prompt=True))
            texts.append(self._render([*messages, {"role": "assistant", "content": answer}], generation_prompt=False))
        ids = self._ids(texts)
        return [self._parted(prompt, whole) for prompt, whole in zip(ids[::2], ids[1::2], strict=True)]

    def _parted(self, prompt: Ids, whole: Ids) -> Encoded | None:
        if whole[: len(prompt)] != prompt or self.end not in whole[len(prompt) :]:
            return None
        # What a template writes after the end token is never generated; to train on it would be to train on nothing.
        last = len(whole) - whole[::-1].index(self.end)
        return Encoded([*self._bos, *prompt], whole[len(prompt) : last])

    def messages(self, row: Row) -> list[dict[str, str]]:
        """A row as a conversation without its answer.

        The instruction is the system's turn and the input the user's. Without an input the instruction is the user's:
        a conversation needs one. Without a system role both are, with a line between them.
        """
        if not row.input.strip():
            return [{"role": "user", "content": row.instruction}]
        if not self.system:
            return [{"role": "user", "content": f"{row.instruction}\n\n{row.input}"}]
        return [{"role": "system", "content": row.instruction}, {"role": "user", "content": row.input}]

    def _has_system_role(self) -> bool:
        """Some templates raise on a system turn, and some leave it out without a word."""
        messages = [{"role": "system", "content": _SYSTEM_PROBE}, {"role": "user", "content": "Why?"}]
        try:
            text = self._render(messages, generation_prompt=True)
        except Exception:
            return False
        return _SYSTEM_PROBE in text

    def _probe(self, probe: Probe) -> Ids:
        if probe.messages is None:
            return list(self._base.tokenizer(probe.text, add_special_tokens=probe.special_tokens)["input_ids"])
        return self._ids([self._render(probe.messages, generation_prompt=probe.generation_prompt)])[0]

    def _render(self, messages: list[dict[str, str]], *, generation_prompt: bool) -> str:
        apply = self._base.tokenizer.apply_chat_template
        return str(apply(messages, add_generation_prompt=generation_prompt, tokenize=False))

    def _ids(self, texts: list[str]) -> list[Ids]:
        """A template writes its special tokens itself."""
        found: list[Ids] = self._base.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        return found
