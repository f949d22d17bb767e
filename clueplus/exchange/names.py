"""What may leave this machine of a model's name."""

from __future__ import annotations

import re

_ON_A_DISK = re.compile(r"^(?:[/~.\\]|[A-Za-z]:[/\\])|\\|/.*/|/$")


def public_name(name: str) -> str:
    """A model's name without the folders of a machine: of a path its last part, a hub id (owner/name) as it is."""
    if not _ON_A_DISK.search(name):
        return name
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1] or "model"
