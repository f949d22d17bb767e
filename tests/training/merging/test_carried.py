"""Files beside the weights: carried from the base or from a chosen model; an answer ends where the template ends it."""

import json

import pytest

from clueplus.training.merging.end_token import end_token
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge
from tests.training.merging.conftest import TEMPLATE, TOKENIZER, write
from tests.training.merging.conftest import weights as tensors_of


def settings_of(folder):
    return json.loads((folder / "generation_config.json").read_text())


def test_the_chat_templates_end_token_is_added_where_it_was_missing(models, configure):
    report = merge(make_plan(configure("linear")), models / "out")
    assert settings_of(models / "out")["eos_token_id"] == [2, 3]
    assert report.notes == ["the chat template's end token 3 was missing in generation_config.json and is added"]


def test_a_generation_config_can_be_chosen(models, configure):
    (models / "two/generation_config.json").write_text(json.dumps({"eos_token_id": [3, 2], "temperature": 0.7}))
    report = merge(make_plan(configure("linear", generation_config="two")), models / "out")
    assert settings_of(models / "out") == {"eos_token_id": [3, 2], "temperature": 0.7}
    assert report.notes == []


def test_without_a_generation_config_one_is_made(models, configure):
    (models / "base/generation_config.json").unlink()
    merge(make_plan(configure("linear")), models / "out")
    assert settings_of(models / "out")["eos_token_id"] == [2, 3]


def test_the_tokenizer_comes_from_where_it_is_said(models, configure):
    (models / "two/chat_template.jinja").write_text(TEMPLATE)
    (models / "two/tokenizer.model").write_bytes(b"\x00\x01")
    merge(make_plan(configure("linear")), models / "plain")
    assert not (models / "plain/tokenizer.model").exists()
    for key in ({"tokenizer_source": "two"}, {"tokenizer": {"source": "two"}}):
        out = models / f"out-{next(iter(key))}"
        merge(make_plan(configure("linear", **key)), out)
        assert (out / "tokenizer.model").read_bytes() == b"\x00\x01"
        assert (out / "chat_template.jinja").read_text() == TEMPLATE


def test_tokens_that_the_carried_tokenizer_lacks_are_noted(models, configure):
    more = {**TOKENIZER, "added_tokens": [*TOKENIZER["added_tokens"], {"id": 9, "content": "<|tool|>"}]}
    (models / "two/tokenizer.json").write_text(json.dumps(more))
    notes = make_plan(configure("linear")).notes
    assert "two has 1 tokens that the carried tokenizer, of base, does not know" in notes


def test_code_that_the_config_names_is_carried(models, configure):
    write(models / "base", tensors_of(0), {"auto_map": {"AutoModel": "modeling.Model"}, "torch_dtype": "float32"})
    (models / "base/modeling.py").write_text("Model = None\n")
    merge(make_plan(configure("linear")), models / "out")
    assert (models / "out/modeling.py").read_text() == "Model = None\n"
    config = json.loads((models / "out/config.json").read_text())
    assert config["torch_dtype"] == "bfloat16"
    assert "dtype" not in config


TEMPLATES = [
    (TEMPLATE, 3),
    (TEMPLATE.replace("<|end|>", "{{ eos_token }}"), 2),
    ("{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}", 3),
    ("{% for m in messages -%}{%- generation -%}{{ m['content'] }}{{ '<|end|>' }}{%- endgeneration %}{% endfor %}", 3),
    ([{"name": "tool", "template": "x"}, {"name": "default", "template": TEMPLATE}], 3),
    ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", None),
    ("{{ raise_exception('no') }}", None),
    ("{% for %}", None),
    ("nothing of it", None),
    (None, None),
]


@pytest.mark.parametrize(("template", "expected"), TEMPLATES)
def test_the_end_token_is_what_follows_an_answer(tmp_path, template, expected):
    (tmp_path / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    config = {"chat_template": template, "eos_token": {"content": "</s>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert end_token(tmp_path) == expected


def test_no_end_token_is_noted(models, configure):
    for path in models.glob("*/tokenizer_config.json"):
        path.write_text("{}")
    notes = make_plan(configure("linear")).notes
    assert notes == ["no end token was found in the chat template: check eos_token_id in generation_config.json"]


def test_the_tokens_of_a_real_tokenizer(tmp_path):
    from tests.support.tiny_model import END, build_tiny_model

    folder = build_tiny_model(tmp_path / "model")
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    assert end_token(folder) == next(entry["id"] for entry in added if entry["content"] == END)
