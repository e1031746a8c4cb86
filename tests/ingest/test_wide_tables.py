"""A table of any width comes in: so many columns can be filtered by, and the others are shown."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from PIL import Image

from app.filters.parse import parse
from app.llama.index import open_index
from app.model.errors import QueryError
from app.model.records import MAX_FIELDS
from app.model.settings import Settings
from app.store.collection import open_collection
from app.store.engines.edge import EdgeEngine
from ingest import Watch, ingest
from ingest.dataset import load_source
from tests.pdfs import pdf

CANNOT = "cannot be used in a filter: this collection indexes 50 columns"


def make_wide(folder: Path, columns: int, form: str, prefix: str = "c") -> Path:
    """One picture, of which a file says this much: numbers and words in turn."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(folder / "red.png")
    row = {f"{prefix}{n}": "red" if n % 2 else f"{n}.5" for n in range(columns)}
    row = {"image": "red.png", **row}
    if form == "csv":
        with (folder / "t.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([row.keys(), row.values()])
    else:
        (folder / f"t.{form}").write_text(json.dumps([row] if form == "json" else row))
    return folder


def bring(folder: Path, settings: Settings, **options: Any) -> list[str]:
    """Ingest, and return what was told."""
    told: list[str] = []
    models = {"image": "palette", "text": "minilm"}
    ingest(folder, "wide", settings, watch=Watch(notice=told.append), **models, **options)
    return told


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that get an index, none of which is made: a disk that is shared takes seconds."""
    keys: list[str] = []
    monkeypatch.setattr(EdgeEngine, "add_index", lambda _, key, kind: keys.append(key))
    return keys


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
@pytest.mark.parametrize("columns", [1_000, 20_000])
def test_it_indexes_so_many_columns_and_keeps_all(
    columns: int, form: str, tmp_path: Path, settings: Settings, indexed: list[str]
) -> None:
    told = bring(make_wide(tmp_path / "wide", columns, form), settings)
    assert sum(key.startswith("fields.") for key in set(indexed)) == MAX_FIELDS
    assert len([text for text in told if f"({columns - MAX_FIELDS:,}): 'c50', 'c51'" in text]) == 1
    with open_collection("wide", settings) as opened:
        (id_,) = [id_ for _, id_ in opened.record_ids(None)]
        payload = opened.fetch([id_])[id_].payload
        assert len(payload["fields"]) == len(opened.fields) == MAX_FIELDS
        metadata = opened.stored(payload).metadata
        assert (len(metadata), metadata["c998"], metadata["c999"]) == (columns, 998.5, "red")
        assert opened.count(parse('c1 == "red" and c48 > 48', opened.fields)) == 1
        with pytest.raises(QueryError, match=f"c999 {CANNOT}.*under \\[types\\] in dataset.toml"):
            parse('c999 == "red"', opened.fields)


def test_the_bound_holds_over_a_collections_life(
    tmp_path: Path,
    settings: Settings,
    indexed: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = make_wide(tmp_path / "first", 30, "csv")
    assert not any("kept and shown" in text for text in bring(first, settings))
    bring(make_wide(tmp_path / "second", 40, "json", "d"), settings)
    told = bring(make_wide(tmp_path / "third", 10, "json", "e"), settings)
    assert any("(10): 'e0', 'e1', 'e2', …" in text for text in told)
    (first / "t.csv").unlink()
    bring(make_wide(first, 60, "json"), settings)
    with open_index("wide", settings) as index:
        index.insert_nodes([TextNode(text="a red door", metadata={"c1": "red", "new": 1})])
        index.insert_nodes([TextNode(text="a blue door", metadata={"new": 2})])
    assert sum("'new' (of 1 column)" in record.getMessage() for record in caplog.records) == 1
    with open_collection("wide", settings) as opened:
        names = [field.name for field in opened.fields]
        assert names == [f"c{n}" for n in range(30)] + [f"d{n}" for n in range(20)]
        assert opened.count(parse('c1 == "red"', opened.fields)) == 2
    assert sum(key.startswith("fields.") for key in set(indexed)) == MAX_FIELDS


def test_types_of_dataset_toml_choose_with_rebuild(
    tmp_path: Path, settings: Settings, indexed: list[str]
) -> None:
    folder = make_wide(tmp_path / "wide", 100, "csv")
    bring(folder, settings)
    (folder / "dataset.toml").write_text('[types]\nc99 = "words"\n')
    assert any("(50): 'c99', 'c50'" in text for text in bring(folder, settings))
    bring(folder, settings, rebuild=True)
    with open_collection("wide", settings) as opened:
        assert opened.count(parse('c99 == "red"', opened.fields)) == 1
        with pytest.raises(QueryError, match=f"c49 {CANNOT}"):
            parse('c49 == "red"', opened.fields)


def test_columns_of_pages_are_there_beside_any_table(tmp_path: Path, settings: Settings) -> None:
    folder = make_wide(tmp_path / "wide", 100, "csv")
    (folder / "report.pdf").write_bytes(pdf("one", "two"))
    assert {"document", "page"} <= {field.name for field in load_source(folder).fields}


def test_values_that_do_not_fit_are_told_of_a_few_columns_and_counted(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide", 100, "csv")
    (folder / "dataset.toml").write_text(
        "[types]\n" + "".join(f'c{n} = "number"\n' for n in range(100))
    )
    told = [text for text in load_source(folder).notices if "counted as missing" in text]
    more = [text for text in load_source(folder).notices if text.startswith("so were values of")]
    assert len(told) == 10
    assert more == [
        "so were values of 40 more columns: 'c21', 'c23', 'c25', 'c27', 'c29', 'c31', 'c33', 'c35',"
        " 'c37', 'c39', … (40)"
    ]
