"""PDF → rows: one for each page, whose picture is the page itself."""

from collections.abc import Iterator
from pathlib import Path

from app.media import isolated
from app.media.pages import PDF_MAGIC, SUFFIX, read_document
from app.model.records import Skip
from ingest.columns import Columns
from ingest.loaders import Row

COLUMNS = Columns(images=("file",), captions=(), place=())
"""What `file` names is the document; the others are metadata."""


def reads(path: Path) -> bool:
    """Tell by the suffix, or by what the file begins with: some are called otherwise."""
    if not path.is_file():
        return False
    if path.suffix.lower() == SUFFIX:
        return True
    with path.open("rb") as stream:
        return stream.read(len(PDF_MAGIC)) == PDF_MAGIC  # further on, a text may speak of it


def load(path: Path) -> Iterator[Row | Skip]:
    """Yield the pages in order. Raises SourceError for a document that cannot be opened."""
    document = isolated.call(read_document, path)
    for page in range(1, document.pages + 1):
        fields = {
            "file": path.name,
            "document": path.name,
            "page": page,
            "title": document.title or path.stem,
            "pages": document.pages,
        }
        yield Row(fields, f"page {page}", page=page)
