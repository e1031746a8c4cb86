"""Report: what an ingest did, and who is told of it while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.model.records import Skip


@dataclass(slots=True)
class Report:
    """What an ingest did: read = new + changed + unchanged + skipped; gone is counted apart."""

    collection: str
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: list[Skip] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Callbacks for an ingest: progress in pictures, other steps, and notices."""

    progress: Callable[[int, int], None] = lambda _done, _total: None
    step: Callable[[str], None] = lambda _text: None
    notice: Callable[[str], None] = lambda _text: None
