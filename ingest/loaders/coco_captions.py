"""COCO's captions_*.json → rows: one for each picture, with all of its captions."""

import mmap
from collections import defaultdict
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from app.media.inside import quoted
from app.model.errors import SourceError
from app.model.records import Skip
from ingest.loaders import Row, beginning, object_row, read_json


def reads(path: Path) -> bool:
    """Tell whether the file has the two keys of COCO's format, wherever they are."""
    if path.suffix.lower() != ".json" or not path.is_file() or beginning(path, 64)[:1] != "{":
        return False
    return _mentions(path, b'"images"') and _mentions(path, b'"annotations"')


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield a row for each picture, in the file's order, with all of its captions.

    A caption of a picture that is not there is a Skip.

    Raises SourceError `not_metadata` for boxes and keypoints (instances_*.json); those files are
    not even parsed, for COCO's own has 448 MB.
    """
    if not _mentions(path, b'"caption"'):
        raise SourceError("not_metadata", f"{path.name} has annotations, but no captions")
    value = read_json(path)
    images, annotations = value.get("images"), value.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise SourceError("not_metadata", f"{path.name} has no lists of images and annotations")
    captions = _captions(annotations)
    for number, image in enumerate(images, start=1):
        row = object_row(image, f"image {number}")
        if isinstance(row, Row):
            said = captions.get(str(row.fields.get("id")), [])
            row = Row({**row.fields, "captions": said}, row.where)
        yield row
    yield from _astray(annotations, {str(i.get("id")) for i in images if isinstance(i, dict)})


def _astray(annotations: list[Any], ids: Container[str]) -> Iterator[Skip]:
    for number, annotation in enumerate(annotations, start=1):
        where = f"annotation {number}"
        if not isinstance(annotation, dict):
            yield Skip(where, "bad_row", "it is no object")
        elif "caption" in annotation and str(annotation.get("image_id")) not in ids:
            said = quoted(str(annotation.get("image_id")))
            yield Skip(where, "bad_row", f"it is a caption of image {said}, which is not there")


def _captions(annotations: list[Any]) -> dict[str, list[Any]]:
    captions: dict[str, list[Any]] = defaultdict(list)
    for annotation in annotations:
        if isinstance(annotation, dict) and "caption" in annotation:
            captions[str(annotation.get("image_id"))].append(annotation["caption"])
    return captions


def _mentions(path: Path, key: bytes) -> bool:
    if path.stat().st_size == 0:
        return False  # nothing to map
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(key) >= 0
