"""Evidence: hits → what an answer may rest on, numbered from 1, one per record."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.model.records import document_of, name_of

if TYPE_CHECKING:
    from app.retrieval.hits import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record that the model is shown; `number` is what an answer cites it by.

    `path` is the picture's, relative to the root of its source, whose label is `source` (nothing
    for what came through `open_index`), `file` the picture on this disk, if there
    is one that may be opened, `snippet` what to show of it in a line. Of a page, `page` is its
    number in the document, and `text` what its text layer says, as far as it has one. `scales` say
    what the numbers in its metadata mean. `shared_path`
    says that another piece of evidence has the same path in another source.
    """

    number: int
    record_id: str
    source: str
    path: str
    caption: str
    captions: tuple[str, ...]
    metadata: Mapping[str, Any]
    file: Path | None
    page: int | None = None
    text: str = ""
    snippet: str = ""
    shared_path: bool = False
    scales: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> str:
        """The path of the picture, or of the document that a page is in.

        Where evidence of two sources has the same one, it begins with the source's label.
        """
        return document_of(self._told_path, self.page)

    @property
    def name(self) -> str:
        """Its name for people: `report.pdf, page 3`."""
        return name_of(self._told_path, self.page)

    @property
    def _told_path(self) -> str:
        return self.path if self.path and not self.shared_path else self.record_id


def build_evidence(hits: "Sequence[Hit]") -> list[Evidence]:
    """Return one piece per record, numbered from 1, in the order of the hits."""
    first = _once_per_record(hits)
    shared = _shared_paths(first)
    return [
        Evidence(
            number=number,
            record_id=hit.record_id,
            source=hit.source,
            path=hit.path,
            caption=hit.caption,
            captions=tuple(hit.captions),
            metadata=dict(hit.metadata),
            file=hit.file,
            page=hit.page,
            text="" if hit.page is None else hit.text,
            snippet=hit.snippet,
            shared_path=document_of(hit.path, hit.page) in shared,
            scales=hit.scales,
        )
        for number, hit in enumerate(first, start=1)
    ]


def unambiguous_pages(evidence: "Iterable[Evidence]") -> dict[int, int]:
    """Return the numbers of evidence by the page that it shows, where no other shows its like."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for piece in evidence:
        if piece.page is not None:
            numbers[piece.page].append(piece.number)
    return {page: among[0] for page, among in numbers.items() if len(among) == 1}


def _once_per_record(hits: "Sequence[Hit]") -> "list[Hit]":
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.record_id, hit)
    return list(first.values())


def _shared_paths(hits: "Iterable[Hit]") -> set[str]:
    """Return the paths that pictures or documents of several sources have."""
    owners: dict[str, set[str]] = defaultdict(set)
    for hit in hits:
        path = document_of(hit.path, hit.page)
        owners[path].add(document_of(hit.record_id, hit.page))
    return {path for path, documents in owners.items() if len(documents) > 1}
