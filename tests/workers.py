"""Decoding in other ways. By itself, for every worker process imports it again."""

from typing import Any

from app.media import isolated
from ingest.decode import DecodeTask, _decode_chunk


def decodes_in_a_hurry(chunk: tuple[DecodeTask, ...], *rest: Any) -> Any:
    """Decode as workers do, but in less time."""
    isolated.MAX_SECONDS = 0.5
    return _decode_chunk(chunk, *rest)


def makes_only_pixels(chunk: tuple[DecodeTask, ...], _: str, *rest: Any) -> Any:
    """Decode as workers do for an embedding that is not cheap."""
    return _decode_chunk(chunk, "clip", *rest)
