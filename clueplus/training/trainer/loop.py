"""One phase of a training: a model, its sequences, trl's trainer, and the whole model that comes out."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM

from clueplus.errors import ClueplusError, DataError, did_you_mean
from clueplus.files import write_atomic
from clueplus.training.spec import Adapter, Training
from clueplus.training.trained import Reporter
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.metrics import MetricsLog
from clueplus.training.trainer.plan import Plan
from clueplus.training.trainer.prepared import Prepared
from clueplus.training.trainer.schedule import accumulation
from clueplus.training.trainer.throughput import Peak, flops_per_token, peak_of
from clueplus.training.trainer.verify import verify_checkpoint
from clueplus.training.trainer.watch import KEPT, Course, Tally, Watch
from clueplus.training.trainer.work import WHOLE, remove_broken_checkpoints, whole_checkpoints

MODEL, _CHECKPOINTS = "model", "checkpoints"


class Phase(NamedTuple):
    """A plan with its sequences made, and `source`, the folder of the model that it starts from."""

    plan: Plan
    source: Path
    prepared: Prepared


def run_phase(phase: Phase, course: Course, base: Base, folder: Path, reporter: Reporter) -> Tally:
    """Trains one phase, from its last good checkpoint where there is one; leaves a whole model in folder / MODEL.

    Args:
        phase: what is trained.
        course: where it stands.
        base: whose tokenizer it is.
        folder: the phase's own, in the work folder.
        reporter: hears of progress.

    Raises:
        ClueplusError: the loss is not finite, or a checkpoint does not reload.
    """
    if (folder / WHOLE).is_file():
        return Tally(**json.loads((folder / WHOLE).read_text(encoding="utf-8")))
    trainer = _make_trainer(phase, course, base, folder)
    first = trainer.is_world_process_zero()
    if first:
        remove_broken_checkpoints(folder / _CHECKPOINTS)
    trainer.accelerator.wait_for_everyone()
    kept = whole_checkpoints(folder / _CHECKPOINTS)
    tally = Tally(**json.loads((kept[-1] / WHOLE).read_text(encoding="utf-8"))) if kept else Tally()
    if kept:
        reporter.note(f"{course.name} goes on from step {tally.step}")
    log = MetricsLog(folder.parent, course.name, course.steps_before + tally.step if kept else None) if first else None
    trainer.args.eval_on_start = trainer.eval_dataset is not None and not kept and not course.steps_before
    watch = Watch(
        course,
        tally,
        phase.plan.training.save_steps,
        reporter,
        log,
        _flops(trainer, phase),
        peak_here(phase.plan.training).flops,
        verify=lambda checkpoint: verify_checkpoint(trainer, checkpoint, phase.source, reporter),
    )
    watch.trainer, trainer.watch = trainer, watch
    trainer.add_callback(watch)
    try:
        trainer.train(resume_from_checkpoint=str(kept[-1]) if kept else None)
    finally:
        if log is not None:
            log.close()
    _save_model(trainer, phase, folder, first)
    if first:
        write_atomic(folder / WHOLE, json.dumps(asdict(tally)))
        shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    return tally


def _make_trainer(phase: Phase, course: Course, base: Base, folder: Path) -> Any:
    from trl import DPOConfig, SFTConfig

    from clueplus.training.trainer.trainers import GuardedDPO, GuardedSFT

    common = _arguments(phase, course, folder / _CHECKPOINTS)
    train, held_out = phase.prepared.datasets()
    # Arguments come before the model: they tell transformers how a model is to be spread when it is loaded.
    arguments: Any
    if phase.plan.preference is not None:
        arguments = DPOConfig(
            max_length=None,
            beta=phase.plan.preference.beta,
            precompute_ref_log_probs=phase.plan.preference.precompute_reference,
            **common,
        )
    else:
        arguments = SFTConfig(
            max_length=phase.plan.training.max_length,
            packing=phase.plan.packed,
            packing_strategy="bfd",
            dataset_kwargs={"skip_prepare_dataset": True},
            **common,
        )
    _check_precision(arguments.mixed_precision, phase.plan.training.dtype)
    model = load_model(phase.source, phase.plan.training)
    trainer: Any = (GuardedSFT if phase.plan.preference is None else GuardedDPO)(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=base.tokenizer,
        peft_config=_peft_config(model, phase.plan.training.adapter),
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def load_model(folder: Path, training: Training) -> Any:
    """The weights of a checkpoint, in the precision that they are trained in.

    Trained weights are float32 whatever is computed in: a bfloat16 weight of 0.02 is next to one that is 6e-5 larger,
    and a step of 1e-6 would be rounded away. Weights that adapters leave alone may be bfloat16.
    """
    half = training.adapter is not None and training.dtype == "bfloat16"
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16 if half else torch.float32, output_loading_info=True
        )
    except Exception as error:  # ValueError, RuntimeError, and safetensors' own
        raise DataError(f"{folder} can't be loaded as a language model ({type(error).__name__})", fix=_FIX) from error
    # transformers makes up what a file does not hold.
    lost = sorted(told["missing_keys"]) + sorted(map(str, told["mismatched_keys"]))
    if lost:
        raise DataError(f"{folder} has no weights that fit its config for {lost[0]} ({len(lost)} in all)", fix=_FIX)
    return model


_FIX = "give a whole checkpoint of a causal language model, config and weights of one and the same"


def _arguments(phase: Phase, course: Course, folder: Path) -> dict[str, Any]:
    from accelerate import PartialState

    training = phase.plan.training
    accelerated = torch.accelerator.is_available()
    schedule: str = training.schedule
    if schedule == "constant" and training.warmup_steps:
        schedule = "constant_with_warmup"
    return {
        "output_dir": str(folder),
        "max_steps": course.steps,
        "per_device_train_batch_size": training.device_batch,
        "per_device_eval_batch_size": training.device_batch,
        "gradient_accumulation_steps": accumulation(training, PartialState().num_processes),
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": training.warmup_steps,
        "weight_decay": training.weight_decay,
        "neftune_noise_alpha": training.neftune_alpha if phase.plan.preference is None else None,
        "gradient_checkpointing": training.gradient_checkpointing,
        "bf16": training.dtype == "bfloat16",
        "seed": training.seed,
        "data_seed": training.seed,
        "use_cpu": not accelerated,
        "dataloader_pin_memory": accelerated,
        "ddp_find_unused_parameters": False,
        "save_strategy": "no",  # Watch says when
        "save_total_limit": KEPT,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # the default puts the average in place of a loss that is not a number
        "disable_tqdm": True,
        "report_to": "none",
    }


def _check_precision(launched: str, dtype: str) -> None:
    """A launcher's environment speaks where a trainer's own arguments are silent."""
    wanted = {"bfloat16": "bf16", "float32": "no"}[dtype]
    if launched != wanted:
        raise ClueplusError(
            f"the launch configuration computes in {launched}, and this training in {dtype}",
            fix=f'mixed_precision: "{wanted}" in the launch configuration, or another dtype',
        )


def _peft_config(model: Any, adapter: Adapter | None) -> Any:
    if adapter is None:
        return None
    from peft import LoraConfig

    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    if not isinstance(targets, str):
        _check_targets(model, targets)
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        use_dora=adapter.kind == "dora",
        target_modules=targets,
    )


def _check_targets(model: Any, targets: list[str]) -> None:
    """Each has to be a linear layer of the model, and none the head: its loss is taken past an adapter's."""
    linear = {
        name.rsplit(".", 1)[-1]: module for name, module in model.named_modules() if hasattr(module, "in_features")
    }
    head = next(name for name, module in linear.items() if module is model.get_output_embeddings())
    for target in targets:
        if target not in linear or target == head:
            raise ClueplusError(
                f"adapter target '{target}' is no linear layer inside the model",
                fix=did_you_mean(target, linear.keys() - {head}),
            )


def peak_here(training: Training) -> Peak:
    """The peak of the device that this process trains on."""
    kind = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    return peak_of(kind, torch.cuda.get_device_name() if kind == "cuda" else "", training.dtype)


def _flops(trainer: Any, phase: Phase) -> float:
    size = phase.prepared.train
    return flops_per_token(trainer.model, size.squares / size.tokens, adapter=phase.plan.training.adapter is not None)


def _save_model(trainer: Any, phase: Phase, folder: Path, first: bool) -> None:
    """Leaves the phase's model as a checkpoint of its own; adapters become part of the weights."""
    target = folder / MODEL
    if phase.plan.training.adapter is None:
        trainer.save_model(str(target))
        return
    adapter = folder / "adapter"
    trainer.save_model(str(adapter))
    if first:
        merge_adapter(phase.source, adapter, target)


def merge_adapter(source: Path, adapter: Path, target: Path) -> None:
    """Adds the adapter to the weights of `source`, in float32, and saves the sum."""
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True).save_pretrained(target)
