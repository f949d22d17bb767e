from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clueplus.models import Decoding
from clueplus.models.base import prompt_hash, response_key

texts = st.text(max_size=20)
ingredients = st.fixed_dictionaries(
    {
        "identity": st.dictionaries(texts, texts, max_size=2),
        "api": st.sampled_from(["chat", "completions"]),
        "prompt": st.one_of(texts, st.lists(st.fixed_dictionaries({"role": texts, "content": texts}), max_size=2)),
        "max_tokens": st.integers(1, 9),
        "temperature": st.sampled_from([0.0, 1.0]),
        "stop": st.lists(texts, max_size=2).map(tuple),
        "seed": st.integers(0, 3),
        "sample": st.integers(0, 3),
    }
)


def key(i: dict[str, Any]) -> str:
    decoding = Decoding(i["max_tokens"], i["temperature"], i["stop"], i["seed"])
    return response_key(i["identity"], i["api"], prompt_hash(i["prompt"]), decoding, i["sample"])


@given(ingredients, ingredients)
def test_two_keys_are_equal_exactly_when_every_ingredient_is(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert (key(a) == key(b)) == (a == b)


@given(ingredients, st.data())
def test_changing_any_one_ingredient_changes_the_key(a: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(a)))
    b = {**a, name: data.draw(ingredients)[name]}
    assert (key(a) == key(b)) == (a[name] == b[name])
