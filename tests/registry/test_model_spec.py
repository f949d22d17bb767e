"""The files of models."""

import pytest
import yaml

from clueplus.errors import ClueplusError
from clueplus.registry import Catalog, ModelSpec, content_folder
from clueplus.registry.yaml_file import read_yaml

FILES = sorted(content_folder("models").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_model_loads_and_its_file_is_named_after_it(path):
    spec = read_yaml(path, ModelSpec)
    assert path.stem == spec.name.replace(":", "-")
    assert spec.path == path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_served_model_names_its_weights_and_a_baseline_has_none(path):
    spec = read_yaml(path, ModelSpec)
    assert (spec.weights is not None) == (spec.kind == "served")


def test_the_catalog_lists_every_file():
    models = Catalog().models
    assert sorted(spec.path for spec in models.values()) == FILES
    assert list(models) == sorted(models)


def fault(tmp_path, **changes):
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump({"name": "m", "kind": "served", "description": "d", "licence": "MIT"} | changes))
    with pytest.raises(ClueplusError) as caught:
        read_yaml(path, ModelSpec)
    return str(caught.value)


def test_an_unknown_key_is_refused(tmp_path):
    assert "temperature: unknown key" in fault(tmp_path, temperature=1.0)


def test_an_unknown_key_of_the_engine_is_refused(tmp_path):
    assert "serve.max_length: unknown key" in fault(tmp_path, serve={"max_length": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Upper Case"},
        {"kind": "remote"},
        {"api": "responses"},
        {"context": 0},
        {"homepage": "http://example.org"},
        {"serve": {"tensor_parallel_size": 0}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_value_out_of_bounds_names_its_key(tmp_path, changes):
    assert f": {next(iter(changes))}" in fault(tmp_path, **changes)
