"""Which column of a metadata file is the picture, which the captions, which the place."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.model.messages import counted
from ingest.dataset_file import DATASET_FILE, DatasetFile
from ingest.folder import is_picture_name
from ingest.loaders import Row

IMAGE_COLUMNS = (
    "relativepath", "imagepath", "picturepath", "photopath", "filepath", "path",
    "filename", "imagefilename", "imagefile", "imagename", "picturename", "photoname",
    "image", "img", "picture", "photo", "file",
)  # fmt: skip
"""Best first, in small letters and digits only. Paths come before names: they say more."""

CAPTION_COLUMNS = (
    "captions", "caption", "sentences", "sentence", "descriptions", "description",
    "text", "comments", "comment", "title",
)  # fmt: skip
NAME_COLUMNS = (
    "productdisplayname", "displayname", "productname", "producttitle", "product", "itemname",
    "articlename", "name",
)  # fmt: skip
"""What things are called in a catalogue: a caption where there is none, with attributes beside."""

LAT_COLUMNS = ("lat", "latitude", "gpslat", "gpslatitude")
LON_COLUMNS = ("lon", "lng", "long", "longitude", "gpslon", "gpslng", "gpslongitude")

SAMPLE_ROWS, SAMPLE_CELLS, LEAST_ROWS = 500, 50_000, 20
"""Enough to tell which column names pictures; 50,000 rows would be looked up twice otherwise. Of
more than 100 columns fewer rows: a cell takes 25 µs to look up, and none may be called `image`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are more than metadata, best first.

    A row whose first image column is empty is found by the next. `place` is two columns, latitude
    and longitude, or one that holds an object with both, or none. `in_catalogue` says that the
    captions are names of things, so that the other columns have more to say, and that the names are
    columns as well.
    """

    images: tuple[str, ...]
    captions: tuple[str, ...]
    place: tuple[str, ...]
    in_catalogue: bool = False


def choose_columns(
    rows: Sequence[Row], finds: Callable[[str], bool], given: DatasetFile
) -> Columns:
    """Return the columns that dataset.toml names, and guess the others by name and by values.

    `finds` tells whether a value names a picture of the source. `images` is empty when no column
    does: then the rows are not about pictures.
    """
    names = column_names(rows)
    sample = _sample(rows)
    if given.image is not None:
        images = tuple(name for name in names if name == given.image)
    else:
        images = _image_columns(sample, names, finds)
    captions = tuple(given.captions or _text_columns(sample, names, CAPTION_COLUMNS))
    rest = [name for name in names if name not in images]
    called = () if captions else _text_columns(sample, rest, NAME_COLUMNS)
    place = _place_columns(sample, names, given)
    return Columns(images, captions or called, place, in_catalogue=bool(called))


def told_of_few(rows: Sequence[Row], finds: Callable[[str], bool]) -> str:
    """Return a note of a column that finds pictures for too few rows; "" if none does."""
    sample = _sample(rows)
    texts = {name: _texts(sample, name) for name in column_names(rows)}
    found = {name: sum(map(finds, values)) for name, values in texts.items()}
    name = max(found, key=lambda name: found[name], default="")
    if not name or not found[name]:
        return ""
    return (
        f"column {name!r} finds a picture for only {found[name]:,} of the first"
        f" {counted(len(sample), 'row')}; if it names pictures all the same, say so in"
        f" {DATASET_FILE}: image = {json.dumps(name, ensure_ascii=False)}"
    )


def _sample(rows: Sequence[Row]) -> Sequence[Row]:
    columns = len(column_names(rows))
    return rows[: max(LEAST_ROWS, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, columns)))]


def column_names(rows: Iterable[Row]) -> list[str]:
    """Return the columns that rows have, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row.fields))


def named_columns(given: DatasetFile) -> list[tuple[str, str]]:
    """Return the columns that dataset.toml names, each with the key that it stands at."""
    named = [("image", given.image)] if given.image is not None else []
    named += [("captions", name) for name in given.captions]
    if given.place is not None:
        named += [("place.lat", given.place.lat), ("place.lon", given.place.lon)]
    if given.outfit is not None:
        named += [(f"outfit.{part}", name) for part, name in given.outfit.columns.items()]
    return named


def names_an_image(name: str) -> bool:
    """Tell whether a column is called like one that names pictures."""
    return _bare(name) in IMAGE_COLUMNS


def _image_columns(
    rows: Sequence[Row], names: Sequence[str], finds: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the columns named like a picture that look like one, else one that finds most."""
    called = [
        name
        for name in _in_order(names, IMAGE_COLUMNS)
        if _most(_texts(rows, name), lambda text: _looks_like_a_path(text) or finds(text))
    ]
    if called:
        return tuple(called)
    return tuple(islice((name for name in names if _most(_texts(rows, name), finds)), 1))


def _text_columns(
    rows: Sequence[Row], names: Sequence[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    for name in _in_order(names, wanted):
        if any(isinstance(row.fields.get(name), str | list) for row in rows):
            return (name,)
    return ()


def _place_columns(
    rows: Sequence[Row], names: Sequence[str], given: DatasetFile
) -> tuple[str, ...]:
    if given.place is not None:
        return (given.place.lat, given.place.lon)
    lats, lons = _in_order(names, LAT_COLUMNS), _in_order(names, LON_COLUMNS)
    if lats and lons:
        return (lats[0], lons[0])
    nested = (name for name in names if any(nested_place(row.fields.get(name)) for row in rows))
    return tuple(islice(nested, 1))


def nested_place(value: object) -> tuple[Any, Any] | None:
    """Return latitude and longitude of `{"lat": 1.3, "lng": 103.8}`, unchecked."""
    if not isinstance(value, dict):
        return None
    keys = {_bare(key): key for key in value}
    lats = [keys[name] for name in LAT_COLUMNS if name in keys]
    lons = [keys[name] for name in LON_COLUMNS if name in keys]
    return (value[lats[0]], value[lons[0]]) if lats and lons else None


def image_names(row: Row, columns: Columns) -> list[str]:
    """Return what the row's image columns hold, best first, empty ones left out."""
    return [text for name in columns.images for text in _texts([row], name)]


def _texts(rows: Iterable[Row], name: str) -> list[str]:
    values = (row.fields.get(name) for row in rows)
    return [
        str(value)
        for value in values
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    ]


def _most(texts: Sequence[str], test: Callable[[str], bool]) -> bool:
    return bool(texts) and 2 * sum(map(test, texts)) >= len(texts)


def _looks_like_a_path(text: str) -> bool:
    return is_picture_name(text.strip()) or "/" in text or "\\" in text


def _in_order(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    bare = [(name, _bare(name)) for name in names]
    return [name for want in wanted for name, found in bare if found == want]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
