import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError, DataError
from clueplus.records.published import read_published
from clueplus.registry import Catalog, content_folder

SHIPPED = content_folder("leaderboard") / "published.json"


def test_the_shipped_table_has_the_fourteen_rows_of_the_paper() -> None:
    found = read_published()
    assert len(found.rows) == 14
    assert list(found.columns) == Catalog().groups["clueplus"].task
    assert all(row.keys() == found.columns.keys() for row in found.rows.values())
    assert found.row("MediPhi-Instruct")["medec"] == 0.344
    assert "CC" in found.licence
    assert "Corbeil" in found.source


def test_every_row_is_a_base_or_has_one() -> None:
    found = read_published()
    assert set(found.bases.values()) | found.bases.keys() == found.rows.keys()
    assert found.bases["Llama3-Med42-8B"] == "Meta-Llama-3-8B-Instruct"


def test_an_unknown_row_suggests_near_ones() -> None:
    with pytest.raises(ClueplusError, match="did you mean MediPhi"):
        read_published().row("MediPhy")


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "percent"},
        {"surprise": 1},
        {"url": "http://example.org"},
        {"bases": {"MediPhi": "nobody"}},
        {"rows": {"a": {"medec": 34.4}}, "bases": {}},
        {"rows": {"a": {"other": 0.1}}, "bases": {}},
    ],
)
def test_a_table_that_is_not_as_declared_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "published.json"
    path.write_text(json.dumps(json.loads(SHIPPED.read_text()) | change))
    with pytest.raises(DataError, match="not a table of published scores"):
        read_published(path)
