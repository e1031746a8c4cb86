"""Decoding that dies of one picture. By itself, for every worker process imports it anew."""

import os
from pathlib import Path
from typing import Any

from ingest.decode import _decode_chunk


def dies_of_poison(files: tuple[Path, ...], *rest: Any) -> Any:
    """Decode as workers do, but end the process at a picture that is called so."""
    if any(file.name == "10_poison.png" for file in files):
        os._exit(139)
    return _decode_chunk(files, *rest)
