"""Sightline, the writing side: a source on disk → records → vectors → a collection.

`load` reads a source and writes nothing; `ingest` brings a collection in step with it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.dataset import Source, load
    from ingest.pipeline import Report, Watch, ingest

__all__ = ["Report", "Source", "Watch", "ingest", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names, imported when first used
    from importlib import import_module

    if name in {"load", "Source"}:
        return getattr(import_module("ingest.dataset"), name)
    if name in __all__:
        return getattr(import_module("ingest.pipeline"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
