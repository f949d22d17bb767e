"""The model that a rehearsal starts from is spoken to like a real one, and is the same every time."""

from pathlib import Path

import pytest

from clueplus.training.digest import checkpoint_digest
from clueplus.training.recipe.tiny import END, make_tiny, tiny_digest, tiny_parameters

TEXTS = ["Answer with one word. Fever and cough for three days."] * 3
MESSAGES = [
    {"role": "system", "content": "Answer with one word."},
    {"role": "user", "content": "Fever?"},
    {"role": "assistant", "content": "cough"},
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    make_tiny(folder, TEXTS, seed=3)
    return folder


def test_the_same_texts_and_seed_make_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    make_tiny(tmp_path / "again", TEXTS, seed=3)
    make_tiny(tmp_path / "other", TEXTS, seed=4)
    digests = [checkpoint_digest(folder) for folder in (tiny, tmp_path / "again", tmp_path / "other")]
    assert digests[0] == digests[1] != digests[2]


def test_its_name_changes_with_whatever_it_is_made_of() -> None:
    assert len({tiny_digest(TEXTS, 3), tiny_digest(TEXTS, 4), tiny_digest(TEXTS[:1], 3)}) == 3


def test_its_template_has_a_system_role_and_marks_the_answer_with_its_end(tiny: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    made = tokenizer.apply_chat_template(MESSAGES, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, mask in zip(made["input_ids"], made["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(marked) == f"cough{END}"
    text = tokenizer.apply_chat_template(MESSAGES[:2], tokenize=False, add_generation_prompt=True)
    assert text == "<s><|system|>\nAnswer with one word.<|end|>\n<|user|>\nFever?<|end|>\n<|assistant|>\n"
    assert tokenizer.eos_token == END
    assert tokenizer.model_max_length == 4096


def test_it_stops_where_its_template_ends_a_turn(tiny: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert model.num_parameters() <= tiny_parameters()
