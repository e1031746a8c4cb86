"""Catalogue: a collection → which columns say what a garment is, and what they say."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import ValidationError

from app.assistants.outfit.slots import ADULTS, EVERYONE, audience_of, singular, slot_of, suited_by
from app.filters.conditions import AnyOf, Condition, Exists, Not, OneOf, key_of
from app.model.errors import CollectionError, QueryError
from app.model.garments import SLOTS, Slot
from app.model.messages import did_you_mean
from app.model.outfit_table import OutfitTable
from app.model.records import Field
from app.store.collection import Collection

CATEGORY_COLUMNS = (
    "articletype", "producttype", "garmenttype", "itemtype", "clothingtype", "type", "subcategory",
    "category", "categoryname", "productcategory", "garment", "class", "kind",
)  # fmt: skip
"""Finest first, in small letters alone. A column counts if half its values are in the table."""

AUDIENCE_COLUMNS = (
    "gender", "audience", "sex", "targetgender", "targetaudience", "agegroup", "department",
    "section", "indexname", "for",
)  # fmt: skip

COLOUR_COLUMNS = (
    "basecolour", "basecolor", "colour", "color", "colourname", "colorname", "maincolour",
    "maincolor", "primarycolour", "primarycolor", "colourgroupname",
)  # fmt: skip

USAGE_COLUMNS = ("usage", "occasion", "use", "usedfor", "suitablefor")

SEASON_COLUMNS = ("season", "seasons", "seasonname")

TYPES_SHOWN = 12

FOR_ALL = (ADULTS, EVERYONE)
"""What a catalogue has for all: it has one word or the other."""

MAX_VALUES = 1_000
"""Of a column, commonest first. A shop has some hundred article types."""


ValueCounts = Callable[[Field], Mapping[str, int]]
"""What stands in a column, commonest first, with how often."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The garments of a collection: their article types with slots, and whom they are for.

    `types` has the article types that are worn somewhere, commonest first; `unknown` those that no
    table knows, `nowhere` those that are no part of an outfit. `audiences` are the values of their
    column, with who is meant, or "", `colours` those of theirs; `said` are the slots that
    dataset.toml adds to the table.
    """

    category: Field
    audience: Field | None
    colour: Field | None
    usage: Field | None
    season: Field | None
    types: Mapping[str, Slot]
    unknown: tuple[str, ...]
    nowhere: tuple[str, ...]
    audiences: Mapping[str, str]
    colours: tuple[str, ...]
    said: Mapping[str, str]

    def types_of(self, slots: Iterable[Slot]) -> tuple[str, ...]:
        """Return the article types of these slots."""
        wanted = set(slots)
        return tuple(name for name, slot in self.types.items() if slot in wanted)

    def slot_of(self, name: str) -> Slot | str:
        """Return where a garment of this name is worn: "none" nowhere, "" if that is not known."""
        return self.types.get(name) or slot_of(name, self.said)

    def type_named(self, name: str) -> str | None:
        """Return the article type that goes by a name, in any case and number."""
        return _same_name(name, (*self.types, *self.unknown, *self.nowhere))

    def require_type(self, name: str) -> str:
        """Return the same. Raises QueryError when there is none."""
        found = self.type_named(name)
        if found is None:
            known = ", ".join(list(self.types)[:TYPES_SHOWN])
            more = ", …" if len(self.types) > TYPES_SHOWN else ""
            raise QueryError(
                f"no garment is called {name!r} in {self.category.name}"
                f"{did_you_mean(name, self.types)} (there is: {known}{more})"
            )
        return found

    def audience_named(self, name: str) -> str | None:
        """Return the value that says for whom, by itself or by a word for the same people."""
        meant = audience_of(name)
        same = (value for value, who in self.audiences.items() if meant and who == meant)
        own = _same_name(name, self.audiences) or next(same, None)
        if own or meant not in FOR_ALL:
            return own
        return next((value for value, who in self.audiences.items() if who in FOR_ALL), None)

    def require_audience(self, name: str) -> str:
        """Return the same. Raises QueryError when no garment is for these."""
        if self.audience is None:
            raise QueryError(
                f"no column says whom a garment is for, so nothing can be left out for {name!r};"
                " audience under [outfit] in dataset.toml names one, from the next ingest on"
            )
        found = self.audience_named(name)
        if found is None:
            raise QueryError(
                f"no garment is for {name!r}; they are for {', '.join(self.audiences)}"
            )
        return found

    def suiting(self, audience: str) -> Condition | None:
        """Return a filter for garments for these people: no children's for adults, or the reverse.

        What does not say for whom stays in.
        """
        if self.audience is None:
            return None
        suited = suited_by(self.audiences.get(audience, ""))
        same = {value for value, who in self.audiences.items() if who in suited}
        key = key_of("fields", self.audience.slug)
        return AnyOf((OneOf(key, tuple(sorted({audience, *same}))), Not(Exists(key))))

    def among(self, types: Iterable[str]) -> Condition:
        """Return a filter for garments of these types."""
        return OneOf(key_of("fields", self.category.slug), tuple(types))


def read_catalogue(collection: Collection) -> Catalogue:
    """Find the columns of a collection, and read what they say.

    Raises QueryError when none says what a garment is.
    """
    collection.open()  # for its columns as they are now
    said = _tables(collection)
    columns = [field for field in collection.fields if field.type == "words"]

    @cache
    def values(column: Field) -> dict[str, int]:
        return dict(collection.commonest(column, MAX_VALUES))

    category = _column(columns, values, "category", said, CATEGORY_COLUMNS, _is_known)
    category = category or _finest(columns, values)
    if category is None:
        raise QueryError(
            f"no column of collection {collection.name!r} says what a garment is: shirts, jeans,"
            " …; category under [outfit] in dataset.toml names one, and slots say where each"
            " is worn, from the next ingest on"
        )
    more = {singular(name): slot for outfit in said for name, slot in outfit.slots.items()}
    slots = {name: slot_of(name, more) for name in values(category)}
    audience = _column(columns, values, "audience", said, AUDIENCE_COLUMNS, _names_somebody)
    colour, usage, season = (
        _column(columns, values, part, said, names, bool)
        for part, names in (
            ("colour", COLOUR_COLUMNS),
            ("usage", USAGE_COLUMNS),
            ("season", SEASON_COLUMNS),
        )
    )
    everyone = {singular(name) for outfit in said for name in outfit.everyone}
    return Catalogue(
        category=category,
        audience=audience,
        colour=colour,
        usage=usage,
        season=season,
        types={name: slot for name, slot in slots.items() if slot in SLOTS},
        unknown=tuple(name for name, slot in slots.items() if not slot),
        nowhere=tuple(name for name, slot in slots.items() if slot and slot not in SLOTS),
        audiences={
            name: EVERYONE if singular(name) in everyone else audience_of(name)
            for name in (values(audience) if audience else ())
        },
        colours=tuple(values(colour)) if colour else (),
        said=more,
    )


def _tables(collection: Collection) -> list[OutfitTable]:
    """Return what the dataset.toml of each source says of garments."""
    kept = [entry.extras.get("outfit") for entry in collection.manifest.sources.values()]
    try:
        return [OutfitTable.kept(table) for table in kept if table]
    except ValidationError as error:
        raise CollectionError(
            f"what collection {collection.name!r} keeps of [outfit] in dataset.toml is damaged"
            f" ({error.errors()[0]['loc']}); ingest its sources again"
        ) from error


def _column(
    columns: Sequence[Field],
    values: ValueCounts,
    part: str,
    said: Sequence[OutfitTable],
    names: Sequence[str],
    fits: Callable[[str], bool],
) -> Field | None:
    """Return the column that dataset.toml names, or the first that is called so and fits."""
    given = {outfit.columns[part] for outfit in said if part in outfit.columns}
    if found := [column for column in columns if column.name in given]:
        return found[0]
    called = {_bare(column.name): column for column in reversed(columns)}
    for name in names:
        if name in called and _mostly(fits, values(called[name])):
            return called[name]
    return None


def _finest(columns: Sequence[Field], values: ValueCounts) -> Field | None:
    """Return the column that tells most types apart, and of which most are known to the table.

    One whose values hardly ever come twice has names, not types.
    """
    found: dict[int, Field] = {}
    for column in columns:
        counts = values(column)
        if 4 * len(counts) <= 3 * sum(counts.values()) and _mostly(_is_known, counts):
            found.setdefault(len(counts), column)
    return found[max(found)] if found else None


def _mostly(fits: Callable[[str], bool], counts: Mapping[str, int]) -> bool:
    fitting = sum(count for value, count in counts.items() if fits(value))
    return bool(counts) and 2 * fitting >= sum(counts.values())


def _is_known(name: str) -> bool:
    return bool(slot_of(name))


def _names_somebody(name: str) -> bool:
    return bool(audience_of(name))


def _same_name(name: str, known: Iterable[str]) -> str | None:
    by_name = {singular(other): other for other in reversed([*known])}
    return by_name.get(singular(name))


def _bare(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
