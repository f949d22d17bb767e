"""The one family of errors that a user sees: one line, what is wrong and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable

_withheld: list[str] = []


def withhold_messages(reason: str) -> None:
    """From now on the text of unexpected exceptions is not shown, even for debugging: it may hold document text."""
    _withheld.append(reason)


def messages_withheld() -> str | None:
    """Why the text of unexpected exceptions is not shown, or None."""
    return _withheld[0] if _withheld else None


class ClueplusError(Exception):
    """A user's mistake or a fault of their surroundings; the command line prints it as one line and exits with 2.

    The message never holds document text: with restricted data, even an error message may not carry a note.

    Args:
        message: what is wrong, naming the file, option or host.
        fix: what the user can do about it.
    """

    exit_code = 2

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        self.message = one_line(message)
        self.fix = one_line(fix) if fix else None
        super().__init__(f"{self.message}. Fix: {self.fix}" if self.fix else self.message)


class DataError(ClueplusError):
    """A data file that is absent, changed, truncated or of another shape than declared."""


class EndpointError(ClueplusError):
    """An endpoint that can't be used: down, not an OpenAI-compatible server, or refusing every request."""


class StoreError(ClueplusError):
    """A response store or a record that can't be read or written."""


def one_line(text: str) -> str:
    """`text` with every run of white space as one space, so that an error stays one line."""
    return " ".join(text.split())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown `name`: the closest known names, or the whole list when it is short or nothing is close."""
    from difflib import get_close_matches

    names = sorted(set(known))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(names) or 'none'}"
