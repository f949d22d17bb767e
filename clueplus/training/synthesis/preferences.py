"""`synth preferences`: the best rows with a slightly worse answer beside the good one, each pair verified."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clueplus
from clueplus.errors import ClueplusError, DataError
from clueplus.evaluation.answerer import Answerer, answerer, is_baseline
from clueplus.evaluation.generate import Generation, generate
from clueplus.evaluation.options import Options, Reporter
from clueplus.evaluation.preflight import check_model
from clueplus.evaluation.score import DEFAULT_REASONING, without_reasoning
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores
from clueplus.files import whole_file, write_atomic
from clueplus.models import Answer, Request
from clueplus.registry import Catalog
from clueplus.training.corpora.files import Bad
from clueplus.training.synthesis.blocks import ELSEWHERE
from clueplus.training.synthesis.calls import StageCalls
from clueplus.training.synthesis.checks import fault_of_instruction, fault_of_pair
from clueplus.training.synthesis.choice import Chosen, choose, content_key
from clueplus.training.synthesis.prompts import render
from clueplus.training.synthesis.reading import TrainingRow, read_rows
from clueplus.training.synthesis.recipe import LABELS, Corrupted, Recipe
from clueplus.training.synthesis.rejected import verify
from clueplus.training.synthesis.structured import rejected_schema
from clueplus.training.synthesis.tally import Price, Usage

PREFERENCES, REPORT = "preferences.jsonl", "preferences.report.json"
_STORE = "preferences.answers.jsonl"


@dataclass(frozen=True)
class Order:
    """What is asked for: preference pairs of the rows at `path`, corrupted by a model as the recipe says.

    `instructions` None takes as many as there are, and no more than the recipe says.
    """

    path: Path
    recipe: Recipe
    out: Path
    model: Options
    instructions: int | None = None
    seed: int = 1234
    price: Price | None = None


@dataclass(frozen=True, repr=False)
class _Answered:
    identity: dict[str, Any]
    requests: list[Request]
    stores: Stores
    outcome: Generation


def make_preferences(order: Order, reporter: Reporter) -> dict[str, Any]:
    """Writes `preferences.jsonl` and its report to the folder `out`; returns the report.

    Every answer is stored at once, so the same call after an interruption asks only what has no answer yet.

    Raises:
        ClueplusError: it can't start, stopped half-way, or no pair is left. No pair is written then.
    """
    corrupted = order.recipe.corrupted
    if corrupted is None:
        raise ClueplusError(f"{order.recipe.name} has no 'corrupted'", fix="give another --recipe")
    catalog = Catalog()
    if is_baseline(order.model.model):
        raise ClueplusError(f"{order.model.model} is a rule and can't write", fix="--model: a language model")
    check_model(order.model, catalog, is_baseline=False)
    dropped: Counter[str] = Counter()
    rows = _sound_rows(order, dropped)
    chosen = choose(rows, corrupted, order.instructions, order.seed)
    if not chosen:
        raise DataError(f"no row of {order.path} passes the checks: {_words(dropped)}", fix="look at the rows")
    with answerer(order.model, catalog, None, restricted=False, reporter=reporter) as make_model:
        answered = asyncio.run(_ask(order, corrupted, chosen, make_model, reporter))
    spec = catalog.models.get(order.model.model)
    marks = (spec.reasoning.start, spec.reasoning.end) if spec else DEFAULT_REASONING
    return _write(order, corrupted, chosen, answered, marks, dropped)


def _sound_rows(order: Order, dropped: Counter[str]) -> list[TrainingRow]:
    """The rows whose chosen answer passes the checks: those of published files were never checked here."""
    sound: dict[str, TrainingRow] = {}
    for row in read_rows(order.path):
        reason = row.reason if isinstance(row, Bad) else _fault(row, order.recipe)
        if reason:
            dropped[reason] += 1
        elif not isinstance(row, Bad):
            sound.setdefault(content_key(row), row)
    return [*sound.values()]


def _fault(row: TrainingRow, recipe: Recipe) -> str | None:
    if not all(row.get(name) for name in LABELS):
        return "no task, document, format or difficulty"
    return fault_of_instruction(row["instruction"], recipe.checked) or fault_of_pair(
        row["input"], row["output"], row["output_format"], recipe.checked
    )


async def _ask(
    order: Order, corrupted: Corrupted, chosen: list[Chosen], make_model: Answerer, reporter: Reporter
) -> _Answered:
    model = make_model([])
    try:
        await model.open()
        identity = model.identity("synthesis")
        calls = StageCalls("corrupted", order.recipe, order.seed, (identity,), model.api, model.stop)
        requests = [_request(calls, number, one, corrupted) for number, one in enumerate(chosen)]
        stores = Stores(ResponseStore(order.out / _STORE, elsewhere=ELSEWHERE), None).load()
        reporter.start(len({request.key for request in requests}))
        outcome = await generate(model, requests, stores, progress=reporter.progress)
        return _Answered(identity, requests, stores, outcome)
    finally:
        reporter.finish()
        await model.close()


def _request(calls: StageCalls, number: int, chosen: Chosen, corrupted: Corrupted) -> Request:
    row, name = chosen.row, chosen.error_type
    variables = {**row, "error_type": name, "error_meaning": corrupted.error_types[name]}
    prompt = render(corrupted.prompt, variables)
    return calls.request(number, calls.key(chosen.key), prompt, rejected_schema(row["output_format"]))


def _write(
    order: Order,
    corrupted: Corrupted,
    chosen: list[Chosen],
    answered: _Answered,
    marks: tuple[str, str],
    dropped: Counter[str],
) -> dict[str, Any]:
    rejects: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    usage, kept = Usage(), 0
    origin = {"corrupted_by": order.model.model, "corrupted_recipe": order.recipe.digest(("corrupted",))}
    with whole_file(order.out / PREFERENCES) as file:
        for one, request in zip(chosen, answered.requests, strict=True):
            answer = answered.stores.get(request)
            if answer is None:
                continue
            usage.add(answer)
            reason, rejected = _verified(one.row, answer, marks, corrupted)
            if reason:
                rejects[reason] += 1
                continue
            provenance = {**one.row["provenance"], **origin, "corrupted_seed": order.seed}
            row = {**one.row, "rejected_output": rejected, "error_type": one.error_type, "provenance": provenance}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            kept, kinds[one.error_type] = kept + 1, kinds[one.error_type] + 1
        if not kept:
            raise DataError(
                f"no pair of {len(chosen)} is left: {_words(rejects + Counter(answered.outcome.failures.values()))}",
                fix="look at the answers of another --model",
            )
    report = {
        "clueplus": clueplus.__version__,
        "recipe": order.recipe.name,
        "recipe_digest": order.recipe.digest(("corrupted",)),
        "seed": order.seed,
        "model": order.model.model,
        "identity": answered.identity,
        "instructions": len({one.row["instruction"] for one in chosen}),
        "asked": len(chosen),
        "kept": kept,
        "rejected": dict(rejects.most_common()),
        "failed": dict(Counter(answered.outcome.failures.values()).most_common()),
        "not_chosen": dict(dropped.most_common()),
        "error_types": dict(sorted(kinds.items())),
        "usage": usage.model_dump(),
        "cost": usage.cost(order.price),
    }
    write_atomic(order.out / REPORT, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return report


def _verified(row: TrainingRow, answer: Answer, marks: tuple[str, str], corrupted: Corrupted) -> tuple[str | None, str]:
    try:
        return verify(row, answer, without_reasoning(answer.text, *marks), corrupted)
    except Exception as error:  # one bad answer must not cost the others
        return f"reading failed: {type(error).__name__}", ""


def _words(reasons: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3)) or "there is none"
