"""What a checkpoint reads and says, beside what transformers does when nobody is in between."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError, EndpointError
from clueplus.models import Answer, Decoding
from clueplus.models.checkpoint import is_out_of_memory
from clueplus.models.in_process import InProcessModel
from tests.support.in_process import (
    GREEDY,
    PROMPTS,
    answer,
    answers,
    by_hand,
    endless,
    identity,
    loaded,
    plain,
    request,
    requests,
    use,
)
from tests.support.tiny_model import BOS, END

BOS_ID = 1


# One answer


def test_an_answer_is_what_transformers_generates(tiny: Path, single: list[Answer]) -> None:
    assert [one.text for one in single] == [by_hand(tiny, prompt, do_sample=False) for prompt in PROMPTS]
    assert len({one.text for one in single}) == len(PROMPTS)


def test_an_end_token_ends_an_answer_and_the_limit_cuts_one(single: list[Answer]) -> None:
    assert {one.finish_reason for one in single} == {"stop", "length"}
    for one in single:
        assert one.completion_tokens == 40 if one.finish_reason == "length" else one.completion_tokens <= 40  # type: ignore[operator]
        assert END not in one.text


def test_tokens_and_seconds_are_told(tiny: Path) -> None:
    async def ask(model: InProcessModel) -> None:
        found = await model.answer(request(PROMPTS[0], Decoding(3, 0.0, ())))
        assert (found.finish_reason, found.completion_tokens) == ("length", 3)
        assert found.prompt_tokens == await model.count(request(PROMPTS[0]))
        assert 0 < (found.seconds or 0) < 60

    use(tiny, ask)


def test_the_end_token_of_the_template_counts_though_no_config_knows_it(changed: Callable[..., Path],
                                                                        single: list[Answer]) -> None:  # fmt: skip
    folder = endless(changed)
    found, _ = answers(folder, requests())
    assert found == single
    talk = answer(folder, plain(PROMPTS[0], Decoding(200, 0.0, ())), api="completions")
    assert talk.finish_reason == "length"
    assert END not in talk.text


def test_every_end_token_of_the_generation_config_counts(changed: Callable[..., Path], tiny: Path) -> None:
    text = by_hand(tiny, PROMPTS[0], do_sample=False)
    third = loaded(tiny)[0](text)["input_ids"][2]
    found = answer(changed("generation_config", eos_token_id=[0, third]), request(PROMPTS[0]))
    assert (found.finish_reason, found.completion_tokens) == ("stop", 3)
    assert text.startswith(found.text)
    assert len(found.text) < len(text)


def test_the_tokenizers_end_token_counts_though_no_config_knows_it(changed: Callable[..., Path], tiny: Path) -> None:
    changed("generation_config", eos_token_id=0)
    wanted = [plain(prompt) for prompt in PROMPTS]
    found, _ = answers(changed("config", eos_token_id=0), wanted, api="completions")
    assert found == answers(tiny, wanted, api="completions")[0]
    assert "stop" in {one.finish_reason for one in found}


# Stop strings


def test_an_answer_ends_before_its_earliest_stop_string(tiny: Path, single: list[Answer]) -> None:
    wanted, expected = [], []
    for number, full in enumerate(single):
        at = 5 + 3 * number
        stops = ("never said", full.text[at + 4 : at + 6], full.text[at : at + 3])
        wanted.append(request(PROMPTS[number], replace(GREEDY, stop=stops), number))
        expected.append(full.text[: min(full.text.find(stop) for stop in stops[1:])])
    found, spy = answers(tiny, wanted)
    assert [one.text for one in found] == expected
    assert {one.finish_reason for one in found} == {"stop"}
    assert spy.sizes == [8]
    assert spy.steps[0] < 30
    assert found == answers(tiny, wanted, batch=1)[0]


def test_a_stop_string_that_is_never_said_changes_nothing(tiny: Path, single: list[Answer]) -> None:
    assert answers(tiny, requests(replace(GREEDY, stop=("never said",))))[0] == single


def test_a_stop_string_may_be_longer_than_any_token(tiny: Path, single: list[Answer]) -> None:
    longest = max(single, key=lambda one: len(one.text))
    stop = longest.text[10:90]
    found = answer(tiny, request(PROMPTS[single.index(longest)], replace(GREEDY, stop=(stop,))))
    assert found.text == longest.text[:10]
    assert (found.completion_tokens or 0) < 40


# Decoding


def test_sampling_repeats_itself_alone_and_among_others(tiny: Path) -> None:
    sampled = request(PROMPTS[0], Decoding(40, 3.0, (), seed=7))
    import torch

    before = torch.random.get_rng_state()
    alone = answer(tiny, sampled)
    (among, *_, other), _ = answers(tiny, [sampled, *requests(), replace(sampled, decoding=Decoding(40, 3.0, ()))])
    assert torch.equal(before, torch.random.get_rng_state())
    assert alone == among
    assert alone.text != other.text
    assert alone.text == by_hand(tiny, PROMPTS[0], seed=7, do_sample=True, temperature=3.0, top_k=0)


def test_the_checkpoints_own_taste_has_no_influence(
    changed: Callable[..., Path], tiny: Path, single: list[Answer]
) -> None:
    sampling = {"do_sample": True, "temperature": 0.3, "top_k": 1, "top_p": 0.2, "num_beams": 2}
    penalties = {"repetition_penalty": 4.0, "no_repeat_ngram_size": 2, "min_new_tokens": 50, "suppress_tokens": [300]}
    folder = changed("generation_config", **sampling, **penalties)
    assert answers(folder, requests())[0] == single
    sampled = request(PROMPTS[0], Decoding(40, 3.0, (), seed=7))
    assert answer(folder, sampled) == answer(tiny, sampled)


# What the model reads


def bos_variants(changed: Callable[..., Path], *, template: bool, tokenizer: bool) -> Path:
    """The tiny model with or without a BOS in the template, and one that the tokenizer adds to plain text."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = changed("config")
    if not template:
        path = folder / "chat_template.jinja"
        path.write_text(path.read_text().replace("{{- bos_token -}}\n", ""))
    if tokenizer:
        inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
        inner.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
        inner.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(("template", "tokenizer", "count"),
                         [(True, False, 1), (True, True, 1), (False, True, 1), (False, False, 0)])  # fmt: skip
