"""What the files of real collections look like, one oddity at a time."""

import json

import pytest

from app.model.errors import SourceError
from app.model.records import Skip
from ingest.loaders import (
    Row,
    coco_captions,
    csv_table,
    json_lines,
    json_metadata,
    loader,
    loader_for,
)


def fields(loader, path):
    return [row.fields for row in loader.load(path) if isinstance(row, Row)]


def skips(loader, path):
    return [row for row in loader.load(path) if isinstance(row, Skip)]


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="metadata.json", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_in_any_unicode(write, encoding):
    path = write('[{"image": "ä.png"}]', encoding=encoding)
    assert fields(json_metadata, path) == [{"image": "ä.png"}]


def test_json_may_be_keyed_by_file_name(write):
    path = write('{"a.png": "red", "b.png": {"score": 1}, "c.png": ["one", "two"]}')
    assert fields(json_metadata, path) == [
        {"caption": "red", "file_name": "a.png"},
        {"score": 1, "file_name": "b.png"},
        {"caption": ["one", "two"], "file_name": "c.png"},
    ]


@pytest.mark.parametrize(
    "text", ['{"version": 2, "images": [{"a": 1}]}', '{"streets": [{"a": 1}]}']
)
def test_json_may_hold_its_rows_under_a_key(write, text):
    assert fields(json_metadata, write(text)) == [{"a": 1}]


@pytest.mark.parametrize(
    "text",
    ["", "null", "3", "[1, 2]", '{"port": 1}', '{"query": "x", "hits": [{"image": "a.png"}]}'],
)
def test_json_without_rows_is_no_metadata(write, text):
    with pytest.raises(SourceError) as error:
        list(json_metadata.load(write(text)))
    assert error.value.code == "not_metadata"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        "// c\n[]",
        '{"a": {"b": 1}',
        "[{'a': 1}]",
        '[{"a": 1',
        '[{"a": 1},]',
    ],
)
def test_json_that_is_broken_is_named(write, text):
    with pytest.raises(SourceError, match=r"metadata\.json is not valid JSON") as error:
        list(json_metadata.load(write(text)))
    assert error.value.code == "bad_metadata"


ROWS = [{"image": f"{n}.png", "tags": [{"tag": "red"}], "caption": f"a {n}"} for n in range(9)]


@pytest.mark.parametrize("before", ["[", '{"images": [', '{"streets": ['])
@pytest.mark.parametrize("between", [", ", ",\n"])
@pytest.mark.parametrize("at", [0, 4, 8])
@pytest.mark.parametrize(
    "broken",
    [
        '{"image": "x.png", "tags": [{"tag": "red"}, {"tag": }]}',
        '{"image": "x.png, "caption": "a"}',
        '{"image": "x.png", "caption": "a',
        '{"image": "x.png" "caption": "a"}',
        "nothing",
    ],
)
def test_one_broken_object_does_not_cost_the_others(write, before, between, at, broken):
    items = [json.dumps(row) for row in ROWS]
    path = write(before + between.join([*items[:at], broken, *items[at + 1 :]]) + "]")
    rows, (skip,) = fields(json_metadata, path), skips(json_metadata, path)
    line = at + 1 if "\n" in between else 1
    assert skip.source == f"row {at + 1}, line {line}"
    assert skip.reason.startswith("it is not valid JSON: ")
    assert rows == [*ROWS[:at], *ROWS[at + 1 :]]


def test_a_list_that_is_cut_off_gives_what_is_whole(write):
    text = json.dumps(ROWS, indent=1)
    for end in range(text.index("}", text.index("a 0")) + 1, len(text) - 1, 7):
        path = write(text[:end])
        whole = fields(json_metadata, path)
        assert whole == ROWS[: len(whole)]
        assert len(whole) >= text[:end].count('"image"') - 1
        assert len(skips(json_metadata, path)) == 1


@pytest.mark.parametrize("broken", [0, 1, 5])
def test_json_lines_called_json_may_have_a_broken_one(write, broken):
    lines = [json.dumps(row) for row in ROWS]
    lines[broken] = lines[broken][:-3]
    path = write("\n".join(lines))
    assert loader_for(path) is loader("json_lines")
    assert len(fields(json_lines, path)) == 8


def test_long_lines_called_json_are_lines(write):
    """Of 20,000 columns a line has more characters than one look at the beginning shows."""
    row = {f"column {n}": n for n in range(20_000)}
    path = write(f"{json.dumps(row)}\n{json.dumps(row)}\n")
    assert loader_for(path) is loader("json_lines")


def test_a_caption_of_no_picture_is_told(write):
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "caption": "one"}, {"image_id": 2, "caption": "two"}, 3],
    }
    stray, odd = skips(coco_captions, write(json.dumps(coco)))
    assert (stray.source, stray.reason) == (
        "annotation 2", "it is a caption of image '2', which is not there",
    )  # fmt: skip
    assert (odd.source, odd.reason) == ("annotation 3", "it is no object")


