"""Candidates: titles, or a picture alone → garments of a collection, by slot, best first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.assistants.outfit.catalogue import Catalogue
from app.core.conditions import AllOf, Condition
from app.core.errors import SightlineError
from app.core.garments import SLOTS, Slot
from app.retrieval.diversity import diversify
from app.retrieval.hits import Hit
from app.retrieval.search import Search, Searcher

PER_TITLE = 2
"""Garments of a title that are tried first; the cookbook's choice."""

CHECKS = 4
"""Candidates that are tried for one place in a slot before it is left empty."""

RESERVE = 10
"""Garments of a title, or of a slot, at the least: some are found by several titles."""

RELEVANCE = 0.8
"""Of 1, what a garment's score counts beside its newness: with .2 left, to share the type or the
colour of one above it weighs as much as .125 of the score."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A garment that may go with the picture, and the title that it was found by.

    `order` counts the titles from 0; `turn` is 1 for those of a title that are tried first, 2 for
    the others.
    """

    slot: Slot
    hit: Hit
    title: str
    order: int
    turn: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What garments are looked for: in which slots, under which filters, from which cosine on.

    `per_slot` is how many are wanted for each.
    """

    catalogue: Catalogue
    slots: Sequence[Slot]
    where: str | None
    also: Condition
    min_score: float
    per_slot: int

    def search(self, slots: Iterable[Slot], **asked: Any) -> Search:
        """Return a search for garments of these slots."""
        among = self.catalogue.among(self.catalogue.types_of(slots))
        top_k = max(RESERVE, CHECKS * self.per_slot)
        return Search(top_k=top_k, where=self.where, also=AllOf((self.also, among)), **asked)


@dataclass(frozen=True, slots=True)
class Finds:
    """Candidates by slot, best first, and what a person should know of how they were found."""

    by_slot: Mapping[Slot, Sequence[Candidate]]
    notices: tuple[str, ...]


def by_titles(searcher: Searcher, titles: Sequence[str], wish: Wish) -> Finds:
    """Return what titles find, each of them one query against words and pictures.

    A title that says where its garment is worn is looked for there alone, and not at all where
    nothing is wanted. Only what has a cosine of `min_score` with a title counts. No garment is
    there twice. Raises as `Searcher.search`.
    """
    slots = {title: wish.catalogue.slot_of(title) for title in titles}
    idle = [title for title, slot in slots.items() if slot and slot not in wish.slots]
    searches = [
        wish.search(
            [slot for slot in wish.slots if slot == own or not own],
            words=title,
            mode="hybrid",
            min_score=wish.min_score,
        )
        for title, own in slots.items()
        if title not in idle
    ]
    finds = _finds(searcher, searches, wish)
    told = f"not looked for, since nothing is wanted there: {'; '.join(idle)}"
    return replace(finds, notices=(*([told] if idle else []), *finds.notices))


def by_picture(searcher: Searcher, picture: Path, wish: Wish) -> Finds:
    """Return what looks like a picture, slot by slot: all there is to go by without a model."""
    searches = [wish.search([slot], image=picture, mode="image-to-image") for slot in wish.slots]
    return _finds(searcher, searches, wish)


def _finds(searcher: Searcher, searches: Sequence[Search], wish: Wish) -> Finds:
    candidates: list[Candidate] = []
    notices, lost, vain = [], [], []
    results = searcher.search_many(searches)
    for order, (search, found) in enumerate(zip(searches, results, strict=True)):
        if isinstance(found, SightlineError):
            raise found
        candidates += [
            Candidate(
                _slot(hit, wish.catalogue), hit, search.words, order, 1 if place < PER_TITLE else 2
            )
            for place, hit in enumerate(found.hits)
        ]
        notices += found.notices if found.hits else []
        lost += found.notices if not found.hits else []
        vain += [search.words] if search.words and not found.hits else []
    if vain:
        told = "; ".join(vain)
        notices.append(f"nothing has a cosine of {wish.min_score:g} with: {told}")
    if not candidates:  # else a slot's filter is no news: the slot stays empty, and that is told
        notices += lost
    return Finds(_by_slot(candidates, wish.catalogue), tuple(dict.fromkeys(notices)))


def _slot(hit: Hit, catalogue: Catalogue) -> Slot:
    """Return where a garment is worn, by the first of its types that is worn somewhere."""
    types = _values(hit, catalogue.category.name)
    return next(catalogue.types[name] for name in types if name in catalogue.types)


def _by_slot(found: Sequence[Candidate], catalogue: Catalogue) -> dict[Slot, list[Candidate]]:
    best: dict[str, Candidate] = {}
    for each in sorted(found, key=lambda each: (each.turn, -(each.hit.score or 0))):
        best.setdefault(_sold_as(each.hit, catalogue), each)
    slots: dict[Slot, list[Candidate]] = {slot: [] for slot in SLOTS}
    for each in best.values():
        slots[each.slot].append(each)
    return {slot: _in_turn(some, catalogue) for slot, some in slots.items() if some}


def _in_turn(candidates: Sequence[Candidate], catalogue: Catalogue) -> list[Candidate]:
    """Put those first that their titles found first, and in each turn the various first."""
    columns = [column.name for column in (catalogue.category, catalogue.colour) if column]

    def likeness(one: Candidate, other: Candidate) -> float:
        pairs = [(_values(one.hit, name), _values(other.hit, name)) for name in columns]
        return sum(mine == others != [] for mine, others in pairs) / 2

    return [
        each
        for turn in (1, 2)
        for each in diversify(
            [candidate for candidate in candidates if candidate.turn == turn],
            relevance=lambda each: each.hit.score or 0,
            likeness=likeness,
            balance=RELEVANCE,
        )
    ]


def _sold_as(hit: Hit, catalogue: Catalogue) -> str:
    """What tells a garment from others: one that has the same name and looks is in twice."""
    return "\n".join([hit.caption or hit.record_id, *_values(hit, catalogue.category.name)])


def _values(hit: Hit, name: str) -> list[str]:
    """Return what a record has in a column: nothing, a word or several."""
    value: Any = hit.node.metadata.get(name)
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []
