"""Hits: what a retriever hands on. A LlamaIndex NodeWithScore that can say why it is there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.bridge.pydantic import Field
from llama_index.core.schema import NodeWithScore


class SignalScore(NamedTuple):
    """What one signal says of a hit: its place among that signal's own results, and its score.

    `rank` counts from 1 and is None when the signal alone would not have found the hit. `score` is
    a cosine, for pages the mean of several, and BM25 for keywords.
    """

    rank: int | None
    score: float


class Hit(NodeWithScore):
    """One record that was found; its node has the user's own fields as metadata."""

    record_id: str
    path: str
    """The picture's, from the root of its source, with forward slashes; nothing of words alone."""
    source: str = ""
    """The label of the record's source; nothing for what came through `open_index`."""
    captions: tuple[str, ...] = ()
    signals: dict[str, SignalScore] = Field(default_factory=dict)
    """By signal name: image, page, text, keywords, like:…, unlike:…"""
    answers: dict[str, Any] = Field(default_factory=dict)
    """What it has where the filter asks: values by slug, `km` from the place."""
    page: int | None = None
    """Of a page of a document: its number, from 1."""
    excerpt: str = ""
    """Of a page: the part of its text that bears most on the words that were asked."""
    scales: Mapping[str, str] = {}
    """What the numbers of columns mean, where the source says so, by the columns' own names."""
    gone: bool = False
    """Whether its picture is not on this machine: such hits come after the others."""
    others: tuple[str, ...] = ()
    """Of a group of which this is the best: the paths of those that come next, or their ids."""

    @property
    def file(self) -> Path | None:
        """The picture on this machine; None of words alone, or where it may not be opened."""
        path = getattr(self.node, "image_path", None)
        return Path(path) if path else None

    @property
    def snippet(self) -> str:
        """What to show beside it in a line or two."""
        return self.excerpt or self.caption

    @property
    def caption(self) -> str:
        """The first caption, or nothing."""
        return self.captions[0] if self.captions else ""
