"""Weights: how much each signal counts. One table, with what it was measured on beside it."""

from collections.abc import Mapping

from app.store.manifest import Manifest, TextKind

WEIGHTS: Mapping[TextKind, Mapping[str, float]] = {
    # MiniLM, R@1 / R@5 / R@10. One caption of each of 580 photos stored, another asks:
    #   text alone .579 .816 .888 · keywords alone .419 .619 .683
    #   keywords .02 .578 .817 .888 · .05 .572 .822 .891 · .1 .562 .817 .883 · .3 .519 .762 .833
    # The mean of all 20 choices of the two captions, R@1: text .596 · .05 .596 · .1 .589.
    # Four captions stored, the fifth asks, R@1: text .754 · keywords .680 · .05 .764 · .1 .775.
    "captions": {
        "text": 0.95,
        "keywords": 0.05,
        "image words": 0.95,
        "page": 0.5,
        "image": 1.0,
    },
    # 1,000 rows of a shop, names and attributes, asked by attributes (n = 142):
    #   text alone .311 .891 .965 · keywords alone .321 .876 .949
    #   keywords .3 .319 .882 .965 · .5 .323 .882 .964 · .7 .319 .878 .958
    # Asked by name (n = 300), R@1: text 1.0 · keywords .973 · .3 .997 · .5 .993 · .7 .990.
    "rows": {"text": 0.5, "keywords": 0.5, "image words": 0.5, "page": 0.2, "image": 1.0},
    # 275 pages of 12 PDFs asked by 70 questions, windows of 128 tokens, R@1 / R@5 / nDCG@5:
    #   text alone .257 .486 .419 · keywords alone .294 .533 .468
    #   keywords .2 .344 .569 .510 · .3 .351 .562 .512 · .4 .344 .562 .509 · .6 .330 .555 .497
    # On 19 questions over 50 slides, nDCG@5: .2 .909 · from .3 on .947; with 4 reports beside
    # them .4 .947 · .3 .928. Reciprocal rank fusion has R@5 .551.
    "pages": {"text": 0.6, "keywords": 0.4, "image words": 0.6, "page": 1.0, "image": 1.0},
}
"""By kind of text and signal. `image words` is words read into the space of the pictures.

No weight of `page` was measured here, for want of real weights. On pages it counts as much as text
and keywords together: in arXiv:2407.01449 ColPali has nDCG@5 .81 over ViDoRe where the text of the
same pages has .67 at best. On photos and goods, for which those models were not made,
it counts no more than other words.
"""


SEEN: Mapping[str, Mapping[TextKind, float]] = {
    # Chosen on the even half of each set; here are the odd halves, R@1 / R@5 / R@10.
    # One caption of each of 580 photos stored, another asks (n = 290):
    #   text alone .569 .828 .893 · with .2 of what is seen .593 .845 .897 · .4 .583 .838 .900
    #   .6 .576 .828 .897 · 1 .531 .814 .900 · what is seen alone .141 .279 .424
    # 1,000 rows of a shop, by attributes (n = 71): none .331 .881 .967 · .1 the same
    #   .4 .331 .879 .966; by name (n = 150), R@1: none .987 · .4 .987, on the even half 1 · .987
    # 184 pages (n = 30): none .319 .550 .600 · .1 and .4 the same · .7 .303 .550 .600
    "lite0": {"captions": 0.4, "rows": 0.1, "pages": 0.1},
}
"""How much of `image words` counts by kind of text, of an image embedding that reads no other words
than those of the classes that it knows."""


def weights_of(manifest: Manifest) -> dict[str, float]:
    """Return the weights of the signals that a collection can give."""
    weights = {**WEIGHTS[manifest.text_kind]}
    weights["image words"] *= SEEN.get(manifest.image.name, {}).get(manifest.text_kind, 1.0)
    return {name: weight for name, weight in weights.items() if name != "page" or manifest.page}


LIKE = 0.5
"""Of `--like`; of `--unlike` with the sign turned. Half a query: it bends a search."""
