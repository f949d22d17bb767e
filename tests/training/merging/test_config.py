"""The configuration: mergekit's YAML and ours; every mistake is one line that names it."""

import pytest
import yaml

from clueplus.errors import ClueplusError
from clueplus.training.merging.config import MergeConfig, as_mergekit, config_from, read_config
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge, merge_in_memory
from clueplus.training.merging.settings import number


def fault(configure, *arguments, **keys):
    with pytest.raises(ClueplusError) as caught:
        make_plan(configure(*arguments, **keys))
    return str(caught.value)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"methd": 1}, "unknown key 'methd'; did you mean"),
        ({"models": [{"model": "one", "weigth": 1}]}, "unknown key 'weigth'"),
        ({"models": [{"model": "one", "parameters": {"wieght": 1}}]}, "one: unknown parameter 'wieght' for ties"),
        ({"parameters": {"weight": 1, "gamma": 0.1}}, "unknown parameter 'gamma' for ties"),
        ({"merge_method": "tie"}, "unknown merge_method 'tie'. Fix: did you mean ties"),
        ({"base_model": None}, "ties needs base_model"),
        ({"models": []}, "no model to merge"),
        ({"models": [{"model": "one"}, {"model": "one"}]}, "one is listed twice"),
        ({"parameters": {"weight": 1, "normalize": "yes"}}, "normalize is 'yes'"),
        ({"models": [{"model": "one", "parameters": {"lambda": 1}}]}, "lambda is set once for the merge"),
        ({"scope": "layer"}, "scope: Input should be 'tensor', 'global' or 'row'"),
        ({"dtype": "int8"}, "dtype: Input should be"),
        ({"parameters": {}}, "one: no weight"),
        ({"models": [{"model": "one+lora"}]}, "adapters are not merged here"),
        ({"tokenizer_source": "union"}, "tokenizer_source: 'union' is none of the merge's models"),
        (
            {"generation_config": "basse"},
            "generation_config: 'basse' is none of the merge's models. Fix: did you mean base",
        ),
        ({"device": "cuda:99"}, "device: torch can't use 'cuda:99' here"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
    ],
)
def test_a_mistake_is_named(models, configure, keys, words):
    assert words in fault(configure, "ties", **keys)


@pytest.mark.parametrize(
    ("method", "parameters", "words"),
    [
        ("ties", {"weight": 1, "density": 0}, "one: density is 0. Fix: density is above 0 and at most 1"),
        ("ties", {"weight": 1, "density": 1.2}, "density is 1.2"),
        ("ties", {"weight": -1, "density": 0.5}, "weight -1 for"),
        ("ties", {"weight": "x"}, "weight: 'x' is no number"),
        ("ties", {"weight": True}, "weight: True is no number"),
        ("ties", {"weight": float("nan")}, "no finite number"),
        ("linear", {"weight": 0}, "add up to 0"),
        ("breadcrumbs", {"weight": 1, "density": 0.9, "gamma": 0.2}, "gamma 0.2 + density 0.9 is more than 1"),
        ("breadcrumbs_ties", {"weight": 1, "density": 0.3, "gamma": 1.67}, "gamma is 1.67"),
        ("breadcrumbs", {"weight": 1, "density": 0.5, "gamma": -0.1}, "gamma is -0.1"),
        ("breadcrumbs", {"weight": 1}, "gamma 0.01 + density 1 is more than 1"),
        ("della", {"weight": 1, "density": 0.5, "epsilon": 0.5}, "epsilon is 0.5"),
        ("della", {"weight": 1, "density": 0.2, "epsilon": 0.3}, "keep probabilities from -0.1 to 0.5"),
        ("della", {"weight": 1, "density": 0.9, "epsilon": 0.2}, "keep probabilities from 0.7 to 1.1"),
        ("dare_ties", {"weight": 1, "density": 0.5, "rescale": False}, "rescale: False is not supported"),
        ("ties", {"weight": [{"filter": "mlp", "value": 1}]}, "no filter matches"),
        ("ties", {"weight": [{"filtre": "mlp", "value": 1}]}, "the keys filter and value, not filtre"),
    ],
)
def test_a_parameter_out_of_range_is_named(models, configure, method, parameters, words):
    assert words in fault(configure, method, parameters)


@pytest.mark.parametrize(("t", "words"), [(1.5, "t is 1.5. Fix: t is from 0 to 1"), (None, "slerp needs t")])
def test_slerp_needs_a_place_between(models, configure, t, words):
    parameters = {} if t is None else {"t": t}
    assert words in fault(configure, "slerp", parameters, models=[{"model": "one"}])


def test_slerp_is_of_two_and_a_scope_is_of_trimming(models, configure):
    assert "slerp merges one model with base_model; 3 are listed" in fault(configure, "slerp", {"t": 0.5})
    assert "dare_ties has no scope" in fault(configure, "dare_ties", {"weight": 1}, scope="row")
    gradient = {"weight": 1, "density": [0.2, 0.8]}

    with pytest.raises(ClueplusError, match="scope: global needs one density"):
        merge_in_memory(make_plan(configure("ties", gradient, scope="global")))


