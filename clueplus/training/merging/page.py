"""A merge report as one page that opens without a network."""

from __future__ import annotations

from collections import Counter

from clueplus.comparison.render import markup, render
from clueplus.plots.series import Series, series_plot
from clueplus.training.merging.report import MergeReport, TensorRecord


def page(report: MergeReport) -> str:
    """The report as HTML: what was merged, the measures of every tensor as a plot and as a table, digests."""
    models = _models(report)
    return render(
        "merge.html",
        report=report,
        facts=list(_facts(report).items()),
        notes=[*report.notes, *_rules(report)],
        plot=markup(plot(report)) if models or report.summary.cosine_to_base is not None else None,
        inputs=[(one.model, one.role, one.weights[:16]) for one in report.inputs],
        headings=["tensor", "shape", "cosine to the base", *(f"kept of {model}" for model in models), "delta survival"],
        tensors=[_row(one, models) for one in report.tensors],
    )


def plot(report: MergeReport) -> str:
    """The measures of every tensor as one `<svg>` element."""
    tensors = report.tensors
    models = _models(report)
    mean_kept = [sum(one.kept.values()) / len(models) if one.kept else None for one in tensors]
    return series_plot(
        [one.name for one in tensors],
        [
            Series("cosine to the base", [one.cosine_to_base for one in tensors]),
            Series("kept fraction, mean of the experts", mean_kept, (0.0, 1.0)),
            Series("delta survival", [one.survival for one in tensors], (0.0, 1.0)),
        ],
        title=f"Merge by {report.method}: measures of {len(tensors)} tensors",
    )


def _models(report: MergeReport) -> list[str]:
    """The models that have a kept fraction."""
    return list(dict.fromkeys(model for one in report.tensors for model in one.kept or {}))


def _row(tensor: TensorRecord, models: list[str]) -> tuple[str, ...]:
    kept = [_number((tensor.kept or {}).get(model)) for model in models]
    shape = " x ".join(map(str, tensor.shape)) or "1"
    return tensor.name, shape, _number(tensor.cosine_to_base, 6), *kept, _number(tensor.survival)


def _number(value: float | None, digits: int = 4) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _rules(report: MergeReport) -> list[str]:
    """What was done where the method's formula does not hold, and for how many tensors."""
    found = Counter(one.rule for one in report.tensors if one.rule)
    return [f"{rule} ({count} of {len(report.tensors)} tensors)" for rule, count in found.items()]


def _facts(report: MergeReport) -> dict[str, str]:
    summary = report.summary

    def shown(name: str, value: float | None) -> str:
        return f"{value:.6g} (median)" if value is not None else f"none: {summary.reasons[name]}"

    return {
        "parameters": f"{report.parameters:,}",
        "type": f"{report.dtype}, computed in {report.arithmetic}",
        "scope": report.scope or "none",
        "seed": "none" if report.seed is None else str(report.seed),
        "cosine to the base": shown("cosine_to_base", summary.cosine_to_base),
        "kept fraction": shown("kept", summary.kept),
        "delta survival": shown("survival", summary.survival),
        "weights": f"sha256 {report.weights}",
    }
