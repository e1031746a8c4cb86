"""Times in filters: a day is the day that the data says; now and today are this machine's."""

import csv
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from app.filters import conditions
from app.filters.parse import parse
from app.model.errors import QueryError
from app.model.records import Field
from app.model.settings import Settings
from app.store import payload
from app.store.collection import open_collection
from ingest import ingest

TAKEN = {
    "tokyo_10_morning": "2025-09-10T08:00:00+09:00",  # still the 9th in UTC
    "seattle_10_night": "2025-09-10T23:30:00-08:00",  # already the 11th in UTC
    "tokyo_11_morning": "2025-09-11T08:59:00+09:00",
    "seattle_9_afternoon": "2025-09-09T16:00:00-08:00",
    "nowhere_10_noon": "2025-09-10T12:00:00",
    "delhi_new_year": "2026-01-01T00:15:00+05:30",
}

TENTH = {"tokyo_10_morning", "seattle_10_night", "nowhere_10_noon"}


@pytest.fixture
def days(tmp_path: Path) -> Path:
    folder = tmp_path / "days"
    folder.mkdir()
    with (folder / "m.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption", "taken"])
        for number, (name, taken) in enumerate(TAKEN.items()):
            Image.new("RGB", (64, 48), (40 * number, 90, 120)).save(folder / f"{name}.png")
            rows.writerow([f"{name}.png", name.replace("_", " "), taken])
    return folder


def put(folder: Path, settings: Settings) -> dict:
    report = ingest(folder, "days", settings, image="palette", text="minilm")
    return {"new": report.new, "changed": report.changed, "unchanged": report.unchanged}


def passing(where: str, settings: Settings) -> set[str]:
    with open_collection("days", settings) as opened:
        found = opened.record_ids(parse(where, opened.fields))
    return {record_id.removeprefix("days/").removesuffix(".png") for record_id, _ in found}


def test_a_day_is_the_day_that_the_data_says(days, either_engine):
    put(days, either_engine)
    assert passing('taken == "2025-09-10"', either_engine) == TENTH
    assert passing('taken != "2025-09-10"', either_engine) == TAKEN.keys() - TENTH
    assert passing('taken < "2025-09-10"', either_engine) == {"seattle_9_afternoon"}
    assert passing('taken > "2025-09-10" and taken < "2026"', either_engine) == {"tokyo_11_morning"}
    assert passing('taken == "2026"', either_engine) == {"delhi_new_year"}
    assert passing('taken == "2025-09-10T08"', either_engine) == {"tokyo_10_morning"}
    assert passing('taken == "2025-09-10T23:30"', either_engine) == {"seattle_10_night"}
    with open_collection("days", either_engine) as opened:
        assert payload.field_indexes(opened.fields).keys() <= opened.engine.indexed()


def test_a_time_with_a_zone_is_an_instant(days, either_engine):
    put(days, either_engine)
    in_utc = 'taken >= "2025-09-10T00:00Z" and taken < "2025-09-11T00:00Z"'
    assert passing(in_utc, either_engine) == {
        "seattle_9_afternoon",
        "nowhere_10_noon",
        "tokyo_11_morning",
    }
    assert passing('taken == "2025-09-11T07:30:00Z"', either_engine) == {"seattle_10_night"}
    assert passing('taken == "2025-09-10T01:00:00+02:00"', either_engine) == {"tokyo_10_morning"}


def test_a_collection_of_before_is_read_in_utc_until_it_is_ingested_again(
    days, settings, monkeypatch
):
    with monkeypatch.context() as before:
        before.setattr(payload, "_local_time", lambda value: None)
        put(days, settings)
    assert passing('taken == "2025-09-10"', settings) == {"seattle_9_afternoon"} | {
        "nowhere_10_noon",
        "tokyo_11_morning",
    }
    assert put(days, settings) == {"new": 0, "changed": 5, "unchanged": 1}
    assert passing('taken == "2025-09-10"', settings) == TENTH
    assert put(days, settings) == {"new": 0, "changed": 0, "unchanged": 6}


NOW = datetime.fromisoformat("2024-03-31T01:30:00+09:00")  # the 30th in UTC


