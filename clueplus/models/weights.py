"""Which weights a folder holds."""

from __future__ import annotations

import json
from pathlib import Path

from clueplus.files import sha256


def weights_fingerprint(folder: Path) -> str:
    """A sha256 that changes when the weights in a local folder do: names, sizes, times, and both ends of every file.

    Reading whole checkpoints would take minutes; training rewrites the file, which changes its time and its content.
    """
    parts = []
    patterns = ("*.safetensors", "*.bin", "config.json", "adapter_config.json")
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        if path.is_file():
            stat = path.stat()
            with path.open("rb") as file:
                head = file.read(1 << 20)
                file.seek(max(0, stat.st_size - (1 << 20)))
                parts.append([path.name, stat.st_size, stat.st_mtime_ns, sha256(head), sha256(file.read())])
    return sha256(json.dumps(parts))
