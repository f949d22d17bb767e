"""Names and texts of strangers, made fit for a page and for a file name."""

from __future__ import annotations

import re

from clueplus.files import sha256

# Controls, lone surrogates, and the marks that turn the direction of text: shown by their number, never obeyed.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
# Device names of Windows: a file of that name can't be made there, whatever its ending.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str, most: int = 20_000) -> str:
    """The text with every invisible control as its number, cut after `most` characters, which is told."""
    kept = text if len(text) <= most else f"{text[:most]}… [{len(text) - most:,} characters more]"
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", kept.replace("\r\n", "\n"))


def label(name: str) -> str:
    """A name on one line."""
    return visible(" ".join(name.split()), 80) or "(no name)"


def slug(name: str) -> str:
    """A file name for `name`, without an ending; no two names share one, even where case does not count.

    A plain name is its own slug. Any other gets a tilde, which no plain name has, and a part of its hash.
    """
    if _PLAIN.fullmatch(name) and ".." not in name and not _RESERVED.fullmatch(name):
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", name[:200].lower()).strip("-")[:40].strip("-")
    return f"{stem or 'model'}~{sha256(name)[:16]}"


def spreadsheet_text(text: str) -> str:
    """Text for a CSV cell: a spreadsheet takes what begins like a formula for one, so that gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text
