"""Pages: a whole ingest of a drawn PDF, beside drawing and encoding its pages; and its memory.

Run as a program, `python -m tests.benchmarks.pages PDF HOME`, it is an ingest with real embeddings.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from multiprocessing import active_children
from pathlib import Path
from unittest.mock import patch

import pypdfium2

from app.model.settings import Settings
from data.make_shelf import make_shelf
from ingest import Watch, ingest
from tests.benchmarks.memory import peak_mb
from tests.benchmarks.prepared import (
    IMAGE_DIMENSIONS,
    TEXT_DIMENSIONS,
    Rows,
    prepared_models,
    unit_rows,
)
from tests.benchmarks.render_only import decode_freely, render_only
from tests.benchmarks.rows import Row, Sizes, in_turn, ratio_row

LIMIT_MB = 150


class Passages(Rows):
    """Rows for texts that are one passage each."""

    def split(self, text: str) -> list[str]:
        return [text]


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Speeds with embeddings that cost nothing; peaks with palette and MiniLM."""
    return [*speeds(sizes, folder), *peaks(sizes, folder)]


def drawn_pdf(pages: int, folder: Path, name: str) -> Path:
    """The sample shelf's two documents, over and over, as one file in a folder of its own."""
    if not (folder / "shelf").exists():
        make_shelf(folder / "shelf")
    (folder / name).mkdir()
    file = folder / name / f"{name}.pdf"
    written = pypdfium2.PdfDocument.new()
    for document in cycle(map(pypdfium2.PdfDocument, sorted((folder / "shelf").glob("*.pdf")))):
        count = min(len(document), pages - len(written))
        written.import_pages(document, pages=list(range(count)))
        if len(written) == pages:
            break
    written.save(file)
    return file


# ---- speed


def speeds(sizes: Sizes, folder: Path) -> list[Row]:
    """Pages per second, worker processes started and ended in both ways.

    Each collection was made before, by an ingest of one page.
    """
    file = drawn_pdf(sizes.pages, folder, "drawn")
    first = drawn_pdf(1, folder, "first")
    return [
        speed("pages into vectors by the workers", True, file, first, sizes, folder),
        speed("pages into pixels for a model", False, file, first, sizes, folder),
    ]


def speed(what: str, in_workers: bool, file: Path, first: Path, sizes: Sizes, folder: Path) -> Row:
    settings = Settings(home=folder / f"home-{in_workers}")
    names = [f"pages-{turn}" for turn in range(sizes.turns)]
    with free_embeddings(sizes.pages + 1, in_workers, settings):
        for name in names:
            ingest(first.parent, name, settings)

        def ours(name: str) -> None:
            report = ingest(file.parent, name, settings)
            assert report.new == sizes.pages, report

        gc.collect()
        gc.freeze()  # else ours begins with a walk over all that LlamaIndex has imported, 0.2 s
        took = in_turn(
            [lambda name=name: ours(name) for name in names],
            [lambda: render_only(file, sizes.pages)] * sizes.turns,
        )
        gc.unfreeze()
    rates = (sizes.pages / took[0], sizes.pages / took[1])
    name = f"ingest of {sizes.pages:,} {what}"
    return ratio_row(name, "pages/s", rates, "draw and encode, store nothing", at_least=0.9)


@contextmanager
def free_embeddings(pages: int, in_workers: bool, settings: Settings) -> Iterator[None]:
    """Embeddings that cost nothing, in every ingest; the vectors made by the workers or here."""

    def models(*_: object, **__: object) -> object:
        image = Rows(unit_rows(pages, IMAGE_DIMENSIONS, seed=1))
        text = Passages(unit_rows(pages, TEXT_DIMENSIONS, seed=2))
        return prepared_models(image, text, settings)

    with patch("ingest.pipeline._models", models):
        if not in_workers:
            yield
            return
        with patch("ingest.decode._decode_chunk", decode_freely):
            yield


# ---- memory


def peaks(sizes: Sizes, folder: Path) -> list[Row]:
    """Peaks in MB of the process itself and of its largest worker, at many pages and at few.

    Only Linux tells them; elsewhere there are no such rows.
    """
    if not Path("/proc/self/status").exists():
        return []
    few, many = (peaks_of(pages, folder) for pages in (sizes.few_pages, sizes.many_pages))
    return [
        Row(
            f"peak memory of {who}, ingest of {sizes.many_pages:,} pages",
            "MB",
            many[who],
            few[who],
            f"ingest of {sizes.few_pages:,}",
            f"difference ≤ {LIMIT_MB} MB",
            many[who] - few[who] <= LIMIT_MB,
        )
        for who in ("the process", "a worker")
    ]


def peaks_of(pages: int, folder: Path) -> dict[str, float]:
    file = drawn_pdf(pages, folder, f"of-{pages}")
    command = [sys.executable, "-m", __name__, str(file), str(folder / f"home-{pages}")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    assert told["new"] == pages, told
    return told


def main() -> None:
    """Ingest a PDF, and print how many pages are new and what memory that took."""
    file, home = map(Path, sys.argv[1:])
    workers: dict[int, float] = {}

    def look_at_workers(_done: int, _total: int) -> None:
        workers.update({child.pid: peak_mb(child.pid) for child in active_children() if child.pid})

    watch = Watch(progress=look_at_workers)
    report = ingest(file, "pages", Settings(home=home), image="palette", text="minilm", watch=watch)
    peaks = {"the process": peak_mb(os.getpid()), "a worker": max(workers.values())}
    print(json.dumps({"new": report.new, **peaks}))


if __name__ == "__main__":
    main()
