"""MaxSim: pages of many vectors → how they are stored, asked, and searched when there are many.

A page has a vector for each part of it, a question one for each token. Each token is held against
the part that suits it best, and the page scores the mean of those cosines: from -1 to 1.
Source: Khattab & Zaharia 2020, arXiv:2004.12832 (a sum there; a mean does not grow with the
question, and compares with other cosines).
"""

from app.encoders import FloatMatrix
from app.model.points import FirstStage, Query, Vector

PAGE, PAGE_MEAN = "page", "page_mean"
"""The space of all vectors of a page, and of their mean, by which the first stage looks."""

EXACT_PAGES = 2_000
"""So many are scored in full: .2 to .3 s for pages of 700 vectors of 128 numbers."""

FIRST_STAGE = 500
"""So many of the nearest means are scored in full where there are more. Of 2,000 made pages
(tests/benchmarks/maxsim.py) 9.5 of the ten best are then found, in a third of the time; with 100,
7.4. On real pages two stages are said to lose little: arXiv:2602.12510."""

SPREAD = 2
"""Means for each hit that is asked for, where that is more than `FIRST_STAGE`."""


def page_vectors(rows: FloatMatrix) -> dict[str, Vector]:
    """Return what is stored of a page: its vectors, and their mean at unit length."""
    return {PAGE: rows.tolist(), PAGE_MEAN: _mean(rows).tolist()}


def question_rows(rows: FloatMatrix) -> list[list[float]]:
    """Return a question's vectors, so scaled that the engines' sum over them is their mean."""
    scaled: list[list[float]] = (rows / rows.dtype.type(len(rows))).tolist()
    return scaled


def in_two_stages(query: Query, limit: int) -> Query:
    """Return a query that scores in full only the pages whose means are nearest to its own."""
    import numpy as np

    mean = _mean(np.asarray(query.vector, dtype=np.float32)).tolist()
    return query._replace(first=FirstStage(PAGE_MEAN, mean, max(FIRST_STAGE, SPREAD * limit)))


def _mean(rows: FloatMatrix) -> FloatMatrix:
    import numpy as np

    mean = rows.mean(axis=0, dtype=np.float64)
    unit: FloatMatrix = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return unit
