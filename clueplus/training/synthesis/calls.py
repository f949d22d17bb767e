"""The calls of a row: what each stage asks, and the key that its answer is stored under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from clueplus.files import canonical_json, sha256
from clueplus.models import Decoding, Request
from clueplus.models.base import Api, Prompt
from clueplus.training.synthesis.prompts import render
from clueplus.training.synthesis.recipe import LABELS, Recipe
from clueplus.training.synthesis.sampling import Draw, request_seed
from clueplus.training.synthesis.structured import Example, Schema, exercise_schema, scores_schema

Stage = Literal["generated", "judged", "corrupted"]
# What of the recipe an answer depends on; the rest of it is a view of answers, and can change without a new one.
_DEPENDS: dict[Stage, tuple[str, ...]] = {
    "generated": ("sampled", "generated"),
    "judged": ("sampled", "generated", "judged"),
    "corrupted": ("corrupted",),
}


class StageCalls:
    """The calls of one stage to one model.

    A key's ingredients, and nothing else: the parts of the recipe that the stage depends on, the seed, the models
    (their weights and chat template) of this stage and of those before it, the row, and in it the pair and the sample.

    Args:
        stage: which.
        recipe: the whole recipe.
        seed: of the run.
        identities: of the models that write this stage and those that it builds on.
        api: how the model of this stage is asked.
        stop: strings that end its answers.
    """

    def __init__(
        self,
        stage: Stage,
        recipe: Recipe,
        seed: int,
        identities: tuple[Mapping[str, Any], ...],
        api: Api = "chat",
        stop: tuple[str, ...] = (),
    ) -> None:
        self._stage: Stage = stage
        self._recipe, self._seed, self._api, self._stop = recipe, seed, api, stop
        parts = {
            "stage": stage,
            "recipe": recipe.digest(_DEPENDS[stage]),
            "seed": seed,
            "models": [*identities],
            "api": api,
        }
        self.digest = sha256(canonical_json(parts))

    def key(self, row: int | str, pair: int = 0, sample: int = 0) -> str:
        """The key of one answer."""
        return sha256(f"{self.digest}/{row}/{pair}/{sample}")

    def generate(self, row: int, draw: Draw) -> Request:
        """Asks for the exercise of a row."""
        asked = self._recipe.generated
        temperature = asked.temperature if isinstance(asked.temperature, float) else draw[asked.temperature]
        schema = exercise_schema(draw["pairs"], draw["output_format"])
        return self._request(row, self.key(row), render(asked.prompt, draw), asked.max_tokens, temperature, schema)

    def judge(self, row: int, draw: Draw, instruction: str, place: int, example: Example, sample: int) -> Request:
        """Asks for one sample of the scores of a pair, which stands at `place` among the examples of its row."""
        asked = self._recipe.judged
        assert asked is not None
        scale = {"criteria": asked.criteria, "lowest": asked.lowest, "highest": asked.highest}
        labels = {name: draw[name] for name in LABELS}
        texts = {"instruction": instruction, "input": example.input, "output": example.output}
        prompt = render(asked.prompt, labels | texts | scale)
        schema = scores_schema(asked.criteria, asked.lowest, asked.highest)
        key = self.key(row, place, sample)
        return self._request(row, key, prompt, asked.max_tokens, asked.temperature, schema, sample)

    def request(self, row: int, key: str, prompt: str, schema: Schema) -> Request:
        """Asks for a rejected output."""
        asked = self._recipe.corrupted
        assert asked is not None
        return self._request(row, key, prompt, asked.max_tokens, asked.temperature, schema)

    def _request(
        self, row: int, key: str, prompt: str, tokens: int, temperature: float, schema: Schema, sample: int = 0
    ) -> Request:
        decoding = Decoding(tokens, temperature, self._stop, seed=request_seed(key))
        text: Prompt = [{"role": "user", "content": prompt}] if self._api == "chat" else prompt
        return Request(self._stage, row, {}, text, "", decoding, "open", key, sample, schema=schema)