@pytest.fixture
def _at_night(monkeypatch) -> None:
    monkeypatch.setattr(conditions, "_now", lambda: NOW)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("taken == today", 'taken == "2024-03-31"'),
        ("taken > Yesterday", 'taken > "2024-03-30"'),
        ("taken < tomorrow", 'taken < "2024-04-01"'),
        ("taken >= today - 2 weeks", 'taken >= "2024-03-17"'),
        ("taken >= today-1month", 'taken >= "2024-02-29"'),  # there is no 31st of February
        ("taken >= today - 13 months", 'taken >= "2023-02-28"'),
        ("taken in [today, today + 1 year]", 'taken in ["2024-03-31", "2025-03-31"]'),
        ("taken < now", 'taken < "2024-03-30T16:30:00.0Z"'),
        ("taken >= now - 7 days", 'taken >= "2024-03-24T01:30:00.0+09:00"'),
        ("taken >= now -90 minutes", 'taken >= "2024-03-31T00:00:00.0+09:00"'),
        ('taken >= "now - 1 hour"', 'taken >= "2024-03-31T00:30:00.0+09:00"'),
    ],
)
@pytest.mark.usefixtures("_at_night")
def test_now_and_today_are_by_the_clock_of_this_machine(text, means):
    fields = [Field("taken", "taken", "time")]
    assert parse(text, fields) == parse(means, fields)


def test_a_column_may_be_called_today():
    fields = [Field("today", "today", "number"), Field("now playing", "now_playing", "words")]
    assert parse("today == 3", fields) == parse("`today` == 3", fields)
    assert parse('now playing == "x"', fields) == parse('now_playing == "x"', fields)


@pytest.mark.parametrize(
    ("text", "under", "said"),
    [
        ("city == today", "today", "city holds words"),
        ("safer > now - 7 days", "now - 7 days", "safer holds numbers"),
        ("taken > today - 3 hours", "today - 3 hours", "hours count from now"),
        ("taken > now - 9999 years", "now - 9999 years", "in no year from 1 to 9999"),
        ("taken > now + 999999 weeks", "now + 999999 weeks", "in no year from 1 to 9999"),
        ("taken > now - 7 fortnights", "-", "write now - 7 days"),
        ("taken > now - 1000000 days", "-", "write now - 7 days"),
        ("kx-b == 3", "-", "needs backticks"),
    ],
)
def test_what_is_no_time_is_pointed_at(text, under, said):
    fields = [Field(n, n, t) for n, t in (("city", "words"), ("safer", "number"), ("kx", "number"))]
    with pytest.raises(QueryError) as caught:
        parse(text, [*fields, Field("taken", "taken", "time")])
    first, shown, carets, *_ = str(caught.value).splitlines()
    assert said in first
    assert shown[carets.index("^") : len(carets)] == under


@pytest.fixture
def last_moments(days: Path) -> Path:
    """The days, taken around the end of the last year that a clock can show."""
    rows = [["image", "caption", "taken"]]
    for name, taken in zip(TAKEN, LAST, strict=True):
        rows.append([f"{name}.png", name, taken])
    with (days / "m.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return days


LAST = (
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z", "9998-12-31T23:59:59.999999Z"),
    *("9999-12-31T23:59:59.999999+09:00", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999998Z"),
)


def test_the_last_moment_of_all_is_in_the_last_year(last_moments, either_engine):
    put(last_moments, either_engine)
    before = {name for name, taken in zip(TAKEN, LAST, strict=True) if taken < "9999"}
    first = {name for name, taken in zip(TAKEN, LAST, strict=True) if taken < "9999-02"} - before
    whole = TAKEN.keys() - before
    for last in ("9999", "9999-12", "9999-12-31", "9999-12-31T23", "9999-12-31T23:59:59"):
        within = whole if last == "9999" else whole - first
        assert passing(f'taken == "{last}"', either_engine) == within
        assert passing(f'taken > "{last}"', either_engine) == set()
        assert passing(f'taken <= "{last}"', either_engine) == TAKEN.keys()
    # In Tokyo it is over when there are nine hours to go in UTC.
    there = {name for name, taken in zip(TAKEN, LAST, strict=True) if taken.endswith("+09:00")}
    tokyo = 'taken == "9999-12-31T23+09:00"'
    assert passing(tokyo, either_engine) == there
    assert passing('taken > "9999-12-31T23+09:00"', either_engine) == whole - there - first
