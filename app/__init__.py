"""Sightline, the reading side: open a collection, search it, answer from what was found.

Open: `Settings`, `open_collection`, `open_index`. Search: `Search`, `Searcher`. Answer: `answer`.
Assist: `complete_outfit`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.answering.answer import Answer, answer
    from app.assistants.outfit.complete import Outfit, complete_outfit
    from app.llama import open_index
    from app.model.settings import Settings
    from app.retrieval.search import Search, Searcher
    from app.store.collection import open_collection

__all__ = [
    "Answer",
    "Outfit",
    "Search",
    "Searcher",
    "Settings",
    "answer",
    "complete_outfit",
    "open_collection",
    "open_index",
]

_HOMES = {
    "Settings": "app.model.settings",
    "open_collection": "app.store.collection",
    "open_index": "app.llama",
    "Search": "app.retrieval.search",
    "Searcher": "app.retrieval.search",
    "Answer": "app.answering.answer",
    "answer": "app.answering.answer",
    "Outfit": "app.assistants.outfit.complete",
    "complete_outfit": "app.assistants.outfit.complete",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names, imported when first used
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
