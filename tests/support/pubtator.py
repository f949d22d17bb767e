"""Reads PubTator files of the NCBI disease corpus: abstracts with the offsets of their mentions."""

from pathlib import Path

from clueplus.metrics.spans import Span


def pubtator(path: Path) -> list[tuple[str, list[Span]]]:
    """Each document's text (title, newline or space, abstract) and its spans."""
    notes = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.strip().split("\n")
        text = "\n".join(line.split("|", 2)[2] for line in lines if line.split("\t")[0].count("|") >= 2)
        rows = [line.split("\t") for line in lines if line.count("\t") >= 4]
        notes.append((text, [Span(int(row[1]), int(row[2]), row[4]) for row in rows]))
    return notes
