"""Export: tables that spreadsheets may open, and folders that come in again as they were."""

import csv
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from llama_index.core.schema import TextNode
from PIL import Image

from app import Search, Settings, Workspace
from app.llama import open_index
from app.model.errors import QueryError, SettingsError
from app.store.stored import node_content
from tests.pdfs import pdf
from tests.workspace.conftest import make_rows

ROWS: list[dict[str, Any]] = [
    {
        "caption": ["a lamp", "by night, “lit”"],
        "lat": 1.3,
        "lon": 103.8,
        "house number": "007",
        "taken": "2020-01-01T00:30:00+02:00",
        "stars": 4,
        "depth": 0.1,
        "framed": True,
        "tags": ["tree", "car"],
        "source": "=HYPERLINK(1)",
        "more": {"deep": [1, 2]},
    },
    {"caption": "a red car", "taken": "2021-05-05", "stars": -5, "house number": "-5"},
    {"stars": 2, "framed": False, "path": "@SUM(A1)"},
]

DATASET = """
label = "walks"
[types]
"house number" = "words"
[scales]
stars = "5 is best"
[outfit]
category = "tags"
everyone = ["Adults"]
slots = { "Kurta Sets" = "dress", "a.b" = "none" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_rows(tmp_path / "walks", ROWS)
    (made / "dataset.toml").write_text(DATASET)
    return made


@pytest.fixture
def walks(either_engine: Settings, folder: Path) -> Workspace:
    workspace = Workspace(either_engine)
    workspace.ingest(folder, "walks", image="palette", text="minilm")
    return workspace


def stored(workspace: Workspace, collection: str) -> dict[str, Any]:
    """All that is kept of each record but how its file lies on the disk."""
    with workspace.reading(collection) as opened:
        ids = [id_ for _, id_ in opened.record_ids(None)]
        payloads = [point.payload for point in opened.fetch(ids).values()]
        columns = sorted(opened.fields, key=lambda column: column.name)
        kept = ("captions", "fields", "local_times", "words", "place", "page", "content_hash")
        records = {
            payload["record_id"]: (
                node_content(payload)["metadata"],
                node_content(payload)["text"],
                {key: payload.get(key) for key in kept},
            )
            for payload in payloads
        }
        sources = {
            label: entry.model_dump(exclude={"path", "root"})
            for label, entry in opened.manifest.sources.items()
        }
        return {"columns": columns, "records": records, "sources": sources}


def test_a_folder_comes_in_again_as_it_was(walks: Workspace, tmp_path: Path) -> None:
    exported = walks.export("walks", tmp_path / "out")
    assert (exported.path, exported.records, exported.skipped) == (tmp_path / "out", 3, ())
    report = walks.ingest(tmp_path / "out", "again", image="palette", text="minilm")
    assert (report.new, report.skipped) == (3, [])
    assert stored(walks, "again") == stored(walks, "walks")
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_catalogue_comes_in_again_as_it_was(tmp_path: Path, settings: Settings) -> None:
    rows = [
        {"title": f"{colour} {what}", "colour": colour, "price": number}
        for number, (colour, what) in enumerate(product(("red", "blue"), ("hat", "coat")))
    ]
    goods = make_rows(tmp_path / "goods", rows)
    (goods / "dataset.toml").write_text('captions = "title"\ntext = "rows"\n')
    with Workspace(settings) as workspace:
        workspace.ingest(goods, "goods", image="palette", text="minilm")
        workspace.export("goods", tmp_path / "out")
        workspace.ingest(tmp_path / "out", "again", image="palette", text="minilm")
        assert stored(workspace, "again") == stored(workspace, "goods")
        for words in ("a blue hat", "coat"):
            first, second = (workspace.search(name, words).hits for name in ("goods", "again"))
            assert [(h.path, h.score) for h in first] == [(h.path, h.score) for h in second]


def test_pages_and_pictures_come_in_again(tmp_path: Path, settings: Settings) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "report.pdf").write_bytes(pdf("rain fell on 41 days"))
    Image.new("RGB", (9, 9), "blue").save(shelf / "blue.png")
    with Workspace(settings) as workspace:
        workspace.ingest(shelf, "shelf", image="palette", text="minilm")
        workspace.export("shelf", tmp_path / "out")
        assert workspace.ingest(tmp_path / "out", "again", image="palette", text="minilm").new == 2


@pytest.mark.parametrize("label", ["metadata.json", "dataset.toml", ".."])
def test_a_source_may_be_called_as_what_is_written_beside_it(
    walks: Workspace, tmp_path: Path, label: str
) -> None:
    other = make_rows(tmp_path / "other", [{"caption": "a tower"}])
    walks.ingest(other, "walks", label=label)
    exported = walks.export("walks", tmp_path / "out")
    assert (exported.records, exported.skipped) == (4, ())
    assert walks.ingest(tmp_path / "out", "again", image="palette", text="minilm").new == 4


def test_a_zip_is_the_folder(walks: Workspace, tmp_path: Path) -> None:
    walks.export("walks", tmp_path / "out.zip", Search(where="stars > 0"))
    with ZipFile(tmp_path / "out.zip") as packed:
        assert sorted(packed.namelist()) == ["000.png", "002.png", "dataset.toml", "metadata.json"]
        packed.extractall(tmp_path / "unpacked")
    walks.ingest(tmp_path / "unpacked", "again", image="palette", text="minilm")
    assert stored(walks, "again")["records"].keys() == {"walks/000.png", "walks/002.png"}


def test_a_part_comes_in_again_without_the_columns_it_lacks(
    walks: Workspace, tmp_path: Path
) -> None:
    walks.export("walks", tmp_path / "out", Search(where="stars < 3"))
    assert walks.ingest(tmp_path / "out", "again", image="palette", text="minilm").new == 2
    with walks.reading("again") as opened:
        outfit = opened.manifest.sources["walks"].extras["outfit"]
    assert "category" not in outfit
    assert outfit["everyone"] == ["Adults"]


def test_several_sources_lie_beside_each_other(walks: Workspace, tmp_path: Path) -> None:
    other = make_rows(tmp_path / "other", [{"caption": "a tower"}])
    walks.ingest(other, "walks")
    assert walks.export("walks", tmp_path / "out").records == 4
    assert (tmp_path / "out" / "other" / "000.png").read_bytes() == (other / "000.png").read_bytes()
    assert walks.ingest(tmp_path / "out", "again", image="palette", text="minilm").new == 4
    assert "out/other/000.png" in stored(walks, "again")["records"]


def test_a_document_comes_in_again_with_its_pages(settings: Settings, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    (shelf / "a").mkdir(parents=True)
    (shelf / "a" / "rain.pdf").write_bytes(pdf("rain fell on 41 days", "snow on none"))
    with Workspace(settings) as workspace:
        workspace.ingest(shelf, "shelf", image="palette", text="minilm")
        exported = workspace.export("shelf", tmp_path / "out", Search(where="page == 2"))
        assert (exported.records, exported.skipped) == (1, ())
        report = workspace.ingest(tmp_path / "out", "again", image="palette", text="minilm")
        assert (report.new, report.skipped) == (2, [])
        assert stored(workspace, "again") == stored(workspace, "shelf")


def test_lines_have_all_that_is_known(walks: Workspace, tmp_path: Path) -> None:
    walks.export("walks", tmp_path / "out.jsonl")
    first, _, last = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert list(first) == [
        *("record_id", "source", "path", "captions", "lat", "lon", "metadata"),
    ]
    assert (first["record_id"], first["captions"]) == (
        "walks/000.png",
        ["a lamp", "by night, “lit”"],
    )
    assert first["metadata"]["more"] == {"deep": [1, 2]}
    assert last["metadata"] == {"stars": 2, "framed": False, "path": "@SUM(A1)"}


def test_no_cell_of_a_table_is_a_formula_and_numbers_stay_numbers(
    walks: Workspace, tmp_path: Path
) -> None:
    walks.export("walks", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["000.png", "001.png", "002.png"]
    assert [row["path_2"] for row in rows] == ["", "", "'@SUM(A1)"]
    assert [row["source_2"] for row in rows] == ["'=HYPERLINK(1)", "", ""]
    assert [row["stars"] for row in rows] == ["4", "-5", "2"]
    assert [row["house number"] for row in rows] == ["007", "'-5", ""]
    assert [row["captions"] for row in rows] == ['["a lamp", "by night, “lit”"]', "a red car", ""]
    assert (rows[0]["framed"], rows[0]["depth"], rows[0]["lat"]) == ("true", "0.1", "1.3")


def test_of_a_search_its_hits_come_in_order_with_their_scores(
    walks: Workspace, tmp_path: Path
) -> None:
    search = Search("a red car", top_k=2)
    walks.export("walks", tmp_path / "out.jsonl", search)
    rows = list(map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()))
    hits = walks.search("walks", search).hits
    assert [(row["record_id"], row["score"]) for row in rows] == [
        (hit.record_id, hit.score) for hit in hits
    ]
    walks.export("walks", tmp_path / "sorted.csv", Search(sort="stars:desc"))
    with (tmp_path / "sorted.csv").open(encoding="utf-8", newline="") as file:
        assert [row["stars"] for row in csv.DictReader(file)] == ["4", "2", "-5"]


def test_what_cannot_be_shown_is_told(walks: Workspace, folder: Path, tmp_path: Path) -> None:
    (folder / "001.png").unlink()
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    (folder / "002.png").unlink()
    (folder / "002.png").symlink_to(secret)
    exported = walks.export("walks", tmp_path / "out")
    assert [(skip.source, skip.code) for skip in exported.skipped] == [
        ("walks/001.png", "missing_file"),
        ("walks/002.png", "no_picture"),
    ]
    assert exported.records == 3
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        *("000.png", "dataset.toml", "metadata.json"),
    ]
    assert len(json.loads((tmp_path / "out" / "metadata.json").read_text())) == 3


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.zip", "out"])
def test_what_is_there_is_replaced_by_force_alone(
    name: str, walks: Workspace, tmp_path: Path
) -> None:
    walks.export("walks", tmp_path / name)
    with pytest.raises(SettingsError, match="is there already"):
        walks.export("walks", tmp_path / name)
    assert (
        walks.export("walks", tmp_path / name, Search(where="stars == 4"), force=True).records == 1
    )
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith((".", "out"))] == [
        name
    ]


def test_a_folder_of_somebody_else_s_is_never_replaced(walks: Workspace, folder: Path) -> None:
    with pytest.raises(SettingsError, match="a folder that Sightline did not write"):
        walks.export("walks", folder, force=True)
    assert (folder / "000.png").is_file()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.zip", "out"])
def test_one_that_ends_early_leaves_what_was_there(
    name: str, walks: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks.export("walks", tmp_path / name)
    before = sorted(tmp_path.rglob("out*"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.workspace.export._metadata", interrupt)
    with pytest.raises(KeyboardInterrupt):
        walks.export("walks", tmp_path / name, force=True)
    assert sorted(tmp_path.rglob("out*")) == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "told"),
    [("out.xlsx", "does not say what to write"), ("nowhere/out.csv", "is not there; make it")],
)
def test_what_cannot_be_written_is_refused(
    name: str, told: str, workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=told):
        workspace.export("squares", tmp_path / name)
    with pytest.raises(QueryError):
        workspace.export("squares", tmp_path / "out.csv", Search(where="depth > 1"))
    assert not (tmp_path / "out.csv").exists()


def test_others_may_write_it_between_batches(
    walks: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workspace.EXPORTED", 1)
    fetched: Callable[..., Any] = Workspace._with
    calls = []

    def remove_then(self: Workspace, *given: Any) -> Any:
        calls.append(None)
        if len(calls) == 3:
            walks.remove("walks", "walks")
        return fetched(self, *given)

    monkeypatch.setattr(Workspace, "_with", remove_then)
    exported = walks.export("walks", tmp_path / "out.jsonl")
    assert exported.records == 1


def test_words_that_a_program_inserted_are_told_to_have_no_picture(
    workspace: Workspace, tmp_path: Path
) -> None:
    with open_index("squares", workspace.settings) as index:
        index.insert_nodes([TextNode(id_="note-1", text="a lamp", metadata={"shade": "dim"})])
    exported = workspace.export("squares", tmp_path / "out")
    assert [(skip.source, skip.code) for skip in exported.skipped] == [("note-1", "no_picture")]
    workspace.export("squares", tmp_path / "out.jsonl", Search(where='record_id == "note-1"'))
    (note,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (note["record_id"], note["captions"], note["metadata"]) == (
        *("note-1", ["a lamp"]),
        {"shade": "dim"},
    )
