"""Agreement with mergekit where its definition is the same; skipped aloud where it is not installed."""

import pytest
import torch
import yaml
from safetensors.torch import load_file

from clueplus.training.merging.config import as_mergekit, read_config
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge_in_memory
from tests.support.tiny_model import build_tiny_model

METHODS = {
    "linear": {"weight": 0.5},
    "slerp": {"t": [{"filter": "mlp", "value": [0.2, 0.8]}, {"value": 0.4}]},
    "task_arithmetic": {"weight": 0.5, "lambda": 0.7},
    "ties": {"weight": 0.5, "density": 0.5},
    "breadcrumbs": {"weight": 0.5, "density": 0.5, "gamma": 0.25},
    "breadcrumbs_ties": {"weight": 0.5, "density": 0.5, "gamma": 0.25},
}


@pytest.mark.filterwarnings("ignore")
def test_the_weights_agree_to_the_rounding_of_bf16(tmp_path, monkeypatch):
    pytest.importorskip("mergekit", reason="mergekit is not installed: agreement with it is not tested")
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for seed, name in enumerate(("base", "one", "two", "three")):
        build_tiny_model(tmp_path / name, seed=seed, architecture="phi3")
    for method, parameters in METHODS.items():
        experts = ("one",) if method == "slerp" else ("one", "two", "three")
        content = {
            "merge_method": method,
            "models": [{"model": str(tmp_path / name)} for name in experts],
            "parameters": parameters,
            "dtype": "float32",
            "out_dtype": "bfloat16",
        }
        # mergekit's linear merges the base too where a weight for all models gives it one.
        content |= {} if method == "linear" else {"base_model": str(tmp_path / "base")}
        path = tmp_path / f"{method}.yaml"
        path.write_text(yaml.safe_dump(content))
        config = read_config(path)
        theirs = MergeConfiguration.model_validate(content)
        assert MergeConfiguration.model_validate(yaml.safe_load(as_mergekit(config))) == theirs, "written for exchange"
        run_merge(theirs, str(tmp_path / method), MergeOptions(quiet=True))
        expected = load_file(tmp_path / method / "model.safetensors")
        ours = merge_in_memory(make_plan(config))
        assert ours.keys() == expected.keys()
        for name, tensor in ours.items():
            distance = (tensor.view(torch.int16).int() - expected[name].view(torch.int16).int()).abs()
            assert int((distance > 1).sum()) <= tensor.numel() * 1e-4 + 1, (method, name)
            assert float((distance > 0).float().mean()) < 0.01, (method, name)
