"""Points: what an engine keeps of a record, and what it is asked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

SparseVector = tuple[list[int], list[float]]
"""Indices and values, in step."""

Vector = list[float] | list[list[float]] | SparseVector
"""Dense, several rows (MaxSim), or sparse."""


class Point(NamedTuple):
    """A record as an engine stores it: id, vectors, payload."""

    id: str
    vectors: Mapping[str, Vector]
    payload: dict[str, Any]


class ScoredId(NamedTuple):
    """A point that was found; higher is better."""

    id: str
    score: float


class FirstStage(NamedTuple):
    """A cheap search: only its `limit` best get the score that a query asks for."""

    space: str
    vector: Vector
    limit: int


class Query(NamedTuple):
    """One vector to search one space with; where it has a first stage, only among its best.

    Of points that are named, only those.
    """

    space: str
    vector: Vector
    first: FirstStage | None = None
    among: tuple[str, ...] | None = None
