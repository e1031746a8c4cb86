"""Pages: a PDF → its pages as upright RGB pictures, with the text that lies in them.

What was filled into the fields of a form is part of both.
PDFium is not thread-safe, and what a hostile file makes of it ends the process. So these functions
are for processes that do nothing else and may die: the decoders of an ingest, and `isolated.call`.
"""

import logging
import math
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.model.errors import SourceError

if TYPE_CHECKING:
    from PIL import Image
    from pypdfium2 import PdfDocument, PdfPage

PAGE_SIDE = 1536
"""Pixels of a rendered page's long side: 9-point type on A4 has an x-height of 8 pixels then."""

SUFFIX = ".pdf"

PDF_MAGIC = b"%PDF-"
"""With which a PDF begins; some have a mail's header before it."""

HEADER_BYTES = 1024
"""Of a file, within which the mark must be (ISO 32000-1, note 13 of its annex H)."""

MAX_PAGES = 20_000
"""More is a page tree made to be endless, not a document."""

MAX_PAGE_CHARACTERS = 50_000
"""Of a page's text. A page of a newspaper has 40,000; each 400 more are one more to embed."""

TITLE_CHARACTERS = 300

GRID = 64
"""Cells of a page in either direction, by which it is told how much of it pictures cover."""

MAX_PICTURES = 10_000
"""Of a page, that are looked at for that: a scan cut into strips has hundreds."""

_PASSWORD_ERRORS = (4, 5)
"""FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY of fpdfview.h."""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document's number of pages, and its title, which may be empty."""

    pages: int
    title: str


def read_document(file: Path) -> DocumentInfo:
    """Return a PDF's number of pages and its title.

    Raises SourceError: missing_file, unreadable_file, empty_file, not_a_pdf, encrypted_pdf,
    damaged_pdf, too_many_pages.
    """
    with _opened(file) as document:
        pages = len(document)
        if pages > MAX_PAGES:
            told = f"the document claims {pages:,} pages, over {MAX_PAGES:,}; split it"
            raise SourceError("too_many_pages", told)
        return DocumentInfo(pages, _one_line(document.get_metadata_value("Title")))


def render_page(
    file: Path, number: int, *, side: int = PAGE_SIDE
) -> "tuple[Image.Image, str | None]":
    """Return a page, counted from 1, as a picture of this long side, and its text layer.

    The text is as the file has it: it may be empty, or garbage; None where it is broken. Raises
    SourceError: as `read_document`, and no_such_page, damaged_page, too_large_page.
    """
    with _opened(file) as document, _page(document, number) as page:
        return _picture(page, side), _text(document, number, page)


def read_text_layer(file: Path, number: int) -> str:
    """Return the text layer of a page alone, nothing of a broken one. Raises as `render_page`."""
    with _opened(file) as document, _page(document, number) as page:
        return _text(document, number, page) or ""


def picture_share(file: Path, number: int) -> float:
    """Return how much of a page is covered by pictures, from 0 to 1. Raises as `render_page`."""
    import numpy as np
    from pypdfium2 import raw

    with _opened(file) as document, _page(document, number) as page:
        left, bottom, right, top = page.get_bbox()
        cells = np.zeros((GRID, GRID), dtype=bool)
        objects = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE])
        for picture in islice(objects, MAX_PICTURES):
            bounds = np.array(_on_page(picture)) - (left, bottom, left, bottom)
            width, height = max(right - left, 1e-6), max(top - bottom, 1e-6)
            share = bounds / (width, height, width, height)
            x0, y0, x1, y1 = (share.clip(0, 1) * GRID).round().astype(int)
            cells[y0:y1, x0:x1] = True
        return float(cells.mean())


def _on_page(picture: Any) -> tuple[float, float, float, float]:  # noqa: ANN401 - a PdfObject
    """Return left, bottom, right and top of a picture, which may lie in a form within forms."""
    bounds: tuple[float, float, float, float] = picture.get_bounds()
    form = picture.container
    while form is not None:
        bounds = form.get_matrix().on_rect(*bounds)
        form = form.container
    return bounds


@contextmanager
def keeping_open() -> Iterator[None]:
    """Open a document once for all its pages within the block: else a long one takes 2 ms each.

    Not for long: of what a page shows, PDFium keeps a part for as long as its document is open.
    """
    global _kept
    _kept = {}
    try:
        yield
    finally:
        for document in _kept.values():
            document.close()
        _kept = None


