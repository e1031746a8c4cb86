"""Which columns can be filtered by, where there are more than a collection indexes."""

import pytest

from app.model.records import MAX_FIELDS, Field
from ingest.fields import choose_fields, unindexed_notice
from ingest.schema import infer_types

ROWS = 200


def chosen(columns, **given):
    return [field.name for field in choose_fields(columns, infer_types(columns), **given)]


def filler(count, values=tuple(f"{n}.5" for n in range(ROWS))):
    """Columns of numbers, more than there is room for."""
    return {f"f{n}": list(values) for n in range(count)}


def test_where_there_is_room_every_column_is_there_in_order():
    columns = {"text": ["a long text " * 20], "id": ["1"], **filler(MAX_FIELDS - 2)}
    assert chosen(columns) == list(columns)


def test_slugs_are_each_used_once_and_leave_reserved_names_alone():
    columns = {"safer": [1], " Safer ": [2], "lat": [3], "caption": [4]}
    fields = choose_fields(columns, infer_types(columns))
    assert [field.slug for field in fields] == ["safer", "safer_2", "lat_2", "caption_2"]


USEFUL = {
    "few words": ["red", "blue"] * (ROWS // 2),
    "times": [f"2020-01-{1 + n % 28:02}" for n in range(ROWS)],
    "booleans": ["true", "false"] * (ROWS // 2),
    "whole numbers that come again": [str(n % 7) for n in range(ROWS)],
}


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("few words", "whole numbers that come again"),
        ("times", "few words"),
        ("booleans", "times"),
        ("whole numbers that come again", "booleans"),
    ],
)
def test_one_useful_column_is_chosen_among_a_thousand_of_another_type(name, others):
    """Though it is the last."""
    assert name in chosen({**filler(1000, USEFUL[others]), name: USEFUL[name]})


OF_NO_USE = {
    "ids in words": [f"x{n}" for n in range(ROWS)],
    "ids in numbers": [str(n) for n in range(ROWS)],
    "texts": ["the same long text that nobody would type into a filter, ever, at all"] * ROWS,
    "one word": ["red"] * ROWS,
    "one number": [1] * ROWS,
    "sparse": [*(["red", "blue"] * 5), *([""] * (ROWS - 10))],
}


@pytest.mark.parametrize("name", OF_NO_USE)
def test_a_column_of_little_use_gives_way(name):
    assert name not in chosen({name: OF_NO_USE[name], **filler(MAX_FIELDS)})
    assert name in chosen({name: OF_NO_USE[name], **filler(MAX_FIELDS - 1)})


def test_fuller_columns_go_before_others_of_their_type():
    half = [f"{n}.5" if n % 2 else "" for n in range(ROWS)]
    assert chosen({"half": half, **filler(MAX_FIELDS)}) == list(filler(MAX_FIELDS))


def test_what_somebody_named_goes_first():
    columns = {**filler(1000), **OF_NO_USE}
    assert set(OF_NO_USE) <= set(chosen(columns, first=OF_NO_USE.keys()))


def test_known_columns_stay_and_fill_the_room():
    known = [Field(f"k{n}", f"k{n}", "words") for n in range(MAX_FIELDS - 2)]
    found = choose_fields(filler(9), infer_types(filler(9)), known=known)
    assert [field.name for field in found[-3:]] == [f"k{MAX_FIELDS - 3}", "f0", "f1"]
    assert choose_fields(filler(9), infer_types(filler(9)), known=found) == found


def test_a_collection_that_has_more_keeps_them_and_takes_no_other():
    known = tuple(Field(f"k{n}", f"k{n}", "words") for n in range(2 * MAX_FIELDS))
    assert choose_fields(filler(9), infer_types(filler(9)), known=known) == known


def test_the_choice_is_the_same_every_time_and_hangs_on_no_single_row():
    columns = {**filler(300), **OF_NO_USE, **USEFUL}
    fewer = {name: values[:-1] for name, values in columns.items()}
    assert chosen(columns) == chosen(columns) == chosen(fewer)


def test_what_is_left_out_is_told_in_one_notice_what_was_named_before_the_rest():
    columns = filler(1000)
    fields = choose_fields(columns, infer_types(columns))
    assert unindexed_notice(infer_types(columns), fields, {"f999"}) == [
        "kept and shown, but not for filters, because a collection indexes 50 columns at most"
        " (950): 'f999', 'f50', 'f51', …. Columns under [types] in dataset.toml are indexed first;"
        " if the collection is full, add --rebuild"
    ]
    assert (
        unindexed_notice(infer_types(USEFUL), choose_fields(USEFUL, infer_types(USEFUL)), ()) == []
    )


def test_names_that_filters_would_write_alike_take_no_time():
    """20,000 names without a letter: each would try all slugs that were taken before it."""
    columns = {f"{'!' * (n // 200)}{'?' * (n % 200)}": ["red"] for n in range(20_000)}
    assert len(chosen(columns)) == MAX_FIELDS
