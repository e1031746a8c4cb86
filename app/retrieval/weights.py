"""Weights: how much each signal counts. One table, with what it was measured on beside it."""

from collections.abc import Mapping

from app.core.manifest import TextKind

WEIGHTS: Mapping[TextKind, Mapping[str, float]] = {
    # MiniLM, R@1 / R@5 / R@10. One caption of each of 580 photos stored, another asks:
    #   text alone .579 .816 .888 · keywords alone .419 .619 .683
    #   keywords .02 .578 .817 .888 · .05 .572 .822 .891 · .1 .562 .817 .883 · .3 .519 .762 .833
    # The mean of all 20 choices of the two captions, R@1: text .596 · .05 .596 · .1 .589.
    # Four captions stored, the fifth asks, R@1: text .754 · keywords .680 · .05 .764 · .1 .775.
    "captions": {"text": 0.95, "keywords": 0.05, "image words": 0.95, "image": 1.0},
    # 1,000 rows of a shop as `gender Men, articleType Shirts, …`, asked by attributes (n = 142):
    #   text alone .256 .724 .868 · keywords alone .321 .875 .949
    #   keywords .3 .315 .864 .946 · .5 .319 .872 .952 · .7 .319 .875 .953 · .8 .319 .874 .954
    # asked by the product's name (n = 300), R@1: text .947 · keywords .970 · .8 .987.
    "rows": {"text": 0.2, "keywords": 0.8, "image words": 0.2, "image": 1.0},
}
"""By kind of text and signal. `image words` is words read into the space of the pictures."""

LIKE = 0.5
"""Of `--like`; of `--unlike` with the sign turned. Half a query: it bends a search."""
