"""Text to image: words against the pictures themselves."""

from app.model.errors import QueryError
from app.retrieval.retriever import CollectionRetriever
from app.retrieval.signals import Asked, Signals


class Retriever(CollectionRetriever):
    """Finds pictures that look like what words say; captions that do, if the model cannot read."""

    mode = "text-to-image"

    def gather(self, asked: Asked, signals: Signals) -> None:
        """Add the words in the space of the pictures, and in that of the pages if there is one."""
        if not asked.words.strip():
            raise QueryError("text-to-image needs words")
        if signals.reads_pages:
            signals.add_words_as_page(asked.words)
        if signals.reads_words:
            signals.add_words_as_picture(asked.words)
        elif not signals.reads_pages:
            signals.add_captions(asked.words)
