"""Hybrid: every signal that what is asked can give."""

from app.retrieval.retriever import CollectionRetriever
from app.retrieval.signals import Asked, Signals


class Retriever(CollectionRetriever):
    """Finds records by meaning and words of their captions and by what their pictures look like."""

    mode = "hybrid"

    def gather(self, asked: Asked, signals: Signals) -> None:
        """Add all signals; without words and picture there may be none, and a filter decides."""
        if asked.words.strip():
            signals.add_captions(asked.words)
            signals.add_keywords(asked.words)
            if signals.reads_words:
                name = "image" if asked.picture is None else "image words"
                signals.add_words_as_picture(asked.words, name)
            if signals.reads_pages:
                signals.add_words_as_page(asked.words)
        if asked.picture is not None:
            signals.add_picture(asked.picture)
