"""All tasks of a run as one list of requests, each with its content key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clueplus.evaluation.task import LoadedTask
from clueplus.models import Model, Request
from clueplus.models.base import prompt_hash, response_key


def plan(tasks: Sequence[LoadedTask], model: Model, limit: int | None = None) -> list[Request]:
    """The requests of a run: for each task, the first `limit` test documents (all when None), in order."""
    requests = []
    shared: dict[str, str] = {}
    for task in tasks:
        identity = model.identity(task.name)
        decoding = replace(task.decoding, stop=(*task.decoding.stop, *model.stop))
        for index, document in enumerate(task.splits.test[:limit]):
            prompt = task.prompt(document, model.api)
            if isinstance(prompt, list):  # few-shot turns are the same in every prompt: keep each text once
                for message in prompt[:-1]:
                    message["content"] = shared.setdefault(message["content"], message["content"])
            digest = prompt_hash(prompt)
            key = response_key(identity, model.api, digest, decoding)
            requests.append(Request(task.name, index, document, prompt, digest, decoding, task.variant.tier, key))
    return requests
