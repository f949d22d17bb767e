"""Results and samples as lm-eval 0.4.13 writes them, made from documents and scores that a test gives."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.registry import TaskSpec

Scores = Mapping[str, float | None]


def lm_eval_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sample_line(
    number: int, document: Mapping[str, Any], components: Scores, beside: Scores, *, unscorable: bool, chat: bool
) -> dict[str, Any]:
    """One line; the prompt repeats the document, so that a test sees where it goes."""
    messages = [{"role": "user", "content": f"Read this: {json.dumps(document)}"}]
    prompt = json.dumps(messages) if chat else messages[0]["content"]
    told = {name: value for name, value in {**components, **beside}.items() if value is not None}
    return {
        "doc_id": number,
        "doc": json.loads(json.dumps(document)),
        "target": "the target",
        "arguments": {"gen_args_0": {"arg_0": [prompt] if chat else prompt, "arg_1": {"until": ["\n\n"]}}},
        "resps": [[f"answer {number}"]],
        "filtered_resps": [f"answer {number}"],
        "filter": "none",
        "metrics": ["score", *told, "unscorable"],
        "doc_hash": lm_eval_hash(json.dumps(document, indent=2, ensure_ascii=False)),
        "prompt_hash": lm_eval_hash(prompt),
        "target_hash": lm_eval_hash("the target"),
        "score": dict(components),
        **told,
        "unscorable": float(unscorable),
    }


def results_of(spec: TaskSpec, lines: Sequence[Mapping[str, Any]], original: int, **more: Any) -> dict[str, Any]:
    """The results of one task whose samples are `lines`; `more` replaces top-level keys."""
    name, metadata = spec.name, spec.metadata
    measures = [*metadata.components, *metadata.beside, "unscorable"]
    means = {each: _mean([line[each] for line in lines if each in line]) for each in measures}
    column = [means[each] for each in metadata.components]
    means["score"] = math.nan if any(map(math.isnan, column)) else sum(column) / len(column)
    hashes = "".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines)
    values = {f"{each},none": value for each, value in means.items() if each == "score" or not math.isnan(value)}
    return {
        "results": {
            name: {"name": name, "alias": name, "sample_len": len(lines), **values, "score_stderr,none": "N/A"}
        },
        "group_subtasks": {},
        "configs": {
            name: {
                "task": name,
                "generation_kwargs": {"max_gen_toks": 32, "temperature": 0.0, "until": ["\n\n"]},
                "metadata": {"version": metadata.version, "base_url": "http://gpu.internal:8000", "path": "/home/me"},
            }
        },
        "versions": {name: metadata.version},
        "n-shot": {name: spec.num_fewshot},
        "n-samples": {name: {"original": original, "effective": len(lines)}},
        "config": {"model": "hf", "model_args": {"pretrained": "/home/me/ckpt"}, "limit": None},
        "date": 1795578769.0980814,
        "pretty_env_info": "the machine of /home/me",
        "transformers_version": "N/A",
        "lm_eval_version": "0.4.13",
        "task_hashes": {name: lm_eval_hash(hashes)},
        "model_source": "hf",
        "model_name": "/home/me/ckpt",
        "chat_template": "" if lines and isinstance(lines[0]["arguments"]["gen_args_0"]["arg_0"], list) else None,
        **more,
    }


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
