"""Help: how long `sightline --help` takes, beside a Python that does nothing."""

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.rows import Row, Sizes, seconds

LIMIT_SECONDS = 0.4

RUNS = 5


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """The best of five in turn: the rest is what else the machine was doing."""
    sightline = Path(sys.executable).with_name("sightline")
    help_took, nothing_took = [], []
    for _ in range(RUNS):
        help_took.append(seconds(lambda: run(str(sightline), "--help")))
        nothing_took.append(seconds(lambda: run(sys.executable, "-c", "pass")))
    ours, yardstick = min(help_took), min(nothing_took)
    limit = f"ours ≤ {LIMIT_SECONDS} s"
    met = ours <= LIMIT_SECONDS
    return [Row("sightline --help", "s", ours, yardstick, "python -c pass", limit, met)]


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
