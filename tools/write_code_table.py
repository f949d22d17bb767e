"""Writes `tasks/medisumcode/codes.txt`, every code of ICD-10-CM 2021 as a tree, from the order file of CDC/NCHS.

Usage: CLUEPLUS_DATA_MIRROR=DIR python tools/write_code_table.py

One line a letter and digit. "A00(019)" is A00, A000, A001 and A009; "[" in place of "(" where what stands before it is
no code itself: "E0837[X(ADS)]".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clueplus.data import Library
from clueplus.files import write_atomic
from clueplus.registry import Catalog

ORDER = "icd10cm_2021/icd10cm-order-Jan-2021.txt"


def table(order: bytes) -> str:
    """The text of the file, from the content of the order file."""
    return "".join(f"{line}\n" for line in _lines(code.decode() for code in _codes(order)))


def main() -> None:
    catalog, library = Catalog(), Library.here()
    (source,) = (s for s in catalog.task("icd10cm").metadata.variants["official"].sources if s.file == ORDER)
    write_atomic(catalog.task("medisumcode").folder / "codes.txt", table(library.read(source)))


def _codes(order: bytes) -> Iterable[bytes]:
    return (line[6:13].strip() for line in order.splitlines())


def _lines(codes: Iterable[str]) -> list[str]:
    tree: dict[str, Any] = {}
    for code in codes:
        node = tree
        for character in code:
            node = node.setdefault(character, {})
        node["."] = {}  # a code ends here
    return [
        letter + digit + _text(below)
        for letter, digits in sorted(tree.items())
        for digit, below in sorted(digits.items())
    ]


def _text(node: dict[str, Any]) -> str:
    children = "".join(character + _text(node[character]) for character in sorted(node.keys() - {"."}))
    if not children:
        return ""
    return f"({children})" if "." in node else f"[{children}]"


if __name__ == "__main__":
    main()
