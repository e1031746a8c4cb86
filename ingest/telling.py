"""Telling: what a long step is about → whoever watches the ingest, from wherever it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_hear: ContextVar[Callable[[str], None] | None] = ContextVar("_hear", default=None)


def tell(step: str) -> None:
    """Report the current step. Call it often: it is shown only where a step takes long.

    What comes after a colon says how far it is: "comparing files: 300 of 2,000".
    """
    if (hear := _hear.get()) is not None:
        hear(step)


@contextmanager
def telling(hear: Callable[[str], None]) -> Iterator[None]:
    """Within the block, call `hear` for every step."""
    before = _hear.set(hear)
    try:
        yield
    finally:
        _hear.reset(before)
