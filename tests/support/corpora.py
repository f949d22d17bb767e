"""What corpora are built of in tests: tasks with test documents of our own, sources, and where all of it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.corpora.spec import CorpusSpec
from clueplus.training.corpora.surroundings import Surroundings

# Thirteen different words and more, of which no part is in the shipped texts.
SENTENCE = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa"
WORDS = SENTENCE.split()

_YAML = """\
task: {name}
custom_dataset: !function {name}.dataset
output_type: generate_until
test_split: test
fewshot_split: fewshot
fewshot_config: {{sampler: first_n}}
num_fewshot: 0
doc_to_text: "Read the note and reply. Note: {{{{note}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{max_gen_toks: 16, temperature: 0.0, until: []}}
process_results: !function {name}.process_results
metric_list:
  - {{metric: score, aggregation: mean, higher_is_better: true}}
  - {{metric: accuracy, aggregation: mean, higher_is_better: true}}
  - {{metric: unscorable, aggregation: mean, higher_is_better: false}}
metadata:
  version: 1
  title: T
  description: A task of the tests.
  task_type: test
  homepage: https://example.org
  citation: none
  components: [accuracy]
  breakdowns: [ward]
  input: note
  reference: answer
  fields: {{id: str, note: str, answer: str, ward: str, options: "list[str]"}}
  scoring: [clueplus-1]
  trivial_baseline: majority
  lead: {{constant: "yes"}}
  variants:
    sample: {{tier: sample, licence: none, description: Made by the tests.}}
{more}
"""
_CODE = """\
from clueplus.data import task_dataset

dataset = task_dataset(__file__, lambda files: {"test": [], "fewshot": []})


def process_results(doc, results):
    return {}
"""


class OnlyThese(Catalog):
    """The tasks of the given folders, without the shipped ones."""

    @cached_property
    def task_dirs(self) -> list[Path]:
        return self._user_dirs


def a_document(number: int, note: str, answer: str = "yes", **fields: Any) -> dict[str, Any]:
    """A document of `write_task`'s tasks."""
    more = {"ward": "a ward named in at least five words", "options": ["one", "two"]}
    return {"id": f"document-{number}", "note": note, "answer": answer, **more, **fields}


def write_task(folder: Path, notes: Iterable[str | Mapping[str, Any]], name: str = "toy", more: str = "") -> Path:
    """The tasks folder, with a task whose sample's test documents have these notes."""
    task = folder / name
    task.mkdir(parents=True, exist_ok=True)
    (task / f"{name}.yaml").write_text(_YAML.format(name=name, more=more))
    (task / f"{name}.py").write_text(_CODE)
    made = [note if isinstance(note, Mapping) else a_document(n, note) for n, note in enumerate(notes)]
    shot = a_document(10**6, "a note that is shown as an example and tested nowhere at all")
    rows = [{"split": "test", **document} for document in made] + [{"split": "fewshot", **shot}]
    (task / "sample.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def surroundings(tmp_path: Path, *notes: str | Mapping[str, Any], **fields: Any) -> Surroundings:
    """Surroundings with one task of these test notes; paths start from `tmp_path`, and no data is here."""
    folder = write_task(tmp_path / "tasks", notes or [SENTENCE])
    return Surroundings(OnlyThese([folder]), Library(tmp_path / "data"), tmp_path, **fields)


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """A JSONL file; a text is a document, anything else stands as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [{"text": row} if isinstance(row, str) else row for row in rows]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    return path


def corpus(path: str = "in.jsonl", kind: str = "documents", **fields: Any) -> CorpusSpec:
    """A spec of one source; keys of a source go there."""
    own = {key: fields.pop(key) for key in [*fields] if key in ("text", "task_data", "limit", "tier", "encoding")}
    if isinstance(own.get("task_data"), Mapping):
        fields["task_data"] = own.pop("task_data")
    source = {"name": "src", "licence": "none", "path": path, **own}
    return CorpusSpec.model_validate({"kind": kind, "sources": [source], **fields})


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a corpus."""
    (path,) = (each for each in folder.glob("*.jsonl"))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
