"""Checkpoints that can't be merged are refused in one line, before anything is written."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from clueplus.errors import ClueplusError
from clueplus.training.merging.checkpoint import locate
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge, merge_in_memory
from tests.training.merging.conftest import TOKENIZER, weights, write

PARAMETERS_OF_DELLA = {"weight": 1, "density": 0.5, "epsilon": 0.1}


def fault(configure, out=None):
    def attempt():
        plan = make_plan(configure("linear"))
        merge(plan, out) if out else merge_in_memory(plan)

    with pytest.raises(ClueplusError) as caught:
        attempt()
    return str(caught.value)


def another_vocabulary(folder):
    tensors = weights(1)
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        tensors[name] = tensors[name][:39].clone()
    write(folder, tensors)


def another_shape(folder):
    write(folder, weights(1) | {"model.layers.1.norm.weight": torch.ones(9)})


def missing_tensor(folder):
    tensors = weights(1)
    del tensors["model.layers.1.norm.weight"]
    write(folder, tensors)


def more_tensors(folder):
    write(folder, weights(1) | {"model.extra": torch.ones(2)})


def another_architecture(folder):
    write(folder, weights(1), {"model_type": "phi3", "architectures": ["Phi3ForCausalLM"]})


def whole_numbers(folder):
    write(folder, weights(1) | {"model.scale": torch.ones(1, dtype=torch.int8)})


def missing_shard(folder):
    (folder / "model.safetensors").unlink()
    write(folder, weights(1), shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()


def tensor_out_of_index(folder):
    (folder / "model.safetensors").unlink()
    write(folder, weights(1), shards=3)
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["model.ghost"] = "model-00001-of-00003.safetensors"
    index.write_text(json.dumps(content))


def cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def no_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"<html>not found</html>")


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def no_config(folder):
    (folder / "config.json").unlink()


def broken_config(folder):
    (folder / "config.json").write_text("{")


def not_finite(folder):
    tensors = weights(1)
    tensors["model.layers.0.norm.weight"][3] = float("nan")
    write(folder, tensors)


def infinite(folder):
    tensors = weights(1)
    tensors["model.layers.0.norm.weight"][:2] = torch.tensor([float("inf"), -float("inf")])
    write(folder, tensors)


def other_tokens(folder):
    content = {**TOKENIZER, "model": {"vocab": {"a": 1, "b": 0}}}
    (folder / "tokenizer.json").write_text(json.dumps(content))


def weights_twice(folder):
    save_file(weights(1), folder / "old.safetensors")


def untied(folder):
    for name in ("base", "two", "three"):
        write(folder.parent / name, weights(1), {"tie_word_embeddings": True})
    write(folder, weights(1), {"tie_word_embeddings": False})


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (another_vocabulary, "the vocabularies differ: 40 tokens in base, 39 in one"),
        (another_shape, "model.layers.1.norm.weight has the shape [8] in base and [9] in one"),
        (missing_tensor, "one lacks 1 tensors of base, the first is model.layers.1.norm.weight"),
        (more_tensors, "base lacks 1 tensors of one, the first is model.extra"),
        (another_architecture, "model_type is llama in base and phi3 in one"),
        (whole_numbers, "model.scale has the type I8; only F32, F16, BF16 can be merged"),
        (missing_shard, "one: 1 of 3 shards are missing, the first is model-00002-of-00003.safetensors"),
        (tensor_out_of_index, "one: the index names model.ghost, which no shard holds"),
        (cut_off, "is no whole safetensors file"),
        (no_safetensors, "is no whole safetensors file"),
        (no_weights, "one has no safetensors file"),
        (no_config, "one is no checkpoint: it has no config.json"),
        (broken_config, "can't be read as JSON"),
        (not_finite, "model.layers.0.norm.weight of one holds values that are infinite or no numbers"),
        (infinite, "model.layers.0.norm.weight of one holds values that are infinite or no numbers"),
        (other_tokens, "2 token ids mean other tokens in one than in base, the first is 0"),
        (weights_twice, "one: the tensor lm_head.weight is in two files"),
        (untied, "tie_word_embeddings is True in base and False in one"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_wrong_with_a_checkpoint_is_one_line(models, configure, break_it, words):
    break_it(models / "one")
    message = fault(configure, models / "out")
    assert words in message
    assert "\n" not in message
    assert "Fix: " in message
    assert [path.name for path in models.iterdir() if "out" in path.name] == []


def test_a_folder_that_is_none(models, configure):
    (models / "one").rename(models / "elsewhere")
    assert "no folder 'one'" in fault(configure)


def test_a_hub_id_that_is_not_here(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ClueplusError, match="nobody/nothing is no folder here, and can't be had from the hub"):
        locate("nobody/nothing")


def test_weights_that_overflow_their_type(models, configure):
    write(models / "base", weights(0, torch.float16))
    for name in ("one", "two", "three"):
        tensors = weights(1, torch.float16)
        tensors["model.scale"][:] = 60000
        write(models / name, tensors)
    plan = make_plan(configure("task_arithmetic", {"weight": 1.0}))
    with pytest.raises(ClueplusError, match=r"model\.scale: merged values do not fit float16"):
        merge_in_memory(plan)


def test_antiparallel_tensors_are_named(models, configure):
    write(models / "one", {name: -tensor for name, tensor in weights(0).items()})
    plan = make_plan(configure("slerp", {"t": 0.5}, models=[{"model": "one"}]))
    with pytest.raises(ClueplusError, match=r"lm_head.weight: the two tensors are antiparallel"):
        merge_in_memory(plan)


def test_settings_that_change_what_weights_mean_are_told(models, configure):
    write(models / "two", weights(2), {"rope_theta": 1e6, "torch_dtype": "float32", "use_cache": False})
    plan = make_plan(configure("linear"))
    assert "rope_theta of two differs from that of base, which is carried" in plan.notes
    assert len([note for note in plan.notes if "which is carried" in note]) == 1
    assert "rope_theta" not in json.loads(plan.files["config.json"])


def test_tensors_without_dimensions_or_entries_are_merged(models, configure):
    for seed, name in enumerate(("base", "one", "two", "three")):
        more = {"model.none": torch.zeros(0, 4, dtype=torch.bfloat16), "model.one": torch.tensor(float(seed))}
        write(models / name, weights(seed) | more)
    for method, parameters in (("linear", {"weight": 1}), ("ties", {"weight": 1}), ("della", PARAMETERS_OF_DELLA)):
        merge(make_plan(configure(method, parameters)), models / method)
        merged = load_file(models / method / "model.safetensors")
        assert merged["model.none"].shape == (0, 4)
        assert merged["model.one"].shape == ()
        assert float(merged["model.one"]) == 2.0


def test_a_file_that_ends_while_it_is_read(models, configure):
    plan = make_plan(configure("linear"))
    path = models / "one/model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ClueplusError, match=r"one/model.safetensors ends in the middle of model\."):
        merge(plan, models / "out")
    path.unlink()
    with pytest.raises(ClueplusError, match=r"can't read .*one/model.safetensors: No such file"):
        merge(plan, models / "out")
    assert [path.name for path in models.iterdir() if "out" in path.name] == []


def test_a_random_numbers_position_has_31_bits(models, configure, monkeypatch):
    monkeypatch.setattr("clueplus.training.merging.plan.POSITIONS", 300)
    assert make_plan(configure("ties"))
    with pytest.raises(ClueplusError, match=r"lm_head.weight has 320 entries, and dare_ties numbers 300"):
        make_plan(configure("dare_ties", {"weight": 1, "density": 0.5}))


def test_a_stored_head_of_tied_embeddings_is_left_out(models, configure):
    for seed, name in enumerate(("base", "one", "two", "three")):
        tensors = weights(seed)
        if name != "two":
            del tensors["lm_head.weight"]
        write(models / name, tensors, {"tie_word_embeddings": True})
    merged = merge_in_memory(make_plan(configure("linear")))
    assert "lm_head.weight" not in merged
    assert "model.embed_tokens.weight" in merged
