"""What a training sets around itself, and puts back: seeds, determinism, the libraries' chatter."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_LOGGERS = ("transformers", "trl", "accelerate", "datasets", "peft", "torch.distributed")


@contextmanager
def training_surroundings(seed: int) -> Iterator[None]:
    """Seeds everything, and keeps the libraries from printing, from sending telemetry, and from randomness on a CPU."""
    # No process is forked after tokenizing, which is what makes threads of tokenizers dangerous.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    import torch
    import transformers
    from huggingface_hub import constants

    # trl tells its makers that a trainer was made; the constant was read when huggingface_hub was imported.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if not torch.accelerator.is_available():
            stack.enter_context(_deterministic(torch))
        transformers.set_seed(seed)
        yield


@contextmanager
def _deterministic(torch: Any) -> Iterator[None]:
    """On a CPU every operation has a deterministic form; on a GPU some that training needs have none."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def _quiet() -> Iterator[None]:
    import datasets
    from transformers.utils import logging as transformers_logging

    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    bars = transformers_logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    tqdm = os.environ.get("TQDM_DISABLE")
    for name in _LOGGERS:
        # Their warnings may quote the text that is trained on.
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars[0]:
            transformers_logging.enable_progress_bar()
        if not bars[1]:
            datasets.enable_progress_bars()
        if tqdm is None:
            os.environ.pop("TQDM_DISABLE", None)
        else:
            os.environ["TQDM_DISABLE"] = tqdm
