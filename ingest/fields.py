"""Fields: the columns of a source → those of them that can be filtered by.

Each costs an index, so a collection has `MAX_FIELDS` of them, over all its sources and for its
life. The other columns are kept with their records and shown all the same.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.model.records import MAX_FIELDS, Field, FieldType, free_slug
from ingest.dataset_file import DATASET_FILE
from ingest.rows import examples
from ingest.schema import is_blank

FEW_VALUES = 20
"""So few values may all differ by chance: that does not yet make them ids."""

LONG_CHARACTERS = 60
"""Of a value on average: what is longer is a text, which nobody types into a filter."""

SPARSE = 0.1
"""Share of the rows in which a column should have a value."""


def choose_fields(
    columns: Mapping[str, Sequence[Any]],
    types: Mapping[str, FieldType],
    *,
    known: Sequence[Field] = (),
    first: Collection[str] = (),
) -> tuple[Field, ...]:
    """Return the known fields, then new ones in the order of their columns, while there is room.

    Where there is not room for all, `first` go first, then columns that tell records apart, then
    sparse ones and those with one value, then ids and long texts; among those each type in turn, so
    that the one time among 999 numbers is there, and the fullest columns of a type before others.
    """
    fields = {field.name: field for field in known}
    new = [name for name in types if name not in fields]
    room = max(0, MAX_FIELDS - len(fields))
    if len(new) > room:
        chosen = set(_best_first(new, columns, types, first)[:room])
        new = [name for name in new if name in chosen]
    slugs = {field.slug for field in known}
    for name in new:
        slug = free_slug(name, slugs)
        slugs.add(slug)
        fields[name] = Field(name, slug, types[name])
    return tuple(fields.values())


def unindexed_notice(
    types: Mapping[str, FieldType], fields: Sequence[Field], first: Collection[str]
) -> list[str]:
    """Return a notice of the columns that filters cannot use because there was no room."""
    indexed = {field.name for field in fields}
    names = sorted(
        (name for name in types if name not in indexed), key=lambda name: name not in first
    )
    if not names:
        return []
    return [
        f"kept and shown, but not for filters, because a collection indexes {MAX_FIELDS} columns at"
        f" most ({len(names):,}): {examples(map(repr, names))}. Columns under [types] in"
        f" {DATASET_FILE} are indexed first; if the collection is full, add --rebuild"
    ]


def _best_first(
    names: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    types: Mapping[str, FieldType],
    first: Collection[str],
) -> list[str]:
    rows = max(map(len, columns.values()))
    alike: dict[tuple[bool, int, FieldType], list[tuple[int, int, str]]] = defaultdict(list)
    for place, name in enumerate(names):
        said = [str(value) for value in columns[name] if not is_blank(value)]
        group = (name not in first, _doubt(said, types[name], rows), types[name])
        # By powers of two, and as they stand among equals: a few rows more change no choice.
        alike[group].append((-len(said).bit_length(), place, name))
    turns = [
        (group[:2], turn, place, name)
        for group, members in alike.items()
        for turn, (_, place, name) in enumerate(sorted(members))
    ]
    return [name for *_, name in sorted(turns)]


def _doubt(said: Sequence[str], type_: FieldType, rows: int) -> int:
    """Return how little use a filter over a column is: 0 much, 1 little, 2 hardly any."""
    different = len(set(said))
    if type_ == "words" and (
        2 * different > len(said) + FEW_VALUES or sum(map(len, said)) > LONG_CHARACTERS * len(said)
    ):
        return 2
    if type_ == "number" and different == len(said) > FEW_VALUES and all(map(_is_whole, said)):
        return 2
    return int(len(said) < SPARSE * rows or different == 1 < len(said))


def _is_whole(number: str) -> bool:
    return number.strip().removeprefix("-").isdigit()
