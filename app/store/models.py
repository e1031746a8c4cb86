"""Models: the embeddings of a collection, loaded when first needed and checked against it."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

from app.encoders import (
    FloatMatrix,
    ImageEmbedding,
    PageEmbedding,
    TextEmbedding,
    load_image_embedding,
    load_page_embedding,
    load_text_embedding,
    spec_of,
)
from app.encoders.maxsim import question_rows
from app.model.errors import CollectionMismatchError
from app.model.settings import Settings
from app.store.manifest import Manifest, Model

if TYPE_CHECKING:
    from PIL import Image

Key = TypeVar("Key")
T = TypeVar("T")

DenseVector = list[float]
"""One unit vector, as the engines take it."""

Tell = Callable[[str], None]


class Models:
    """An image, a text and perhaps a page embedding by name. Each is loaded when asked for.

    `on_load` is told of one that takes seconds to load, before that.
    """

    def __init__(
        self,
        image: str,
        text: str,
        settings: Settings,
        *,
        page: str | None = None,
        on_load: Tell | None = None,
    ) -> None:
        self.image_name = image
        self.text_name = text
        self.page_name = page
        self._settings = settings
        self._on_load = on_load
        self._made: Manifest | None = None

    @classmethod
    def of(cls, manifest: Manifest, settings: Settings, *, on_load: Tell | None = None) -> "Models":
        """Return the models that made a collection; others under their names are refused."""
        image, text = manifest.image.name, manifest.text.name
        page = manifest.page.name if manifest.page else None
        models = cls(image, text, settings, page=page, on_load=on_load)
        models._made = manifest
        return models

    @cached_property
    def image(self) -> ImageEmbedding:
        """The image embedding, loaded."""
        self._tell(self.image_name)
        loaded = load_image_embedding(self.image_name, self._settings)
        if self._made:
            _same(self._made.image, loaded.model_id, loaded.dimensions)
        return loaded

    @cached_property
    def text(self) -> TextEmbedding:
        """The text embedding, loaded."""
        self._tell(self.text_name)
        loaded = load_text_embedding(self.text_name, self._settings)
        if self._made:
            _same(self._made.text, loaded.model_id, loaded.dimensions)
        return loaded

    @cached_property
    def page(self) -> PageEmbedding | None:
        """The page embedding, loaded; None where pages have no vectors of their own."""
        if self.page_name is None:
            return None
        self._tell(self.page_name)
        loaded = load_page_embedding(self.page_name, self._settings)
        if self._made and self._made.page:
            _same(self._made.page, loaded.model_id, loaded.dimensions)
        return loaded

    def _tell(self, name: str) -> None:
        """Report that a checkpoint is loaded, which takes seconds."""
        kind, _, checkpoint = name.partition(":")
        if self._on_load and (usual := spec_of(name).default_checkpoint):
            self._on_load(f"loading {kind}:{checkpoint or usual}")

    @cached_property
    def reads_words(self) -> bool:
        """Whether words can be read into the image space; asks nothing of the model."""
        return spec_of(self.image_name).reads_words

    @property
    def words_scale(self) -> float:
        """What a cosine of words with a picture is multiplied with."""
        return spec_of(self.image_name).words_scale

    @property
    def background(self) -> float:
        """The cosine of two pictures that have nothing in common."""
        return spec_of(self.image_name).background

    def fingerprint(self) -> tuple[Model, Model, Model | None]:
        """Return the manifest entries of the image, text and page models."""
        if self._made:
            return self._made.image, self._made.text, self._made.page
        image, text = _model(self.image_name, self.image), _model(self.text_name, self.text)
        page = _model(self.page_name, self.page) if self.page_name and self.page else None
        return image, text, page


MAX_REMEMBERED = 512
"""Vectors of each kind that are kept for questions to come: a text's takes 12 KB."""


