"""What a policy asks less of, or more, than a reference; whatever is looser must say why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from clueplus.errors import ClueplusError
from clueplus.gate.policy import Policy, TaskOverride, TaskPolicy

_RANK = {"critical": 2.0, "supporting": 1.0, "advisory": 0.0}


class Change(BaseModel):
    """One key that differs from the reference. `where` is its place in the file; what is looser has a `reason`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: str
    before: str
    after: str
    effect: Literal["looser", "tighter"]
    reason: str | None = None


def policy_changes(policy: Policy, reference: Policy) -> list[Change]:
    """Every difference between `policy` and `reference`, in the order of the file."""
    return [
        *_number("alpha", policy.alpha, reference.alpha, policy.reason, more_is_looser=True),
        *_number("macro_margin", policy.macro_margin, reference.macro_margin, policy.reason, more_is_looser=True),
        *_defaults(policy, reference),
        *_tasks(policy, reference),
        *_listed("targets", _flat_targets(policy), _flat_targets(reference), policy.reason),
        *_limits(policy, reference),
        *_zero_tolerance(policy, reference),
        *_noise(policy, reference),
        *_template(policy, reference),
    ]


def check_reasons(policy: Policy, changes: Iterable[Change]) -> None:
    """Refuses a policy that is looser somewhere and does not say why.

    Raises:
        ClueplusError: names the first such place.
    """
    for change in changes:
        if change.effect == "looser" and not change.reason:
            place = _place(change.where)
            raise ClueplusError(
                f"{policy.path}: {change.where} is looser than the reference policy "
                f"({change.before} -> {change.after}) and no reason is given",
                fix=f"add 'reason:' {place}, or undo the change",
            )


def _place(where: str) -> str:
    block = "" if " " in where else where.rpartition(".")[0]
    return f"under {block}" if block else "at the top level of the policy"


def _number(
    where: str, after: float | None, before: float | None, reason: str | None, *, more_is_looser: bool
) -> Iterator[Change]:
    """A change of one number. No number at all is the loosest: no limit, no floor."""
    if after == before:
        return
    looser = after is None if after is None or before is None else (after > before) == more_is_looser
    yield _change(where, _text(before), _text(after), looser, reason)


def _change(where: str, before: str, after: str, looser: bool, reason: str | None) -> Change:
    return Change(
        where=where,
        before=before,
        after=after,
        effect="looser" if looser else "tighter",
        reason=reason if looser else None,
    )


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _defaults(policy: Policy, reference: Policy) -> Iterator[Change]:
    new, old, reason = policy.defaults, reference.defaults, policy.defaults.reason
    if new.tier != old.tier:
        yield _change("defaults.tier", old.tier, new.tier, _RANK[new.tier] < _RANK[old.tier], reason)
    yield from _number("defaults.margin", new.margin, old.margin, reason, more_is_looser=True)
    yield from _number("defaults.relative_floor", new.relative_floor, old.relative_floor, reason, more_is_looser=False)


def _tasks(policy: Policy, reference: Policy) -> Iterator[Change]:
    """What holds for each task that either file names, as far as it is not the change of the defaults itself."""
    for name in dict.fromkeys([*policy.tasks, *reference.tasks]):
        override = policy.tasks.get(name, TaskOverride())
        for change in _task(f"tasks.{name}", policy.task(name), reference.task(name), override, policy.defaults.reason):
            key = change.where.rpartition(".")[2]
            if name in reference.tasks or getattr(override, key) is not None:
                yield change


def _task(
    where: str, new: TaskPolicy, old: TaskPolicy, override: TaskOverride, default_reason: str | None
) -> Iterator[Change]:
    def reason(key: str) -> str | None:
        return default_reason if getattr(override, key) is None else override.reason

    if new.tier != old.tier:
        yield _change(f"{where}.tier", old.tier, new.tier, _RANK[new.tier] < _RANK[old.tier], reason("tier"))
    for key in ("margin", "relative_floor", "floor"):
        after, before = getattr(new, key), getattr(old, key)
        yield from _number(f"{where}.{key}", after, before, reason(key), more_is_looser=key == "margin")
    if new.declared_n != old.declared_n:  # a claim that takes the place of evidence
        looser = new.declared_n is not None
        yield _change(f"{where}.declared_n", _text(old.declared_n), _text(new.declared_n), looser, reason("declared_n"))


def _flat_targets(policy: Policy) -> list[str]:
    return [f"{target.at_least} of {place}" for target in policy.targets for place in target.of]


def _zero_tolerance(policy: Policy, reference: Policy) -> Iterator[Change]:
    new, old = _rates(policy), _rates(reference)
    yield from _listed("zero_tolerance", new, old, policy.reason)
    for entry in new.keys() & old.keys():
        yield from _number(f"zero_tolerance ({entry})", new[entry], old[entry], policy.reason, more_is_looser=True)


def _rates(policy: Policy) -> dict[str, float | None]:
    """By what must be right, the rate that must be shown."""
    found: dict[str, float | None] = {}
    for rule in policy.zero_tolerance:
        names = [*rule.items, *(f"{field}={value}" for field, values in rule.groups.items() for value in values)]
        found.update({f"{rule.task}: {name}": rule.max_rate for name in names})
    return found


def _listed(where: str, after: Iterable[str], before: Iterable[str], reason: str | None) -> Iterator[Change]:
    new, old = list(after), list(before)
    for entry in old:
        if entry not in new:
            yield _change(where, entry, "none", True, reason)
    for entry in new:
        if entry not in old:
            yield _change(where, "none", entry, False, reason)


def _limits(policy: Policy, reference: Policy) -> Iterator[Change]:
    for key in ("infrastructure_errors", "unscorable", "unscorable_increase", "unpaired"):
        new, old = getattr(policy.limits, key), getattr(reference.limits, key)
        yield from _number(f"limits.{key}", new, old, policy.limits.reason, more_is_looser=True)


def _noise(policy: Policy, reference: Policy) -> Iterator[Change]:
    for name in dict.fromkeys([*policy.noise, *reference.noise]):
        new, old = policy.noise_points(name), reference.noise_points(name)
        if new != old:
            reason = policy.noise[name].reason if name in policy.noise else None
            yield _change(f"noise.{name}.points", _text(old), _text(new), new > old, reason)


def _template(policy: Policy, reference: Policy) -> Iterator[Change]:
    new, old = policy.allow_template_change, reference.allow_template_change
    if (new is None) != (old is None):
        yes, no = "allowed", "refused"
        before, after = (no, yes) if new else (yes, no)
        yield _change("allow_template_change", before, after, new is not None, new.reason if new else None)
