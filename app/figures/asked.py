"""Figures, what was asked: a search → the words that stand above what it found."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.figures.tiles import NAME_CHARACTERS
from app.model.messages import counted, decimal, shorten

if TYPE_CHECKING:
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search


def title_of(search: "Search") -> str:
    """Return the words that were searched for; without words, what was asked instead."""
    if words := search.words.strip():
        return words
    return "like this picture" if search.image else " · ".join(_conditions(search))


def conditions_of(search: "Search", title: str) -> str:
    """Return all that was asked and a title leaves out: a picture's name, the filter, the place."""
    words = search.words.strip()
    asked = [f"searched for: {words}"] if words and words != title.strip() else []
    if search.image:
        asked.append(f"picture {shorten(search.image.name, NAME_CHARACTERS)}")
    told = " · ".join([*asked, *_conditions(search)])
    return "" if told == title else told


def count_line(found: "Found") -> str:
    """Return how many were found, and of how many that pass the filter.

    Pages that only came along with their neighbours have no score, and are counted apart.
    """
    scored = [hit for hit in found.hits if hit.score is not None] or found.hits
    beside = len(found.hits) - len(scored)
    told = counted(len(scored), "hit")
    if found.passing is not None:
        told = f"{len(scored):,} of {found.passing:,} that pass"
    return told + (f", and {counted(beside, 'page')} beside" if beside else "")


def _conditions(search: "Search") -> Iterator[str]:
    if search.where:
        yield search.where
    if search.near:
        lat, lon, km = search.near
        yield f"within {decimal(km)} km of {decimal(lat)}, {decimal(lon)}"
    if search.sort:
        yield f"by {search.sort.replace(':', ', ')}"
    if search.start:
        yield f"after the first {search.start:,}"
    if search.per:
        yield f"one per {search.per}"
    for side, examples in (("like", search.like), ("unlike", search.unlike)):
        yield from (f"{side} {_example(example)}" for example in examples)
    if search.min_score is not None:
        yield f"cosine of {decimal(search.min_score)} or more"
    for name, weight in (search.weights or {}).items():
        yield f"weight of {name} {decimal(weight)}"
    if search.neighbours:
        yield f"with {counted(search.neighbours, 'page')} before and after"
    if search.mode:
        yield search.mode


def _example(example: str | Path) -> str:
    """Return words as they are, and of a picture's path its name."""
    return shorten(example.name if isinstance(example, Path) else example, NAME_CHARACTERS)
