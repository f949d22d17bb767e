"""Chat templates as the base models have them, and what of a conversation is trained on."""

from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.alignment.conversations import Chat
from clueplus.training.alignment.sequences import UNTRAINED, fill_sft
from clueplus.training.trainer.base import Base, read_base
from clueplus.training.trainer.prepared import TRAIN, prepare
from clueplus.training.trainer.rows import Row
from tests.support.tiny_model import END
from tests.support.training import instruction_rows, training, write_rows

# Written after what these families' templates do, none of which marks what an assistant generates.
PHI = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ '<|pad|>' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>\n\n' + (m['content'] | trim) + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}"
)
# Leaves a system turn out without a word.
DEAF = (
    "{% for m in messages if m['role'] != 'system' %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
ROW = Row("Name the drug.", "She takes apixaban.", "Apixaban", None)


@pytest.fixture
def with_template(base: Path) -> Any:
    """The base, as if its tokenizer had another template."""

    def read(template: str | None) -> Base:
        found = read_base(base, 512)
        if template != "its own":
            found.tokenizer.chat_template = template
        return found

    return read


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("its own", "<|bos|><|system|>\nName the drug.<|end|>\n<|user|>\nShe takes apixaban.<|end|>\n<|assistant|>\n"),
        (PHI, "<|system|>\nName the drug.<|end|>\n<|user|>\nShe takes apixaban.<|end|>\n<|assistant|>\n"),
        (LLAMA, "<|bos|><|system|>\n\nName the drug.<|end|><|user|>\n\nShe takes apixaban.<|end|><|assistant|>\n\n"),
        (MISTRAL, "<|bos|>[INST] Name the drug.\n\nShe takes apixaban. [/INST]"),
        (DEAF, "<|user|>Name the drug.\n\nShe takes apixaban.<|end|><|assistant|>"),
    ],
    ids=["tiny", "phi", "llama", "mistral", "deaf"],
)
def test_an_answer_begins_after_the_prompt_and_ends_with_the_end_token(
    template: str, prompt: str, with_template: Any
) -> None:
    found = with_template(template)
    (encoded,) = Chat(found).encode([(ROW, "Apixaban")])
    assert encoded is not None
    assert found.tokenizer.decode(encoded.prompt) == prompt
    assert found.tokenizer.decode(encoded.answer) == f"Apixaban{END}", "what follows the end token is not trained on"


def test_without_an_input_the_instruction_is_the_users(with_template: Any) -> None:
    (encoded,) = Chat(found := with_template("its own")).encode([(ROW._replace(input=" "), "Apixaban")])
    assert found.tokenizer.decode(encoded.prompt) == "<|bos|><|user|>\nName the drug.<|end|>\n<|assistant|>\n"


def test_a_prompt_opens_as_it_does_when_the_model_is_asked(with_template: Any) -> None:
    """Evaluation puts the tokenizer's BOS before a template that has none; so does training."""
    found = with_template(PHI)
    from tokenizers.processors import TemplateProcessing

    found.tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", found.tokenizer.bos_token_id)]
    )
    (encoded,) = Chat(found).encode([(ROW, "Apixaban")])
    assert encoded.prompt[:2] == found.tokenizer.convert_tokens_to_ids(["<|bos|>", "<|system|>"])


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, "has no chat template"),
        ("{{ raise_exception('no') }}", "fails on a plain conversation"),
        ("{% for m in messages %}{{ m['content'] }} {% endfor %}", "no special token"),
    ],
)
def test_a_template_that_cannot_be_trained_with_is_one_line(template: str, told: str, with_template: Any) -> None:
    with pytest.raises(ClueplusError, match=told):
        Chat(with_template(template))


def test_a_template_that_changes_the_prompt_when_an_answer_follows_is_named(with_template: Any, tmp_path: Path) -> None:
    template = PHI.replace("{{ '<|assistant|>\n' }}", "{{ '<|assistant|>\nThink. ' }}")
    rows = write_rows(tmp_path / "rows", instruction_rows(3))
    found = with_template(template)
    with pytest.raises(ClueplusError, match="renders a prompt in another way") as caught:
        prepare(tmp_path / "made", lambda folder, losses: fill_sft(found, rows, training(), folder, losses))
    assert str(found.folder) in str(caught.value)


def test_the_label_at_the_end_token_is_not_masked_and_no_other_special_one_is_trained(
    with_template: Any, tmp_path: Path
) -> None:
    from datasets import Dataset

    rows = write_rows(tmp_path / "rows", instruction_rows(5))
    for number, template in enumerate(("its own", PHI, LLAMA, MISTRAL)):
        found = with_template(template)
        folder = tmp_path / str(number)
        prepare(folder, lambda to, losses, found=found: fill_sft(found, rows, training(), to, losses))
        end = found.tokenizer.convert_tokens_to_ids(END)
        for row in Dataset.from_file(str(folder / TRAIN)):
            trained = [label for label in row["labels"] if label != UNTRAINED]
            assert row["labels"][-1] == row["input_ids"][-1] == end
            assert trained == row["input_ids"][-len(trained) :]
            assert set(trained) & set(found.tokenizer.all_special_ids) == {end}
            assert 1 < len(trained) < len(row["labels"])
