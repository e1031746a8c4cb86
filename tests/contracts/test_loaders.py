"""One contract for every loader: it knows its own format, reads it in order, and says what is bad.

A new file in ingest/loaders needs a sample here; a loader without one fails.
"""

import json

import pytest
from PIL import Image

from app.model.errors import SourceError
from app.model.records import Skip
from ingest.loaders import Row, loader, loader_for, loader_names
from tests.pdfs import pdf

SAMPLES = {
    "coco_captions": (
        "captions_val.json",
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
                "annotations": [
                    {"image_id": 2, "caption": "blue"},
                    {"image_id": 1, "caption": "red"},
                ],
            }
        ),
    ),
    "csv_table": ("table.csv", 'file_name,caption\na.png,"red, very"\nb.png,blue\n'),
    "json_lines": ("lines.jsonl", '{"file_name": "a.png"}\n\n{"file_name": "b.png"}\n'),
    "json_metadata": ("metadata.json", '[{"file_name": "a.png"}, {"file_name": "b.png"}]'),
    "pdf_pages": ("report.pdf", pdf("one", "two").decode("latin-1")),
    "pictures": ("pictures", None),
}
NAMES = {"pdf_pages": ["report.pdf", "report.pdf"]}
"""What the rows name; two pictures, if not the pages of a document."""

CODES = {"bad_metadata", "not_metadata", "empty_file", "not_a_pdf"}
FILES = [name for name in loader_names() if name != "pictures"]


@pytest.fixture
def sample(tmp_path):
    def write(name):
        file_name, text = SAMPLES[name]
        path = tmp_path / file_name
        if text is not None:
            path.write_text(text, encoding="utf-8")
            return path
        path.mkdir()
        for picture in ("a.png", "b.png"):
            Image.new("RGB", (4, 4), "red").save(path / picture)
        return path

    return write


def test_every_loader_has_a_sample():
    assert sorted(SAMPLES) == loader_names()


@pytest.mark.parametrize("name", loader_names())
def test_it_reads_its_own_format_and_no_other_loader_takes_it(name, sample):
    path = sample(name)
    assert loader(name).reads(path)
    assert loader_for(path) is loader(name)


@pytest.mark.parametrize("name", loader_names())
def test_it_yields_rows_in_order_and_says_where_they_are(name, sample):
    rows = list(loader(name).load(sample(name)))
    assert all(isinstance(row, Row) for row in rows)
    named = [row.fields.get("file_name", row.fields.get("file")) for row in rows]
    assert named == NAMES.get(name, ["a.png", "b.png"])
    assert [row.page for row in rows] == ([1, 2] if name == "pdf_pages" else [None, None])
    assert len({row.where for row in rows}) == 2


@pytest.mark.parametrize("name", loader_names())
def test_it_reads_no_file_that_is_not_there(name, tmp_path):
    assert not loader(name).reads(tmp_path / "nothing.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff\xff", b"\0" * 100, b"{" * 100_000])
def test_garbage_is_a_skip_or_a_source_error(name, content, tmp_path):
    path = tmp_path / SAMPLES[name][0]
    path.write_bytes(content)
    told = []
    try:
        told += list(loader(name).load(path))
    except SourceError as error:
        told.append(error)
    for item in told:
        assert isinstance(item, Row | Skip) or item.code in CODES
