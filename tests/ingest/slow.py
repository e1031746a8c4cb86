"""Decoding that takes a minute a picture. By itself, for every worker process imports it anew."""

import time
from pathlib import Path
from typing import Any

import ingest.decode

decode_chunk = ingest.decode._decode_chunk


def takes_a_minute(files: tuple[Path, ...], *rest: Any) -> Any:
    """Decode as workers do, but say so beside the picture and then sleep."""
    ingest.decode._decode_one = _sleep
    return decode_chunk(files, *rest)


def _sleep(file: Path, *_: Any) -> Any:
    file.with_suffix(".begun").touch()
    time.sleep(60)
