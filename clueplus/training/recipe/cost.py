"""What a recipe will cost, about: tokens times weights, at a declared share of a declared peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from clueplus.training.recipe.blocks import AlignStage, CorpusStage, ExpertStage
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.state import Node
from clueplus.training.spec import Training

# Forward 2, backward 4 operations a weight and token (Kaplan et al., 2020, section 2.1); attention is left out.
_PASS, _STEP = 2, 6


class Rates(NamedTuple):
    """What an hour of one device does and costs.

    `peak` is in operations a second (dense bfloat16); the default is an H100's. `mfu` is the share of it that a
    training uses. `price` is of an hour, in any currency; None leaves money out.
    """

    peak: float = 989e12
    mfu: float = 0.4
    price: float | None = None


class Estimate(NamedTuple):
    """Tokens that a stage sees, its operations and hours of one device; None where it is not known."""

    tokens: int | None
    flops: float | None
    hours: float | None


def estimate(recipe: Recipe, nodes: Mapping[str, Node], name: str, parameters: int | None, rates: Rates) -> Estimate:
    """The cost of one training stage; of other kinds nothing is known but that they are small beside it."""
    block = recipe.stages[name].block
    if isinstance(block, ExpertStage):
        corpus = corpus_tokens(recipe, nodes, block.corpus)
        seen = [_seen(phase, corpus) for phase in block.phases]
        return _cost(None if None in seen else sum(one or 0 for one in seen), _STEP, parameters, rates)
    if isinstance(block, AlignStage):
        seen_once = _seen(block.training, corpus_tokens(recipe, nodes, block.rows))
        # DPO: the reference reads every token once more; both answers of a row are in the count of its corpus.
        return _cost(seen_once, _STEP + (_PASS if block.method == "dpo" else 0), parameters, rates)
    return Estimate(None, None, None)


def corpus_tokens(recipe: Recipe, nodes: Mapping[str, Node], name: str) -> int | None:
    """How many tokens a corpus has: counted when it is built, before that what the recipe says."""
    record = nodes[name].record if name in nodes else None
    counted = record.result.get("tokens") if record is not None else None
    if isinstance(counted, int):
        return counted
    block = recipe.stages[name].block
    return block.tokens if isinstance(block, CorpusStage) else None


def _seen(training: Training, corpus: int | None) -> int | None:
    """Tokens of one phase: all epochs of the corpus, or as many as fit into its steps."""
    most = None if training.steps is None else training.steps * training.batch * training.max_length
    whole = None if corpus is None else round(corpus * training.epochs)
    known = [number for number in (most, whole) if number is not None]
    return min(known) if known else None


def _cost(tokens: int | None, operations: int, parameters: int | None, rates: Rates) -> Estimate:
    if tokens is None or parameters is None:
        return Estimate(tokens, None, None)
    flops = float(operations) * parameters * tokens
    return Estimate(tokens, flops, flops / (rates.peak * rates.mfu) / 3600)
