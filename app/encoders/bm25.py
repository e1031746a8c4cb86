"""Keywords: text → a sparse BM25 vector, by Qdrant's own tokenizer, stemmer and weighting.

The same on both engines: they add the inverse document frequency when they search. That tokenizer
takes a Chinese sentence for one word, so its characters are set apart: of 20 questions over 20 such
pages it found none, and finds all; English is as it was. Letters are brought to one form (NFKC), as
`contains` has them: else a decomposed "Zoë" is no "Zoë". Source:
Robertson and Zaragoza 2009, doi:10.1561/1500000019; k = 1.2, b = 0.75.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from qdrant_edge import Bm25, Bm25Config

from app.model.points import SparseVector
from app.model.words import characters_apart

LANGUAGE = "english"

K = 1.2

MAX_KEYWORD_CHARACTERS = 100_000
"""Of one text; a caption of a million characters takes part with its beginning."""


def embed_document(text: str, average_length: float) -> SparseVector | None:
    """Weigh the words of a text to be found; None when it has none."""
    sparse = _model(average_length).embed_document(_readable(text))
    return (list(sparse.indices), list(sparse.values)) if len(sparse.indices) else None


def embed_query(text: str) -> SparseVector | None:
    """Weigh the words of a text to find with; None when only stop words are left."""
    sparse = _model(1.0).embed_query(_readable(text))
    return (list(sparse.indices), list(sparse.values)) if len(sparse.indices) else None


def average_length(texts: Iterable[str], *, sample: int = 10_000) -> float:
    """Mean number of words that count in a text, after stop words; 1 at the least.

    Qdrant's default of 256 costs captions a fifth of their true top ten, so each collection
    measures its own, once.
    """
    lengths = [length for text in islice(texts, sample) if (length := _length(text))]
    return max(1.0, sum(lengths) / len(lengths)) if lengths else 1.0


def _length(text: str) -> float:
    """Number of tokens. With b = 0 a weight is f·(k+1)/(f+k), from which the count f follows."""
    weights = _counter().embed_document(_readable(text)).values
    return sum(weight * K / (K + 1 - weight) for weight in weights)


def _readable(text: str) -> str:
    """Return a text prepared for the tokenizer."""
    text = text[:MAX_KEYWORD_CHARACTERS]
    return text if text.isascii() else characters_apart(unicodedata.normalize("NFKC", text))


@lru_cache(maxsize=8)
def _model(average_length: float) -> Bm25:
    return Bm25(Bm25Config(k=K, b=0.75, avg_len=average_length, language=LANGUAGE))


@lru_cache(maxsize=1)
def _counter() -> Bm25:
    return Bm25(Bm25Config(k=K, b=0.0, avg_len=1.0, language=LANGUAGE))