def test_a_prompt_opens_with_the_one_bos_that_the_model_knows(
    changed: Callable[..., Path], template: bool, tokenizer: bool, count: int
) -> None:
    folder = bos_variants(changed, template=template, tokenizer=tokenizer)
    seen: list[list[int]] = []
    found = answers(folder, requests()[:1], lambda ids: seen.extend(ids.tolist()))[0][0]
    assert seen[0].count(BOS_ID) == count
    assert seen[0][:count] == [BOS_ID] * count
    assert found.prompt_tokens == len(seen[0])


def test_a_template_with_two_bos_is_refused(changed: Callable[..., Path]) -> None:
    path = changed("config") / "chat_template.jinja"
    path.write_text("{{- bos_token -}}" + path.read_text())
    folder = bos_variants(changed, template=True, tokenizer=True)
    with pytest.raises(ClueplusError, match="begins with 2 beginning-of-sequence tokens"):
        answer(folder, request("x"))


def test_plain_text_gets_the_tokenizers_own_special_tokens(changed: Callable[..., Path]) -> None:
    folder = bos_variants(changed, template=True, tokenizer=True)
    seen: list[list[int]] = []
    found, _ = answers(folder, [plain(PROMPTS[0])], lambda ids: seen.extend(ids.tolist()), api="completions")
    assert seen == [loaded(folder)[0](PROMPTS[0])["input_ids"]]
    assert seen[0][0] == BOS_ID
    assert found[0].text


# What can't be used


def refused(folder: Path | str, **options: Any) -> ClueplusError:
    with pytest.raises(ClueplusError) as error:
        identity(folder, **options)
    assert "\n" not in str(error.value)
    assert error.value.fix
    return error.value


def test_a_checkpoint_without_a_chat_template_is_refused_for_chat_only(changed: Callable[..., Path]) -> None:
    folder = changed("config")
    (folder / "chat_template.jinja").unlink()
    error = refused(folder)
    assert isinstance(error, EndpointError)
    assert str(error) == (
        f"{folder} has no chat template. Fix: --api completions, or save the template with the tokenizer"
    )
    assert answer(folder, plain(PROMPTS[0]), api="completions").text


def test_a_chat_template_that_fails_is_refused(changed: Callable[..., Path]) -> None:
    (changed("config") / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    assert "fails on a plain conversation (TemplateError)" in str(refused(changed("config")))


def test_what_is_no_checkpoint_is_refused(changed: Callable[..., Path], tmp_path: Path) -> None:
    assert "can't be loaded: OSError" in str(refused(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    assert "it has no config.json" in str(refused(tmp_path / "empty"))
    folder = changed("config")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert isinstance(refused(folder), EndpointError)


def test_missing_packages_are_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    error = refused(tiny)
    assert str(error) == f"no transformers to load '{tiny}' with. Fix: pip install 'clueplus[hf]'"


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("HIP out of memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_full_memory_is_known_by_its_many_names(error: Exception, full: bool) -> None:
    pytest.importorskip("torch")
    assert is_out_of_memory(error) == full


def test_so_is_the_error_that_torch_has_for_it() -> None:
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA"))
