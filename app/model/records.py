"""Records: one thing a person can point at, as plain data. The first value on the line."""

import hashlib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

EARTH_KM = 6371.0088
"""Mean radius, as the engines' geo filters have it (the `geo` crate: 6,371,008.8 m)."""

FieldType = Literal["number", "time", "boolean", "words"]
"""What a column holds: numbers, moments, true/false, or words (anything else that is text)."""

FieldValue = float | int | bool | str | datetime
"""One typed value; `words` columns may also hold a list of strings."""


class Place(NamedTuple):
    """A point on the earth in degrees, north and east positive."""

    lat: float
    lon: float

    def km_to(self, other: "Place") -> float:
        """Return the distance along a great circle in km, on a sphere of Qdrant's radius.

        >>> round(Place(1.2834, 103.8607).km_to(Place(1.3138, 103.8159)), 2)
        6.02
        """
        north, east = math.radians(other.lat - self.lat), math.radians(other.lon - self.lon)
        shrunk = math.cos(math.radians(self.lat)) * math.cos(math.radians(other.lat))
        half = math.sin(north / 2) ** 2 + shrunk * math.sin(east / 2) ** 2
        return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


@dataclass(frozen=True, slots=True)
class Field:
    """A column that can be filtered by: its own name, its slug, and what it holds."""

    name: str
    slug: str
    type: FieldType


MAX_FIELDS = 50
"""Columns of a collection that can be filtered by: each costs an index, or two if it holds words.
Half words, half numbers, on the embedded engine; seconds on two cores that did other work as well:

    columns   files   CPU to make   to make     CPU to open   to open
         20     401        .3       1 to 4           .2        .4 to 1
         50     851        .8       7 to 10          .4        .6 to 1
        100   1,601       2.2       8 to 59         1.4         2 to 3
        200   3,101       6.4      33 to 217        2.9         3 to 8
"""

RESERVED_SLUGS = frozenset({"lat", "lon", "caption", "place", "record_id", "source", "path"})
"""Names that a filter has for every collection."""


def free_slug(name: str, taken: Collection[str]) -> str:
    """Return a name that is easy to type and not taken.

    >>> free_slug("more beautiful", []), free_slug("lat", [])
    ('more_beautiful', 'lat_2')
    """
    slug = re.sub(r"\W+", "_", name.lower()).strip("_") or "field"
    free, number = slug, 2
    while free in taken or free in RESERVED_SLUGS:
        free, number = f"{slug}_{number}", number + 1
    return free


@dataclass(frozen=True, slots=True)
class Record:
    """One picture, or one page of a document, with what is said of it.

    `path` is relative to `root`, with forward slashes; `record_id` is the source's label and that
    path. That of a page ends in its number, `report.pdf#page=3`, as RFC 8118 writes it; it counts
    from 1. `metadata` has the user's own keys, in order, with values typed by their whole column.
    """

    record_id: str
    source: str
    root: Path
    path: str
    captions: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None
    page: int | None = None
    text: str = ""
    """What a page says, as far as its text layer can be read. Known only once it was opened."""
    attributes: str = ""
    """What the columns of a catalogue say, on one line."""

    @property
    def said(self) -> str:
        """The text about the record: a page's text, else its captions and attributes."""
        return self.text or "\n".join(self.sayings)

    @property
    def sayings(self) -> tuple[str, ...]:
        """Each caption, and the attributes: what is embedded of its words, unless it is a page."""
        return (*self.captions, self.attributes) if self.attributes else self.captions

    @property
    def file(self) -> Path:
        """The picture on disk, or the document that the page is in."""
        return self.root / document_of(self.path, self.page)


def page_mark(page: int) -> str:
    """Return the ending of a page's path."""
    return f"#page={page}"


def document_of(path: str, page: int | None) -> str:
    """Return the path of the document that a page is in, or its record id; else what it was.

    >>> document_of("a/report.pdf#page=3", 3), document_of("a.jpg", None)
    ('a/report.pdf', 'a.jpg')
    """
    return path if page is None else path.removesuffix(page_mark(page))


def name_of(path: str, page: int | None) -> str:
    """Return a record's name for people.

    >>> name_of("report.pdf#page=3", 3), name_of("a.jpg", None)
    ('report.pdf, page 3', 'a.jpg')
    """
    return path if page is None else f"{document_of(path, page)}, page {page}"


def page_content(document: str, page: int) -> str:
    """Return the content hash of a page, from that of its document."""
    return hashlib.sha256(f"{document}{page_mark(page)}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when it was read: hash of its bytes, its size, and its time in ns.

    Of a page, `content_hash` is of the document's bytes and the page's number, so that it is known
    without opening it; `page_hash` is of what the page shows and says, but for words that OCR read;
    `read_by` says what gave its words, or was asked for them last: "layer" or "ocr".
    """

    content_hash: str
    size: int
    mtime_ns: int
    page_hash: str = ""
    read_by: str = ""

    def is_unchanged(self, size: int, mtime_ns: int) -> bool:
        """Whether size and time are as they were: then the bytes need not be read."""
        return (self.size, self.mtime_ns) == (size, mtime_ns)

    @property
    def unread(self) -> bool:
        """Whether this is of a page whose text layer says nothing or little, unseen by OCR."""
        return bool(self.page_hash) and not self.read_by


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that could not be ingested: which file or row, a stable code, and why."""

    source: str
    code: str
    reason: str
