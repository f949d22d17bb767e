"""A merge report as one page that opens without a network."""

from __future__ import annotations

from html import escape

from clueplus.plots.series import Series, series_plot
from clueplus.training.merging.report import MergeReport

_STYLE = "body{font:16px system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;"
_STYLE += "padding:.2rem 1rem .2rem 0}code{word-break:break-all}svg{max-width:100%;height:auto}"


def page(report: MergeReport) -> str:
    """The report as HTML: what was merged, the measures of every tensor as a plot, digests."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in _facts(report).items())
    inputs = "".join(
        f"<tr><td>{escape(one.model)}</td><td>{one.role}</td><td><code>{one.weights}</code></td></tr>"
        for one in report.inputs
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Merge by {escape(report.method)}</title><style>{_STYLE}</style>"
        f"<h1>Merge by {escape(report.method)}</h1><table>{rows}</table><ul>{notes}</ul>"
        f"<h2>Tensors, in the order of the checkpoint</h2>{plot(report)}"
        f"<h2>Inputs</h2><table><tr><th>model</th><th>role</th><th>weights</th></tr>{inputs}</table></html>\n"
    )


def plot(report: MergeReport) -> str:
    """The measures of every tensor as one `<svg>` element."""
    tensors = report.tensors
    names = [one.name for one in tensors]
    models = list(dict.fromkeys(model for one in tensors for model in one.kept or {}))
    mean_kept = [sum(one.kept.values()) / len(models) if one.kept else None for one in tensors]
    return series_plot(
        names,
        [
            Series("cosine to the base", [one.cosine_to_base for one in tensors]),
            Series("kept fraction, mean of the experts", mean_kept),
            Series("delta survival", [one.survival for one in tensors]),
        ],
        title=f"Merge by {report.method}: measures of {len(names)} tensors",
    )


def _facts(report: MergeReport) -> dict[str, str]:
    summary = report.summary

    def shown(name: str, value: float | None) -> str:
        return f"{value:.4f} (median)" if value is not None else f"none: {summary.reasons[name]}"

    return {
        "parameters": f"{report.parameters:,}",
        "type": f"{report.dtype}, computed in {report.arithmetic}",
        "scope": report.scope or "none",
        "seed": "none" if report.seed is None else str(report.seed),
        "cosine to the base": shown("cosine_to_base", summary.cosine_to_base),
        "kept fraction": shown("kept", summary.kept),
        "delta survival": shown("survival", summary.survival),
        "digest of the weights": report.weights,
        "clueplus": report.versions["clueplus"],
    }
