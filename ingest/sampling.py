"""Sampling: what is said of records → the mean length of a text, by which BM25 weighs words."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.encoders import bm25
from app.media import isolated
from app.media.pages import read_text_layer
from app.model.errors import SourceError
from app.model.records import Record
from ingest.passages import readable

SAMPLE_PAGES = 200
"""Of which the mean length of a text is taken; from 100 to 400 words, R@5 changes by .02."""

PAGE_WORDS = 200.0
"""Mean length of a text where no page has a layer, for OCR may read them: it matters as little."""


def average_words(records: Sequence[Record]) -> float:
    """Return the mean number of words in the texts of records, for BM25."""
    mean = bm25.average_length(sample_texts(records))
    none_said = mean == 1 and any(record.page is not None for record in records)
    return PAGE_WORDS if none_said else mean


def told_of_length(records: Sequence[Record], made_with: float) -> Iterator[str]:
    """Yield a notice if the texts differ much in length from those that a collection began with.

    From half to twice the mean, R@5 changes by .02. Pages would have to be opened for it.
    """
    said = [record.said for record in records if record.page is None and record.said]
    mean = bm25.average_length(said)
    if said and not made_with / 2 <= mean <= made_with * 2:
        yield (
            f"its texts have {mean:.0f} words on average, but BM25 was set for {made_with:.0f};"
            " --rebuild sets it again, by all sources"
        )


def sample_texts(records: Sequence[Record]) -> Iterator[str]:
    """Yield the texts of records; of pages, which must be opened for it, those of a sample."""
    pages = sum(record.page is not None for record in records)
    step = max(1, pages // SAMPLE_PAGES)
    hostile: set[Path] = set()
    for number, record in enumerate(records):
        if record.page is None:
            yield record.said
        elif number % step == 0 and record.file not in hostile:
            try:
                yield readable(isolated.call(read_text_layer, record.file, record.page))
            except SourceError:  # told when the page is read in its turn
                hostile.add(record.file)
