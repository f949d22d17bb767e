"""trl's trainers with what is ours: every pass is counted and looked at, and data comes as token ids."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from trl import DPOTrainer, SFTTrainer

from clueplus.errors import ClueplusError
from clueplus.files import write_atomic
from clueplus.training.trainer.watch import Watch

UNTRAINED = -100


class Guarded:
    """Mixed into a trainer: tells `watch` of every pass, and stops at the first loss that is not finite."""

    watch: Watch
    args: Any
    state: Any

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """One pass forward and backward."""
        ids = inputs["input_ids"].detach()
        self.watch.count(ids, *_counts(inputs))
        loss = super().training_step(model, inputs, num_items_in_batch)  # type: ignore[misc]
        value = loss.item()
        if not math.isfinite(value):
            self.stop(self.state.global_step + 1, [ids], f"the loss is {value}")
        return loss

    def stop(self, step: int, batches: Sequence[Any], reason: str) -> NoReturn:
        """Ends the training before a bad step is saved; the token ids that led there go to a file of their owner's.

        Raises:
            ClueplusError: always; it names the file and holds none of its text.
        """
        path = Path(self.args.output_dir).parent / f"stopped_at_step_{step}.process_{self.args.process_index}.json"
        found = {"step": step, "reason": reason, "input_ids": [ids.tolist() for ids in batches]}
        write_atomic(path, json.dumps(found), private=True)
        raise ClueplusError(
            f"training stopped at step {step}: {reason}; the token ids of the batch are in {path}",
            fix="look at those texts; a lower learning rate or a longer warm-up; the checkpoint before it is kept",
        )


def _counts(inputs: dict[str, Any]) -> tuple[Any, Any]:
    """Tokens without padding, and those that a loss is taken of: the first of a sequence is predicted by nothing."""
    mask = inputs.get("attention_mask")
    tokens = (inputs["input_ids"] != UNTRAINED).sum() if mask is None else mask.sum()
    if "completion_mask" in inputs:
        return tokens, inputs["completion_mask"][..., 1:].sum()
    return tokens, (inputs["labels"][..., 1:] != UNTRAINED).sum()


class GuardedSFT(Guarded, SFTTrainer):  # type: ignore[misc]
    """Next-token prediction on sequences that are tokenized, labelled and packed already."""


class GuardedDPO(Guarded, DPOTrainer):  # type: ignore[misc]
    """Preference optimisation on pairs that are tokenized already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Nothing is left to do; trl would render the chat template again, with no check of the border."""
        return dataset
