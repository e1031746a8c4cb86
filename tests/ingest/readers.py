"""Other ways to read a page. By itself, for every worker process imports it again."""

import os
from pathlib import Path
from typing import Any

import ingest.decode
from ingest.decode import DecodeTask

decode_chunk = ingest.decode._decode_chunk


def dies_of_red(chunk: tuple[DecodeTask, ...], *rest: Any) -> Any:
    """Read colours until there is a red page."""
    ingest.decode.read_words = _colour_unless_red
    return decode_chunk(chunk, *rest)


def colour(image: Any) -> str:
    """Read nothing on a white page. Each that is read leaves a mark in the file that READ names."""
    with Path(os.environ["READ"]).open("a") as read:
        read.write(".")
    parts = [round(part / 10) for part in image.getpixel((5, 5))]  # a scan is a JPEG
    return "" if min(parts) == 26 else "shade {} {} {}".format(*parts)


def _colour_unless_red(image: Any) -> str:
    if image.getpixel((5, 5))[0] > 200 > image.getpixel((5, 5))[1]:
        os._exit(1)
    return colour(image)
