"""The manifest: what a collection remembers of how it was made. Asked before anything is read."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.errors import CollectionError, CollectionMismatchError
from app.core.records import Field

SCHEMA = 1
"""Of payload and manifest. Raised when an older collection could no longer be read."""

PIXELS = 1
"""Version of `open_image`: a change there changes vectors as much as another model would."""

TextKind = Literal["captions", "rows", "pages"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Frozen):
    """An embedding: the name to load it by, the id that tells it from any other, its size."""

    name: str
    model_id: str
    dimensions: int


class SourceEntry(_Frozen):
    """Where a source lies: the path that was ingested and the root its pictures are relative to."""

    path: Path
    root: Path


class Manifest(_Frozen):
    """Models, columns and sources of a collection.

    `points` is the count when an ingest last ended: more than none beside an empty store means that
    the store was lost. `average_length` is in words, for BM25.
    """

    schema_version: int = SCHEMA
    pixels: int = PIXELS
    image: Model
    text: Model
    keywords: str
    average_length: float
    text_kind: TextKind = "captions"
    fields: tuple[Field, ...] = ()
    sources: dict[str, SourceEntry] = {}
    points: int = 0

    @property
    def models(self) -> tuple[Model, Model, int]:
        """What its vectors were made with."""
        return self.image, self.text, self.pixels

    @classmethod
    def read(cls, name: str, stored: dict[str, Any]) -> Self:
        """Read what an engine stored. Raises CollectionError when this program cannot use it."""
        version = stored.get("schema_version")
        if version != SCHEMA:
            raise CollectionMismatchError(
                f"collection {name!r} has format {version}, this program reads {SCHEMA}."
                f" Make it again: sightline ingest … --collection {name} --rebuild"
            )
        try:
            return cls.model_validate(stored)
        except ValidationError as error:
            raise CollectionError(
                f"the manifest of collection {name!r} is damaged"
                f" ({error.errors()[0]['loc']}); make it again with --rebuild"
            ) from error

    def write(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self.model_dump(mode="json")

    def require_kinds(self, image: str, text: str) -> None:
        """Raise CollectionMismatchError for embeddings that cannot have made the collection."""
        for made, asked in ((self.image.name, image), (self.text.name, text)):
            if made.partition(":")[0] != asked.partition(":")[0]:
                raise CollectionMismatchError(
                    f"the collection was built with {made}; this run asks for {asked}. Leave it"
                    " out, or make the collection again with --rebuild"
                )

    def require_models(self, name: str, image: Model, text: Model) -> None:
        """Raise CollectionMismatchError unless these models made the collection, to the version."""
        made = (*_identity(self.image), *_identity(self.text), self.pixels)
        if made != (*_identity(image), *_identity(text), PIXELS):
            raise CollectionMismatchError(
                f"collection {name!r} was built with {_fingerprint(self.image, self.text)}"
                f" (pixels {self.pixels}); this run asks for {_fingerprint(image, text)}"
                f" (pixels {PIXELS}). Add --rebuild to an ingest to make it again with other"
                " models, or leave the models out: the collection's own are used"
            )


def _identity(model: Model) -> tuple[str, int]:
    """What tells models apart; one model may go by several names."""
    return model.model_id, model.dimensions


def _fingerprint(image: Model, text: Model) -> str:
    return (
        f"{image.model_id} ({image.dimensions} numbers) and"
        f" {text.model_id} ({text.dimensions} numbers)"
    )
