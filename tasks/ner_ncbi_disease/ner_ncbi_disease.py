"""NCBI disease: every mention of a disease in the title and abstract of an article, with its type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import task_dataset
from clueplus.errors import DataError
from clueplus.metrics.components import item_scores
from clueplus.metrics.json_answer import list_items, parse_json
from clueplus.metrics.mentions import place_values
from clueplus.metrics.spans import Span, count_by_label, count_spans

TEST = "ncbi_disease/NCBItestset_corpus.txt"
POOL = "ncbi_disease/NCBItrainset_corpus.txt"
TYPES = {
    "specificdisease": "specific_disease_f1",
    "diseaseclass": "disease_class_f1",
    "modifier": "modifier_f1",
    "compositemention": "composite_mention_f1",
}
_HEAD = re.compile(r"(\d+)\|[ta]\|(.*)")


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Test: the test file. Few-shot pool: the training file, led by short abstracts that show all four types."""
    pool = _documents(files, POOL)
    shown: list[dict[str, Any]] = []
    for kind in ("CompositeMention", "DiseaseClass", "Modifier"):
        fitting = [d for d in pool if d not in shown and f'"{kind}"' in d["answer"]]
        shown.append(min(fitting, key=lambda d: (len(d["text"]), d["id"])))
    return {"test": _documents(files, TEST), "fewshot": shown + [d for d in pool if d not in shown]}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Exact F1 of mentions with their type; beside it overlap, mentions without type, and each type by itself."""
    parsed = parse_json(results[0])
    gold = [Span(start, end, kind.lower()) for start, end, kind in json.loads(doc["spans"])]
    values = [_read(entry) for entry in list_items(parsed.value)]
    spans = place_values(values, doc["text"], gold)
    untyped = [span._replace(label="") for span in gold]
    bare = place_values([("", value) for _, value in values], doc["text"], untyped)
    types = {label: counts.f1 for label, counts in count_by_label(spans, gold, boundaries="exact").items()}
    return item_scores(
        {"exact_f1": count_spans(spans, gold, boundaries="exact").f1},
        unscorable=parsed.value is None,
        overlap_f1=count_spans(spans, gold, boundaries="overlap").f1,
        untyped_f1=count_spans(bare, untyped, boundaries="exact").f1,
        **{name: types.get(kind) for kind, name in TYPES.items()},
        valid_json=float(parsed.how == "strict"),
    )


def _read(entry: Any) -> tuple[str, str]:
    """Type and text; what lacks one of them is a mention that is nowhere."""
    kind, text = (entry.get("type"), entry.get("text")) if isinstance(entry, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(text, str):
        return "", ""
    return re.sub(r"[\W_]", "", kind.lower()), text


def _documents(files: Mapping[str, bytes], file: str) -> list[dict[str, Any]]:
    """The abstracts of a PubTator file, in its order; one comes twice in the training file."""
    documents: dict[str, dict[str, Any]] = {}
    for block in re.split(r"\n{2,}", files[file].decode("utf-8").strip("\n")):
        lines = block.split("\n")
        heads = [match for line in lines[:2] if (match := _HEAD.match(line))]
        if len(heads) != 2:
            raise DataError(f"{file}: no title and abstract in block {len(documents) + 1}")
        text = "\n".join(match[2] for match in heads).rstrip()  # one character between them, as the offsets count
        spans = sorted(_mention(line, text, file) for line in lines[2:])
        answer = [{"text": " ".join(text[start:end].split()), "type": kind} for start, end, kind in spans]
        number = heads[0][1]
        common = {"id": number, "text": text, "spans": json.dumps(spans)}
        documents.setdefault(number, {**common, "answer": json.dumps(answer, ensure_ascii=False)})
    return list(documents.values())


def _mention(line: str, text: str, file: str) -> tuple[int, int, str]:
    cells = line.split("\t")
    if len(cells) != 6 or cells[4].lower() not in TYPES:
        raise DataError(f"{file}: a line of {len(cells)} cells, or of another type, where a mention is due")
    start, end = int(cells[1]), int(cells[2])
    if text[start:end].strip() != cells[3].strip():
        raise DataError(f"{file}: {cells[0]}: offsets {start} to {end} do not hold the mention")
    return start, end, cells[4]
