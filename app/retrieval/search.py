"""Search: what a person typed → hits from an open collection. What the CLI and notebooks call."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from app.filters.conditions import AllOf, Condition, OneOf, nearness
from app.filters.parse import parse
from app.model.errors import QueryError, SightlineError, SourceError
from app.model.settings import Settings
from app.retrieval.hits import Hit
from app.retrieval.modes import retriever_for
from app.retrieval.retriever import CollectionRetriever, Found
from app.retrieval.signals import Asked, Example
from app.retrieval.weights import weights_of
from app.store.collection import Collection
from app.store.models import Models, QueryVectors, Tell, VectorsAsked

if TYPE_CHECKING:
    from PIL import Image

Open: TypeAlias = "Callable[[Path], Image.Image]"


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it is typed.

    `like` and `unlike` are pictures, each a Path, and words, each a string: a string opens no file.
    `near` is latitude, longitude in degrees and a radius in km; `per` a column of which each value
    gives its best record alone; `neighbours` how many pages before and after each come along.
    `sort` is a column to list by what a filter alone passes, `taken` or `taken:desc`; `start` how
    many of the first are left out. `also` is a filter that no one typed, beside `where`.
    """

    words: str = ""
    image: Path | None = None
    mode: str | None = None
    where: str | None = None
    near: tuple[float, float, float] | None = None
    also: Condition | None = None
    like: tuple[str | Path, ...] = ()
    unlike: tuple[str | Path, ...] = ()
    top_k: int = 5
    min_score: float | None = None
    weights: Mapping[str, float] | None = None
    per: str | None = None
    neighbours: int = 0
    sort: str | None = None
    start: int = 0

    @property
    def chosen_mode(self) -> str:
        """The mode asked for; else hybrid for words, image-to-image for a picture alone."""
        if self.mode:
            return self.mode
        return "image-to-image" if self.image and not self.words.strip() else "hybrid"

    @property
    def key(self) -> Hashable | None:
        """What is equal for equal searches; None where a file says what is asked, which may change.

        None too where it has what cannot be a key, such as a list.
        """
        weights = tuple(sorted((self.weights or {}).items()))
        key = replace(self, weights=None), weights
        has_files = self.image or any(isinstance(x, Path) for x in (*self.like, *self.unlike))
        try:
            hash(key)
        except TypeError:
            return None
        return None if has_files else key

    @property
    def is_listed(self) -> bool:
        """Whether it gives a list in an order of its own, not all that passes a filter."""
        asked = (self.words.strip(), self.image, self.like, self.unlike)
        return any((*asked, self.per, self.sort, self.start))


