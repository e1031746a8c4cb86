"""Image to image: a picture against the pictures."""

from app.model.errors import QueryError
from app.retrieval.retriever import CollectionRetriever
from app.retrieval.signals import Asked, Signals


class Retriever(CollectionRetriever):
    """Finds pictures that look like a picture."""

    mode = "image-to-image"

    def gather(self, asked: Asked, signals: Signals) -> None:
        """Add one signal: the picture."""
        if asked.picture is None:
            raise QueryError("image-to-image needs a picture: --image FILE")
        signals.add_picture(asked.picture)
