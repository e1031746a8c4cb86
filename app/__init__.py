"""Sightline: ask grounded questions of image collections, and see what the answers rest on.

`Workspace` does all of it; `Search` says what is asked of it, `Settings` where things are. Below it
are `open_collection`, `Searcher`, `answer` and `complete_outfit`; for LlamaIndex `open_index`.
"""

import os
from typing import TYPE_CHECKING, Any

# From 1.32 on onnxruntime tells Microsoft of each machine that it runs on (github.com/microsoft/
# onnxruntime, docs/Privacy.md), unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from app.answering.answer import Answer, answer
    from app.assistants.outfit.complete import Outfit, complete_outfit
    from app.llama import open_index
    from app.model.settings import Settings
    from app.retrieval.search import Search, Searcher
    from app.store.collection import open_collection
    from app.workspace import Workspace

__all__ = [
    "Answer",
    "Outfit",
    "Search",
    "Searcher",
    "Settings",
    "Workspace",
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
    "Workspace": "app.workspace",
    "complete_outfit": "app.assistants.outfit.complete",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names, imported when first used
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
