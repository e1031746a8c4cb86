"""Candidates: titles, or what is known and seen → garments of a collection, by slot, best first."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from app.assistants.outfit.catalogue import Catalogue
from app.assistants.outfit.facts import Fact, values_in
from app.filters.conditions import AllOf, Condition
from app.model.errors import SightlineError
from app.model.garments import SLOTS, Slot
from app.model.messages import counted
from app.retrieval.diversity import diversify
from app.retrieval.gone import where_gone
from app.retrieval.hits import Hit
from app.retrieval.search import Search, Searcher

PER_TITLE = 2
"""Garments of a title that are tried first; the cookbook's choice."""

CHECKS = 4
"""Candidates that are tried for one place in a slot before it is left empty."""

RESERVE = 10
"""Garments of a title, or of a slot, at the least: some are found by several titles."""

RELEVANCE = 0.65
"""Of 1, what a garment's score counts beside its newness: with .35 left, to share the type or the
colour of one above it weighs as much as .27 of the score: more than a colour's name does in it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A garment that may go with the picture, and the title that it was found by.

    `order` counts the titles from 0. Without a title it was found by its looks, and before them by
    what it has in the columns of `shared`.
    """

    slot: Slot
    hit: Hit
    title: str
    order: int
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What garments are looked for: in which slots, under which filters, from which cosine on.

    `min_score` is the cosine that a person asked for; of titles, `related` counts without it.
    `per_slot` is how many are wanted for each slot.
    """

    catalogue: Catalogue
    slots: Sequence[Slot]
    where: str | None
    also: Condition
    min_score: float | None
    related: float
    per_slot: int

    def search(self, slots: Iterable[Slot], *, facts: Iterable[Fact] = (), **asked: Any) -> Search:
        """Return a search for garments of these slots of which these facts hold."""
        among = self.catalogue.among(self.catalogue.types_of(slots))
        also = AllOf((self.also, among, *(fact.condition for fact in facts)))
        top_k = max(RESERVE, CHECKS * self.per_slot)
        return Search(top_k=top_k, where=self.where, also=also, **asked)


@dataclass(frozen=True, slots=True)
class Finds:
    """Candidates by slot, best first, and what a person should know of how they were found."""

    by_slot: Mapping[Slot, Sequence[Candidate]]
    notices: tuple[str, ...]
    gone: frozenset[Slot] = frozenset()
    """Slots for which something was found that cannot be looked at: its picture is gone."""
    barred: frozenset[Slot] = frozenset()
    """Slots for which there is nothing that passes, near or far."""


def by_titles(
    searcher: Searcher, titles: Sequence[str], wish: Wish, picture: Path, facts: Sequence[Fact]
) -> Finds:
    """Return what titles find, each of them one query against words and pictures.

    A title that says where its garment is worn is looked for there alone, and not at all where
    nothing is wanted. Only what has the cosine of the wish with a title counts. A slot that no
    title names, and for which none finds anything, is left to the picture, as in `by_looks`. No
    garment is there twice. Raises as `Searcher.search`.
    """
    slots = {title: wish.catalogue.slot_of(title) for title in titles}
    idle = [title for title, slot in slots.items() if slot and slot not in wish.slots]
    min_score = wish.related if wish.min_score is None else wish.min_score
    searches = [
        wish.search(
            [slot for slot in wish.slots if slot == own or not own],
            words=title,
            mode="hybrid",
            min_score=min_score,
        )
        for title, own in slots.items()
        if title not in idle
    ]
    unnamed = [slot for slot in wish.slots if slot not in slots.values()]
    finds = _finds(searcher, [*searches, *_looks(picture, facts, wish, unnamed)], wish, facts)
    told = f"not looked for, as their slots are not to be filled: {'; '.join(idle)}"
    return replace(finds, notices=(*([told] if idle else []), *finds.notices))


def by_looks(searcher: Searcher, wish: Wish, picture: Path, facts: Sequence[Fact]) -> Finds:
    """Return what goes with a picture slot by slot, where no model names anything.

    First comes what shares the first of the facts, and so on; of equals what looks like it most.
    """
    return _finds(searcher, _looks(picture, facts, wish, wish.slots), wish, facts)


def _looks(picture: Path, facts: Sequence[Fact], wish: Wish, slots: Iterable[Slot]) -> list[Search]:
    """Search for the most alike that share all facts, then all but the last, and so on to none."""
    return [
        wish.search(
            [slot],
            facts=facts[:count],
            image=picture,
            mode="image-to-image",
            min_score=wish.min_score,
        )
        for slot in slots
        for count in range(len(facts), -1, -1)
    ]


def _finds(
    searcher: Searcher, searches: Sequence[Search], wish: Wish, facts: Sequence[Fact]
) -> Finds:
    candidates: list[Candidate] = []
    gone: dict[str, Hit] = {}
    far: list[str] = []
    lacking: list[str] = []
    passing: set[Slot] = set()
    misspelt: list[str] = []
    results = searcher.search_many(searches)
    for order, (search, found) in enumerate(zip(searches, results, strict=True)):
        if isinstance(found, SightlineError):
            raise found
        there = [hit for hit in found.hits if not hit.gone]
        candidates += [_candidate(hit, search, order, wish, facts) for hit in there]
        gone |= {hit.record_id: hit for hit in found.hits if hit.gone}
        passing |= {_slot(hit, wish) for hit in (*found.hits, found.nearest) if hit}
        if not found.hits:
            misspelt += found.notices[1:]  # after the first, that nothing passes
        if search.words and not found.hits:
            (far if found.nearest else lacking).append(search.words)
    told = {"nothing that passes is near enough to": far, "nothing passes for": lacking}
    notices = [f"{what}: {'; '.join(titles)}" for what, titles in told.items() if titles]
    if wish.where and not candidates:
        notices += [f"no garment that may be suggested passes {wish.where}", *misspelt]
    if gone:
        why = where_gone(gone.values(), searcher.collection)
        notices.append(f"{counted(len(gone), 'garment')} left out, whose pictures are gone: {why}")
    return Finds(
        _by_slot(candidates, wish.catalogue, facts),
        tuple(dict.fromkeys(notices)),
        frozenset(_slot(hit, wish) for hit in gone.values()),
        frozenset(wish.slots) - passing,
    )


def _candidate(
    hit: Hit, search: Search, order: int, wish: Wish, facts: Sequence[Fact]
) -> Candidate:
    shared = () if search.words else (fact.column.name for fact in facts if fact.holds_of(hit))
    return Candidate(_slot(hit, wish), hit, search.words, order, tuple(shared))


def _slot(hit: Hit, wish: Wish) -> Slot:
    """Return where a garment is worn, by the first of its types that is wanted."""
    types = values_in(hit.metadata, wish.catalogue.category.name)
    slots = (slot for name in types if (slot := wish.catalogue.types.get(name)))
    return next(slot for slot in slots if slot in wish.slots)


def _by_slot(
    found: Sequence[Candidate], catalogue: Catalogue, facts: Sequence[Fact]
) -> dict[Slot, list[Candidate]]:
    def lacking(each: Candidate) -> list[bool]:
        return [fact.column.name not in each.shared for fact in facts]

    titled = {each.slot for each in found if each.title}
    wanted = [each for each in found if each.title or each.slot not in titled]
    best: dict[str, Candidate] = {}
    for each in sorted(wanted, key=lambda each: (lacking(each), -(each.hit.score or 0))):
        best.setdefault(_sold_as(each.hit, catalogue), each)
    slots: dict[Slot, list[Candidate]] = {slot: [] for slot in SLOTS}
    for each in best.values():
        slots[each.slot].append(each)
    return {
        slot: [
            one for _, alike in groupby(some, key=lacking) for one in _in_turn([*alike], catalogue)
        ]
        for slot, some in slots.items()
        if some
    }


def _in_turn(candidates: Sequence[Candidate], catalogue: Catalogue) -> list[Candidate]:
    """Put the various first, and of each title two before a third of any."""
    columns = [column.name for column in (catalogue.category, catalogue.colour) if column]

    def likeness(one: Candidate, other: Candidate) -> float:
        both = (one.hit.metadata, other.hit.metadata)
        pairs = [[values_in(said, name) for said in both] for name in columns]
        return sum(mine == others != [] for mine, others in pairs) / 2

    various = diversify(
        candidates,
        relevance=lambda each: each.hit.score or 0,
        likeness=likeness,
        balance=RELEVANCE,
    )
    seen: Counter[str] = Counter()
    turns: tuple[list[Candidate], list[Candidate]] = ([], [])
    for each in various:
        turns[seen[each.title] >= PER_TITLE].append(each)
        seen[each.title] += 1
    return [*turns[0], *turns[1]]


def _sold_as(hit: Hit, catalogue: Catalogue) -> str:
    """What identifies a garment: one with the same name and looks is in the catalogue twice."""
    return "\n".join(
        [hit.caption or hit.record_id, *values_in(hit.metadata, catalogue.category.name)]
    )
