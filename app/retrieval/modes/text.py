"""Text: words against the meaning of the captions."""

from app.model.errors import QueryError
from app.retrieval.retriever import CollectionRetriever
from app.retrieval.signals import Asked, Signals


class Retriever(CollectionRetriever):
    """Finds records whose captions say something like the words."""

    mode = "text"

    def gather(self, asked: Asked, signals: Signals) -> None:
        """Add one signal: the words, in the space of the captions."""
        if not asked.words.strip():
            raise QueryError("text needs words")
        signals.add_captions(asked.words)
