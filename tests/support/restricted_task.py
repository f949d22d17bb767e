"""A task with restricted documents, made for tests: every field of every document holds a canary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clueplus.data.imported import write_imported

CANARY = "CANARY7431"
NAME = "secret_notes"

_YAML = """\
task: secret_notes
custom_dataset: !function secret_notes.dataset
output_type: generate_until
test_split: test
fewshot_split: fewshot
fewshot_config: {sampler: first_n}
num_fewshot: 1
doc_to_text: "Note: {{note}}{% if 'planbreak' in note %}{{ {}[note].x }}{% endif %}\\nIs the patient well?"
doc_to_target: "{{answer}}"
generation_kwargs: {max_gen_toks: 16, temperature: 0.0, until: ["\\n\\n"]}
process_results: !function secret_notes.process_results
metric_list:
  - {metric: score, aggregation: !function clueplus.metrics.components.mean_of_components, higher_is_better: true}
  - {metric: accuracy, aggregation: mean, higher_is_better: true}
  - {metric: unscorable, aggregation: mean, higher_is_better: false}
metadata:
  version: 1
  title: Secret notes
  description: A restricted task of the tests.
  task_type: test
  homepage: https://example.org
  citation: none
  components: [accuracy]
  breakdowns: [ward, kind]
  cluster: patient
  input: note
  reference: answer
  fields: {id: str, patient: str, note: str, answer: str, ward: str, kind: str}
  scoring: [clueplus-1, clue-2024]
  trivial_baseline: majority
  lead: {constant: "yes"}
  overlong: {policy: cut_middle, field: note}
  variants:
    official: {tier: restricted, licence: none, description: Made by the tests., imported: {access: credentialed, url: https://example.org}}
"""

_CODE = """\
from clueplus.data import task_dataset
from clueplus.metrics.components import item_scores

dataset = task_dataset(__file__, lambda files: {})


def process_results(doc, results):
    if "explode" in doc["note"]:
        raise ValueError(f"can't score {doc['note']} against {results[0]}")
    return item_scores({"accuracy": float(results[0] == doc["answer"])}, unscorable=not results[0])
"""


def documents(count: int, *, words: int = 8, explode: int = -1, planbreak: int = -1) -> list[dict[str, Any]]:
    """Documents of `words` canary words each.

    Scoring the one numbered `explode`, and rendering the one numbered `planbreak`, raise with its text.
    """
    return [
        {
            "id": f"{CANARY}-id-{number}",
            "patient": f"{CANARY}-patient-{number % 5}",
            "note": " ".join(f"{CANARY}-{number}-{word}" for word in range(words))
            + (" explode" if number == explode else "")
            + (" planbreak" if number == planbreak else ""),
            "answer": f"{CANARY}-answer-{number}",
            "ward": f"{CANARY}: a ward whose name is a whole sentence of the note",
            "kind": "surgery" if number % 2 else "medicine",
        }
        for number in range(count)
    ]


def write_restricted_task(folder: Path, data_folder: Path, count: int = 40, **options: Any) -> Path:
    """The tasks folder with the task; its documents are imported into `data_folder`."""
    task = folder / NAME
    task.mkdir(parents=True)
    (task / f"{NAME}.yaml").write_text(_YAML)
    (task / f"{NAME}.py").write_text(_CODE)
    (task / "clue2024.py").write_text(_CODE)
    made = documents(count + 2, **options)
    write_imported(
        data_folder, NAME, "official", {"test": made[:-2], "fewshot": made[-2:]}, sources={"notes.csv": "0" * 64}
    )
    return folder
