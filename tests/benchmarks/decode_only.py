"""Decode only: picture file → palette vector on all cores; nothing planned, nothing stored.

The workers of this yardstick import this file, so it imports no more than that takes.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from app.encoders.palette import Palette
from app.media.images import open_image
from app.model.cores import usable_cores


def vector_of(file: Path, palette: Palette) -> list[float]:
    return list(palette.embed_images([open_image(file)])[0].tolist())


def decode_only(files: Sequence[Path]) -> list[list[float]]:
    """The least that an ingest of these pictures can do; the processes start and end with it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=spawn) as pool:
        return list(pool.map(partial(vector_of, palette=Palette()), files, chunksize=8))
