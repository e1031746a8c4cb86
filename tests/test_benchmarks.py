"""Benchmarks: on tiny sizes every program runs, and the table says what was held against what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.rows import Row, in_turn, ratio_row


@pytest.mark.timeout(600)
def test_every_benchmark_runs_and_writes_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGHTLINE_WORKERS")  # what is measured is the default
    out = tmp_path / "build" / "bench.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--out", str(out)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    rows = {row["name"]: row for row in written["rows"]}
    assert "cores" in written["machine"]
    assert "qdrant-edge-py" in written["machine"]
    assert {
        "sightline --help",
        "ingest, decoded already, 40 records",
        "ingest with palette, 12 JPEGs",
        "text-to-image at 200 points",
        "text-to-image at 200 points, half pass",
        "text-to-image at 200 points, 2 % pass",
        "text-to-image at 200 points, on one shard",
        "hybrid at 200 points",
        "text-to-image at 200 points, beside the plain way",
        "ingest of 20 rows with pictures",
        "an outfit at 200 rows",
        "an outfit at 200 rows, opened twice in both",
    } <= rows.keys()
    for row in rows.values():
        assert row["ours"] > 0
        assert row["yardstick"] > 0
        assert row["beside"]
        assert (row["met"] is None) == (row["limit"] == "")


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
