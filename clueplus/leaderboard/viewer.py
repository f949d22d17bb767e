"""The sample viewer: one page a model and task, with every answer that may be shown."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from typing import Any

from clueplus.leaderboard.render import Renderer
from clueplus.leaderboard.text import visible
from clueplus.records.samples import Sample, TaskSamples

STATIC = 20  # items that a reader without JavaScript sees
MOST = 20_000  # characters of one text


def sample_page_path(slug: str, variant: str, task: str) -> str:
    """Where a page is under the site's root."""
    return f"samples/{slug}/{variant}-{task}.html"


def sample_page(renderer: Renderer, name: str, slug: str, title: str, samples: TaskSamples, built: str) -> str:
    """The page of one model on one task.

    Args:
        renderer: of the shipped templates.
        name: the model's.
        slug: the model's, for links.
        title: the task's.
        samples: the answers.
        built: the time of the build.
    """
    rows = [_row(sample) for sample in samples.samples]
    return renderer.page(
        "samples",
        root="../../",
        script="samples.js",
        title=f"{title}: answers of {name}",
        name=name,
        slug=slug,
        task_title=title,
        samples=samples,
        shared=visible(samples.shared, MOST),
        counts=Counter(sample.outcome for sample in samples.samples),
        first=rows[:STATIC],
        packed=pack(rows),
        built=built,
    )


def _row(sample: Sample) -> dict[str, Any]:
    """One answer as the page and its script show it; texts are cut and their hidden characters made visible."""
    return {
        "index": sample.index,
        "sample": sample.sample,
        "id": visible(sample.id, 200),
        "prompt": visible(sample.prompt, MOST),
        "answer": None if sample.answer is None else visible(sample.answer, MOST),
        "reference": visible(sample.reference, MOST),
        "outcome": sample.outcome,
        "score": sample.score,
        "truncated": sample.truncated,
    }


def pack(rows: list[dict[str, Any]]) -> str:
    """The rows as compressed JSON in base64, which every browser of today unpacks by itself."""
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = zlib.compress(text.encode("utf-8"), 6)
    return base64.b64encode(packed).decode("ascii")
