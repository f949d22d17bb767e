"""The digest of a checkpoint: what it answers decides it, and what tells of its making does not."""

import json
import shutil
import tracemalloc

import pytest
import torch

from clueplus.errors import DataError
from clueplus.files import canonical_json, sha256
from clueplus.training.digest import checkpoint_digest
from clueplus.training.merging.config import config_from
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge
from tests.training.merging.conftest import weights, write


@pytest.fixture
def checkpoint(tmp_path):
    folder = write(tmp_path / "model", weights(1))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "modeling.py").write_text("Model = None\n")
    return folder


def test_it_is_the_hash_of_the_names_and_hashes_of_the_files(checkpoint):
    files = {path.name: sha256(path.read_bytes()) for path in checkpoint.iterdir()}
    assert checkpoint_digest(checkpoint) == sha256(canonical_json(files))


def test_a_copy_elsewhere_has_the_same_digest(checkpoint, tmp_path):
    digest = checkpoint_digest(checkpoint)
    assert checkpoint_digest(shutil.copytree(checkpoint, tmp_path / "elsewhere" / "copy")) == digest


@pytest.mark.parametrize("name", ["lineage.json", "README.md", "training.jsonl", "merge_report.json", "stage.json"])
def test_what_tells_of_the_making_is_left_out(checkpoint, name):
    digest = checkpoint_digest(checkpoint)
    (checkpoint / name).write_text("{}")
    (checkpoint / "checkpoint-5").mkdir()
    (checkpoint / "checkpoint-5" / "optimizer.pt").write_bytes(b"state")
    assert checkpoint_digest(checkpoint) == digest


@pytest.mark.parametrize(
    "name",
    [
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
        *("chat_template.jinja", "modeling.py"),
    ],
)
def test_every_file_that_changes_answers_changes_the_digest(checkpoint, name):
    digest = checkpoint_digest(checkpoint)
    text = (checkpoint / name).read_text()
    (checkpoint / name).write_text(text + " ")
    assert checkpoint_digest(checkpoint) != digest
    (checkpoint / name).write_text(text)
    assert checkpoint_digest(checkpoint) == digest
    if name != "config.json":
        (checkpoint / name).unlink()
        assert checkpoint_digest(checkpoint) != digest


def test_one_weight_changes_the_digest(checkpoint, tmp_path):
    tensors = weights(1)
    tensors["model.scale"][0] += 1
    other = shutil.copytree(checkpoint, tmp_path / "other")
    write(other, tensors)
    assert checkpoint_digest(other) != checkpoint_digest(checkpoint)


def test_every_shard_counts_and_the_index_too(tmp_path):
    folder = write(tmp_path / "sharded", weights(1), shards=3)
    digest = checkpoint_digest(folder)
    (folder / "model-stray.safetensors").write_bytes(b"not of the index")
    assert checkpoint_digest(folder) == digest
    for shard in sorted(folder.glob("model-0*.safetensors")):
        content = bytearray(shard.read_bytes())
        content[-1] ^= 1
        shard.write_bytes(content)
        digest, before = checkpoint_digest(folder), digest
        assert digest != before
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps(json.loads(index.read_text()), indent=1))
    assert checkpoint_digest(folder) != digest


def test_memory_does_not_grow_with_the_weights(tmp_path):
    folder = write(tmp_path / "model", {"model.weight": torch.zeros(1 << 22)})
    tracemalloc.start()
    checkpoint_digest(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20 < (folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "is no checkpoint: it has no config.json"),
        (
            "model-00002-of-00003.safetensors",
            "1 of 3 shards are missing, the first is model-00002-of-00003.safetensors",
        ),
    ],
)
def test_what_is_no_whole_checkpoint_is_refused(tmp_path, name, words):
    folder = write(tmp_path / "model", weights(1), shards=3)
    (folder / name).unlink()
    with pytest.raises(DataError, match=words):
        checkpoint_digest(folder)


def test_no_folder_no_weights_and_a_broken_index_are_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere is no checkpoint"):
        checkpoint_digest(tmp_path / "nowhere")
    folder = write(tmp_path / "model", weights(1))
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="has no safetensors file"):
        checkpoint_digest(folder)
    for text, words in (("{", "can't be read as JSON"), ('{"weight_map": [1]}', "weight_map names no file")):
        (folder / "model.safetensors.index.json").write_text(text)
        with pytest.raises(DataError, match=words):
            checkpoint_digest(folder)


def test_a_merge_repeated_elsewhere_has_the_same_digest(tmp_path):
    contents = {"merge_method": "dare_ties", "parameters": {"weight": 0.5, "density": 0.5}, "seed": 3}
    digests = set()
    for place, order in (("here", ("one", "two")), ("elsewhere", ("two", "one"))):
        for seed, name in enumerate(("base", "one", "two")):
            write(tmp_path / place / name, weights(seed))
        models = [{"model": str(tmp_path / place / name)} for name in order]
        config = config_from({**contents, "models": models, "base_model": str(tmp_path / place / "base")}, place)
        merge(make_plan(config), tmp_path / place / "out")
        digests.add(checkpoint_digest(tmp_path / place / "out"))
    assert len(digests) == 1
