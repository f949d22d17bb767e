"""How `vllm serve` is called; starting and stopping is in tests/cli/test_served.py."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.models.server import served_model, terminate_as_interrupt
from clueplus.registry import ModelSpec


def spec(**serve: Any) -> ModelSpec:
    return ModelSpec(
        name="m", kind="served", description="d", weights="org/m", licence="MIT", serve=serve, path=Path("m.yaml")
    )


@pytest.mark.parametrize(
    ("serve", "flags"),
    [
        ({"dtype": "bfloat16"}, ["--dtype", "bfloat16"]),
        ({"max_model_len": 4096}, ["--max-model-len", "4096"]),
        ({"tensor_parallel_size": 2}, ["--tensor-parallel-size", "2"]),
        ({"pipeline_parallel_size": 2}, ["--pipeline-parallel-size", "2"]),
        ({"data_parallel_size": 4}, ["--data-parallel-size", "4"]),
        ({"quantization": "fp8"}, ["--quantization", "fp8"]),
        ({"lora": "org/adapter"}, ["--enable-lora", "--lora-modules", "m=org/adapter"]),
        ({"extra": ["--distributed-executor-backend", "ray"]}, ["--distributed-executor-backend", "ray"]),
    ],
)
def test_every_flag_of_a_models_file_travels(serve: dict[str, Any], flags: list[str]) -> None:
    arguments = list(served_model("m", spec(**serve)).arguments)
    place = arguments.index(flags[0])
    assert arguments[place : place + len(flags)] == flags


def test_an_adapter_is_asked_by_its_own_name() -> None:
    served = served_model("m", spec(lora="org/adapter"))
    assert (served.name, served.base_name) == ("m", "m-base")
    assert (served_model("m", spec()).base_name) == "m"


def test_the_accelerators_of_one_server_are_counted() -> None:
    assert served_model("m", spec(tensor_parallel_size=2, pipeline_parallel_size=3)).devices == 6
    assert served_model("org/other", None, "--tensor-parallel-size 4 -pp=2").devices == 8
    assert served_model("org/other", None).devices == 1


def test_engine_arguments_are_split_as_a_shell_would() -> None:
    assert served_model("org/m", None, "--dtype 'float32' --seed 1").arguments == ("--dtype", "float32", "--seed", "1")
    with pytest.raises(ClueplusError, match="--engine-args"):
        served_model("org/m", None, "'open")


def test_a_schedulers_signal_cancels_the_run_and_hits_no_callback() -> None:
    seen: list[str] = []
    before = signal.getsignal(signal.SIGTERM)

    async def step() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append("the step went on")

    async def work() -> None:
        others = asyncio.create_task(step())
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("the run was cancelled")
            raise
        finally:
            await others

    with terminate_as_interrupt(), pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
    assert seen == ["the step went on", "the run was cancelled"]
    assert signal.getsignal(signal.SIGTERM) is before
    with terminate_as_interrupt(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
