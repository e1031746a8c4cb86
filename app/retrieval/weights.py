"""Weights: how much each signal counts. One table, with what it was measured on beside it."""

from collections.abc import Mapping

from app.core.manifest import TextKind

WEIGHTS: Mapping[TextKind, Mapping[str, float]] = {
    # Photos: the first caption is stored, the other captions ask (n = 580).
    "captions": {"text": 0.95, "keywords": 0.05, "image words": 0.95, "image": 1.0},
    # A catalogue's rows as sentences: attributes ask (n = 142).
    "rows": {"text": 0.2, "keywords": 0.8, "image words": 0.2, "image": 1.0},
}
"""By kind of text and signal. `image words` is words read into the space of the pictures."""

LIKE = 0.5
"""Of `--like`; of `--unlike` with the sign turned. Half a query: it bends a search."""