class QueryVectors:
    """Vectors of queries, of which the last are kept. `prepare` makes many in one batch.

    Threads may share it; they wait for each other while a model runs.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self._lock = RLock()
        self._captions: dict[str, DenseVector] = {}
        self._words: dict[str, DenseVector] = {}
        self._pictures: dict[int, tuple[ref[Image.Image], DenseVector]] = {}
        self._page_words: dict[str, list[DenseVector]] = {}

    def prepare(
        self,
        *,
        captions: Sequence[str] = (),
        words: Sequence[str] = (),
        pictures: Sequence["Image.Image"] = (),
        page_words: Sequence[str] = (),
    ) -> None:
        """Embed texts and pictures that have no vector yet, in one batch for each space.

        `page_words` are texts for the space of pages, where there is one.
        """
        with self._lock:
            if new := [text for text in dict.fromkeys(captions) if text not in self._captions]:
                rows = _rows(self.models.text.embed_queries(new))
                _remember(self._captions, zip(new, rows, strict=True))
            if new := [text for text in dict.fromkeys(words) if text not in self._words]:
                rows = _rows(self.models.image.embed_words(new))
                _remember(self._words, zip(new, rows, strict=True))
            if unseen := {id(it): it for it in pictures if self._seen(it) is None}:
                rows = _rows(self.models.image.embed_images([*unseen.values()]))
                seen = [(ref(it), row) for it, row in zip(unseen.values(), rows, strict=True)]
                _remember(self._pictures, zip(unseen, seen, strict=True))
            new = [text for text in dict.fromkeys(page_words) if text not in self._page_words]
            if new and (page := self.models.page):
                found = map(question_rows, page.embed_words(new))
                _remember(self._page_words, zip(new, found, strict=True))

    def caption(self, text: str) -> DenseVector:
        """Return a text in the space of captions."""
        with self._lock:
            self.prepare(captions=[text])
            return self._captions[text]

    def words(self, text: str) -> DenseVector:
        """Return a text in the space of pictures."""
        with self._lock:
            self.prepare(words=[text])
            return self._words[text]

    def picture(self, image: "Image.Image") -> DenseVector:
        """Return a picture in the space of pictures."""
        with self._lock:
            self.prepare(pictures=[image])
            return self._pictures[id(image)][1]

    def page_rows(self, text: str) -> list[DenseVector]:
        """Return a text in the space of pages: a row for each token."""
        with self._lock:
            self.prepare(page_words=[text])
            return self._page_words[text]

    def _seen(self, image: "Image.Image") -> DenseVector | None:
        """Return the vector of a picture that was asked with; one of 12 MB is not kept for that."""
        picture, row = self._pictures.get(id(image), (None, None))
        return row if picture is not None and picture() is image else None


class VectorsAsked(QueryVectors):
    """Records which vectors a search asks for, without computing any."""

    def __init__(self, models: Models) -> None:
        super().__init__(models)
        self.captions: list[str] = []
        self.texts: list[str] = []
        self.pictures: list[Image.Image] = []
        self.page_words: list[str] = []

    def caption(self, text: str) -> DenseVector:
        """Note a text for the space of captions."""
        self.captions.append(text)
        return []

    def words(self, text: str) -> DenseVector:
        """Note a text for the space of pictures."""
        self.texts.append(text)
        return []

    def picture(self, image: "Image.Image") -> DenseVector:
        """Note a picture."""
        self.pictures.append(image)
        return []

    def page_rows(self, text: str) -> list[DenseVector]:
        """Note a text for the space of pages."""
        self.page_words.append(text)
        return []


def _remember(known: dict[Key, T], new: Iterable[tuple[Key, T]]) -> None:
    """Add new entries, and drop the oldest beyond the limit."""
    known |= new
    for old in list(islice(known, max(0, len(known) - MAX_REMEMBERED))):
        del known[old]


def _rows(matrix: FloatMatrix) -> list[DenseVector]:
    return list(matrix.tolist())


def _model(name: str, loaded: ImageEmbedding | TextEmbedding | PageEmbedding) -> Model:
    return Model(name=name, model_id=loaded.model_id, dimensions=loaded.dimensions)


def _same(made: Model, model_id: str, dimensions: int) -> None:
    if (made.model_id, made.dimensions) != (model_id, dimensions):
        raise CollectionMismatchError(
            f"the collection was built with {made.model_id} ({made.dimensions} dimensions); what"
            f" {made.name!r} names here is {model_id} ({dimensions}). Put the same weights in"
            " place, or ingest again with --rebuild"
        )
