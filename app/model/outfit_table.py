"""Outfit table: what `[outfit]` in a dataset.toml says of a catalogue of garments.

Plain data that two rooms share and neither owns: `ingest` checks the table as it reads the file,
the collection keeps it as JSON, and the outfit assistant reads that.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from app.model.garments import Slot


class OutfitTable(BaseModel):
    """What `[outfit]` in a dataset.toml says of a catalogue; the rest is found by the values.

    `everyone` are audiences that a garment for all has; `slots` are article types that the table of
    `app/assistants/outfit/garments.toml` does not know, or has elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")  # a person writes it, and mistypes

    category: str | None = None
    audience: str | None = None
    colour: str | None = None
    everyone: list[str] = []
    slots: dict[str, Slot | Literal["none"]] = {}

    @property
    def columns(self) -> dict[str, str]:
        """The columns that it names, by the part that each plays."""
        parts = {"category": self.category, "audience": self.audience, "colour": self.colour}
        return {part: name for part, name in parts.items() if name is not None}

    @classmethod
    def kept(cls, table: Mapping[str, Any]) -> Self:
        """Return a table that a collection kept; passes over the keys of a newer version.

        Raises pydantic's ValidationError for what no version can have written.
        """
        known = {key: value for key, value in table.items() if key in cls.model_fields}
        return cls.model_validate(known)
