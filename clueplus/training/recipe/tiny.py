"""The model that a rehearsal starts from: two layers, made in a second, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clueplus.files import canonical_json, sha256
from clueplus.training.merging.output import new_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VERSION = 1
PAD, BOS, END = "<|pad|>", "<s>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
VOCABULARY = 1500
# Larger than the usual 0.02: NEFTune's noise on short sequences would drown so few and small numbers.
INITIAL_STD = 0.1

# The loss of an alignment is of what stands between generation and endgeneration: the answer and its end.
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
    {{- '<|' + message['role'] + '|>\\n' -}}
    {%- if message['role'] == 'assistant' -%}
        {%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}
    {%- else -%}
        {{- message['content'] + eos_token -}}
    {%- endif -%}
    {{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""


def tiny_digest(texts: Sequence[str], seed: int) -> str:
    """What the tiny model is, known before it is made."""
    made_of = [VERSION, SHAPE, VOCABULARY, INITIAL_STD, CHAT_TEMPLATE, [sha256(text) for text in texts], seed]
    return sha256(canonical_json(made_of))


def tiny_parameters() -> int:
    """How many weights it has, about: the vocabulary of few texts may be smaller."""
    hidden, inner, layers = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["num_hidden_layers"]
    return 2 * VOCABULARY * hidden + layers * (4 * hidden * hidden + 3 * hidden * inner + 2 * hidden) + hidden


def make_tiny(folder: Path, texts: Sequence[str], seed: int) -> None:
    """Writes a Phi-3 shaped model of some 0.3 million weights, whose tokenizer learned from `texts`.

    Args:
        folder: a new folder; it appears whole.
        texts: whatever the rehearsal trains on.
        seed: of the weights.
    """
    import torch
    from transformers import GenerationConfig, Phi3Config, Phi3ForCausalLM

    tokenizer = _tokenizer(texts)
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape: dict[str, Any] = {**SHAPE, **special, "vocab_size": len(tokenizer), "tie_word_embeddings": False}
    shape["initializer_range"] = INITIAL_STD
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    model = Phi3ForCausalLM(Phi3Config(**shape, original_max_position_embeddings=SHAPE["max_position_embeddings"]))
    torch.random.set_rng_state(state)
    model.to(torch.float32)
    model.generation_config = GenerationConfig(**special, do_sample=False)
    with new_folder(folder) as new:
        tokenizer.save_pretrained(new)
        model.save_pretrained(new)


def _tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE: any text goes through it and comes back unchanged."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, END, *ROLES],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        model_max_length=SHAPE["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