def test_what_is_not_unicode_is_named_with_the_way_out(write):
    with pytest.raises(SourceError, match=r"metadata\.json is not UTF-8.*save it as UTF-8"):
        list(json_metadata.load(write('[{"a": "街道"}]', encoding="gbk")))


def test_of_a_key_said_twice_the_last_counts(write):
    assert fields(json_metadata, write('[{"a": 1, "a": 2}]')) == [{"a": 2}]


def test_a_row_with_an_integer_that_nothing_holds_is_skipped(write):
    path = write('[{"a": 1}, {"a": %s}]' % ("9" * 5000))
    assert fields(json_metadata, path) == [{"a": 1}]
    assert skips(json_metadata, path)[0].reason == "'a' is an integer of 5,000 digits"


def test_one_bad_line_does_not_cost_the_others(write):
    path = write('{"a": 1}\n{bad\n\n[]\n{"a": 2}', name="lines.jsonl")
    assert fields(json_lines, path) == [{"a": 1}, {"a": 2}]
    broken, listed = skips(json_lines, path)
    assert (broken.source, listed.source) == ("line 2", "line 4")
    assert broken.reason.startswith("it is not valid JSON: ")
    assert listed.reason == "it is a list, not an object"


def test_a_line_in_another_encoding_is_one_skip(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": "\xce\xd2"}\n{"a": 1}\n')
    assert fields(json_lines, path) == [{"a": 1}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_broken_character_in_any_unicode_is_one_skip(tmp_path, encoding):
    path = tmp_path / "lines.jsonl"
    half = {"utf-32": b"\x00\xd8\x00\x00"}.get(encoding, b"\x00\xd8")
    text = '{"a": 1}\n{"a": "%"}\n{"a": 3}\n'.encode(encoding)
    mark = "%".encode(encoding)[-len(half) :]
    path.write_bytes(text.replace(mark, half))
    assert fields(json_lines, path) == [{"a": 1}, {"a": 3}]
    path.write_bytes(text[:-1])
    assert fields(json_lines, path)[0] == {"a": 1}


def test_a_replacement_character_in_utf_8_is_read_as_it_is(write):
    path = write('{"a": "\ufffd"}\n', name="lines.jsonl")
    assert fields(json_lines, path) == [{"a": "\ufffd"}]


def test_a_line_too_long_is_read_past(write, monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_LINE_CHARACTERS", 20)
    path = write('{"a": "%s"}\n{"a": 1}\n' % ("x" * 100), name="lines.jsonl")
    assert fields(json_lines, path) == [{"a": 1}]
    assert len(skips(json_lines, path)) == 1


def test_json_lines_may_be_called_json(write):
    path = write('{"image": "a.png"}\n{"image": "b.png"}\n')
    assert json_lines.reads(path)
    assert not json_lines.reads(write('{\n "a": {"b": 1}\n}', name="other.json"))


def test_coco_joins_all_captions_of_a_picture_and_leaves_boxes_alone(write):
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "caption": "one"}, {"image_id": 1, "caption": "two"}],
    }
    path = write(json.dumps(coco))
    assert fields(coco_captions, path)[0]["captions"] == ["one", "two"]
    coco["annotations"] = [{"image_id": 1, "bbox": [0, 0, 1, 1]}]
    with pytest.raises(SourceError, match="no captions"):
        list(coco_captions.load(write(json.dumps(coco))))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_may_be_delimited_by_anything_usual(write, delimiter):
    path = write(f"id{delimiter}name\r\n1{delimiter}Shirt\r\n", "t.csv", "utf-8-sig")
    assert fields(csv_table, path) == [{"id": "1", "name": "Shirt"}]


def test_surplus_commas_belong_to_the_last_column(write):
    path = write("id,year,name\n6044,2011,Nike Men's, Round, Neck T-shirt\n", "t.csv")
    (row,) = csv_table.load(path)
    assert row.fields["name"] == "Nike Men's, Round, Neck T-shirt"
    assert row.note == "more cells than the 3 columns: 'name' has the rest"


def test_a_short_row_is_used_and_noted(write):
    row = next(csv_table.load(write("id,year,name\n6044,2011\n", "t.csv")))
    assert row.fields == {"id": "6044", "year": "2011"}
    assert row.note == "only 2 of 3 columns"


def test_columns_without_a_name_or_with_the_same_one_are_kept_apart(write):
    path = write("id,,a,a\n1,2,3,4\n", "t.csv")
    assert fields(csv_table, path) == [{"id": "1", "column 2": "2", "a": "3", "a 4": "4"}]


def test_a_text_file_is_a_table_only_if_it_names_pictures(write):
    assert csv_table.reads(write("image,caption\n", "captions.txt"))
    assert not csv_table.reads(write("Dear reader, hello\n", "README.txt"))
