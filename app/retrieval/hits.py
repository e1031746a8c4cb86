"""Hits: what a retriever hands on. A LlamaIndex NodeWithScore that can say why it is there."""

from typing import NamedTuple

from llama_index.core.bridge.pydantic import Field
from llama_index.core.schema import ImageNode, NodeWithScore


class SignalScore(NamedTuple):
    """What one signal says of a hit: its place among that signal's own results, and its score.

    `rank` counts from 1 and is None when the signal alone would not have found the hit. `score` is
    a cosine for dense signals and BM25 for keywords.
    """

    rank: int | None
    score: float


class Hit(NodeWithScore):
    """One record that was found; its node has the user's own fields as metadata."""

    record_id: str
    source: str
    """The picture's path relative to its root, with forward slashes."""
    captions: tuple[str, ...] = ()
    signals: dict[str, SignalScore] = Field(default_factory=dict)
    """By signal name: image, text, keywords, like:…, unlike:…"""

    @property
    def image_node(self) -> ImageNode:
        """The node, as what it is; `image_node.image_path` can be opened."""
        assert isinstance(self.node, ImageNode)
        return self.node

    @property
    def caption(self) -> str:
        """The first caption, or nothing."""
        return self.captions[0] if self.captions else ""