class Searcher:
    """Searches one open collection with its own models, each loaded when first needed.

    `on_load` is told of each that takes seconds.
    """

    def __init__(
        self, collection: Collection, settings: Settings, *, on_load: Tell | None = None
    ) -> None:
        self.collection = collection
        self._settings = settings
        self.vectors = QueryVectors(Models.of(collection.manifest, settings, on_load=on_load))

    def search(self, search: Search) -> Found:
        """Return the best hits. Raises QueryError, SourceError for a picture, EmbeddingError."""
        (found,) = self.search_many([search])
        if isinstance(found, SightlineError):
            raise found
        return found

    def record(self, name: str) -> Hit:
        """Return the record of an id, or of the rest of one after its source, where that is one.

        Raises QueryError.
        """
        sources = self.collection.manifest.sources
        also = OneOf("record_id", (name, *(f"{label}/{name}" for label in sources)))
        found = self.search(Search(also=also, top_k=2)).hits
        if len(found) == 1:
            return found[0]
        if found:
            ids = " and ".join(hit.record_id for hit in found)
            raise QueryError(f"{name!r} is the end of several record ids: {ids}; give one of them")
        raise QueryError(
            f"{name!r} is neither a file nor a record of the collection; record ids begin with a"
            f" source ({', '.join(sources)}), and `search` lists what follows"
        )

    def check(self, search: Search) -> None:
        """Raise what `search` would for its filter and numbers, before anything is loaded."""
        self._retriever(search)

    def search_many(self, searches: Sequence[Search]) -> list[Found | SightlineError]:
        """Return what `search` would for each, or its error; what they need is embedded at once.

        A picture that several ask with is opened and embedded once.
        """
        opened, manifest = cache(self._open), self.collection.manifest
        ready = self._prepared(searches, opened)
        if any(not isinstance(each, SightlineError) for each in ready):
            self.collection.open()
        if self.collection.manifest != manifest:  # others wrote it while models were loaded
            ready = self._prepared(searches, opened)
        return [self._result(each) for each in ready]

    def _prepared(
        self, searches: Sequence[Search], opened: Open
    ) -> list[tuple[CollectionRetriever, Asked] | SightlineError]:
        """Read filters by the columns that are known now, and embed what is asked with."""
        wanted = VectorsAsked(self.vectors.models)
        ready = [self._ready(search, wanted, opened) for search in searches]
        self.vectors.prepare(
            captions=wanted.captions,
            words=wanted.texts,
            pictures=wanted.pictures,
            page_words=wanted.page_words,
        )
        return ready

    def _ready(
        self, search: Search, wanted: VectorsAsked, opened: Open
    ) -> tuple[CollectionRetriever, Asked] | SightlineError:
        try:
            retriever, asked = self._retriever(search), self._asked(search, opened)
            retriever.note(asked, wanted)
        except SightlineError as error:
            return error
        return retriever, asked

    def _result(
        self, ready: tuple[CollectionRetriever, Asked] | SightlineError
    ) -> Found | SightlineError:
        if isinstance(ready, SightlineError):
            return ready
        try:
            return ready[0].search(ready[1])
        except SightlineError as error:
            return error

    def _retriever(self, search: Search) -> CollectionRetriever:
        weights = weights_of(self.collection.manifest)
        unknown = (search.weights or {}).keys() - weights
        if unknown:
            known = ", ".join(weights)
            raise QueryError(
                f"there is no signal {sorted(unknown)[0]!r} to weigh; there is {known}"
            )
        return retriever_for(search.chosen_mode)(
            self.collection,
            self.vectors,
            top_k=search.top_k,
            where=self.condition(search),
            min_score=search.min_score,
            weights=search.weights,
            per=search.per,
            neighbours=search.neighbours,
            sort=search.sort,
            start=search.start,
        )

    def _asked(self, search: Search, opened: Open) -> Asked:
        return Asked(
            words=search.words,
            picture=opened(Path(search.image)) if search.image else None,
            like=tuple(_example(value, opened) for value in search.like),
            unlike=tuple(_example(value, opened) for value in search.unlike),
        )

    def condition(self, search: Search) -> Condition | None:
        """Return what its where, near and also ask of a record. Raises QueryError."""
        parts: list[Condition] = []
        if search.where:
            parts.append(parse(search.where, self.collection.fields))
        if search.near:
            if len(search.near) != 3:
                raise QueryError("near takes latitude, longitude and a radius in km")
            parts.append(nearness(*search.near))
        if search.also:
            parts.append(search.also)
        return AllOf(tuple(parts)) if parts else None

    def _open(self, path: Path) -> "Image.Image":
        from app.media.images import open_image

        try:
            return open_image(path, max_megapixels=self._settings.max_megapixels)
        except SourceError as error:
            if error.code != "missing_file":
                raise
            raise SourceError(error.code, f"the picture {path} is not there") from error


def _example(value: str | Path, opened: Open) -> Example:
    """Return a picture for a path, and words for a string, whatever that looks like."""
    if isinstance(value, Path):
        return Example(str(value), opened(value))
    if not value.strip():
        raise QueryError("--like and --unlike need a picture or words")
    return Example(value)
