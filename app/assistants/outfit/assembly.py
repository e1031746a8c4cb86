"""Assembly: candidates by slot, and somebody who judges them → so many for each slot at most."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.assistants.outfit.candidates import CHECKS, Candidate
from app.assistants.outfit.catalogue import Catalogue
from app.assistants.outfit.guardrail import Verdict
from app.model.garments import SLOTS, Slot
from app.retrieval.hits import Hit

SEPARATES: tuple[Slot, ...] = ("top", "bottom")
"""What a dress takes the place of."""

Judge = Callable[[Sequence[Candidate]], Sequence[Verdict]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A garment for one slot, the title that it was found by, and what a model says of it.

    `title` is empty where no model named one. Then `shared` are the columns in which it has what
    goes with the garment by the catalogue's word; of such it is the one that looks most like it.
    """

    slot: Slot
    hit: Hit
    title: str
    verdict: Verdict
    shared: tuple[str, ...] = ()

    @property
    def found_by(self) -> Literal["title", "catalogue", "looks"]:
        """The first thing that it was found by: a title, the catalogue, or looks."""
        return "title" if self.title else "catalogue" if self.shared else "looks"


@dataclass(frozen=True, slots=True)
class Judged:
    """Suggestions in the order of the slots, and those that were refused."""

    suggestions: tuple[Suggestion, ...] = ()
    refused: tuple[Suggestion, ...] = ()

    @property
    def slots(self) -> set[Slot]:
        """The slots in which there is something."""
        return {each.slot for each in self.suggestions}


def covered_by(slot: Slot) -> frozenset[Slot]:
    """Return the slots that a garment in this slot takes up, its own among them."""
    if slot == "dress":
        return frozenset(("dress", *SEPARATES))
    return frozenset((slot, "dress") if slot in SEPARATES else (slot,))


def free_slots(category: str | None, catalogue: Catalogue) -> tuple[Slot, ...]:
    """Return the slots that a garment leaves free, of those that the catalogue can fill."""
    worn = catalogue.slot_of(category) if category else ""
    return tuple(
        slot for slot in SLOTS if worn not in covered_by(slot) and catalogue.types_of([slot])
    )


def assemble(
    candidates: Mapping[Slot, Sequence[Candidate]],
    judge: Judge,
    *,
    per_slot: int,
    either: bool,
) -> Judged:
    """Fill each slot with the best of its candidates that are not refused.

    As many are judged at once as there are places; for each that is refused the next is tried.
    `either`: a dress and separates are alternatives, and the second of the two is tried only if
    nothing of the first fits.
    """
    later = _later(candidates) if either else ()
    first = {slot: some for slot, some in candidates.items() if slot not in later}
    judged = _fill(first, judge, per_slot)
    rivals = covered_by("dress") - {*later}
    if not later or judged.slots & rivals:
        return judged
    second = _fill({slot: candidates[slot] for slot in later}, judge, per_slot)
    return _sorted((*judged.suggestions, *second.suggestions), (*judged.refused, *second.refused))


def _later(candidates: Mapping[Slot, Sequence[Candidate]]) -> tuple[Slot, ...]:
    """Return which of a dress and separates comes second, where there are both.

    The one that a model named first comes first; scores under different titles do not compare.
    """
    separates = tuple(slot for slot in SEPARATES if slot in candidates)
    if "dress" not in candidates or not separates:
        return ()

    def first(slots: Iterable[Slot]) -> tuple[int, float]:
        some = (each for slot in slots for each in candidates[slot])
        return min((each.order, -(each.hit.score or 0)) for each in some)

    return separates if first(["dress"]) < first(separates) else ("dress",)


def _fill(candidates: Mapping[Slot, Sequence[Candidate]], judge: Judge, per_slot: int) -> Judged:
    waiting = {slot: list(some[: CHECKS * per_slot]) for slot, some in candidates.items()}
    lacking = dict.fromkeys(waiting, per_slot)
    taken: list[Suggestion] = []
    refused: list[Suggestion] = []
    while batch := [each for slot in waiting for each in waiting[slot][: lacking[slot]]]:
        for slot, some in waiting.items():
            waiting[slot] = some[lacking[slot] :]
        for candidate, verdict in zip(batch, judge(batch), strict=True):
            judged = Suggestion(
                candidate.slot, candidate.hit, candidate.title, verdict, candidate.shared
            )
            if verdict.status == "does_not_fit":
                refused.append(judged)
            else:
                taken.append(judged)
                lacking[candidate.slot] -= 1
    return _sorted(taken, refused)


def _sorted(taken: Iterable[Suggestion], refused: Iterable[Suggestion]) -> Judged:
    def place(each: Suggestion) -> int:
        return SLOTS.index(each.slot)

    return Judged(tuple(sorted(taken, key=place)), tuple(sorted(refused, key=place)))
