"""Held: one collection that the threads of a process share, and let go of for whoever writes it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from app.model.errors import CollectionChangedError
from app.model.settings import Settings
from app.retrieval.search import Searcher
from app.store.collection import open_collection
from app.store.models import Tell
from app.workspace.remembered import Remembered

GIVE_WAY_SECONDS = 0.5
"""How long new readers let a writer that waits go first: it looks 20 times a second."""

LEAVE_SECONDS = 5.0
"""How long a writer waits for those who read; one that asks a model meanwhile has let go of it."""


class Held:
    """A collection that any number of threads read at once.

    A writer, of this process or another, waits until none does. While it writes, a copy is read.
    """

    def __init__(self, name: str, settings: Settings, on_load: Tell | None) -> None:
        self._name = name
        self._settings = settings
        self._on_load = on_load
        self._searcher: Searcher | None = None
        self._changed = Condition()
        self._readers = 0
        self._leaving = 0
        self._is_ended = False
        self.remembered = Remembered()

    @contextmanager
    def reading(self) -> Iterator[Searcher]:
        """What searches it. Raises as `open_collection`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving, GIVE_WAY_SECONDS)
            self._give_way()
            if self._searcher:
                try:
                    self._searcher.collection.refresh()
                except CollectionChangedError:
                    self._searcher = None
            if self._searcher is None:
                opened = open_collection(self._name, self._settings)
                self._searcher = Searcher(opened, self._settings, on_load=self._on_load)
            searcher = self._searcher
            self._readers += 1
        try:
            yield searcher
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()
                is_over = self._is_ended or searcher.collection.is_wanted
                # What was forgotten meanwhile has been opened again by what was still asked of it.
                if searcher is not self._searcher or (is_over and not self._readers):
                    searcher.collection.release()

    def end(self) -> None:
        """Close it, now and after whatever is still asked of it."""
        self._is_ended = True
        self.forget()

    def leave(self) -> None:
        """Let go of it once none reads it, so that this process may write it."""
        with self._changed:
            self._leaving += 1  # or those who read all the time would leave no moment without any
            self._changed.wait_for(lambda: not self._readers, LEAVE_SECONDS)
            self._leaving -= 1
            self.forget()
            self._changed.notify_all()

    def _give_way(self) -> None:
        """Let a writer that waits go first, once those who read are through."""
        until = time.monotonic() + GIVE_WAY_SECONDS
        while self._searcher and self._searcher.collection.is_wanted and time.monotonic() < until:
            self._searcher.collection.release()
            self._changed.wait(0.02)

    def release(self, *, idle_seconds: float) -> None:
        """Let go of it, if none has used it for so long, or a writer of another process waits."""
        with self._changed:
            if self._searcher is not None:
                collection = self._searcher.collection
                collection.release(idle_seconds=0.0 if collection.is_wanted else idle_seconds)

    def forget(self) -> None:
        """Close it, at once or when what is being asked of it ends; what is next asked begins anew.

        A client that is closed in the midst of a request leaves its socket open.
        """
        with self._changed:
            if self._searcher is not None:
                self._searcher.collection.release()
                self._searcher = None