def test_values_by_layer_and_by_filter():
    def at(value, tensor, layers=5):
        return number(value, tensor, layers, "place")

    assert [at([0, 1], f"model.layers.{layer}.mlp.weight") for layer in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert [at([0, 4, 0], f"model.layers.{layer}.mlp.weight") for layer in range(5)] == [0, 2, 4, 2, 0]
    assert at([0, 1], "model.embed_tokens.weight") == 0
    assert at([0, 1], "model.norm.weight") == at([0, 1], "lm_head.weight") == 1
    assert at([0.5, 1], "model.layers.0.mlp.weight", layers=1) == 0.5
    chosen = [{"filter": "self_attn", "value": [0, 1]}, {"filter": "mlp", "value": 0.2}, {"value": 0.9}]
    assert at(chosen, "model.layers.4.self_attn.q.weight") == 1
    assert at(chosen, "model.layers.4.mlp.weight") == 0.2
    assert at(chosen, "model.norm.weight") == 0.9


def test_a_models_own_parameter_comes_before_the_merges(models, configure):
    own = [{"model": "one", "parameters": {"weight": 0.9}}, {"model": "two"}]
    plan = make_plan(configure("ties", {"weight": 0.1, "density": 0.5}, models=own))
    assert [one.weight for one in plan.numbers["model.scale"]] == [0.9, 0.1]
    assert [one.density for one in plan.numbers["model.scale"]] == [0.5, 0.5]


def test_the_form_of_mergekits_slerp_examples(models, configure):
    sources = [{"model": "base", "layer_range": [0, 2]}, {"model": "two", "layer_range": [0, 2]}]
    values = {"t": [{"filter": "mlp", "value": [0, 1]}, {"value": 0.5}]}
    config = configure("slerp", values, models=None, slices=[{"sources": sources}])
    assert [entry.model for entry in config.experts] == ["two"]
    assert make_plan(config).t["model.layers.1.mlp.up_proj.weight"] == 1
    cut = [{"model": "base", "layer_range": [0, 1]}, {"model": "two", "layer_range": [1, 2]}]
    for slices in ([{"sources": cut}], [{"sources": sources}] * 2):
        assert "only one slice that holds every layer" in fault(configure, "slerp", values, models=None, slices=slices)


def test_a_slice_that_leaves_layers_out_is_refused(models, configure):
    sources = [{"model": "base", "layer_range": [0, 1]}, {"model": "two", "layer_range": [0, 1]}]
    assert "layer_range" in fault(configure, "slerp", {"t": 0.5}, models=None, slices=[{"sources": sources}])


def test_what_has_no_effect_here_is_taken(models, configure):
    assert make_plan(configure("ties", {"weight": 1, "int8_mask": True})).normalize
    assert make_plan(configure("dare_ties", {"weight": 1, "density": 0.5, "rescale": True})).normalize is False


def test_the_configuration_goes_back_to_mergekit(models, configure, tmp_path):
    config = configure("ties", {"weight": 1, "density": 0.5}, seed=7, scope="global", dtype="bfloat16")
    text = as_mergekit(config)
    content = yaml.safe_load(text)
    assert set(content) == {"merge_method", "base_model", "models", "parameters", "dtype"}
    assert "# seed: 7" in text
    assert "# scope: global" in text
    (tmp_path / "again.yaml").write_text(text)
    again = read_config(tmp_path / "again.yaml")
    assert again.models == config.models
    assert again.parameters == config.parameters


STAGE = "training/mediphi.yaml: stage unify"
CONTENT = {
    "merge_method": "ties",
    "base_model": "base",
    "models": [{"model": "one"}, {"model": "two"}],
    "parameters": {"weight": 0.5, "density": 0.5},
}


def test_a_configuration_of_another_file_is_that_of_a_file_of_its_own(models, configure):
    config = config_from(CONTENT, STAGE)
    own = configure("ties", CONTENT["parameters"], models=CONTENT["models"])
    assert config.model_dump(exclude={"path"}) == own.model_dump(exclude={"path"})
    assert merge(make_plan(config), models / "out").weights == merge(make_plan(own), models / "again").weights


@pytest.mark.parametrize(
    "keys",
    [
        {"methd": 1},
        {"path": "elsewhere"},
        {"merge_method": "tie"},
        {"models": "one"},
        {"models": []},
        {"models": [{"model": "one", "weigth": 1}]},
        {"parameters": {"weight": 0.5, "desnity": 1}},
        {"parameters": {"weight": 0.5, "density": 2}},
        {"parameters": {"weight": "x"}},
        {"parameters": {"weight": -1}},
        {"seed": -1},
        {"device": "cuda:99"},
        {"tokenizer_source": "union"},
        {"generation_config": "union"},
    ],
    ids=str,
)
def test_its_errors_name_the_place_and_are_one_line(models, keys):
    with pytest.raises(ClueplusError) as caught:
        make_plan(config_from({**CONTENT, **keys}, STAGE))
    assert str(caught.value).startswith(f"{STAGE}: ")
    assert "\n" not in str(caught.value)


def test_no_configuration_exists_that_was_not_checked():
    with pytest.raises(ClueplusError, match="unknown merge_method"):
        MergeConfig.model_validate({**CONTENT, "merge_method": "tie", "path": "merge.yaml"})


def test_a_slice_goes_back_to_mergekit_as_one(models, configure, tmp_path):
    sources = [{"model": "base", "layer_range": [0, 2]}, {"model": "two", "layer_range": [0, 2]}]
    config = configure("slerp", {"t": 0.5}, models=None, slices=[{"sources": sources, "parameters": {"t": 0.2}}])
    (tmp_path / "again.yaml").write_text(as_mergekit(config))
    assert make_plan(read_config(tmp_path / "again.yaml")).t == make_plan(config).t
    assert set(make_plan(config).t.values()) == {0.2}
