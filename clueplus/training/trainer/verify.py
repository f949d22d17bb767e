"""Whether a checkpoint that was just saved is the model that is being trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from clueplus.errors import StoreError
from clueplus.training.trained import Reporter

_TOKENS = 512
# Relative: the same arithmetic on the same device, and that of a CPU in float32 beside a GPU's in bfloat16.
_SAME, _ELSEWHERE = 1e-4, 2e-2


def verify_checkpoint(trainer: Any, checkpoint: Path, source: Path, reporter: Reporter) -> None:
    """Loads a checkpoint into a fresh model, and compares its loss with that of the model in memory.

    It is loaded beside that one where there is room, else to the CPU.

    Args:
        trainer: with the model in memory, and data to take a loss of.
        checkpoint: that it has just saved.
        source: the model under an adapter.
        reporter: hears when a sharded model makes the comparison impossible.

    Raises:
        StoreError: the losses differ, or the checkpoint can't be loaded.
    """
    kind = trainer.accelerator.distributed_type.value
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        reporter.note(f"the first checkpoint is not read back: the model is sharded ({kind})")
        return
    if not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    row = trainer.train_dataset[0]
    ids = torch.tensor([(row["input_ids"] if "input_ids" in row else row["prompt_ids"] + row["chosen_ids"])[:_TOKENS]])
    # A resumed run does not come by here; the random numbers after it must be the same.
    with torch.random.fork_rng():
        try:
            fresh = _load(model, checkpoint, source)
        except Exception as error:
            raise StoreError(
                f"the first checkpoint can't be loaded ({type(error).__name__}): {checkpoint}", fix=_FIX
            ) from error
        losses = [_loss(trainer, one, ids) for one in (model, fresh)]
    tolerance = _SAME if fresh.device == model.device else _ELSEWHERE
    if not math.isclose(*losses, rel_tol=tolerance):
        raise StoreError(
            f"the first checkpoint is not the model that was saved: its loss is {losses[1]:.6f}, and that of the"
            f" model in memory {losses[0]:.6f}",
            fix=_FIX,
        )


_FIX = "don't train on: what is saved can't be used; report this with the versions of transformers and peft"


def _load(model: Any, checkpoint: Path, source: Path) -> Any:
    if (checkpoint / "adapter_config.json").is_file():
        from peft import PeftModel

        under = AutoModelForCausalLM.from_pretrained(source, dtype=model.base_model.model.dtype)
        fresh: Any = PeftModel.from_pretrained(under, checkpoint)
    else:
        fresh = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=model.dtype)
    try:
        return fresh.to(model.device)
    except torch.OutOfMemoryError:  # full fine-tuning fills a device with what it needs itself
        return fresh.cpu()


def _loss(trainer: Any, model: Any, ids: Any) -> float:
    ids, training = ids.to(model.device), model.training
    model.eval()
    with torch.no_grad(), trainer.accelerator.autocast():
        loss = float(model(input_ids=ids, labels=ids, use_cache=False).loss)
    model.train(training)
    return loss
