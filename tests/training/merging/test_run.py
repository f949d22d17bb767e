"""A merge from folder to folder: the same bits whatever the order, the names and the files; whole or not at all."""

import errno
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from clueplus.errors import ClueplusError
from clueplus.training.merging.methods import METHODS
from clueplus.training.merging.operands import Expert, Operands
from clueplus.training.merging.output import ShardWriter, Slot, shards
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge, merge_in_memory
from clueplus.training.merging.settings import RULES
from tests.training.merging.conftest import weights, write

PARAMETERS = {
    "weight": 0.4,
    "density": 0.5,
    "gamma": 0.1,
    "epsilon": 0.2,
    "t": 0.3,
    "lambda": 0.8,
}
ROOT = Path(__file__).resolve().parents[3]


def parameters(method):
    rule = RULES[method]
    return {name: value for name, value in PARAMETERS.items() if name in {*rule.of_model, *rule.of_merge}}


def config_of(configure, method, **keys):
    models = {"models": [{"model": "one"}]} if method == "slerp" else {}
    return configure(method, parameters(method), **{**models, **keys})


@pytest.mark.parametrize("method", METHODS)
def test_order_names_and_files_change_no_bit(models, configure, method):
    first = merge(make_plan(config_of(configure, method)), models / "first")
    for at, name in enumerate(("base", "one", "two", "three")):
        write(models / "again" / name, weights(at), shards=1 + at)
    names = [f"again/{name}" for name in (("one",) if method == "slerp" else ("three", "one", "two"))]
    moved = config_of(configure, method, base_model="again/base", models=[{"model": name} for name in names])
    second = merge(make_plan(moved), models / "second")
    assert first.weights == second.weights
    one, two = load_file(models / "first/model.safetensors"), load_file(models / "second/model.safetensors")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name].view(torch.uint8), two[name].view(torch.uint8)) for name in one)


@pytest.mark.parametrize("method", [name for name, rule in RULES.items() if rule.seeded])
def test_equal_seeds_give_equal_digests_and_other_seeds_others(models, configure, method):
    reports = [
        merge(make_plan(config_of(configure, method, seed=seed)), models / f"out{at}")
        for at, seed in enumerate((1, 1, 2))
    ]
    digests = [report.weights for report in reports]
    assert digests[0] == digests[1] != digests[2]
    assert [report.seed for report in reports] == [1, 1, 2]


def test_equal_experts_still_drop_different_entries(models, configure):
    shutil.rmtree(models / "two")
    shutil.copytree(models / "one", models / "two")
    pair = [{"model": "one"}, {"model": "two"}]
    kept = merge(make_plan(config_of(configure, "dare_linear", models=pair)), models / "out").tensors[1].kept
    assert kept["one"] != kept["two"]


@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "breadcrumbs_ties"])
def test_a_global_scope_ranks_all_tensors_together(models, configure, method):
    report = merge(make_plan(config_of(configure, method, scope="global", dtype="float32")), models / "out")
    merged = load_file(models / "out/model.safetensors")
    names = [tensor.name for tensor in report.tensors]
    together = [torch.cat([weights(seed)[name].reshape(-1) for name in names]) for seed in range(4)]
    experts = [Expert(one, weight=0.4, density=0.5, gamma=0.1) for one in together[1:]]
    whole = METHODS[method](
        Operands(together[0], experts, torch.float32, factor=0.8, normalize=RULES[method].normalize)
    )
    torch.testing.assert_close(torch.cat([merged[name].reshape(-1) for name in names]), whole.tensor)
    assert report.scope == "global"
    sizes = [len(weights(0)[name].reshape(-1)) for name in names]
    for model in ("one", "two", "three"):
        kept = sum(tensor.kept[model] * size for tensor, size in zip(report.tensors, sizes, strict=True))
        assert kept == pytest.approx(round(0.5 * sum(sizes)))
    assert max(tensor.kept["one"] for tensor in report.tensors) > 0.55


def test_the_report_tells_what_was_merged(models, configure):
    config = config_of(configure, "breadcrumbs_ties")
    report = merge(make_plan(config), models / "out")
    assert json.loads((models / "out/merge_report.json").read_text()) == report.model_dump(mode="json")
    assert (report.method, report.dtype, report.scope, report.seed) == ("breadcrumbs_ties", "bfloat16", "tensor", None)
    assert [(one.model, one.role) for one in report.inputs] == [
        ("base", "base"),
        *((name, "expert") for name in ("one", "two", "three")),
    ]
    assert report.parameters == sum(tensor.numel() for tensor in weights(0).values())
    assert report.config["parameters"] == config.parameters
    for tensor in report.tensors:
        assert tensor.kept == pytest.approx(dict.fromkeys(("one", "two", "three"), 0.5), abs=1 / 8) or tensor.shape == [
            1
        ]
        assert tensor.cosine_to_base > 0.9
    merged = merge(make_plan(configure("linear", base_model="out", models=[{"model": "out"}])), models / "copy")
    assert merged.weights == merged.inputs[0].weights == report.weights
    assert merged.summary.reasons["survival"] == "the merged model equals the base"


def test_without_a_base_its_measures_are_unknown(models, configure):
    report = merge(make_plan(configure("linear", base_model=None)), models / "out")
    assert report.summary.cosine_to_base is None
    assert report.summary.reasons["cosine_to_base"] == "the merge has no base_model"
    assert all(tensor.survival is None and tensor.cosine_to_base is None for tensor in report.tensors)