_kept: "dict[Path, PdfDocument] | None" = None


@contextmanager
def _opened(file: Path) -> "Iterator[PdfDocument]":
    if _kept is not None:
        if file not in _kept:
            _kept[file] = _open(file)
        yield _kept[file]
        return
    document = _open(file)
    try:
        yield document
    finally:
        document.close()


def _open(file: Path) -> "PdfDocument":
    from pypdfium2 import PdfDocument, PdfiumError

    _require_pdf(file)
    with suppress(PdfiumError):  # else one with no pages gets the error of the document before it
        PdfDocument(b"no document")
    try:
        document = PdfDocument(file)
    except FileNotFoundError as error:  # it was there a moment ago
        raise SourceError("missing_file", "the document is not there") from error
    except PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            told = "the document needs a password; save a copy without one"
            raise SourceError("encrypted_pdf", told) from error
        told = "the document is damaged, cut off, or has no pages; save or download it again"
        raise SourceError("damaged_pdf", told) from error
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # of XFA it would talk to the screen
    with suppress(PdfiumError):  # without its fields it is worth having all the same
        document.init_forms()  # before a page is loaded; nothing where there is no form
    return document


def _require_pdf(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            beginning = stream.read(HEADER_BYTES)
    except FileNotFoundError as error:
        raise SourceError("missing_file", "the document is not there") from error
    except OSError as error:
        raise SourceError("unreadable_file", f"it cannot be read: {error.strerror}") from error
    if not beginning:
        raise SourceError("empty_file", "it has no bytes")
    if PDF_MAGIC not in beginning:
        told = "it is called .pdf but is not a PDF; give it the ending of what it is"
        other = "it is not a PDF, and only a PDF has pages"
        raise SourceError("not_a_pdf", told if file.suffix.lower() == SUFFIX else other)


@contextmanager
def _page(document: "PdfDocument", number: int) -> "Iterator[PdfPage]":
    if not 1 <= number <= len(document):
        raise SourceError("no_such_page", f"there is no page {number}; there are {len(document)}")
    try:
        page = document[number - 1]
        try:
            yield page
        finally:
            page.close()
    except SourceError:
        raise
    except MemoryError as error:
        told = f"page {number} takes more memory than there is; save it again, smaller or simpler"
        raise SourceError("too_large_page", told) from error
    except Exception as error:  # PDFium's own, ctypes', Pillow's
        raise SourceError("damaged_page", f"page {number} is damaged; save it again") from error


def _picture(page: "PdfPage", side: int) -> "Image.Image":
    width, height = page.get_size()  # in points, as the page is turned
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise SourceError("damaged_page", "the page has no size")
    scale = side / max(width, height)
    bitmap: Any = page.render(scale=scale)
    try:
        picture: Image.Image = bitmap.to_pil().convert("RGB")
    finally:
        bitmap.close()
    return picture.crop((0, 0, _pixels(width * scale, side), _pixels(height * scale, side)))


def _pixels(length: float, side: int) -> int:
    """Return a length in whole pixels, at most `side`: rounding up could give one more."""
    return min(side, max(1, math.ceil(length)))


def _text(document: "PdfDocument", number: int, page: "PdfPage") -> str | None:
    """Return the text layer; of a form, with what its fields show, after the rest.

    Of a document that is kept open, the page is drawn otherwise from then on, by a few pixels.
    """
    try:
        if not _flattened(page):
            return _layer(page)
        with _page(document, number) as flat:  # the one at hand does not see it
            return _layer(flat)
    except Exception:  # noqa: BLE001 - a picture of the page is worth having all the same
        return None


def _flattened(page: "PdfPage") -> bool:
    """Draw form fields into the page, and tell whether there were any.

    Their values would be simpler to have; but those of passwords and hidden fields are not shown.
    """
    from pypdfium2 import raw

    if page.formenv is None:
        return False
    return bool(raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS)


def _layer(page: "PdfPage") -> str:
    text = page.get_textpage()
    try:
        return str(text.get_text_range(count=min(MAX_PAGE_CHARACTERS, text.count_chars())))
    finally:
        text.close()


def _one_line(text: str) -> str:
    plain = (char if unicodedata.category(char)[0] != "C" else " " for char in text)
    return " ".join("".join(plain).split())[:TITLE_CHARACTERS]
