"""Prompts that do not fit the model's context: found before the first token, cut or refused as the task declares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from clueplus.errors import ClueplusError
from clueplus.evaluation.options import Reporter
from clueplus.evaluation.plan import Planner
from clueplus.evaluation.task import LoadedTask
from clueplus.models import Model, Request
from clueplus.models.base import characters
from clueplus.models.wire import TOO_LONG
from clueplus.records.run import MAX_INFRASTRUCTURE_SHARE

_AT_ONCE = 16
# Texts of one task are alike: no prompt has so many more tokens a byte than the densest one measured.
_MARGIN = 1.25
_TRIES = 8


async def fit(
    requests: Sequence[Request], tasks: Sequence[LoadedTask], planner: Planner, reporter: Reporter
) -> list[Request]:
    """The requests, those that would not fit cut or marked as refused.

    Tokens are counted by whoever answers. The longest prompts of a task are counted first, until the rest fit by far;
    prompts with fewer bytes than the context has tokens fit in any case.

    Args:
        requests: the plan.
        tasks: of the plan.
        planner: what made it, for prompts that are rendered again.
        reporter: hears how many were cut.

    Raises:
        ClueplusError: the context is too small for a task: more than 1 % of its prompts would be refused.
    """
    context = planner.model.context
    if context is None:
        return list(requests)
    by_name = {task.name: task for task in tasks}
    fitted: list[Request] = []
    for name, own in groupby(requests, key=lambda request: request.task):
        fitted += await _fit_task(list(own), by_name[name], planner, context, reporter)
    return fitted


async def _fit_task(
    requests: list[Request], task: LoadedTask, planner: Planner, context: int, reporter: Reporter
) -> list[Request]:
    room = context - requests[0].decoding.max_tokens
    counts = await _count_long(requests, planner.model, room)
    long = {index: count for index, count in counts.items() if count > room}
    if not long:
        return requests
    by_item = {index: list(own) for index, own in groupby(requests, key=lambda request: request.index)}
    for index, count in long.items():
        by_item[index] = await _shorten(by_item[index], task, planner, count, room)
    refused, items = sum(by_item[index][0].refused is not None for index in long), len(by_item)
    if refused > MAX_INFRASTRUCTURE_SHARE * items:
        raise ClueplusError(
            f"{task.name}: {refused} of {items} prompts do not fit the context of {context} tokens"
            f" (the longest has {max(long.values())}, and the answer needs {requests[0].decoding.max_tokens})",
            fix="raise the server's --max-model-len, or leave the task out with --tasks",
        )
    more = f", {refused} refused" if refused else ""
    reporter.note(
        f"{task.name}: {len(long) - refused} of {items} prompts are cut in the middle to fit {context} tokens{more}"
    )
    return [request for own in by_item.values() for request in own]


async def _count_long(requests: Sequence[Request], model: Model, room: int) -> dict[int, int]:
    """The token counts of prompts that might be too long, by item."""
    one_each = {request.index: request for request in requests if request.sample == 0}
    sizes = {index: _bytes(request) for index, request in one_each.items()}
    waiting = [index for index in sorted(sizes, key=lambda index: -sizes[index]) if sizes[index] > room]
    counts: dict[int, int] = {}
    densest = 0.0
    while waiting and (not densest or sizes[waiting[0]] * densest * _MARGIN > room):
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for index, count in zip(now, await asyncio.gather(*(model.count(one_each[i]) for i in now)), strict=True):
            if count is None:
                return {}
            counts[index] = count
            densest = max(densest, count / sizes[index])
    return counts


async def _shorten(whole: list[Request], task: LoadedTask, planner: Planner, count: int, room: int) -> list[Request]:
    """The requests of an item of `count` tokens, which is more than `room`: cut until they fit, or refused."""
    first = whole[0]
    most, cut = task.cuttable(first.document), 0
    ratio = characters(first.prompt) / max(1, count)
    for _ in range(_TRIES):
        if cut >= most:
            break
        cut = min(most, cut + int((count - room) * ratio) + 16)
        requests = planner.item(task, first.index, cut)
        counted = await planner.model.count(requests[0])
        if counted is None or counted <= room:
            return requests
        count = counted
    return [replace(request, refused=TOO_LONG) for request in whole]


def _bytes(request: Request) -> int:
    """An upper bound of a prompt's tokens: no token is shorter than a byte, and a template writes a few more."""
    prompt = request.prompt
    texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts) + 64 * (len(texts) + 1)
