"""The ICD-10-CM tables of CDC/NCHS: codes, definitions and the tree above them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property

from clueplus.errors import DataError

ROOT = "ICD-10-CM"


def dotted(code: str) -> str:
    """A code as people write it: "E1165" is E11.65."""
    return code if len(code) <= 3 else f"{code[:3]}.{code[3:]}"


@dataclass(frozen=True)
class Icd10cm:
    """One release: every code with its long description, and a tree of codes under blocks under chapters.

    Codes have no dot. `parents` maps each code to a shorter code, a category (three characters) to its block, a block
    ("block A00-A09") to its chapter ("1"), and a chapter to `ROOT`.
    """

    descriptions: dict[str, str]
    billable: frozenset[str]
    parents: dict[str, str]

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Each node's children, in the order of the table."""
        children: dict[str, list[str]] = defaultdict(list)
        for node, parent in self.parents.items():
            children[parent].append(node)
        return dict(children)

    def ancestors(self, node: str) -> list[str]:
        """The nodes above `node`, nearest first, `ROOT` last."""
        path = []
        while node != ROOT:
            node = self.parents[node]
            path.append(node)
        return path

    def descendants(self, node: str) -> Iterator[str]:
        """The nodes below `node`."""
        for child in self.children.get(node, ()):
            yield child
            yield from self.descendants(child)

    def chapter(self, code: str) -> str:
        """The chapter of a code, "1" to "22"."""
        return self.ancestors(code)[-2]

    def at_distance(self, code: str, least: int, most: int) -> list[str]:
        """The codes whose path to `code` in the tree has `least` to `most` edges; no ancestors, no descendants.

        The order is that of the tree, so it is the same in every run.
        """
        found: list[str] = []
        below = code
        for up, above in enumerate(self.ancestors(code), start=1):
            for child in self.children[above]:
                if child != below and up + 1 <= most:
                    found += self._codes_below(child, least - up - 1, most - up - 1)
            below = above
        return found

    def _codes_below(self, node: str, least: int, most: int) -> Iterator[str]:
        """The codes from `least` to `most` edges below `node`, itself included when `least` is not above 0."""
        if least <= 0 and node in self.descriptions:
            yield node
        if most > 0:
            for child in self.children.get(node, ()):
                yield from self._codes_below(child, least - 1, most - 1)


def read_icd10cm(order: bytes, tabular: bytes, name: str = "icd10cm") -> Icd10cm:
    """The release whose order file and tabular list are given (both unpacked).

    The order file is of fixed width: 7-13 code, 15 billable, 78- long description. The tabular list gives blocks and
    chapters; the order file also has the seven-character codes that the tabular list only describes.

    Raises:
        DataError: a line or the XML is not of that form, a code has no category, or a category no block.
    """
    descriptions: dict[str, str] = {}
    billable = set()
    for number, line in enumerate(order.decode("latin-1").splitlines(), start=1):
        code, flag, text = line[6:13].strip(), line[14:15], line[77:].strip()
        if not code or flag not in "01" or not text:
            raise DataError(f"{name}: order file line {number}: not code, flag and description at their columns")
        descriptions[code] = text
        if flag == "1":
            billable.add(code)
    parents = dict(_upper_levels(tabular, name))
    for code in descriptions:
        if len(code) > 3:
            parents[code] = _shorter_code(code, descriptions, name)
        elif code not in parents:
            raise DataError(f"{name}: category {code} of the order file has no block in the tabular list")
    return Icd10cm(descriptions, frozenset(billable), parents)


def _shorter_code(code: str, known: Container[str], name: str) -> str:
    for length in range(len(code) - 1, 2, -1):
        if code[:length] in known:
            return code[:length]
    raise DataError(f"{name}: code {code} of the order file has no category there")


def _upper_levels(tabular: bytes, name: str) -> Iterator[tuple[str, str]]:
    """(node, parent) of chapters, blocks and categories."""
    try:
        root = ElementTree.fromstring(tabular)  # noqa: S314 - a file with a pinned hash
    except ElementTree.ParseError as error:
        raise DataError(f"{name}: the tabular list is not valid XML (line {error.position[0]})") from error
    for chapter in root.iter("chapter"):
        number = chapter.findtext("name", "").strip()
        yield number, ROOT
        for section in chapter.iter("section"):
            # A block of one category has that category's name ("B10"), so blocks get a word of their own.
            block = f"block {section.get('id', '')}"
            yield block, number
            for category in section.findall("diag"):
                yield category.findtext("name", "").strip(), block
