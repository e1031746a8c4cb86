"""Benchmarks: on tiny sizes every program runs, and the table says what was held against what."""

import json
import sys
from pathlib import Path
from shutil import copytree

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import pages
from tests.benchmarks.rows import QUICK, Row, in_turn, ratio_row
from tests.conftest import Drawn

ROWS = {
    "cold": {"sightline --help"},
    "memory": set(),  # only where the system tells it
    "writing": {"ingest, decoded already, 10 records"},
    "jpegs": {"ingest with palette, 4 JPEGs"},
    "pages": {"ingest of 3 pages into pixels for a model"},
    "maxsim": {"MaxSim in two stages, 30 pages of 12 vectors"},
    "searching": {
        "text-to-image at 100 points",
        "text-to-image at 100 points, half pass",
        "text-to-image at 100 points, 2 % pass",
        "text-to-image at 100 points, on one shard",
        "hybrid at 100 points",
        "text-to-image at 100 points, beside the plain way",
    },
    "outfits": {
        "ingest of 10 rows with pictures",
        "an outfit at 100 rows",
        "an outfit at 100 rows, opened twice in both",
    },
    "scale": {"opening to read, 10 records", "hybrid, 10 records"},
}
"""Of each benchmark, some of what it measures."""

pytestmark = pytest.mark.filterwarnings("default")  # the yardsticks are not ours


def test_every_benchmark_is_tried_here() -> None:
    assert tuple(ROWS) == (*benchmarks.ORDER, "scale")


@pytest.mark.parametrize("name", ROWS)
def test_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch, drawn: Drawn) -> None:
    monkeypatch.setenv("SIGHTLINE_WORKERS", "1")
    monkeypatch.setattr(pages, "make_shelf", lambda into: copytree(drawn("shelf"), into))
    rows = benchmarks.measure(name, QUICK)
    assert ROWS[name] <= {row.name for row in rows}
    for row in rows:
        assert row.ours > 0
        assert row.yardstick > 0
        assert row.beside
        assert (row.met is None) == (row.limit == "")


def test_the_rows_are_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "build" / "bench.json"
    options = ["--quick", "--only", "maxsim", "writing", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
    benchmarks.main()
    written = json.loads(out.read_text())
    names = [row["name"] for row in written["rows"]]
    assert names[0].startswith("MaxSim in two stages")
    assert names[-1] == "ingest, decoded already, 10 records"
    assert "cores" in written["machine"]
    assert "qdrant-edge-py" in written["machine"]
    assert "MaxSim" in capsys.readouterr().out  # where it is wrapped the terminal says


@pytest.mark.parametrize(
    ("row", "limit", "met"),
    [
        (ratio_row("a rate", "records/s", (600.0, 100.0), "", at_least=5), "ratio ≥ 5", True),
        (ratio_row("a rate", "records/s", (400.0, 100.0), "", at_least=5), "ratio ≥ 5", False),
        (ratio_row("a time", "ms", (6.5, 5.0), "", at_most=1.3), "ratio ≤ 1.3", True),
        (ratio_row("a time", "ms", (7.0, 5.0), "", at_most=1.3), "ratio ≤ 1.3", False),
        (ratio_row("no limit", "ms", (7.0, 5.0), ""), "", None),
    ],
)
def test_a_limit_holds_for_ours_divided_by_the_yardstick(
    row: Row, limit: str, met: bool | None
) -> None:
    assert (row.limit, row.met) == (limit, met)


def test_both_ways_run_in_turn() -> None:
    order: list[str] = []
    in_turn([lambda: order.append("ours")] * 2, [lambda: order.append("yardstick")] * 2)
    assert order == ["ours", "yardstick", "ours", "yardstick"]
