"""The samples files of lm-eval: whole documents, prompts and answers, of which a record keeps hashes and scores.

No message quotes a line: the documents may be restricted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clueplus.data.documents import document_hash, documents_digest
from clueplus.errors import StoreError
from clueplus.exchange.lm_eval_export import FILTER
from clueplus.exchange.lm_eval_file import read_bytes
from clueplus.files import canonical_json, sha256
from clueplus.records.labels import labels
from clueplus.records.run import ItemRecord
from clueplus.registry import TaskSpec, Tier

_FIX = "give the samples_*.jsonl that lm_eval run --log_samples wrote beside the results"
Prompt = str | list[dict[str, str]]


class Sample(BaseModel):
    """One line of a samples file; the metrics are among its other keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    doc_id: int = Field(ge=0)
    doc: dict[str, Any]
    arguments: dict[str, dict[str, Any]]
    filtered_resps: list[str] = Field(min_length=1)
    filter: str
    doc_hash: str
    prompt_hash: str
    target_hash: str

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Numbers by name; `score` is a dictionary of components."""
        return self.__pydantic_extra__ or {}


@dataclass(frozen=True, repr=False)
class SamplesFile:
    """A samples file: `digest` is the sha256 of the file, `task_hash` what lm-eval's results call it by."""

    path: Path
    digest: str
    task_hash: str
    samples: list[Sample]

    def documents_digest(self) -> str:
        """The sha256 of its documents, as of a task's split."""
        return documents_digest(sample.doc for sample in self.samples)


def read_samples(path: Path) -> SamplesFile:
    """A samples file whose documents and prompts are those that lm-eval hashed.

    Raises:
        StoreError: it can't be read, a line is not a sample, was changed, or stands there twice; the line is named.
    """
    content = read_bytes(path)
    samples = list(_lines(path, content))
    if not samples:
        raise StoreError(f"{path}: no samples", fix=_FIX)
    seen: set[int] = set()
    for number, sample in enumerate(samples, start=1):
        if sample.doc_id in seen:
            raise StoreError(f"{path}: line {number}: document {sample.doc_id} stands there twice", fix=_FIX)
        seen.add(sample.doc_id)
    hashes = "".join(sample.doc_hash + sample.prompt_hash + sample.target_hash for sample in samples)
    return SamplesFile(path, sha256(content), sha256(hashes), samples)


def _lines(path: Path, content: bytes) -> Iterator[Sample]:
    for number, line in enumerate(content.split(b"\n"), start=1):  # not splitlines: a document may hold U+2028
        if not line.strip():
            continue
        try:
            sample = Sample.model_validate(json.loads(line))
        except (ValueError, RecursionError) as error:  # neither exception's text may be shown: it quotes the line
            raise StoreError(f"{path}: line {number} {_fault(error)}", fix=_FIX) from None
        if sample.filter != FILTER:
            raise StoreError(f"{path}: line {number}: our tasks have no filter '{sample.filter[:40]}'", fix=_FIX)
        _check_hashes(path, number, sample)
        yield sample


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"is not a sample of lm-eval: {fault['loc'][0] if fault['loc'] else 'no object'}: {fault['type']}"
    return "is not JSON: the file may be cut off"


def _check_hashes(path: Path, number: int, sample: Sample) -> None:
    if _lm_eval_hash(sample.doc) != sample.doc_hash:
        raise StoreError(f"{path}: line {number}: the document is not the one of its doc_hash", fix=_FIX)
    text = _argument(sample)
    if text is None or hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != sample.prompt_hash:
        raise StoreError(f"{path}: line {number}: the prompt is not the one of its prompt_hash", fix=_FIX)


def _lm_eval_hash(document: Mapping[str, Any]) -> str:
    """The hash that lm-eval gives a document (lm_eval/evaluator.py, 0.4.13)."""
    return sha256(json.dumps(document, indent=2, ensure_ascii=False))


def _argument(sample: Sample) -> str | None:
    """The prompt as lm-eval hashed it: text, or the JSON of messages, which it writes as a list of one."""
    prompt = sample.arguments.get("gen_args_0", {}).get("arg_0")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    return prompt if isinstance(prompt, str) else None


def prompt_of(sample: Sample) -> Prompt:
    """The prompt as clueplus hashes it: messages of a chat API, else text."""
    text = _argument(sample) or ""
    if isinstance(sample.arguments["gen_args_0"]["arg_0"], str):
        return text
    messages: list[dict[str, str]] = [
        {"role": message["role"], "content": message["content"]} for message in json.loads(text)
    ]
    return messages


def items_of(
    file: SamplesFile, spec: TaskSpec, tier: Tier, identity: Mapping[str, Any], api: str, decoding: Mapping[str, Any]
) -> list[ItemRecord]:
    """The item records of a task: hashes and scores, no text.

    Args:
        file: the task's samples.
        spec: the task.
        tier: of the documents: ids of restricted ones are hashed.
        identity: of the model.
        api: through which it was asked.
        decoding: how answers were generated; with the prompt and the identity it makes the key of an answer.

    Raises:
        StoreError: a document or its scores are not those of the task.
    """
    return [_item(file.path, sample, spec, tier, (identity, api, decoding)) for sample in file.samples]


def _item(path: Path, sample: Sample, spec: TaskSpec, tier: Tier, asked: Sequence[Any]) -> ItemRecord:
    metadata = spec.metadata
    where = f"{path}: document {sample.doc_id}"
    if set(sample.doc) != set(metadata.fields):
        odd = ", ".join(sorted(set(metadata.fields) - set(sample.doc))) or "undeclared fields"
        raise StoreError(f"{where} is not one of {spec.name}: {odd}", fix=_FIX)
    components, unscorable = sample.metrics.get("score"), sample.metrics.get("unscorable")
    if not isinstance(components, dict) or set(components) != set(metadata.components) or unscorable not in (0, 1):
        raise StoreError(f"{where} has not the scores of {spec.name}", fix=_FIX)
    beside = {name: sample.metrics[name] for name in metadata.beside if name in sample.metrics}
    if not all(_fraction(value) for value in [*beside.values(), *components.values()] if value is not None):
        raise StoreError(f"{where}: a score is no number in [0, 1]", fix=_FIX)
    identity, api, decoding = asked
    prompt = sha256(canonical_json(prompt_of(sample)))
    return ItemRecord(
        task=spec.name,
        index=sample.doc_id,
        **labels(sample.doc, metadata, tier),
        document_hash=document_hash(sample.doc),
        prompt_hash=prompt,
        # No store has the answer; the key still tells two runs of the same work.
        response_key=sha256(canonical_json([identity, api, prompt, decoding])),
        outcome="unscorable" if unscorable else "scored",
        answer_hash=sha256(sample.filtered_resps[0])[:16],
        components=components,
        beside={name: float(value) for name, value in beside.items()},
    )


def _fraction(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
