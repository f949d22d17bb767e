"""From two sides and a policy to the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import clueplus
from clueplus.comparison.fields import NotComparableError
from clueplus.files import canonical_json, sha256
from clueplus.gate.decision import Decision, decide, overall
from clueplus.gate.gather import Found, MismatchFound, gather_paired, gather_scores
from clueplus.gate.policy import DEFAULT_POLICY, Policy
from clueplus.gate.policy_diff import check_reasons, policy_changes
from clueplus.gate.sides import Opened, Unreadable, describe
from clueplus.gate.verdict import (
    EXIT_CODES,
    Check,
    Difference,
    EvidenceKind,
    Mismatch,
    PolicyUse,
    Side,
    Status,
    Verdict,
)
from clueplus.records.published import PREFIX, read_published
from clueplus.records.run import Run

SHIPPED = "shipped default"


def use_policy(policy: Policy, reference: Policy) -> PolicyUse:
    """How `policy` differs from `reference`.

    Raises:
        ClueplusError: it is looser somewhere without a reason.
    """
    changes = policy_changes(policy, reference)
    check_reasons(policy, changes)
    return PolicyUse(
        source=SHIPPED if policy.path == DEFAULT_POLICY else str(policy.path),
        sha256=sha256(canonical_json(policy.model_dump(mode="json", exclude={"path"}))),
        reference=SHIPPED if reference.path == DEFAULT_POLICY else str(reference.path),
        changes=changes,
        template_change=policy.allow_template_change.reason if policy.allow_template_change else None,
    )


def judge(baseline: Opened, candidate: Opened, policy: Policy, use: PolicyUse) -> Verdict:
    """The verdict on two sides.

    Raises:
        ClueplusError: both are the same run, or the policy names a published row that there is not.
    """
    sides = describe(baseline), describe(candidate)
    rows = _rows(policy)
    for side in (baseline, candidate):
        if isinstance(side, Unreadable):
            return _not_comparable(sides, policy, use, Mismatch(field="record", text=side.why))
    try:
        if isinstance(baseline, Run) and isinstance(candidate, Run):
            found = gather_paired(baseline, candidate, policy, rows)
        else:
            found = gather_scores(baseline, candidate, policy, rows)
    except MismatchFound as error:
        return _not_comparable(sides, policy, use, error.mismatch)
    except NotComparableError as error:
        differing = error.differing
        text = differing.between("the baseline", "the candidate")
        text = f"{text}. {error.fix}" if error.fix else text
        field = f"{differing.task}.{differing.field}" if differing.task else differing.field
        mismatch = Mismatch(field=field, baseline=differing.baseline, candidate=differing.candidate, text=text)
        return _not_comparable(sides, policy, use, mismatch)
    return _verdict(sides, policy, use, found)


def judge_runs(baseline: Run, candidate: Run, policy: Policy) -> Verdict:
    """The verdict on two runs, whatever the policy's reference."""
    use = PolicyUse(source=str(policy.path), sha256="", reference="none")
    return judge(baseline, candidate, policy, use)


def _rows(policy: Policy) -> dict[str, dict[str, float]]:
    """The published rows that the policy's targets name."""
    if not policy.targets:
        return {}
    table = read_published()
    return {target.at_least: table.row(target.at_least) for target in policy.targets}


def _verdict(sides: tuple[Side, Side], policy: Policy, use: PolicyUse, found: Found) -> Verdict:
    decision = decide(policy, found.evidence, found.average)
    judged: list[Difference | Check] = [
        *([decision.average] if decision.average else []),
        *decision.tasks,
        *found.checks,
    ]
    decided = decision.average is not None or any(task.tier == "critical" for task in decision.tasks)
    status = overall([entry.effect for entry in judged], decided=decided)
    reasons = _reasons(status, judged, decision, decided=decided)
    warnings = [entry.text for entry in judged if entry.effect == "warn"]
    return _made(sides, policy, use, status, found, decision, reasons, [*warnings, *found.warnings])


def _reasons(status: Status, judged: Sequence[Difference | Check], decision: Decision, *, decided: bool) -> list[str]:
    if status == "PASS":
        critical = sum(task.tier == "critical" for task in decision.tasks)
        parts = [f"{critical} critical {'task is' if critical == 1 else 'tasks are'} shown to keep within the margin"]
        parts += ["the average too"] if decision.average is not None else []
        return [", ".join(parts)]
    if not decided:
        return ["nothing was decided: the policy makes no task critical"]
    wanted = "fail" if status == "FAIL" else "hold"
    found = [entry.text for entry in judged if entry.effect == wanted and not _only_scores(entry)]
    if status == "INCONCLUSIVE" and any(_only_scores(entry) for entry in judged):
        found.insert(0, "scores alone show no certainty, and no n is declared for them")
    return found


def _only_scores(entry: Difference | Check) -> bool:
    """Whether nothing could be known of it, for one reason that is told once."""
    return isinstance(entry, Difference) and entry.evidence == "scores only" and entry.effect == "hold"


def _made(
    sides: tuple[Side, Side],
    policy: Policy,
    use: PolicyUse,
    status: Status,
    found: Found,
    decision: Decision,
    reasons: list[str],
    warnings: list[str],
) -> Verdict:
    kinds = {known.kind for known in found.evidence.values()}
    order: tuple[EvidenceKind, ...] = ("declared n", "scores only", "paired items")
    return Verdict(
        status=status,
        exit_code=EXIT_CODES[status],
        created=datetime.now(UTC),
        clueplus=clueplus.__version__,
        alpha=policy.alpha,
        evidence=next(kind for kind in order if kind in kinds),
        baseline=sides[0],
        candidate=sides[1],
        average=decision.average,
        tasks=decision.tasks,
        checks=found.checks,
        reasons=reasons,
        warnings=warnings,
        policy=use,
    )


def _not_comparable(sides: tuple[Side, Side], policy: Policy, use: PolicyUse, mismatch: Mismatch) -> Verdict:
    published = any(side.source.startswith(PREFIX) for side in sides)
    return Verdict(
        status="NOT COMPARABLE",
        exit_code=EXIT_CODES["NOT COMPARABLE"],
        created=datetime.now(UTC),
        clueplus=clueplus.__version__,
        alpha=policy.alpha,
        evidence="scores only" if published else "paired items",
        baseline=sides[0],
        candidate=sides[1],
        mismatch=mismatch,
        reasons=[mismatch.text],
        policy=use,
    )
