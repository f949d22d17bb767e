"""How much of a device a training uses: tokens a second against what its arithmetic units could do."""

from __future__ import annotations

from typing import Any, NamedTuple

# Dense bfloat16 peaks in FLOP/s, from the makers' data sheets; the first name that a device's name contains counts.
PEAKS = {
    "B200": 2.25e15,
    "H200": 9.89e14,
    "H100 PCIe": 7.56e14,
    "H100 NVL": 8.35e14,
    "H100": 9.89e14,
    "A100": 3.12e14,
    "L40S": 3.62e14,
    "L4": 1.21e14,
    "A10": 1.25e14,
    "MI300X": 1.307e15,
}


class Peak(NamedTuple):
    """FLOP/s of one device, or why they are not known."""

    flops: float | None
    reason: str | None


def peak_of(device: str, name: str, dtype: str) -> Peak:
    """The peak of a device.

    Args:
        device: its kind as torch names it ("cuda", "cpu").
        name: of the device, as its driver tells it.
        dtype: what is computed in; peaks are those of bfloat16.
    """
    if device != "cuda":
        return Peak(None, f"the peak of a {device} is not known")
    if dtype != "bfloat16":
        return Peak(None, "peaks are of bfloat16, and this training computes in float32")
    found = next((flops for known, flops in PEAKS.items() if known in name), None)
    return Peak(found, None if found else f"the peak of {name} is not known")


def flops_per_token(model: Any, attended: float, *, adapter: bool) -> float:
    """Floating-point operations of one training step for one token: 6 N + 12 L d T.

    That is the count of Chowdhery et al., PaLM (2022), appendix B, with recomputed activations not counted. N are the
    weights that a token is multiplied with: all but an input embedding that is looked up only. With adapters no
    gradient of the frozen weights is computed, which leaves 4 N.

    Args:
        model: a causal language model of transformers.
        attended: T, the length of the sequence that a token stands in, averaged over tokens; packed documents do not
            attend to each other.
        adapter: whether low-rank adapters are trained in place of the weights.
    """
    config = model.config.get_text_config()
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    looked_up = 0 if head is embedding else _size(embedding)
    weights = sum(map(_size, model.parameters())) - looked_up
    attention = 12 * config.num_hidden_layers * config.hidden_size * attended
    return float((4 if adapter else 6) * weights + attention)


def _size(weight: Any) -> int:
    # DeepSpeed leaves an empty tensor where it took a weight apart, and writes its size down beside it.
    return int(getattr(weight, "ds_numel", weight.numel()))