def test_shards_have_an_index_and_hold_the_same(models, configure):
    whole = merge(make_plan(configure("linear")), models / "whole")
    parts = merge(make_plan(configure("linear"), shard_bytes=700), models / "parts")
    assert whole.weights == parts.weights
    index = json.loads((models / "parts/model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert len(files) > 2
    assert files[0] == f"model-00001-of-{len(files):05}.safetensors"
    merged = {}
    for file in files:
        found = load_file(models / "parts" / file)
        assert all(index["weight_map"][name] == file for name in found)
        merged |= found
    single = load_file(models / "whole/model.safetensors")
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in single.values())
    assert all(torch.equal(merged[name], single[name]) for name in single)
    again = configure("linear", base_model=None, models=[{"model": "parts"}])
    assert merge(make_plan(again), models / "again").weights == whole.weights


def test_the_output_type_can_be_chosen(models, configure):
    report = merge(make_plan(configure("linear", dtype="bfloat16", out_dtype="float16")), models / "out")
    assert report.dtype == "float16"
    assert load_file(models / "out/model.safetensors")["model.scale"].dtype == torch.float16
    assert json.loads((models / "out/config.json").read_text())["dtype"] == "float16"


def test_transformers_loads_the_result(tmp_path, monkeypatch, configure):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.support.tiny_model import build_tiny_model

    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("base", "one", "two", "three")):
        build_tiny_model(tmp_path / name, seed=seed, architecture="phi3")
    report = merge(make_plan(config_of(configure, "ties")), tmp_path / "out")
    assert report.notes == []
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.chat_template
    merged = merge_in_memory(make_plan(config_of(configure, "ties")))
    assert all(torch.equal(tensor, merged[name]) for name, tensor in model.state_dict().items())


def leftovers(folder):
    return [path.name for path in folder.iterdir() if "out" in path.name]


def test_a_full_disk_leaves_nothing(models, configure, monkeypatch):
    def full(self, name, tensor):
        if name == "model.layers.1.mlp.up_proj.weight":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_tensor(self, name, tensor)

    write_tensor = ShardWriter.write
    monkeypatch.setattr(ShardWriter, "write", full)
    with pytest.raises(ClueplusError, match=r"can't write .*out: No space left on device; nothing is left of it"):
        merge(make_plan(configure("linear")), models / "out")
    assert leftovers(models) == []


def test_a_disk_without_room_is_told_before(models, configure, monkeypatch):
    usage = shutil.disk_usage(models)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ClueplusError, match="GB free"):
        merge(make_plan(configure("linear")), models / "out")
    assert leftovers(models) == []


@pytest.mark.parametrize("limit", [100, 2500])
def test_a_disk_that_takes_no_more_bytes_leaves_nothing(models, configure, limit):
    """A limit on a file's size fails as a full disk does: in the middle of a tensor, in the thread that writes."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from clueplus.errors import StoreError\n"
        "from clueplus.training.merging.config import read_config\n"
        "from clueplus.training.merging.plan import make_plan\n"
        "from clueplus.training.merging.run import merge\n"
        "plan = make_plan(read_config(Path(sys.argv[1])))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n    merge(plan, Path('out'))\nexcept StoreError as error:\n    print(error)\n"
    )
    config = configure("linear").path
    command = [sys.executable, "-c", code, str(config), str(limit)]
    told = subprocess.run(
        command, cwd=models, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.startswith("can't write out: File too large; nothing is left of it."), told.stderr
    assert leftovers(models) == []


def test_what_can_not_be_written_at_the_end_leaves_nothing(models, configure, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("clueplus.training.merging.run.write_synced", full)
    with pytest.raises(ClueplusError, match="No space left on device; nothing is left of it"):
        merge(make_plan(configure("linear")), models / "out")
    assert leftovers(models) == []


def test_an_interrupt_leaves_nothing(models, configure):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(make_plan(configure("linear")), models / "out", interrupt)
    assert leftovers(models) == []


def test_a_kill_leaves_no_folder_of_that_name(models, configure):
    config = configure("linear").path
    code = (
        "import sys, time; from pathlib import Path\n"
        "from clueplus.training.merging.config import read_config\n"
        "from clueplus.training.merging.plan import make_plan\n"
        "from clueplus.training.merging.run import merge\n"
        "def stop(done, total):\n    print(done, flush=True)\n    time.sleep(600) if done == total else None\n"
        "merge(make_plan(read_config(Path(sys.argv[1]))), Path('out'), stop)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(config)], cwd=models, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != b"7":
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (models / "out").exists()
    left = leftovers(models)
    assert len(left) == 1
    assert left[0].startswith(".out.unfinished-")
    assert not (models / left[0] / "config.json").exists()
    assert merge(make_plan(configure("linear")), models / "out").weights  # the next attempt is not in its way


def test_nothing_is_overwritten_and_an_empty_folder_is_taken(models, configure):
    plan = make_plan(configure("linear"))
    (models / "out").mkdir()
    merge(plan, models / "out")
    with pytest.raises(ClueplusError, match="out exists"):
        merge(plan, models / "out")


def test_memory_is_bounded_by_tensors_and_not_by_the_model(models, configure):
    plan = make_plan(configure("linear"))
    many = replace(plan, shards=[*plan.shards, *plan.shards])
    assert many.memory == plan.memory
    largest = 2 * 40 * 8  # an embedding: of four models and merged, read ahead, and being written
    assert plan.memory == (600 << 20) + (5 + 5 + 1) * largest


def test_tensors_fill_shards_in_order():
    slots = [Slot(str(at), "F32", (1,), size) for at, size in enumerate((4, 4, 9, 2, 2))]
    plan = shards(slots, 8)
    assert [[slot.name for slot in shard.slots] for shard in plan] == [["0", "1"], ["2"], ["3", "4"]]
