"""`python -m tests.benchmarks [--quick] [--scale N …] [--out FILE]`: measure, print, write."""

import argparse
import importlib
import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.model.cores import usable_cores
from tests.benchmarks.rows import FULL, QUICK, Row, Sizes

ORDER = ("cold", "memory", "writing", "jpegs", "pages", "maxsim", "searching", "outfits")
"""`scale` takes too long to be among them."""

PACKAGES = ("qdrant-edge-py", "qdrant-client", "llama-index-core", "numpy", "pillow")


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = read_options()
    console = Console()
    sizes = QUICK if options.quick else FULL
    chosen = options.only or ORDER
    if options.scale:
        sizes, chosen = replace(sizes, scale=tuple(sorted(options.scale))), ("scale",)
    rows: list[Row] = []
    for name in chosen:
        with console.status(f"measuring {name}"):
            rows += measure(name, sizes)
    console.print(table_of(rows))
    console.print(machine())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figures = {"machine": machine(), "rows": [row.as_json() for row in rows]}
    options.out.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all")
    parser.add_argument(
        "--scale",
        nargs="+",
        type=int,
        metavar="RECORDS",
        help="what grows, at each of these numbers of records, such as 30000 300000: 25 minutes",
    )
    parser.add_argument("--only", nargs="+", choices=ORDER, help="some of the measurements")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


def measure(name: str, sizes: Sizes) -> list[Row]:
    module = importlib.import_module(f"tests.benchmarks.{name}")
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        return list(module.measure(sizes, Path(folder)))


def table_of(rows: Sequence[Row]) -> Table:
    table = Table("", "ours", "yardstick", "beside", "ratio", "limit", "met")
    for row in rows:
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[row.met]
        figures = (f"{figure:,.4g} {row.unit}" for figure in (row.ours, row.yardstick))
        table.add_row(row.name, *figures, row.beside, f"{row.ratio:.2f}", row.limit, met)
    return table


def machine() -> str:
    """What the figures were measured on."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"{usable_cores()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, {packages}"
    )


if __name__ == "__main__":
    main()
