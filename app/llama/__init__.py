"""LlamaIndex, beside the floors: our collections, hits and models as LlamaIndex's own."""

from app.llama.index import CollectionIndex, open_index
from app.llama.retrievers import HitRetriever

__all__ = ["CollectionIndex", "HitRetriever", "open_index"]
