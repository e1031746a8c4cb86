"""Pictures with nothing said of them → rows: a bare folder, or one picture."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from app.media.picture_files import IMAGE_SUFFIXES
from app.model.records import Skip
from ingest.folder import index_folder
from ingest.loaders import Row


def reads(path: Path) -> bool:
    """Tell whether this is a folder, or a file named like a picture."""
    return path.is_dir() or (path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield one row for each picture, in the order of their paths."""
    yield from rows(index_folder(path).pictures if path.is_dir() else (path.name,))


def rows(names: Iterable[str]) -> list[Row]:
    """Return one row for each picture."""
    return [Row({"file_name": name}, f"picture {n}") for n, name in enumerate(names, start=1)]
