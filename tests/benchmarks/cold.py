"""Cold: what a command costs in a process of its own, beside a Python that does nothing."""

import os
import subprocess
import sys
from pathlib import Path

from app.model.settings import Settings
from ingest import ingest
from tests.benchmarks.rows import Row, Sizes
from tests.conftest import COLOURS, make_squares

LIMITS = {
    "--help": 0.15,
    "collections": 0.4,
    "info squares": 0.4,
    "search -c squares --where brightness>1": 0.4,
    "search -c squares --image red.png": 0.8,
    "search -c squares red": 1.0,
}
"""CPU seconds of each command."""

MEMORY_LIMIT_MB = 250
"""Of a search by words."""


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """The best of several in turn: the rest is what else the machine was doing."""
    squares = make_squares(folder / "squares", COLOURS)
    ingest(
        squares,
        "squares",
        Settings(home=folder / "home", workers=0),
        image="palette",
        text="minilm",
    )
    sightline = str(Path(sys.executable).with_name("sightline"))
    commands = {"nothing": [sys.executable, "-c", "pass"]}
    commands |= {name: [sightline, *name.split()] for name in LIMITS}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(sizes.commands):
        for name, command in commands.items():
            took[name].append(spent(command, squares, folder / "home"))
    best = {name: (min(c for c, _ in runs), min(m for _, m in runs)) for name, runs in took.items()}
    rows = [
        Row(
            f"sightline {name}",
            "CPU s",
            best[name][0],
            best["nothing"][0],
            "python -c pass",
            f"ours ≤ {limit} s",
            best[name][0] <= limit,
        )
        for name, limit in LIMITS.items()
    ]
    words = [*LIMITS][-1]
    ours, yardstick = best[words][1], best["nothing"][1]
    limit = f"ours ≤ {MEMORY_LIMIT_MB} MB"
    met = ours <= MEMORY_LIMIT_MB
    return [
        *rows,
        Row(f"memory of sightline {words}", "MB", ours, yardstick, "python -c pass", limit, met),
    ]


LAUNCHER = """
import os, subprocess, sys
ran = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(ran.pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
"""A process counts as its own what the one held that started it: so a small one does."""


def spent(command: list[str], folder: Path, home: Path) -> tuple[float, float]:
    """Run a command; return its CPU seconds, and the MB that it held at most."""
    environment = {**os.environ, "SIGHTLINE_HOME": str(home)}
    environment |= {"PYTHONPYCACHEPREFIX": str(home / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    status, seconds, megabytes = ran.stdout.split()
    if status != "0":
        raise RuntimeError(f"{command} failed: {ran.stderr}")
    return float(seconds), float(megabytes)
