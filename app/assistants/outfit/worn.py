"""Worn: a picture's path or a record id → the garment, with what its catalogue says of it."""

from dataclasses import dataclass
from pathlib import Path

from app.assistants.outfit.catalogue import Catalogue
from app.core.conditions import Compare
from app.core.errors import QueryError
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
    def name(self) -> str:
        """What a person calls it: its record, or the path as it was given."""
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
    record = _twin(picture, searcher) if picture.is_file() else _record(str(garment), searcher)
    said = record.node.metadata if record else {}
    columns = (catalogue.category, catalogue.audience)
    own = [_first(said.get(column.name)) if column else None for column in columns]
    return Worn(
        record.file if record else picture,
        record,
        catalogue.require_type(category) if category else own[0],
        catalogue.require_audience(audience) if audience else own[1],
    )


def _record(record_id: str, searcher: Searcher) -> Hit:
    also = Compare("record_id", "==", record_id)
    found = searcher.search(Search(also=also, top_k=1)).hits
    if not found:
        raise QueryError(
            f"{record_id!r} is neither a file nor a record of the collection; a record is called"
            " as `search --json` has it: shop/images/10001.jpg"
        )
    return found[0]


def _twin(picture: Path, searcher: Searcher) -> Hit | None:
    """Return the record that has this very picture, to the byte."""
    search = Search(image=picture, top_k=1, min_score=SAME_PICTURE)
    for hit in searcher.search(search).hits:
        try:
            same = hit.file.read_bytes() == picture.read_bytes()
        except OSError:  # the record's picture is gone: then nobody knows
            return None
        return hit if same else None
    return None


def _first(value: object) -> str | None:
    values = value if isinstance(value, list) else [value]
    return next((each for each in values if isinstance(each, str)), None)
