"""The verdict: one object from which every writer takes what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.errors import StoreError
from clueplus.gate.policy import Tier
from clueplus.gate.policy_diff import Change

SCHEMA_VERSION = 1
USAGE = 4

Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE"]
EXIT_CODES: dict[Status, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 2, "NOT COMPARABLE": 3}
# What the numbers say of one hypothesis, and what that does to the verdict.
Standing = Literal["non-inferior", "worse", "undecided"]
Effect = Literal["none", "warn", "hold", "fail"]
EvidenceKind = Literal["paired items", "scores only", "declared n"]
CheckKind = Literal["floor", "relative floor", "target", "limit", "zero tolerance"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Side(_Strict):
    """One of the two that were compared: a run, or a row of published scores. `identity` is a hash of the model's."""

    source: str
    model: str
    run: str | None = None
    created: datetime | None = None
    variant: str | None = None
    identity: str | None = None
    clueplus: str | None = None


class Difference(_Strict):
    """What became of one task, or of the mean over tasks ("average"). All numbers are fractions of 1.

    Attributes:
        baseline, candidate: the scores over the items that both sides answered.
        difference: candidate less baseline.
        low, high: one-sided bounds of the true difference, each at the policy's alpha.
        low_bootstrap: the same as `low` by resampling clusters, as a check; None where it was not computed.
        margin: how much may be lost; noise: how far the score moves when nothing was changed.
        p: of "no worse than the baseline", one-sided; p_adjusted: Holm's, over the critical tasks and the average.
        pairs, clusters, unpaired: items compared, independent groups of them, items that one side lacks.
        power: the chance to show non-inferiority when nothing was changed; detectable: the true loss that would be
            found with 80% chance.
        needed: items that would show non-inferiority with 80% chance if nothing was changed.
        work: hash of what was asked: only differences of the same work may be added up.
    """

    task: str
    tier: Tier | None = None
    standing: Standing
    effect: Effect
    evidence: EvidenceKind
    margin: float
    noise: float = 0.0
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    low_bootstrap: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    pairs: int | None = None
    clusters: int | None = None
    unpaired: int | None = None
    power: float | None = None
    detectable: float | None = None
    needed: int | None = None
    work: str | None = None
    text: str
    advice: str | None = None


class Check(_Strict):
    """A promise of the policy other than a margin. `value` and `required` are fractions of 1; `text` says it all."""

    kind: CheckKind
    subject: str
    standing: Literal["holds", "broken", "undecided"]
    effect: Effect
    value: float | None = None
    required: float | None = None
    text: str


class Mismatch(_Strict):
    """The first thing in which two sides differ that makes them not comparable."""

    field: str
    baseline: str | None = None
    candidate: str | None = None
    text: str


class PolicyUse(_Strict):
    """Which policy was applied, and how it differs from the reference."""

    source: str
    sha256: str
    reference: str
    changes: list[Change] = []
    template_change: str | None = None


class Verdict(_Strict):
    """May the candidate replace the baseline? `reasons` says in one sentence each what decided."""

    schema_version: int = SCHEMA_VERSION
    unit: Literal["fraction"] = "fraction"
    status: Status
    exit_code: int
    created: datetime
    clueplus: str
    alpha: float
    evidence: EvidenceKind
    baseline: Side
    candidate: Side
    mismatch: Mismatch | None = None
    average: Difference | None = None
    tasks: list[Difference] = []
    checks: list[Check] = []
    reasons: list[str] = []
    warnings: list[str] = []
    policy: PolicyUse

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        first = f": {self.reasons[0]}" if self.reasons else ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"{self.status}{first}{more}"

    def differences(self) -> Iterator[Difference]:
        """The average first, then each task."""
        if self.average is not None:
            yield self.average
        yield from self.tasks


def read_verdict(path: Path) -> Verdict:
    """The verdict in a JSON file.

    Raises:
        StoreError: the file can't be read or is no verdict of this schema.
    """
    try:
        return parse_verdict(path.read_bytes(), str(path))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix="give a file that clueplus gate --json-file wrote") from error


def parse_verdict(content: bytes | str, where: str) -> Verdict:
    """The verdict in `content`; `where` names it in the error.

    Raises:
        StoreError: it is no verdict of this schema.
    """
    try:
        return Verdict.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "file"
        raise StoreError(f"{where}: not a verdict of schema {SCHEMA_VERSION}: {place}: {fault['msg']}") from error
