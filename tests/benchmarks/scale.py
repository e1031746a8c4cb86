"""Scale: what grows with a collection, at more and more records; `--scale 30000 300000`.

Pictures are tiny and vectors are random rows, so that what is measured is the collection.
Run as a program, `python -m tests.benchmarks.scale STAGE FOLDER`, it is one stage of it.
"""

import csv
import gc
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image

from tests.benchmarks.prepared import IMAGE_DIMENSIONS, SCORES, TEXT_DIMENSIONS, WORDS
from tests.benchmarks.rows import Row, Sizes

FREE_BYTES = 25_000
"""Of disk that a record takes while a collection is made, its picture and row among it."""

LIMITS = {
    "first ingest, all but the end": ("CPU s", None),
    "its end: making it fast to search": ("CPU s", None),
    "memory before its end": ("MB", None),
    "memory that its end adds": ("MB", 1000),
    "ingest of nothing new": ("CPU s", 20),
    "opening to read": ("CPU ms", 500),
    "opening to write": ("CPU ms", 500),
    "filter alone, half pass, counted": ("CPU ms", 50),
    "text-to-image": ("CPU ms", None),
    "hybrid": ("CPU ms", 60),
}
"""Unit of each figure, and its limit at 300,000 records."""

LIMITED_AT = 300_000


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Each figure at each number of records, beside the same at the least number."""
    figures: dict[int, dict[str, float]] = {}
    for count in sizes.scale:
        place = folder / str(count)
        place.mkdir()
        if shutil.disk_usage(folder).free < count * FREE_BYTES:
            print(f"{count:,} records do not fit on this disk")
            continue
        make_source(place / "streets", count)
        figures[count] = {}
        for stage in STAGES:
            figures[count] |= run(stage, place)
        shutil.rmtree(place)
    return [
        row_of(name, count, figures[count][name], min(figures), figures[min(figures)][name])
        for name in LIMITS
        for count in figures
    ]


def row_of(name: str, count: int, ours: float, least: int, yardstick: float) -> Row:
    unit, limit = LIMITS[name]
    is_limited = limit is not None and count <= LIMITED_AT
    return Row(
        *(f"{name}, {count:,} records", unit, ours, yardstick, f"{least:,} records"),
        limit=f"ours ≤ {limit} {unit.split()[-1]}" if is_limited else "",
        met=ours <= limit if is_limited and limit is not None else None,
    )


def make_source(folder: Path, count: int) -> None:
    """Rows as street views have them, and pictures that differ in what stands behind their end."""
    folder.mkdir()
    pixels = BytesIO()
    Image.new("RGB", (8, 8), "grey").save(pixels, "PNG")
    chance = random.Random(7)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "caption", "city", "lat", "lon", *SCORES])
        for number in range(count):
            name = f"{number:07}.png"
            (folder / name).write_bytes(pixels.getvalue() + name.encode())
            caption = " ".join(chance.choices(WORDS, k=12))
            city = chance.choice(("Oslo", "Quito", "Hanoi"))
            place = [round(chance.uniform(-60, 60), 5), round(chance.uniform(-180, 180), 5)]
            scores = [round(chance.uniform(0, 10), 3) for _ in SCORES]
            table.writerow([name, caption, city, *place, *scores])


def run(stage: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", __name__, stage, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


# ---- the stages, each in a process of its own


class RandomRows:
    """An image and a text embedding that give random rows: no two are alike."""

    model_id = "random"

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._chance = np.random.default_rng(3)

    def _rows(self, items: list[Any]) -> Any:
        rows = self._chance.standard_normal((len(items), self.dimensions), dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    embed_images = embed_documents = embed_words = embed_queries = _rows


def first(source: Path, home: Path) -> dict[str, float]:
    """Make the collection. Its memory is what it has for itself: not the shard's files, mapped."""
    peaks: list[float] = []
    at: dict[str, tuple[float, int]] = {}

    def watch_memory() -> None:
        while True:
            peaks.append(own_megabytes())
            time.sleep(0.05)

    def note(text: str) -> None:
        at[text] = time.process_time(), len(peaks)

    Thread(target=watch_memory, daemon=True).start()
    spent, _ = ingested(source, home, note)
    started, number = at["making it fast to search"]
    end = time.process_time() - started
    before = max(peaks[:number], default=own_megabytes())
    return {
        "first ingest, all but the end": spent - end,
        "its end: making it fast to search": end,
        "memory before its end": before,
        "memory that its end adds": max([1.0, *(peak - before for peak in peaks[number:])]),
    }


def own_megabytes() -> float:
    """Memory of this process that no file stands behind; 1 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 1.0
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def again(source: Path, home: Path) -> dict[str, float]:
    spent, report = ingested(source, home, lambda _: None)
    assert not report.new, report
    return {"ingest of nothing new": spent}


def ingested(source: Path, home: Path, step: Callable[[str], None]) -> tuple[float, Any]:
    from app.model.report import Watch
    from ingest import ingest

    settings = settings_of(home)
    started = time.process_time()
    models = {"image": "clip:random", "text": "sentence:random"}  # embedded by no worker
    report = ingest(source, "streets", settings, **models, watch=Watch(step=step))
    return time.process_time() - started, report


def searched(source: Path, home: Path) -> dict[str, float]:
    from app.retrieval.search import Search, Searcher
    from app.store.collection import open_collection

    settings = settings_of(home)
    opening = {}
    for purpose in ("read", "write"):
        started = time.process_time()
        with open_collection("streets", settings, purpose=purpose) as collection:
            collection.engine.open()
        opening[f"opening to {purpose}"] = (time.process_time() - started) * 1000
    with open_collection("streets", settings) as collection:
        searcher = Searcher(collection, settings)
        gc.collect()
        gc.freeze()
        half = Search(where="safer >= 5")
        asked: dict[str, Callable[[str], object]] = {
            "filter alone, half pass, counted": lambda _: searcher.search(half),
            "text-to-image": lambda words: searcher.search(Search(words, mode="text-to-image")),
            "hybrid": lambda words: searcher.search(Search(words, mode="hybrid")),
        }
        chance = random.Random(8)
        took = {name: cpu_ms(way, chance) for name, way in asked.items()}
    return opening | took


def cpu_ms(way: Callable[[str], object], chance: random.Random) -> float:
    """Median of 20 questions; those before them read from disk what the others use."""
    taken = []
    for _ in range(30):
        words = " ".join(chance.sample(WORDS, 4))
        started = time.process_time()
        way(words)
        taken.append((time.process_time() - started) * 1000)
    return statistics.median(taken[10:])


def settings_of(home: Path) -> Any:
    import app.store.models
    from app.model.settings import Settings

    app.store.models.load_image_embedding = lambda *_: RandomRows(IMAGE_DIMENSIONS)  # type: ignore[assignment]
    app.store.models.load_text_embedding = lambda *_: RandomRows(TEXT_DIMENSIONS)  # type: ignore[assignment]
    return Settings(home=home, workers=0)


STAGES = {"first": first, "again": again, "searched": searched}

if __name__ == "__main__":
    stage, place = sys.argv[1:]
    print(json.dumps(STAGES[stage](Path(place, "streets"), Path(place, "home"))))
