"""Worn: a picture's path or a record id → the garment, with what its catalogue says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.assistants.outfit.catalogue import Catalogue
from app.model.errors import QueryError, SourceError
from app.retrieval.hits import Hit
from app.retrieval.search import Search, Searcher

SAME_PICTURE = 0.999
"""The cosine of a picture with itself, but for rounding. The bytes decide."""


@dataclass(frozen=True, slots=True)
class Worn:
    """The garment to be completed. None is what its catalogue and its wearer do not say."""

    picture: Path
    record: Hit | None
    category: str | None
    audience: str | None

    @property
    def said(self) -> Mapping[str, Any]:
        """What its catalogue says of it, by column; nothing of a picture from elsewhere."""
        return self.record.metadata if self.record else {}

    @property
    def name(self) -> str:
        """Its name for people: its record, or the path as it was given."""
        return self.record.record_id if self.record else str(self.picture)


def find_worn(
    garment: str | Path,
    searcher: Searcher,
    catalogue: Catalogue,
    *,
    category: str | None,
    audience: str | None,
) -> Worn:
    """Find a garment: a record by its id, or a file, which may be the picture of a record.

    `category` and `audience` count for more than what its record says. Raises QueryError for what
    is neither, or for words that the catalogue does not have, SourceError for a picture.
    """
    picture = Path(garment).expanduser()
    if picture.is_dir():
        raise QueryError(f"{str(garment)!r} is a folder; name one picture, or a record")
    record = _twin(picture, searcher) if picture.is_file() else searcher.record(str(garment))
    said = record.metadata if record else {}
    columns = (catalogue.category, catalogue.audience)
    own = [_first(said.get(column.name)) if column else None for column in columns]
    own_picture = record.file if record else picture
    if own_picture is None:
        raise SourceError("no_picture", f"record {garment} has no picture that may be opened")
    return Worn(
        own_picture,
        record,
        own[0] if category is None else catalogue.require_type(category),
        own[1] if audience is None else catalogue.require_audience(audience),
    )


def _twin(picture: Path, searcher: Searcher) -> Hit | None:
    """Return the record that has this very picture, to the byte."""
    hits = searcher.search(Search(image=picture, top_k=1, min_score=SAME_PICTURE)).hits
    try:
        same = (hit for hit in hits if hit.file and hit.file.read_bytes() == picture.read_bytes())
        return next(same, None)
    except OSError:  # the record's picture is gone: then nobody knows
        return None


def _first(value: object) -> str | None:
    values = value if isinstance(value, list) else [value]
    return next((each for each in values if isinstance(each, str)), None)
