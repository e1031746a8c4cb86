"""Rows: one measured figure beside its yardstick, and how the two are taken in turn."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `turns` is how often ours and the yardstick run, one after another.

    `commands` is how often each command runs, `scale` how many records collections have.
    """

    ingest_records: int
    jpegs: int
    points: int
    queries: int
    plain_queries: int
    few_pictures: int
    many_pictures: int
    pages: int
    few_pages: int
    many_pages: int
    late_pages: int
    late_rows: int
    late_queries: int
    catalogue_rows: int
    outfits: int
    commands: int
    scale: tuple[int, ...]
    turns: int


FULL = Sizes(
    ingest_records=10_000,
    jpegs=4_000,
    points=50_000,
    queries=80,
    plain_queries=20,
    few_pictures=1_000,
    many_pictures=10_000,
    pages=600,
    few_pages=100,
    many_pages=1_000,
    late_pages=2_000,
    late_rows=700,
    late_queries=20,
    catalogue_rows=1_000,
    outfits=10,
    commands=5,
    scale=(30_000, 300_000),
    turns=3,
)

QUICK = Sizes(
    ingest_records=10,
    jpegs=4,
    points=100,
    queries=2,
    plain_queries=2,
    few_pictures=3,
    many_pictures=6,
    pages=3,
    few_pages=1,
    many_pages=2,
    late_pages=30,
    late_rows=12,
    late_queries=2,
    catalogue_rows=10,
    outfits=1,
    commands=1,
    scale=(5, 10),
    turns=1,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `met` is None where no limit is set."""

    name: str
    unit: str
    ours: float
    yardstick: float
    beside: str
    limit: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float:
        """Ours divided by the yardstick."""
        return self.ours / self.yardstick

    def as_json(self) -> dict[str, Any]:
        """The row as build/bench.json has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "yardstick": round(self.yardstick, 3),
            "beside": self.beside,
            "ratio": round(self.ratio, 3),
            "limit": self.limit,
            "met": self.met,
        }


def ratio_row(
    name: str,
    unit: str,
    measured: tuple[float, float],
    beside: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """A row whose limit, if it has one, is on ours divided by the yardstick."""
    ours, yardstick = measured
    if at_least is not None:
        limit, met = f"ratio ≥ {at_least:g}", ours / yardstick >= at_least
    elif at_most is not None:
        limit, met = f"ratio ≤ {at_most:g}", ours / yardstick <= at_most
    else:
        limit, met = "", None
    return Row(name, unit, ours, yardstick, beside, limit, met)


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock seconds that a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def in_turn(
    ours: Sequence[Callable[[], object]], yardstick: Sequence[Callable[[], object]]
) -> tuple[float, float]:
    """Median seconds of ours and of the yardstick, run A B A B: a busy moment hits both."""
    pairs = [(seconds(a), seconds(b)) for a, b in zip(ours, yardstick, strict=True)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
