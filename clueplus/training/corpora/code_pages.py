"""One page a code of ICD-10-CM: its title, its place in the tree, its notes, and the codes below it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field

from clueplus.data.icd10cm import ROOT, Icd10cm, dotted, read_icd10cm

_NOTES = {
    "inclusionTerm": "Also called",
    "includes": "Includes",
    "excludes1": "Never coded here",
    "excludes2": "Not included here",
    "codeFirst": "Code first",
    "useAdditionalCode": "Use an additional code",
    "codeAlso": "Code also",
}


@dataclass(frozen=True)
class _Node:
    """What the tabular list says of a chapter, a block or a code."""

    title: str
    notes: dict[str, list[str]] = field(default_factory=dict)


def code_pages(order: bytes, tabular: bytes) -> Iterator[str]:
    """The pages of all codes of the tabular list, in its order.

    Codes with a seventh character, which only the order file spells out, stand on the page of the code above them.

    Args:
        order: the order file of a release.
        tabular: its tabular list in XML.

    Raises:
        DataError: a file is not of that form.
    """
    table = read_icd10cm(order, tabular, "icd10cm")
    nodes = _nodes(tabular)
    for code in table.descriptions:
        if code in nodes:
            yield _page(code, table, nodes)


def _page(code: str, table: Icd10cm, nodes: dict[str, _Node]) -> str:
    lines = [
        f"ICD-10-CM {dotted(code)}",
        table.descriptions[code],
        f"{'A code' if code in table.billable else 'A group of codes'}. Its place, from the top:",
        *(f"- {_titled(above, table, nodes)}" for above in reversed(table.ancestors(code)) if above != ROOT),
    ]
    for heading, notes in nodes[code].notes.items():
        lines += [f"{heading}:", *(f"- {note}" for note in notes)]
    below = table.children.get(code, [])
    if below:
        lines += ["Below it:", *(f"- {_titled(child, table, nodes)}" for child in below)]
    return "\n".join(lines)


def _titled(node: str, table: Icd10cm, nodes: dict[str, _Node]) -> str:
    """A node with its title: "Chapter 4: ...", "E08-E13: ...", "E11.65: ..."."""
    if node in table.descriptions:
        return f"{dotted(node)}: {table.descriptions[node]}"
    name = node.removeprefix("block ") if node.startswith("block ") else f"Chapter {node}"
    return f"{name}: {nodes[node].title}" if node in nodes and nodes[node].title else name


def _nodes(tabular: bytes) -> dict[str, _Node]:
    """The nodes by their names in the tree: "4", "block E08-E13", "E1165"."""
    root = ElementTree.fromstring(tabular)  # noqa: S314 - read_icd10cm parsed it before: a file with a pinned hash
    found = {}
    for chapter in root.iter("chapter"):
        found[chapter.findtext("name", "").strip()] = _Node(_title(chapter))
        for section in chapter.iter("section"):
            found[f"block {section.get('id', '')}"] = _Node(_title(section))
            for diag in section.iter("diag"):
                found[diag.findtext("name", "").strip().replace(".", "")] = _Node(_title(diag), _notes(diag))
    return found


def _title(element: ElementTree.Element) -> str:
    """The title without the range of codes behind it."""
    title = " ".join(element.findtext("desc", "").split())
    return title.rpartition(" (")[0] or title if title.endswith(")") and "-" in title.rpartition(" (")[2] else title


def _notes(diag: ElementTree.Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag, heading in _NOTES.items():
        notes = [" ".join("".join(note.itertext()).split()) for each in diag.findall(tag) for note in each.iter("note")]
        if notes:
            found[heading] = notes
    return found
