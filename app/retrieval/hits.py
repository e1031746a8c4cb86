"""Hits: what a search hands on. A record that can say why it is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class SignalScore(NamedTuple):
    """What one signal says of a hit: its place among that signal's own results, and its score.

    `rank` counts from 1 and is None when the signal alone would not have found the hit. `score` is
    a cosine, for pages the mean of several, and BM25 for keywords.
    """

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One record that was found, with the user's own fields as metadata."""

    id: str
    """That of its point."""
    record_id: str
    score: float | None = None
    """None where nothing ranked it: a filter alone, a page beside one that was found."""
    path: str
    """The picture's, from the root of its source, with forward slashes; nothing of words alone."""
    source: str = ""
    """The label of the record's source; nothing for what came through `open_index`."""
    text: str = ""
    """All that is said of it in words: of a page its text, else the captions."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    """The picture on this machine; None of words alone, or where it may not be opened."""
    captions: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """What a machine's guess is on the picture, likeliest first, where its embedding names that."""
    signals: Mapping[str, SignalScore] = field(default_factory=dict)
    """By signal name: image, page, text, keywords, like:…, unlike:…, and code: the share of the
    codes asked for that it has."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """What it has where the filter asks: values by slug, `km` from the place."""
    page: int | None = None
    """Of a page of a document: its number, from 1."""
    excerpt: str = ""
    """Of a page: the part of its text that bears most on the words that were asked."""
    scales: Mapping[str, str] = field(default_factory=dict)
    """What the numbers of columns mean, where the source says so, by the columns' own names."""
    gone: bool = False
    """Whether its picture is not on this machine: such hits come after the others."""
    others: tuple[str, ...] = ()
    """Of a group of which this is the best: the paths of those that come next, or their ids."""

    @property
    def snippet(self) -> str:
        """One or two lines of text to show with the hit."""
        return self.excerpt or self.caption

    @property
    def caption(self) -> str:
        """The first caption, or nothing."""
        return self.captions[0] if self.captions else ""
