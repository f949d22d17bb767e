"""`data rewrite`: a task's documents made by a model: ask about every row, judge the answers, store the documents."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import clueplus
from clueplus.data import data_folder
from clueplus.data.documents import Document
from clueplus.data.imported import Manifest, read_manifest, report_path
from clueplus.data.importing import Imported, store_documents
from clueplus.data.rewriting import Ask, Judged, Rewriter, Source, find_rewriter, imported_file
from clueplus.errors import ClueplusError, DataError, withhold_messages
from clueplus.evaluation.answerer import Answerer, answerer, is_baseline
from clueplus.evaluation.generate import Generation, generate
from clueplus.evaluation.options import Options, Reporter
from clueplus.evaluation.preflight import check_model, note_uncountable_prompts
from clueplus.evaluation.score import DEFAULT_REASONING, without_reasoning
from clueplus.evaluation.stores import Stores, private_stores
from clueplus.files import sha256, write_atomic
from clueplus.models import Answer, Decoding, EndpointModel, Model, Request
from clueplus.models.base import Prompt, prompt_hash, response_key
from clueplus.models.data_use import DataUse, check_destinations, read_data_use
from clueplus.records.rewriting import MadeBy, RewriteReport
from clueplus.records.run import MAX_INFRASTRUCTURE_SHARE
from clueplus.registry import Catalog, TaskSpec, VariantName

# Fewer candidates kept than this share, and the model is likelier to be at fault than the data.
SUSPICIOUS = 0.2
CUT_OFF = "an answer that the token limit cut off"


def rewrite(task: str, path: Path | None, options: Options, reporter: Reporter) -> tuple[RewriteReport, Path]:
    """The report of a rewriting, and where it lies; the documents are beside it.

    Every answer is stored at once, so the same call after an interruption asks only what has no answer yet.

    Args:
        task: whose documents are made.
        path: the user's file; None for the one that the task's raw documents were imported from.
        options: which model answers and how, and `variant`; nothing else of them is used.
        reporter: hears of the progress.

    Raises:
        ClueplusError: it can't start, stopped half-way, too many requests failed, or too little was kept. No document
            is written then.
    """
    job = _prepare(task, path, options, reporter)
    with answerer(options, job.catalog, job.data_use, restricted=True, reporter=reporter) as make_model:
        answered = asyncio.run(_answer(job, make_model, reporter))
    _refuse_failures(job, answered)
    return _write(job, answered, _judge(job, answered), reporter)


@dataclass(frozen=True, repr=False)
class _Job:
    """What was asked for, found to be possible."""

    options: Options
    catalog: Catalog
    spec: TaskSpec
    rewriter: Rewriter
    variant: VariantName
    path: Path
    source: Source
    data_use: DataUse | None

    @property
    def name(self) -> str:
        return f"{self.spec.name} ({self.variant})"


@dataclass(frozen=True, repr=False)
class _Answered:
    """What generation leaves behind; without a `repr`, which asyncio takes of results."""

    model: Model
    requests: list[Request]
    stores: Stores
    outcome: Generation


def _prepare(task: str, path: Path | None, options: Options, reporter: Reporter) -> _Job:
    """Refuses what can't work before a model is started, and before a byte of a document goes anywhere."""
    catalog = Catalog(options.tasks_dirs)
    spec = catalog.task(task)
    rewriter = find_rewriter(spec, catalog.tasks.values())
    variant = options.variant or rewriter.VARIANTS[0]
    if variant not in rewriter.VARIANTS:
        raise ClueplusError(
            f"what a model makes of {task} is not its variant '{variant}'",
            fix=f"--variant {' or '.join(rewriter.VARIANTS)}",
        )
    if is_baseline(options.model):
        raise ClueplusError(f"{options.model} is a rule and can't rewrite", fix="--model: a language model")
    check_model(options, catalog, is_baseline=False)
    restricted = [task] if spec.metadata.variants[variant].tier == "restricted" else []
    if restricted:
        withhold_messages(f"{task} is restricted")
    data_use = read_data_use(options.attest) if options.attest else None
    check_destinations(options.base_urls, restricted, data_use)
    path = path or imported_file(spec, rewriter, data_folder())
    source = rewriter.read(path)
    if not source.asks:
        raise DataError(f"{path.name}: nothing to ask about: all {len(source.rejected)} rows are rejected")
    if data_use:
        reporter.note(f"{data_use.who} attests under {data_use.agreement}: {', '.join(data_use.hosts)}")
    return _Job(options, catalog, spec, rewriter, variant, path, source, data_use)


async def _answer(job: _Job, make_model: Answerer, reporter: Reporter) -> _Answered:
    model = make_model([])
    try:
        await model.open()
        stores = private_stores(model.name, f"rewrite-{job.spec.name}.jsonl")
        if not job.options.fresh:
            stores.load()
        requests = [_request(job, model, index, ask) for index, ask in enumerate(job.source.asks)]
        note_uncountable_prompts(requests, model, reporter)
        reporter.start(len({request.key for request in requests}))
        outcome = await generate(model, requests, stores, fresh=job.options.fresh, progress=reporter.progress)
        return _Answered(model, requests, stores, outcome)
    finally:
        reporter.finish()
        await model.close()


def _decoding(rewriter: Rewriter, model: Model) -> Decoding:
    return Decoding(rewriter.MAX_TOKENS, 0.0, model.stop)


