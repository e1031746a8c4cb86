"""dataset.toml: what a person says of a source, so that it need not be guessed."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from app.core.errors import SettingsError
from app.core.records import FieldType
from ingest.places import compile_pattern

NAME = "dataset.toml"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


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
    """The keys of a dataset.toml; each may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    label: str | None = None
    image: str | None = None
    captions: Annotated[list[str], BeforeValidator(_listed)] = []
    place: PlaceColumns | None = None
    pattern: Annotated[str | None, BeforeValidator(_checked_pattern)] = None
    text: Literal["captions", "rows"] = "captions"
    types: dict[str, FieldType] = {}


def read_dataset_file(path: Path) -> DatasetFile:
    """Read a dataset.toml; SettingsError names the file, the key and the keys that there are."""
    try:
        return DatasetFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        known = ", ".join(DatasetFile.model_fields)
        raise SettingsError(
            f"{path}: {key!r} cannot be used: {first['msg']}. The keys are {known}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeError, OSError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error
