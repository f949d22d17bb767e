"""All tasks of a run as one list of requests, each with its content key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clueplus.errors import ClueplusError
from clueplus.evaluation.task import LoadedTask
from clueplus.models import Model, Request
from clueplus.models.base import Prompt, prompt_hash, response_key


@dataclass(frozen=True)
class Sampling:
    """How often each item is answered, and at which temperature (None: the task's own, greedy)."""

    samples: int = 1
    temperature: float | None = None

    def check(self) -> Sampling:
        """Itself.

        Raises:
            ClueplusError: several samples without a temperature: they would all be the same.
        """
        if self.samples > 1 and not self.temperature:
            raise ClueplusError(
                f"--samples {self.samples} with greedy decoding gives {self.samples} equal answers",
                fix="add --temperature 0.7; or use --repeat to see what a server changes from run to run",
            )
        return self


@dataclass
class Planner:
    """Makes requests of one model; texts that all prompts of a task share are kept once.

    Args:
        model: whose identity, API and stop strings count.
        sampling: how often each item is asked.
    """

    model: Model
    sampling: Sampling = Sampling()
    _shared: dict[str, str] = field(default_factory=dict)

    def task(self, task: LoadedTask, limit: int | None = None) -> list[Request]:
        """The requests of a task's first `limit` test documents (all when None), in order; one a sample."""
        return [request for index in range(len(task.splits.test[:limit])) for request in self.item(task, index)]

    def item(self, task: LoadedTask, index: int, cut: int = 0) -> list[Request]:
        """The requests of one item, one a sample; `cut` characters are taken out of the document's middle."""
        document = task.splits.test[index]
        prompt = self._prompt(task, index, cut)
        digest = prompt_hash(prompt)
        identity = self.model.identity(task.name)
        decoding = replace(task.decoding, stop=(*task.decoding.stop, *self.model.stop))
        if self.sampling.temperature is not None:
            decoding = replace(decoding, temperature=self.sampling.temperature)
        requests = []
        for sample in range(self.sampling.samples):
            own = replace(decoding, seed=decoding.seed + sample)
            key = response_key(identity, self.model.api, digest, own, sample)
            requests.append(
                Request(task.name, index, document, prompt, digest, own, task.variant.tier, key, sample, cut)
            )
        return requests

    def _prompt(self, task: LoadedTask, index: int, cut: int) -> Prompt:
        document = task.splits.test[index]
        prompt = task.prompt(task.cut(document, cut) if cut else document, self.model.api)
        if isinstance(prompt, list):  # few-shot turns are the same in every prompt
            for message in prompt[:-1]:
                message["content"] = self._shared.setdefault(message["content"], message["content"])
        return prompt


def plan(
    tasks: Sequence[LoadedTask], model: Model, limit: int | None = None, sampling: Sampling | None = None
) -> list[Request]:
    """The requests of a run: all tasks, in order."""
    planner = Planner(model, sampling or Sampling())
    return [request for task in tasks for request in planner.task(task, limit)]
