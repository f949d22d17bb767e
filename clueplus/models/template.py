"""What a chat template does, read off from the tokens that it gives for a few small conversations.

Token ids tell more than the template's text: they hold the tokenizer and every override with it, and a server that is
not on this machine tells them too. A template that writes today's date is another template every day, and so it should:
its prompts are other prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clueplus.errors import ClueplusError
from clueplus.files import canonical_json, sha256

_ASKED = {"role": "user", "content": "Is the patient well?"}


class Probe(NamedTuple):
    """One text to tokenize: a conversation through the template, or plain text with the tokenizer's special tokens."""

    messages: list[dict[str, str]] | None = None
    text: str | None = None
    generation_prompt: bool = False
    special_tokens: bool = False


PROBES = (
    Probe([_ASKED, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Why?"}], None, True),
    Probe([_ASKED, {"role": "assistant", "content": "Yes"}]),
    Probe([_ASKED, {"role": "assistant", "content": "No"}]),
    Probe(text="Why?", special_tokens=True),
    Probe(text="Why?"),
)


@dataclass(frozen=True)
class Template:
    """A chat template as it acts.

    `digest` is the sha256 of the first probe's token ids. `end_token_id` is the special token that closes an assistant
    turn, None when the template writes none. `wants_bos` tells whether the tokenizer puts a beginning-of-sequence token
    before plain text; `bos` counts those, 0 or 1, that the template itself opens a prompt with.
    """

    digest: str
    end_token_id: int | None
    bos: int
    wants_bos: bool

    @property
    def add_special_tokens(self) -> bool:
        """Whether a prompt needs the tokenizer's BOS on top of the template: exactly one must open it."""
        return self.wants_bos and not self.bos


def read_template(ids: Sequence[Sequence[int]], strings: Sequence[str]) -> Template:
    """The template behind the token ids of `PROBES`, in their order.

    Args:
        ids: one list of token ids a probe.
        strings: the tokens of the second probe as text; special tokens are told from words by their brackets.

    Raises:
        ClueplusError: the template opens a prompt with more than one beginning-of-sequence token.
    """
    chat, yes, no, special, plain = ids
    bos = special[0] if len(special) > len(plain) and special[: len(plain)] != plain else None
    # A tokenizer that puts none before plain text does not tell which token it is; a special one twice is one too many.
    first = bos if bos is not None else yes[0] if yes and _is_special(strings[0]) else None
    repeated = next((place for place, token in enumerate(chat) if token != first), len(chat))
    if repeated > 1:
        raise ClueplusError(
            f"the chat template begins with {repeated} beginning-of-sequence tokens; a model has seen one",
            fix="take bos_token out of the template, or out of the tokenizer's own additions",
        )
    leading = repeated if bos is not None else 0
    end = _end_token(yes, no, strings)
    return Template(sha256(canonical_json(list(chat))), end, leading, bos is not None)


def _end_token(yes: Sequence[int], no: Sequence[int], strings: Sequence[str]) -> int | None:
    """The first token after the assistant's words, when it is a special one."""
    common = 0
    while common < min(len(yes), len(no)) and yes[-1 - common] == no[-1 - common]:
        common += 1
    after = len(yes) - common
    if not common or not _is_special(strings[after]):
        return None
    return yes[after]


def _is_special(token: str) -> bool:
    return len(token) > 2 and (token[0], token[-1]) in {("<", ">"), ("[", "]")}
