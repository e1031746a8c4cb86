"""dataset.toml: what a person states about a source, so that it need not be guessed."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.model.errors import SettingsError
from app.model.messages import did_you_mean
from app.model.outfit_table import OutfitTable
from app.model.records import FieldType
from ingest.places import compile_pattern

DATASET_FILE = "dataset.toml"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


MAX_SCALE_CHARACTERS = 200
"""Of what a scale means: a model reads it beside each value."""


def _checked_pattern(value: object) -> object:
    if isinstance(value, str):
        compile_pattern(value)
    return value


class PlaceColumns(BaseModel):
    """The two columns that hold the place, in degrees."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    lat: str
    lon: str


class DatasetFile(BaseModel):
    """The keys of a dataset.toml, each with what it takes; each may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    label: str | None = Field(None, description="a text in quotes")
    image: str | None = Field(None, description="the name of a column in quotes")
    captions: Annotated[list[str], BeforeValidator(_listed)] = Field(
        [], description='the name of a column, or several: ["title", "description"]'
    )
    place: PlaceColumns | None = Field(
        None, description='the names of two columns: { lat = "north", lon = "east" }'
    )
    pattern: Annotated[str | None, BeforeValidator(_checked_pattern)] = Field(
        None, description='a text with fields in braces, each once: "{lat}_{lon}_{city}"'
    )
    text: Literal["captions", "rows"] | None = Field(None, description='"captions" or "rows"')
    outfit: OutfitTable | None = Field(
        None,
        description="the columns category, audience and colour, a list everyone, and slots, each"
        " top, bottom, dress, outerwear, shoes, bag, accessory or none",
    )
    scales: dict[str, Annotated[str, Field(max_length=MAX_SCALE_CHARACTERS)]] = Field(
        {}, description="for each column a text of up to 200 characters: what its numbers mean"
    )
    types: dict[str, FieldType] = Field(
        {}, description='"number", "time", "boolean" or "words" for each column'
    )

    @property
    def extras(self) -> dict[str, dict[str, Any]]:
        """What it says to assistants, by their names: kept with the source for them to read."""
        tables = {"outfit": self.outfit}
        return {
            name: table.model_dump(mode="json", exclude_defaults=True)
            for name, table in tables.items()
            if table is not None
        }


def read_dataset_file(path: Path) -> DatasetFile:
    """Read a dataset.toml; SettingsError names the file, the key and the keys that there are."""
    try:
        return DatasetFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        raise SettingsError(f"{path}: {_told(error.errors()[0]['loc'])}") from error
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).removesuffix(")").rpartition(" (at ")
        raise SettingsError(
            f'{path} is not TOML at {where} ({what}); a text stands in quotes: image = "photo"'
        ) from error
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deeply") from error
    except UnicodeError as error:
        raise SettingsError(f"{path} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _told(place: tuple[int | str, ...]) -> str:
    """Return what is wrong at a place of the file: an unknown key, or an invalid value."""
    name, keys = str(place[0]), DatasetFile.model_fields
    if name not in keys:
        return (
            f"there is no key {name!r} (the keys are {', '.join(keys)}){did_you_mean(name, keys)}"
        )
    key = ".".join(str(part) for part in place if not str(part).startswith("literal["))
    return f"{key!r} cannot be used: {name} takes {keys[name].description}"
