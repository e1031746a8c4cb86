"""Signals: what is asked → (space, vector, weight), one for each way a record can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.encoders import bm25
from app.filters.conditions import Condition
from app.model.points import Query as SpaceQuery
from app.model.points import ScoredId, Vector
from app.retrieval.weights import LIKE
from app.store.models import QueryVectors

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Example:
    """A picture or words to push towards or away from, under the name that the user gave it."""

    name: str
    picture: "Image.Image | None" = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words, pictures and filter of a query, before any model has read them."""

    words: str = ""
    picture: "Image.Image | None" = None
    like: tuple[Example, ...] = ()
    unlike: tuple[Example, ...] = ()
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One vector to search one space with, and how much it counts; negative weights push away.

    `background` is the cosine of what has nothing to do with it. Scores of the space are multiplied
    with `scale`.
    """

    name: str
    space: str
    vector: Vector
    weight: float
    background: float = 0.0
    scale: float = 1.0

    @property
    def query(self) -> SpaceQuery:
        """The signal as the engines take it."""
        return SpaceQuery(self.space, self.vector)

    @property
    def is_relative(self) -> bool:
        """Whether its scores have no scale of their own: BM25."""
        return self.space == "keywords"

    def scaled(self, hits: Sequence[ScoredId]) -> Sequence[ScoredId]:
        """Return what the space gave with the scores of the signal."""
        if self.scale == 1:
            return hits
        return [ScoredId(id_, score * self.scale) for id_, score in hits]


@dataclass(slots=True)
class Signals:
    """Gathers signals, with notices for the person who asked."""

    vectors: QueryVectors
    weights: Mapping[str, float]
    found: list[Signal] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def reads_words(self) -> bool:
        """Whether words can be asked of the pictures; notes it for the person if not."""
        if not self.vectors.models.reads_words:
            model = self.vectors.models.image_name
            notice = f"{model} cannot read words into pictures: the captions were searched"
            if notice not in self.notices and not self.reads_pages:
                self.notices.append(notice)
            return False
        return True

    @property
    def reads_pages(self) -> bool:
        """Whether words can be asked of the pages, and count there."""
        return bool(self.vectors.models.page_name and self.weights["page"])

    def add(
        self,
        name: str,
        space: str,
        vector: Vector,
        weight: float,
        *,
        background: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        """Add a signal, unless its weight is 0."""
        if weight:
            self.found.append(Signal(name, space, vector, weight, background, scale))

    def add_captions(self, words: str) -> None:
        """Words against the captions' meaning."""
        self.add("text", "text", [self.vectors.caption(words)], self.weights["text"])

    def add_keywords(self, words: str) -> None:
        """Words against the captions' words."""
        if sparse := bm25.embed_query(words):
            self.add("keywords", "keywords", sparse, self.weights["keywords"])

    def add_words_as_picture(
        self, words: str, name: str = "image", weight: float | None = None
    ) -> None:
        """Words against the pictures themselves."""
        weight = self.weights["image words"] if weight is None else weight
        scale = self.vectors.models.words_scale
        self.add(name, "image", self.vectors.words(words), weight, scale=scale)

    def add_words_as_page(self, words: str) -> None:
        """Words against the parts of the pages, each token against the part that suits it best."""
        self.add("page", "page", self.vectors.page_rows(words), self.weights["page"])

    def add_picture(
        self, picture: "Image.Image", name: str = "image", weight: float | None = None
    ) -> None:
        """A picture against the pictures."""
        weight = self.weights["image"] if weight is None else weight
        background = self.vectors.models.background
        self.add(name, "image", self.vectors.picture(picture), weight, background=background)

    def add_examples(self, examples: Sequence[Example], verb: str) -> None:
        """Push towards (`like`) or away from (`unlike`) pictures and words."""
        weight = LIKE if verb == "like" else -LIKE
        for example in examples:
            name = f"{verb}:{example.name}"
            if example.picture is not None:
                self.add_picture(example.picture, name, weight)
            elif self.reads_words:
                self.add_words_as_picture(example.name, name, weight)
            else:
                self.add(name, "text", [self.vectors.caption(example.name)], weight)
