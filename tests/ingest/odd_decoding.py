"""Decoding that goes wrong. By itself, for every worker process imports it again."""

import signal
import time
from typing import Any

import ingest.decode
from ingest.decode import DecodeTask
from tests import odd_calls

decode_chunk = ingest.decode._decode_chunk


def takes_a_minute(chunk: tuple[DecodeTask, ...], *rest: Any) -> Any:
    """Decode as workers do, but say so beside the picture and then sleep."""
    ingest.decode._decode_one = _sleep
    return decode_chunk(chunk, *rest)


def _sleep(wanted: DecodeTask, *_: Any) -> Any:
    wanted.file.with_suffix(".begun").touch()
    time.sleep(60)


def killed_in_mid_answer(chunk: tuple[DecodeTask, ...], *rest: Any) -> Any:
    """Decode as workers do, but be killed while the first results are half handed over."""
    if chunk:
        odd_calls.end_in_mid_answer(signal.SIGKILL, chunk[0].file.with_name("noted"))
    return decode_chunk(chunk, *rest)


def killed_by_the_third(chunk: tuple[DecodeTask, ...], *rest: Any) -> Any:
    """Decode as workers do, but be killed by the third picture: always, or as its name says."""
    for wanted in chunk:
        if wanted.file.name.startswith("002"):
            times = 10**6 if wanted.file.suffix == ".png" else 3
            odd_calls.end_by(signal.SIGKILL, wanted.file.with_name("noted"), times)
    return decode_chunk(chunk, *rest)
