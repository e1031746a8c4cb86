"""Modes: which signals a query gives. One file each; with `_` for `-`, its name is the mode's."""

import importlib
import pkgutil
from typing import cast

from app.model.errors import QueryError
from app.retrieval.retriever import CollectionRetriever


def mode_names() -> list[str]:
    """Return the modes, as they are typed."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def retriever_for(mode: str) -> type[CollectionRetriever]:
    """Return the retriever of a mode. Raises QueryError when there is none."""
    if mode not in mode_names():
        raise QueryError(f"there is no mode {mode!r}; the modes are {', '.join(mode_names())}")
    module = importlib.import_module(f"{__name__}.{mode.replace('-', '_')}")
    return cast(type[CollectionRetriever], module.Retriever)
