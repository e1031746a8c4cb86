"""A quote that nobody closed costs its own row, and a cell of several lines stays one."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.records import Skip
from ingest.loaders import Row, csv_table
from ingest.quotes import UNCLOSED, read_rows

HEADER = ["image", "caption", "shade"]


def read(text, delimiter=","):
    """The rows below the header, and the lines that were skipped."""
    rows = list(read_rows(text, delimiter))[1:]
    return [row.cells for row in rows if not row.fault], [row.line for row in rows if row.fault]


def numbered(count, delimiter=",", end="\n"):
    rows = [["image", "caption"], *([f"{n}.jpg", f"caption {n}"] for n in range(1, count + 1))]
    return [delimiter.join(row) + end for row in rows]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("at", [1, 10, 20])
def test_a_quote_that_is_never_closed_costs_one_row(at, delimiter, end):
    lines = numbered(20, delimiter, end)
    lines[at] = lines[at].replace(delimiter, f'{delimiter}"')
    rows, faults = read("".join(lines), delimiter)
    assert [row[0] for row in rows] == [f"{n}.jpg" for n in range(1, 21) if n != at]
    assert faults == [at + 1]


@pytest.mark.parametrize(
    "later",
    ['15.jpg,"a quoted, caption"\n', '15.jpg,a nail of 15"\n', '15.jpg,""\n', '15.jpg,", odd"\n'],
)
def test_a_quote_that_a_later_row_closes_costs_one_row(later):
    lines = numbered(20)
    lines[10] = '10.jpg,"a man\n'
    lines[15] = later
    rows, faults = read("".join(lines))
    assert [row[0] for row in rows] == [f"{n}.jpg" for n in range(1, 21) if n != 10]
    assert faults == [11]


def test_each_of_many_unclosed_quotes_costs_one_row():
    lines = numbered(1) + [f'{n}.jpg,"a man\n' for n in range(2, 500)] + ["500.jpg,last\n"]
    rows, faults = read("".join(lines))
    assert [row[0] for row in rows] == ["1.jpg", "500.jpg"]
    assert faults == list(range(3, 501))


def test_where_every_row_has_an_open_quote_each_is_told():
    lines = ["image,caption,shade\n", *(f'{n}.jpg,"a man, red\n' for n in range(9))]
    assert read("".join(lines)) == ([], [*range(2, 11)])


CAPTIONS = [
    "two lines\nof words",
    "a list:\r\n1, 2\r\n3, 4",
    "Roses are red,\nviolets are blue,\nsugar is sweet, and so, on,\nand so are you",
    'he said "hello,\nyou"',
    "paragraphs\n\n\napart",
    "\nfirst blank, then not",
    "1.5\n2.5",
]


@pytest.mark.parametrize("caption", CAPTIONS)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_cell_may_have_several_lines(caption, place, quoting):
    """First, in the middle or last, in a table of as many columns as its lines have cells."""
    table = [[f"{n}.jpg", str(n)] for n in range(1, 6)]
    for row in table:
        row.insert(place, caption)
    rows, faults = read(written([["a", "b", "c"], *table], ",", "\n", quoting)[0])
    assert (rows, faults) == (table, [])


@pytest.mark.parametrize("caption", CAPTIONS)
def test_a_caption_of_several_lines_stays_whole_where_no_picture_is_named(caption):
    table = [[f"street {'x' * n}", caption] for n in range(1, 6)]
    rows, faults = read(written([["name", "caption"], *table], ",", "\n", csv.QUOTE_MINIMAL)[0])
    assert (rows, faults) == (table, [])


def test_quotes_within_a_line_stay_as_they_are():
    text = 'image,caption\n1.jpg,a 15" nail\n2.jpg,"a" man\n3.jpg,"he said\n"hello" to me"\n'
    rows, faults = read(text)
    assert [row[0] for row in rows] == ["1.jpg", "2.jpg", "3.jpg"]
    assert rows[0][1] == 'a 15" nail'
    assert faults == []


@pytest.mark.parametrize("header", ['image,"caption\n', '"image,caption\n'])
def test_a_header_with_a_stray_quote_costs_no_row(header, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(header + '1.jpg,one\n2.jpg,"two, too"\n3.jpg,three\n', encoding="utf-8")
    items = list(csv_table.load(path))
    assert [item.fields["image"] for item in items if isinstance(item, Row)] == [
        "1.jpg", "2.jpg", "3.jpg",
    ]  # fmt: skip
    (told,) = (item for item in items if isinstance(item, Skip))
    assert told.source == "line 1"
    assert told.reason == f"{UNCLOSED}; it was read as the columns image, caption"


def test_a_header_may_have_several_lines():
    text = 'image,"caption\n(in English)",shade\n1.jpg,a,b\n2.jpg,"a\n3.jpg,c,15"\n'
    rows = list(read_rows(text, ","))
    assert rows[0].cells == ["image", "caption\n(in English)", "shade"]
    assert [row.line for row in rows] == [1, 3, 4, 5]


def test_a_cell_without_an_end_is_read_no_further_than_a_cell_may_be(monkeypatch):
    monkeypatch.setattr("ingest.quotes.MAX_CELL_CHARACTERS", 100)
    lines = numbered(50)
    lines[5] = '5.jpg,"a man\n'
    lines[30] = f"30.jpg,{'x' * 101}\n"
    rows, faults = read("".join(lines))
    assert len(rows) == 48
    assert faults == [6, 31]


# Any table with one fault in it


def written(table, delimiter, end, quoting):
    """The table as text, and the number of each row's first line."""
    stream = io.StringIO(newline="")
    starts = []
    for row in table:
        starts.append(lines_of(stream.getvalue()) + 1)
        csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(row)
    return stream.getvalue(), starts


def lines_of(text):
    return sum(1 for _ in io.StringIO(text, newline=""))


cells = st.text(st.sampled_from(' \nabcde,;|\t"1.'), max_size=20)
tables = st.lists(
    st.tuples(cells, st.sampled_from(["red", "dark blue", "", "7"])), min_size=3, max_size=12
)
formats = st.tuples(
    st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(tables, formats)
def test_any_table_comes_out_as_it_was_written(rows, form):
    table = [[f"{n}.jpg", *row] for n, row in enumerate(rows)]
    found, faults = read(written([HEADER, *table], *form)[0], form[0])
    assert (found, faults) == (table, [])


@settings(max_examples=300, deadline=None)
@given(tables, formats, st.randoms())
def test_one_row_with_an_open_quote_costs_no_other(rows, form, rng):
    """In any table with a few rows of one line each: by those the others are told."""
    table = [[f"{n}.jpg", *row] for n, row in enumerate([*[("a red door", "red")] * 4, *rows])]
    bad = rng.randrange(4, len(table))
    delimiter, end, _ = form
    before, after = written([HEADER, *table[:bad]], *form)[0], written(table[bad + 1 :], *form)[0]
    row = delimiter.join([f"{bad}.jpg", '"a man', table[bad][2]]) + end
    found, faults = read(before + row + after, delimiter)
    assert found == [*table[:bad], *table[bad + 1 :]]
    assert faults == [lines_of(before) + 1]
