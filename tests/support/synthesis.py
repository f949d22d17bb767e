"""What models say in tests of synthesis: a good writer, a strict judge, and writers that get it wrong by rule."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.rewriting import prompt_of

PAIRS = 3
RECIPE = Path(__file__).resolve().parents[2] / "training" / "synthesis" / "mediflow.yaml"


def stage_of(payload: dict[str, Any]) -> str:
    """Which stage a request is of, by the schema that it carries."""
    properties = payload["response_format"]["json_schema"]["schema"]["properties"]
    return "generated" if "examples" in properties else "corrupted" if "rejected_output" in properties else "judged"


def exercise(number: int, pairs: int, as_json: bool) -> dict[str, Any]:
    """An exercise that passes all checks; its texts hold `number`, and no two are near-duplicates."""
    words = " ".join(f"finding{zlib.crc32(f'{number}/{word}'.encode()) % 99991}" for word in range(12))
    instruction = f"Read the note of ward {number} and say in one sentence which of {words} needs to be followed up."
    examples = [
        {
            "input": f"Ward {number}, patient {place}: seen with {words}, value {place}.{number}, stable since noon.",
            "output": {"follow_up": f"value {place} of {number}"}
            if as_json
            else f"Follow up value {place} of {number}.",
        }
        for place in range(pairs)
    ]
    return {"instruction": instruction, "examples": examples}


def writer(payload: dict[str, Any], number: int = 0) -> str:
    """A model that does all stages well; what it writes depends on the request's seed alone."""
    stage, seed = stage_of(payload), payload["seed"]
    schema = payload["response_format"]["json_schema"]["schema"]["properties"]
    if stage == "judged":
        # The mean over samples differs from pair to pair, but an example's samples stay together.
        level = 1 + zlib.crc32(prompt_of(payload).encode()) % 4
        return json.dumps({name: max(1, min(4, level - seed % 2)) for name in schema})
    if stage == "corrupted":
        is_text = schema["rejected_output"].get("type") == "string"
        good = prompt_of(payload).partition("<good_answer>\n")[2].partition("\n</good_answer>")[0]
        return json.dumps({"rejected_output": good.replace("value", "values") if is_text else {"follow_up": "value ?"}})
    examples = schema["examples"]
    as_json = "anyOf" in examples["items"]["properties"]["output"]
    return json.dumps(exercise(seed, examples["minItems"], as_json))


def spoilt(every: int) -> Callable[[dict[str, Any], int], str]:
    """A writer of which every so-many-th exercise, chosen by its seed, is no JSON."""

    def reply(payload: dict[str, Any], number: int) -> str:
        text = writer(payload, number)
        return text[:-20] if stage_of(payload) == "generated" and payload["seed"] % every == 0 else text

    return reply
