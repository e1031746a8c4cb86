"""Callbacks: a CallbackManager of our own for what LlamaIndex builds for us."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.core.callbacks import CallbackManager


def own_callbacks() -> "CallbackManager":
    """Return a CallbackManager without the handlers of the process.

    Where none is given, LlamaIndex takes that of its global `Settings`, and even an empty one takes
    the handlers of that and the global handler: they would be told every question and caption.
    """
    from llama_index.core.callbacks import CallbackManager

    callbacks = CallbackManager()
    callbacks.handlers = []
    return callbacks
