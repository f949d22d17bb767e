"""What rewriting models read and say in tests: files of the upstream layouts, and models that answer by rule."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import openpyxl

CANARY = "CANARY5520"
HEADER = ("Question", "Focus (Drug)", "Question Type", "Answer", "Section Title", "URL")


def pairs_file(folder: Path, drugs: int = 30) -> Path:
    """The workbook of MedicationQA: two questions on each drug; every fifth passage is beside its question."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("DrugQA")
    sheet.append(HEADER)
    for number in range(2 * drugs):
        drug, beside = f"Drug {number // 2}", number % 5 == 0
        passage = "Keep away from children." if beside else f"Long text. The dose is {number} mg a day. More text."
        sheet.append((f"how much of {drug}, case {number}?", drug, "Dosage", passage, "Use", "https://example.org"))
    buffer = io.BytesIO()
    book.save(buffer)
    path = folder / "MedInfo2019-QA-Medications.xlsx"
    path.write_bytes(buffer.getvalue())
    return path


def reports_file(folder: Path, count: int = 30, name: str = "indiana_dev.json") -> Path:
    """Reports in the layout of the MEDIQA-2021 files; every text holds a canary."""
    reports = [
        {
            "study_id": str(number),
            "subject_id": f"{CANARY}-subject",
            "findings": f"{CANARY} findings {number}: the heart is enlarged, there is no effusion.",
            "impression": f"1. {CANARY} mild cardiomegaly {number}.\n2. No effusion in {number}.",
            "background": f"{CANARY} cough",
        }
        for number in range(count)
    ]
    path = folder / name
    path.write_text(json.dumps(reports))
    return path


def prompt_of(payload: dict[str, Any]) -> str:
    """The text that a fake server was asked."""
    return str(payload["messages"][-1]["content"])


def rewriting_model(payload: dict[str, Any], number: int = 0) -> str:
    """A good model: it sees which passage is beside the question, and copies its answers out of an impression."""
    prompt = prompt_of(payload)
    if "Passage:" in prompt:
        dose = re.search(r"The dose is (\d+) mg", prompt)
        answer = {"answers_question": bool(dose)} | ({"answer": f"Take {dose[1]} mg a day."} if dose else {})
        return f"Sure! ```json\n{json.dumps(answer)}\n```"
    finding, advice = re.findall(r"^\d\. (.+)\.$", prompt, re.M)
    return json.dumps(
        [
            {"question": "How large is the heart?", "answer": finding},
            {"question": "Is there an effusion?", "answer": advice},
            {"question": "Is there a fracture?", "answer": "No fracture"},
        ]
    )


def echo(payload: dict[str, Any], number: int = 0) -> str:
    """The worst model: it repeats what it was asked."""
    return prompt_of(payload)
