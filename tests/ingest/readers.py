"""Decoding with other ways to read. By itself, for every worker process imports it anew."""

import os
from pathlib import Path
from typing import Any

import app.core.pages
import ingest.decode
from ingest.decode import Wanted

decode_chunk = ingest.decode._decode_chunk


def reads_colours(chunk: tuple[Wanted, ...], *rest: Any) -> Any:
    """Decode as workers do, but read on every page what its colour is."""
    ingest.decode.read_words = _colour
    return decode_chunk(chunk, *rest)


def dies_of_red(chunk: tuple[Wanted, ...], *rest: Any) -> Any:
    """Read colours until there is a red page."""
    ingest.decode.read_words = _colour_unless_red
    return decode_chunk(chunk, *rest)


def breaks_layers(chunk: tuple[Wanted, ...], *rest: Any) -> Any:
    """Decode as workers do, but find every text layer broken."""
    app.core.pages._text = lambda *_: None
    return decode_chunk(chunk, *rest)


def _colour(image: Any) -> str:
    """Read nothing on a white page. Each that is read leaves a mark in the file that READ names."""
    with Path(os.environ["READ"]).open("a") as read:
        read.write(".")
    colour = [round(part / 10) for part in image.getpixel((5, 5))]  # a scan is a JPEG
    return "" if min(colour) == 26 else "shade {} {} {}".format(*colour)


def _colour_unless_red(image: Any) -> str:
    if image.getpixel((5, 5))[0] > 200 > image.getpixel((5, 5))[1]:
        os._exit(1)
    return _colour(image)
