"""The manifest: what a collection remembers of how it was made. Asked before anything is read."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    model_validator,
)

from app.encoders.maxsim import PAGE, PAGE_MEAN
from app.media.inside import is_usable
from app.model.errors import CollectionError, CollectionMismatchError
from app.model.records import Field

SCHEMA = 1
"""Of payload and manifest. Raised when an older collection could no longer be read, or an older
program would misread a newer one; a key that it can do without, it passes over."""

PIXELS = 1
"""Version of `open_image`: a change there changes vectors as much as another model would."""

TextKind = Literal["captions", "rows", "pages"]


def _usable(path: Path) -> Path:
    if not is_usable(str(path)):
        raise ValueError("no file can have this name")
    return path


UsablePath = Annotated[Path, AfterValidator(_usable)]
"""A path that can be asked about: no NUL, valid Unicode, not too long."""


def _only(*names: str) -> BeforeValidator:
    """Ignore the keys that only a newer version of this program knows."""

    def known(value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {key: part for key, part in value.items() if key in names}

    return BeforeValidator(known)


class _Frozen(BaseModel):
    """A part of the manifest. What a newer program of this format added is kept as it was."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Model(_Frozen):
    """An embedding: the name to load it by, the id that tells it from any other, its size."""

    name: str
    model_id: str
    dimensions: int


class SourceEntry(_Frozen):
    """Where a source lies: the path that was ingested and the root its pictures are relative to.

    `scales` is what the numbers of its columns mean, by the columns' own names; `extras` is what
    its dataset.toml says to an assistant, by the assistant's name, and only that one reads it.
    `unfinished` says that an ingest of it began and did not end: not all is in.
    """

    path: UsablePath
    root: UsablePath
    scales: dict[str, str] = {}
    extras: dict[str, dict[str, Any]] = {}
    unfinished: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_before_extras(cls, stored: object) -> object:
        """Read an old entry, in which `outfit` was a key of its own."""
        if not isinstance(stored, dict) or "outfit" not in stored:
            return stored
        entry = {key: value for key, value in stored.items() if key != "outfit"}
        return {"extras": {"outfit": stored["outfit"]}} | entry if stored["outfit"] else entry

    @property
    def is_there(self) -> bool:
        """Whether it lies there on this machine; an unmounted disk leaves a bare folder."""
        if os.path.isfile(self.path):  # noqa: PTH113 - pathlib raises for what may not be read
            return True
        try:
            with os.scandir(self.path) as inside:
                return any(inside)
        except OSError:
            return False


class Manifest(_Frozen):
    """Models, columns and sources of a collection.

    `page` is there where pages are embedded part by part, for late interaction.
    `points` is the count when an ingest last ended: more than none beside an empty store means that
    the store was lost. `average_length` is in words, for BM25.
    """

    schema_version: int = SCHEMA
    pixels: int = PIXELS
    image: Model
    text: Model
    page: Model | None = None
    keywords: str
    average_length: float
    text_kind: TextKind = "captions"
    fields: tuple[Annotated[Field, _only("name", "slug", "type")], ...] = ()
    sources: dict[str, SourceEntry] = {}
    points: int = 0

    @property
    def unfinished(self) -> bool:
        """Whether an ingest of any source began and did not end."""
        return any(entry.unfinished for entry in self.sources.values())

    @property
    def models(self) -> tuple[Model, Model, Model | None, int]:
        """The models that its vectors were made with."""
        return self.image, self.text, self.page, self.pixels

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of its vectors."""
        return ("image", "text", "keywords", *((PAGE, PAGE_MEAN) if self.page else ()))

    @classmethod
    def read(cls, name: str, stored: dict[str, Any]) -> Self:
        """Read what an engine stored. Raises CollectionError when this program cannot use it."""
        version = stored.get("schema_version")
        if version != SCHEMA:
            raise CollectionMismatchError(
                f"collection {name!r} has format {version}, this program reads {SCHEMA}."
                f" Make it again: sightline ingest … --collection {name} --rebuild"
            )
        stored = dict(stored)
        begun = stored.pop("unfinished", False)  # of the whole collection: so it was kept at first
        try:
            made = cls.model_validate(stored)
        except ValidationError as error:
            raise CollectionError(
                f"the manifest of collection {name!r} is damaged, or of a newer version of this"
                f" program ({error.errors()[0]['loc']}); make it again with --rebuild"
            ) from error
        entries = made.sources.items() if begun else ()
        marked = {k: entry.model_copy(update={"unfinished": True}) for k, entry in entries}
        return made.model_copy(update={"sources": made.sources | marked})

    def write(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self.model_dump(mode="json")

    def require_kinds(self, image: str, text: str, page: str | None) -> None:
        """Raise CollectionMismatchError for embeddings that cannot have made the collection."""
        if page and not self.page:
            raise CollectionMismatchError(
                f"the collection was built without a page embedding; this run asks for {page}."
                " Leave it out, or make the collection again with --rebuild"
            )
        own = (self.image.name, self.text.name, self.page.name if self.page else "")
        for made, asked in zip(own, (image, text, page or ""), strict=True):
            if made.partition(":")[0] != asked.partition(":")[0]:
                raise CollectionMismatchError(
                    f"the collection was built with {made}; this run asks for {asked}. Leave it"
                    " out, or make the collection again with --rebuild"
                )

    def require_models(
        self, name: str, image: Model, text: Model, page: Model | None = None
    ) -> None:
        """Raise CollectionMismatchError unless these models made the collection, to the version."""
        made, asked = (self.image, self.text, self.page), (image, text, page)
        if ([*map(_identity, made)], self.pixels) != ([*map(_identity, asked)], PIXELS):
            raise CollectionMismatchError(
                f"collection {name!r} was built with {_fingerprint(made)}"
                f" (pixels {self.pixels}); this run asks for {_fingerprint(asked)}"
                f" (pixels {PIXELS}). Add --rebuild to an ingest to make it again with other"
                " models, or leave the models out: the collection's own are used"
            )


def _identity(model: Model | None) -> tuple[str, int] | None:
    """Return what identifies a model, which may have several names."""
    return (model.model_id, model.dimensions) if model else None


def _fingerprint(models: Sequence[Model | None]) -> str:
    return " and ".join(
        f"{each.model_id} ({each.dimensions} dimensions)" for each in models if each
    )
