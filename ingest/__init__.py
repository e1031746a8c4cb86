"""Sightline, the writing side: a source on disk → records → vectors → a collection.

`load_source` reads a source and writes nothing; `ingest` brings a collection in step with it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.model.report import Report, Watch
    from ingest.dataset import Source, load_source
    from ingest.pipeline import ingest

__all__ = ["Report", "Source", "Watch", "ingest", "load_source"]

_HOMES = {
    "Report": "app.model.report",
    "Source": "ingest.dataset",
    "Watch": "app.model.report",
    "ingest": "ingest.pipeline",
    "load_source": "ingest.dataset",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names, imported when first used
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
