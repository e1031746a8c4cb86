"""Held: one collection that the threads of a process share, and that they leave to a writer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from app.model.settings import Settings
from app.retrieval.search import Searcher
from app.store.collection import open_collection


class Held:
    """A collection: any number of readers at once, or one writer, for whom new readers wait.

    Who reads must not read it once more meanwhile: a writer might be waiting.
    """

    def __init__(
        self, name: str, settings: Settings, on_load: Callable[[str], None] | None
    ) -> None:
        self._name = name
        self._settings = settings
        self._on_load = on_load
        self._searcher: Searcher | None = None
        self._changed = Condition()
        self._readers = 0
        self._writers = 0
        self._is_written = False

    @contextmanager
    def reading(self) -> Iterator[Searcher]:
        """What searches it. Raises as `open_collection`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._writers)
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
                if not self._readers and searcher.collection.is_wanted:
                    searcher.collection.release()
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody of this process reads or writes it meanwhile."""
        with self._changed:
            self._writers += 1
            self._changed.wait_for(lambda: not self._readers and not self._is_written)
            self._is_written = True
            self.forget()
        try:
            yield
        finally:
            with self._changed:
                self._writers -= 1
                self._is_written = False
                self._changed.notify_all()

    def release(self, *, idle_seconds: float) -> None:
        """Let go of it, if none has used it for so long, or a writer of another process waits."""
        with self._changed:
            if self._searcher is not None:
                collection = self._searcher.collection
                collection.release(idle_seconds=0.0 if collection.is_wanted else idle_seconds)

    def forget(self, stale: Searcher | None = None) -> None:
        """Close it, or only what is `stale`; what is next asked of it begins anew."""
        with self._changed:
            if self._searcher is not None and stale in (None, self._searcher):
                self._searcher.collection.close()
                self._searcher = None
