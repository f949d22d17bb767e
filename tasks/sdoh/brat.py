"""The arguments of the events in a brat file, as entries of a social history: entity, label and where the words are."""

from __future__ import annotations

import re
from collections import Counter

SUBSTANCE = {"StatusTime", "Duration", "History", "Method", "Type", "Amount", "Frequency"}
SCHEMA = {
    "Employment": {"StatusEmploy", "Duration", "History", "Type"},
    "LivingStatus": {"StatusTime", "TypeLiving", "Duration", "History"},
    **dict.fromkeys(("Alcohol", "Drug", "Tobacco"), SUBSTANCE),
}
# An argument is named by the type of its text bound; these roles stand for one, should the type be another.
ROLES = {"Employment": {"Status": "StatusEmploy"}, "LivingStatus": {"Status": "StatusTime", "Type": "TypeLiving"}}
_TEXT_BOUND = re.compile(r"(T\d+)\t(\S+) (\d+) (?:\d+;\d+ )*(\d+)\t(.*)")
_EVENT = re.compile(r"E\d+\t([^\s:]+):T\d+((?: [^\s:]+:\S+)*) *")


class BratError(Exception):
    """Why a note is left out, and in which line; never its text."""


def entries(note: str, annotations: str, outside: Counter[str]) -> set[tuple[int, int, str, str]]:
    """Start, end, entity and label of each argument of an event. Two events with one argument have one entry.

    Attributes (the normal values, such as "past") and triggers have no place in the answer.
    """
    bounds: dict[str, tuple[str, int, int]] = {}
    events: list[tuple[int, re.Match[str]]] = []
    for number, line in enumerate(annotations.split("\n"), start=1):
        line = line.rstrip("\r")
        if line.startswith("T"):
            name, *bound = _text_bound(number, line, note)
            bounds[name] = (bound[0], bound[1], bound[2])
        elif line.startswith("E"):
            event = _EVENT.fullmatch(line)
            if event is None:
                raise BratError(number, "not an event of brat")
            events.append((number, event))
    found = set()
    for number, event in events:
        for argument in event[2].split():
            role, _, target = argument.partition(":")
            if target not in bounds:
                raise BratError(number, "an argument that is not in the file")
            kind, start, end = bounds[target]
            label = _label(event[1], kind, role.rstrip("0123456789"))
            if label is None:
                outside[f"{event[1]} {kind}"] += 1
            else:
                found.add((start, end, event[1], label))
    return found


def _text_bound(number: int, line: str, note: str) -> tuple[str, str, int, int]:
    """Name, type, start and end; of words in several pieces, from the first piece to the last."""
    match = _TEXT_BOUND.fullmatch(line)
    if match is None:
        raise BratError(number, "not a text bound of brat")
    start, end = int(match[3]), int(match[4])
    stretch = note[start:end].split()
    pieces = ";" in line.split("\t")[1]
    if not stretch or (stretch != match[5].split() and not pieces):
        raise BratError(number, "the offsets do not hold these words")
    return match[1], match[2], start, end


def _label(entity: str, kind: str, role: str) -> str | None:
    allowed = SCHEMA.get(entity, set())
    if kind in allowed:
        return kind
    label = ROLES.get(entity, {"Status": "StatusTime"}).get(role, role)
    return label if label in allowed else None
