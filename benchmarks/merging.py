"""Time a merge of a base and five experts, and its peak memory, against mergekit, each in a process of its own.

    python benchmarks/merging.py [--layers 6] [--hidden 3072] [--experts 5] [--methods ties,linear] [--peer PYTHON]
                                 [--no-peer] [--folder DIR] [--json]

The models: random weights in the shape of Phi-3.5-mini (fused attention and MLP projections, untied head, a vocabulary
of 32,064), in bf16, sharded by layer; experts are the base plus noise of 2% of its size. With --layers 6 that is 0.88
billion parameters and 1.75 GB a model. They are written before, so that both tools read from the page cache where it
is large enough, and removed afterwards.

Seconds are wall time of the merge without imports, and the processor time of all its threads, which other work on the
machine changes less; megabytes are the peak resident memory of the whole process, as the system tells it when the
process ends. --peer is an interpreter that has mergekit; without it the peer's columns stay
empty. Both write the merged model in bf16; ours also measures and digests every tensor.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

METHODS = {
    "linear": {"weight": 0.2},
    "slerp": {"t": 0.5},
    "ties": {"weight": 0.2, "density": 0.5},
    "breadcrumbs_ties": {"weight": 0.2, "density": 0.8, "gamma": 0.1},
}
MEASURES = ("seconds", "processor_seconds", "megabytes")
OURS = """
import sys, time, torch
from pathlib import Path
from clueplus.training.merging.config import read_config
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge
start = time.perf_counter(), time.process_time()
merge(make_plan(read_config(Path(sys.argv[1]))), Path(sys.argv[2]))
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
PEER = """
import sys, time, yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
content = yaml.safe_load(open(sys.argv[1]))
start = time.perf_counter(), time.process_time()
run_merge(MergeConfiguration.model_validate(content), sys.argv[2], MergeOptions(quiet=True, lazy_unpickle=True))
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""


def shapes(arguments: argparse.Namespace) -> dict[str, dict[str, tuple[int, ...]]]:
    """Tensors by file."""
    hidden, inner = arguments.hidden, arguments.hidden * 8 // 3
    files: dict[str, dict[str, tuple[int, ...]]] = {
        "embed": {"model.embed_tokens.weight": (arguments.vocabulary, hidden)},
        "head": {"lm_head.weight": (arguments.vocabulary, hidden), "model.norm.weight": (hidden,)},
    }
    for layer in range(arguments.layers):
        files[f"layer{layer}"] = {
            f"model.layers.{layer}.{name}.weight": shape
            for name, shape in {
                "self_attn.qkv_proj": (3 * hidden, hidden),
                "self_attn.o_proj": (hidden, hidden),
                "mlp.gate_up_proj": (2 * inner, hidden),
                "mlp.down_proj": (hidden, inner),
                "input_layernorm": (hidden,),
                "post_attention_layernorm": (hidden,),
            }.items()
        }
    return files


def write_models(folder: Path, arguments: argparse.Namespace) -> int:
    """Writes base and experts; returns the number of parameters of one."""
    where, count = {}, 0
    names = ["base", *(f"expert{k}" for k in range(arguments.experts))]
    config = {
        "architectures": ["Phi3ForCausalLM"],
        "model_type": "phi3",
        "num_hidden_layers": arguments.layers,
        "hidden_size": arguments.hidden,
        "intermediate_size": arguments.hidden * 8 // 3,
        "num_attention_heads": 32,
        "vocab_size": arguments.vocabulary,
        "pad_token_id": 0,
        "torch_dtype": "bfloat16",
    }
    for name in names:
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    for at, (file, tensors) in enumerate(shapes(arguments).items()):
        base = {}
        for number, (tensor, shape) in enumerate(tensors.items()):
            seeded = torch.Generator().manual_seed(1000 * at + number)
            base[tensor] = torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02, generator=seeded)
            count += base[tensor].numel()
            where[tensor] = f"{file}.safetensors"
        for k, name in enumerate(names):
            noise = torch.Generator().manual_seed(7_000_000 + 1000 * at + k)
            moved = {
                tensor: one if k == 0 else one + torch.empty_like(one).normal_(0, 0.0004, generator=noise)
                for tensor, one in base.items()
            }
            save_file(moved, folder / name / f"{file}.safetensors", metadata={"format": "pt"})
            del moved
    for name in names:
        index = {"metadata": {}, "weight_map": where}
        (folder / name / "model.safetensors.index.json").write_text(json.dumps(index))
    return count


def measure(python: str, code: str, config: Path, out: Path) -> tuple[float, float, float]:
    """Seconds and processor seconds of the merge, and peak megabytes of its process."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [python, "-c", code, str(config), str(out)], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise SystemExit(log.read()[-2000:])
    shutil.rmtree(out)
    seconds, processor = map(float, text.split("seconds")[-1].split())
    return seconds, processor, usage.ru_maxrss / 1024


def benchmark(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    count = write_models(folder, arguments)
    results = []
    for method in arguments.methods.split(","):
        experts = ["expert0"] if method == "slerp" else [f"expert{k}" for k in range(arguments.experts)]
        content = {
            "merge_method": method,
            "models": [{"model": str(folder / name)} for name in experts],
            "parameters": METHODS[method],
            "dtype": "bfloat16",
        } | ({} if method == "linear" else {"base_model": str(folder / "base")})
        config = folder / f"{method}.yaml"
        config.write_text(yaml.safe_dump(content))
        row: dict[str, Any] = {"method": method, "load": os.getloadavg()[0]}
        row |= zip(MEASURES, measure(sys.executable, OURS, config, folder / "ours"), strict=True)
        if arguments.peer:
            row["peer_load"] = os.getloadavg()[0]
            found = measure(arguments.peer, PEER, config, folder / "peer")
            row |= zip((f"peer_{name}" for name in MEASURES), found, strict=True)
        results.append(row)
        print_row(row, sys.stderr if arguments.json else sys.stdout)
    return {"parameters": count, "experts": arguments.experts, "cores": os.cpu_count(), "results": results}


def print_row(row: dict[str, Any], to: Any) -> None:
    line = f"{row['method']:18} {_figures(row, '')}"
    if "peer_seconds" in row:
        line += f"  mergekit {_figures(row, 'peer_')}  {row['peer_seconds'] / row['seconds']:5.1f}x"
        line += f" ({row['peer_processor_seconds'] / row['processor_seconds']:.1f}x processor)"
    print(line, file=to, flush=True)


def _figures(row: dict[str, Any], side: str) -> str:
    seconds, processor, megabytes = (row[side + name] for name in MEASURES)
    return f"{seconds:7.1f} s {processor:7.1f} s processor {megabytes:7.0f} MB (load {row[side + 'load']:.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=3072)
    parser.add_argument("--vocabulary", type=int, default=32064)
    parser.add_argument("--experts", type=int, default=5)
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated")
    here = sys.executable if importlib.util.find_spec("mergekit") else None
    parser.add_argument("--peer", default=here, help="an interpreter that has mergekit (default: this one, if it has)")
    parser.add_argument("--no-peer", dest="peer", action="store_const", const=None)
    parser.add_argument("--folder", type=Path, help="where models are written for the time of the run")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="merging-") as name:
        result = benchmark(Path(name), arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
