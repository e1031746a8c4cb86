"""Facts: what a catalogue says of a garment → which values of its columns go with that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.assistants.outfit.catalogue import Catalogue
from app.assistants.outfit.slots import is_neutral
from app.filters.conditions import OneOf, key_of
from app.model.records import Field
from app.retrieval.hits import Hit


@dataclass(frozen=True, slots=True)
class Fact:
    """A column, and those of its values that go with the garment."""

    column: Field
    values: tuple[str, ...]

    @property
    def condition(self) -> OneOf:
        """A filter for garments of which this fact holds."""
        return OneOf(key_of("fields", self.column.slug), self.values)

    def holds_of(self, hit: Hit) -> bool:
        """Say whether a find has one of the values."""
        return not {*self.values}.isdisjoint(values_in(hit.metadata, self.column.name))


def facts_of(
    catalogue: Catalogue, said: Mapping[str, Any], audience: str | None
) -> tuple[Fact, ...]:
    """Return the facts to match, most important first: usage, season, colour, audience.

    `said` is the garment's record, or nothing. Of usage, season and audience the same goes with it;
    of colours the same and the neutral ones. What goes with all says nothing.
    """
    return tuple(_facts(catalogue, said, audience))


def _facts(catalogue: Catalogue, said: Mapping[str, Any], audience: str | None) -> Iterator[Fact]:
    for column in (catalogue.usage, catalogue.season):
        if column and (own := values_in(said, column.name)):
            yield Fact(column, tuple(own))
    if catalogue.colour:
        colours = values_in(said, catalogue.colour.name)
        if colours and not all(map(is_neutral, colours)):
            yield Fact(catalogue.colour, (*colours, *filter(is_neutral, catalogue.colours)))
    if catalogue.audience and audience:
        yield Fact(catalogue.audience, (audience,))


def values_in(said: Mapping[str, Any], name: str) -> Sequence[str]:
    """Return what a record has in a column: nothing, a word or several."""
    value: Any = said.get(name)
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []
