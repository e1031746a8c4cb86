"""Evidence: hits → what an answer may rest on, numbered from 1, one per record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.retrieval.hits import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record that the model is shown; `number` is what an answer cites it by.

    `source` is the picture's path relative to its root, `file` the picture on this disk.
    """

    number: int
    record_id: str
    source: str
    caption: str
    captions: tuple[str, ...]
    metadata: Mapping[str, Any]
    file: Path


def build_evidence(hits: "Sequence[Hit]") -> list[Evidence]:
    """Return one piece per record, numbered from 1, in the order of the hits."""
    return [
        Evidence(
            number=number,
            record_id=hit.record_id,
            source=hit.source,
            caption=hit.caption,
            captions=tuple(hit.captions),
            metadata=dict(hit.node.metadata),
            file=hit.file,
        )
        for number, hit in enumerate(_once_per_record(hits), start=1)
    ]


def _once_per_record(hits: "Sequence[Hit]") -> "Iterable[Hit]":
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.record_id, hit)
    return first.values()
