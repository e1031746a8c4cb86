"""JPEGs: a whole ingest of real pictures with palette, beside decoding and embedding them alone."""

import gc
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from app.model.settings import Settings
from data.make_sample import make_sample
from ingest import ingest
from tests.benchmarks.decode_only import decode_only
from tests.benchmarks.rows import Row, Sizes, in_turn, ratio_row

STREETS = Path(__file__).parents[2] / "../shared/data/streetview"

DRAWN = 60


def different_jpegs(count: int, folder: Path) -> Iterator[bytes]:
    """Street views, or drawn ones where there are none, each made another file by its last bytes.

    Decoders stop before those; without them the second of two same files would not be decoded.
    """
    here = STREETS if STREETS.is_dir() else make_sample(folder / "drawn", count=min(count, DRAWN))
    files = sorted(file for file in here.rglob("*") if file.suffix.lower() == ".jpg")
    for number, file in enumerate(islice(cycle(files), count)):
        yield file.read_bytes() + number.to_bytes(4)


def write_jpegs(into: Path, count: int, folder: Path) -> list[Path]:
    into.mkdir()
    files = [into / f"{number:05}.jpg" for number in range(count)]
    for file, content in zip(files, different_jpegs(count, folder), strict=True):
        file.write_bytes(content)
    return files


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Pictures per second, worker processes started and ended in both. No captions: no text model.

    Each collection was made before, by an ingest of one picture, which is where the models load.
    """
    files = write_jpegs(folder / "pictures", sizes.jpegs, folder)
    first = write_jpegs(folder / "first", 1, folder)[0].parent
    settings = Settings(home=folder)
    names = [f"jpegs-{turn}" for turn in range(sizes.turns)]
    for name in names:
        ingest(first, name, settings, image="palette", text="minilm")

    def ours(name: str) -> None:
        report = ingest(files[0].parent, name, settings)
        assert report.new + report.unchanged == len(files), report

    gc.collect()
    gc.freeze()  # else ours begins with a walk over all that LlamaIndex has imported, 0.2 s
    took = in_turn(
        [lambda name=name: ours(name) for name in names],
        [lambda: decode_only(files)] * sizes.turns,
    )
    gc.unfreeze()
    rates = (len(files) / took[0], len(files) / took[1])
    what = f"ingest with palette, {len(files):,} JPEGs"
    return [ratio_row(what, "pictures/s", rates, "decode and embed, store nothing", at_least=0.9)]
