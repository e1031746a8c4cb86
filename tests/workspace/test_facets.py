"""Facets: what a page's sidebar offers, counted by hand, and as the filters count it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app import Search, Settings, Workspace
from app.model.errors import QueryError
from tests.workspace.conftest import make_rows


def facets_of(
    rows: Sequence[Mapping[str, Any]], folder: Path, settings: Settings, **asked: Any
) -> tuple[dict[str, Any], Workspace]:
    workspace = Workspace(settings)
    workspace.ingest(make_rows(folder, rows), "rows", image="palette", text="minilm")
    return {facet.slug: facet for facet in workspace.facets("rows", **asked)}, workspace


def passing(workspace: Workspace, where: str) -> int | None:
    return workspace.search("rows", Search(where=where)).passing


def test_fractions_that_the_engine_reads_with_another_last_digit_are_counted(
    tmp_path: Path, settings: Settings
) -> None:
    numbers = [-9.785325409824301, 8.5, 9.348680322094573]
    facets, workspace = facets_of([{"depth": n} for n in numbers], tmp_path / "rows", settings)
    with workspace:
        depth = facets["depth"]
        assert depth.records == 3
        assert passing(workspace, f"depth == {depth.least!r}") == 1
        assert passing(workspace, f"depth == {numbers[0]!r}") == 1


def test_each_column_has_its_values_or_its_range(workspace: Workspace) -> None:
    brightness, shade, taken, framed = workspace.facets("squares")
    assert [(f.name, f.type, f.records) for f in (brightness, shade, taken, framed)] == [
        ("brightness", "number", 3),
        ("shade", "words", 3),
        ("taken", "time", 3),
        ("framed", "boolean", 3),
    ]
    assert (brightness.least, brightness.greatest) == (1.5, 4.5)
    assert [each.records for each in brightness.bins] == [1, *[0] * 9, 1, *[0] * 8, 1]
    assert sorted(shade.values) == [("blue", 1), ("green", 1), ("red", 1)]
    assert framed.values == (("false", 2), ("true", 1))
    assert taken.bins == (("2020-01", "2020-01", 3),)
    assert not shade.more


def test_what_passes_the_filter_is_counted_whatever_the_words(workspace: Workspace) -> None:
    search = Search("a green square", where="brightness < 4", top_k=1)
    brightness, shade, _, framed = workspace.facets("squares", search)
    assert (brightness.records, brightness.greatest) == (2, 3.0)
    assert sorted(shade.values) == [("green", 1), ("red", 1)]
    assert framed.values == (("false", 1), ("true", 1))
    nothing = workspace.facets("squares", Search(where="brightness > 9"))
    assert [(f.records, f.values, f.least, f.bins) for f in nothing] == [(0, (), None, ())] * 4


def test_columns_are_named_and_values_limited(workspace: Workspace) -> None:
    (shade,) = workspace.facets("squares", columns=["Shade"], limit=2)
    assert (len(shade.values), shade.more) == (2, True)
    with pytest.raises(QueryError, match="no field is called depth"):
        workspace.facets("squares", columns=["depth"])
    with pytest.raises(QueryError):
        workspace.facets("squares", Search(where="depth > 1"))


def test_a_list_counts_once_for_each_value_and_what_has_none_is_not_counted(
    tmp_path: Path, either_engine: Settings
) -> None:
    rows = [{"tags": ["tree", "car"]}, {"tags": ["tree"]}, {"tags": []}, {}]
    found, _ = facets_of(rows, tmp_path / "rows", either_engine)
    assert (found["tags"].records, found["tags"].values) == (2, (("tree", 2), ("car", 1)))


def test_a_bin_counts_what_the_filter_of_its_ends_passes(
    tmp_path: Path, either_engine: Settings
) -> None:
    rows = [{"depth": depth} for depth in (-0.5, 0.1, 0.1, 0.7, 1.3, 2.9, 9.5)] + [{}]
    found, workspace = facets_of(rows, tmp_path / "rows", either_engine)
    *bins, last = found["depth"].bins
    assert len(bins) == 19
    for low, high, count in bins:
        assert passing(workspace, f"depth >= {low!r} and depth < {high!r}") == count
    assert passing(workspace, f"depth >= {last.least!r} and depth <= {last.greatest!r}") == 1
    assert sum(each.records for each in found["depth"].bins) == found["depth"].records == 7


def test_bins_of_whole_numbers_are_whole(tmp_path: Path, either_engine: Settings) -> None:
    rows = [{"year": 1970 if stars == 1 else 2012, "stars": stars} for stars in (1, 2, 2, 5, 5)]
    found, _ = facets_of(rows, tmp_path / "rows", either_engine)
    assert found["stars"].bins == ((1, 2, 1), (2, 3, 2), (3, 4, 0), (4, 5, 0), (5, 5, 2))
    assert found["year"].bins[0] == (1970, 1973, 1)
    assert found["year"].bins[-1] == (2012, 2012, 4)


def test_times_are_counted_by_the_month_the_year_or_tens_of_years(
    tmp_path: Path, either_engine: Settings
) -> None:
    rows = [
        {"taken": "2020-01-31", "built": "1999-05-05", "told": "0900-01-01"},
        {"taken": "2021-12-01", "built": "2012-05-05", "told": "9999-12-31"},
    ]
    found, workspace = facets_of(rows, tmp_path / "rows", either_engine)
    taken, built, told = (found[name].bins for name in ("taken", "built", "told"))
    assert (len(taken), taken[0], taken[-1]) == (
        24,
        ("2020-01", "2020-01", 1),
        ("2021-12", "2021-12", 1),
    )
    assert (len(built), built[0], built[-1]) == (14, ("1999", "1999", 1), ("2012", "2012", 1))
    assert (told[0], told[-1]) == (("0500", "0999", 1), ("9500", "9999", 1))
    assert found["told"].least == "0900-01-01T00:00:00+00:00"
    assert passing(workspace, 'told >= "9500" and told <= "9999"') == 1


def test_a_time_counts_where_the_clock_stood_that_wrote_it(
    tmp_path: Path, either_engine: Settings
) -> None:
    times = ["2020-01-01T00:30:00+02:00", "2020-02-29T23:30:00-05:00", "2020-02-10", "2020-03-01"]
    rows = [{"taken": time} for time in times]
    found, workspace = facets_of(rows, tmp_path / "rows", either_engine)
    assert [(low, count) for low, _, count in found["taken"].bins] == [
        ("2020-01", 1),
        ("2020-02", 2),
        ("2020-03", 1),
    ]
    for month, _, count in found["taken"].bins:
        assert passing(workspace, f'taken == "{month}"') == count