def _request(job: _Job, model: Model, index: int, ask: Ask) -> Request:
    prompt: Prompt = [{"role": "user", "content": ask.prompt}] if model.api == "chat" else ask.prompt
    digest, decoding = prompt_hash(prompt), _decoding(job.rewriter, model)
    key = response_key(model.identity(job.spec.name), model.api, digest, decoding)
    tier = job.spec.metadata.variants[job.variant].tier
    return Request(job.spec.name, index, ask.material, prompt, digest, decoding, tier, key)


def _refuse_failures(job: _Job, answered: _Answered) -> None:
    """A set whose rows are missing by chance is another set; a handful among hundreds is counted and left out."""
    failures = _failures(answered)
    failed, asked = failures.total(), len(answered.requests)
    if failed > MAX_INFRASTRUCTURE_SHARE * asked:
        raise ClueplusError(
            f"{job.name}: {failed} of {asked} requests got no answer: {failures.most_common(1)[0][0]}",
            fix="mend the cause and run the same command: only what failed is asked again",
        )


def _failures(answered: _Answered) -> Counter[str]:
    reasons = answered.outcome.failures
    return Counter(reasons[request.key] for request in answered.requests if request.key in reasons)


@dataclass(frozen=True, repr=False)
class _Kept:
    """The documents, and how many candidates are none, by reason."""

    splits: dict[str, list[Document]]
    dropped: Counter[str]

    @property
    def total(self) -> int:
        return sum(map(len, self.splits.values()))


def _judge(job: _Job, answered: _Answered) -> _Kept:
    """What is kept of all answers.

    Raises:
        DataError: nothing, or too little for a test and a few-shot pool.
    """
    spec = job.catalog.models.get(job.options.model)
    marks = (spec.reasoning.start, spec.reasoning.end) if spec else DEFAULT_REASONING
    judged = Judged()
    for ask, request in zip(job.source.asks, answered.requests, strict=True):
        answer = answered.stores.get(request)
        if answer is not None:
            text = replace(answer, text=without_reasoning(answer.text, *marks))
            one = _judge_one(job.rewriter, ask, text)
            judged.documents += one.documents
            judged.dropped += one.dropped
    splits, left_out = job.rewriter.split(judged.documents)
    kept = _Kept(splits, Counter(judged.dropped + left_out))
    if not all(splits.get(name) for name in ("test", "fewshot")):
        why = "; ".join(f"{count} times {reason}" for reason, count in kept.dropped.most_common()) or "few rows"
        raise DataError(
            f"{job.name}: {kept.total} documents were kept, too few for a test and a few-shot pool: {why}",
            fix="look at the answers of another --model; nothing was written",
        )
    return kept


def _judge_one(rewriter: Rewriter, ask: Ask, answer: Answer) -> Judged:
    """What of one answer is kept: one bad row must not end the run."""
    if answer.finish_reason == "length":
        return Judged(dropped=[CUT_OFF])
    try:
        return rewriter.judge(ask, answer.text)
    except Exception as error:
        return Judged(dropped=[f"judging failed: {type(error).__name__}"])  # what it says may hold the row


def _write(job: _Job, answered: _Answered, kept: _Kept, reporter: Reporter) -> tuple[RewriteReport, Path]:
    model, source = answered.model, job.source
    made_by = MadeBy(
        model=model.name,
        identity=model.identity(job.spec.name),
        api=model.api,
        engine=model.engine if isinstance(model, EndpointModel) else None,
        prompt=sha256(job.rewriter.PROMPT),
        decoding=_decoding(job.rewriter, model).record(),
        clueplus=clueplus.__version__,
    )
    before = _before(job)
    imported = Imported(kept.splits, source.sources, source.rejected)
    manifest = store_documents(job.spec, job.variant, imported, data_folder(), origin=job.path, made_by=made_by)
    _note_replaced(job, before, manifest, reporter)
    acceptance = kept.total / (kept.total + kept.dropped.total())
    report = RewriteReport(
        task=job.spec.name,
        variant=job.variant,
        tier=job.spec.metadata.variants[job.variant].tier,
        made_by=made_by,
        sources=source.sources,
        rejected=manifest.rejected,
        asked=len(answered.requests),
        failed=dict(_failures(answered)),
        kept=kept.total,
        dropped=dict(kept.dropped.most_common()),
        acceptance=acceptance,
        splits=manifest.splits,
        documents_sha256=manifest.documents_sha256,
        hosts=[endpoint.host for endpoint in model.endpoints] if isinstance(model, EndpointModel) else [],
        data_use=job.data_use.record() if job.data_use else None,
    )
    path = report_path(data_folder(), job.spec.name, job.variant)
    write_atomic(path, json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", private=True)
    if acceptance < SUSPICIOUS:
        reporter.note(f"only {acceptance:.0%} of the candidates were kept: read some answers before you trust the rest")
    return report, path


def _note_replaced(job: _Job, before: Manifest | None, now: Manifest, reporter: Reporter) -> None:
    """Tells of other documents of the same variant: they are gone."""
    if before is not None and before.documents_sha256 != now.documents_sha256:
        by = f"made by {before.made_by.model}" if before.made_by else "that were imported"
        reporter.note(f"{job.name}: {sum(before.splits.values())} documents {by} are replaced")


def _before(job: _Job) -> Manifest | None:
    try:
        return read_manifest(data_folder(), job.spec.name, job.variant)
    except DataError:
        return None
