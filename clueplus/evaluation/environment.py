"""What a run's numbers may depend on beside the model: versions, and settings of the engine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("lm-eval", "numpy", "scipy", "scikit-learn", "rapidfuzz", "nltk", "torch", "transformers", "vllm")
# Whether the engine promised the same answer whatever the batch; the noise of a run depends on it.
_VARIABLES = ("VLLM_BATCH_INVARIANT",)


def environment() -> dict[str, str]:
    """Versions of this interpreter and of the packages that scores depend on, and settings that change answers."""
    found = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {name: os.environ.get(name, "unset") for name in _VARIABLES}
