"""Options: what several commands take, each written once; options → settings."""

import os
from pathlib import Path, PureWindowsPath
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from app.model.errors import SettingsError

if TYPE_CHECKING:
    from app.model.settings import Settings


def path_of(text: str) -> Path:
    """Return the path; an empty one is refused, as it comes from a variable that is not set."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


class Circle(NamedTuple):
    """A place in degrees and a radius in km."""

    lat: float
    lon: float
    km: float


def _circle(text: str) -> Circle:
    try:
        return Circle(*map(float, text.split(",")))
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(f"it takes LAT,LON,KM, not {text!r}") from error


def _example(text: str) -> Path | str:
    """Tell a picture from words: by its ending, or as a file that is named with its folder.

    So `tea and/or coffee` is words, and so is `car` where a file is called that: `./car` is the
    file.
    """
    from app.media.picture_files import IMAGE_SUFFIXES

    is_picture = PureWindowsPath(text).suffix.lower() in IMAGE_SUFFIXES
    try:
        is_file = ("/" in text or os.sep in text) and Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        is_file = False
    return Path(text) if is_picture or is_file else text


def _weight(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise typer.BadParameter(f"it takes SIGNAL=NUMBER, not {text!r}") from error


def _modes() -> list[str]:
    """The modes there are, by the names of their files: help need not import them."""
    folder = Path(__file__).parents[1] / "retrieval" / "modes"
    return sorted(module.name.replace("_", "-") for module in iter_modules([str(folder)]))


CollectionOption = Annotated[
    str, typer.Option("--collection", "-c", metavar="NAME", help="Name of the collection.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        parser=path_of, metavar="PATH", help="Folder of the embedded collections. [SIGHTLINE_HOME]"
    ),
]
QdrantOption = Annotated[
    str | None, typer.Option(metavar="URL", help="A Qdrant server instead. [SIGHTLINE_QDRANT]")
]
ModelOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="The vision model. [SIGHTLINE_MODEL]")
]
OllamaOption = Annotated[
    str | None, typer.Option(metavar="URL", help="Ollama server. [SIGHTLINE_OLLAMA]")
]
VisionUrlOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Any server of OpenAI's chat completions in place of Ollama. [SIGHTLINE_VISION_URL]",
    ),
]
ContextOption = Annotated[
    int | None,
    typer.Option(min=1024, metavar="N", help="Tokens that the model is given. [SIGHTLINE_CONTEXT]"),
]
MaxImagesOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Pictures that it is shown at most. [SIGHTLINE_MAX_IMAGES]"
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(metavar="auto|cpu|cuda|mps", help="Where models run.")
]
MaxMegapixelsOption = Annotated[
    float | None, typer.Option(metavar="N", help="Refuse larger pictures, undecoded. Default 100.")
]
ImageOption = Annotated[
    Path | None, typer.Option(parser=path_of, metavar="FILE", help="A picture to search with.")
]
ModeOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(_modes()),
        help="Default: hybrid for words, image-to-image for a picture alone.",
    ),
]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="EXPR", help="Filter, e.g. 'city == \"Singapore\" and safer >= 5'."),
]
NearOption = Annotated[
    Circle | None,
    typer.Option(parser=_circle, metavar="LAT,LON,KM", help="Only within KM of a place."),
]
LikeOption = Annotated[
    list[Any] | None,
    typer.Option(
        parser=_example, metavar="FILE|WORDS", help="Push towards a picture or words; repeatable."
    ),
]
UnlikeOption = Annotated[
    list[Any] | None,
    typer.Option(parser=_example, metavar="FILE|WORDS", help="Push away from them; repeatable."),
]
TopKOption = Annotated[
    int, typer.Option("--top-k", "-k", min=1, metavar="N", help="How many hits come back.")
]
MinScoreOption = Annotated[
    float | None,
    typer.Option(metavar="COSINE", help="Keep hits with at least one cosine this high."),
]
WeightOption = Annotated[
    list[Any] | None,
    typer.Option(parser=_weight, metavar="SIGNAL=W", help="Override a weight; see `info`."),
]
SortOption = Annotated[
    str | None,
    typer.Option(metavar="FIELD[:desc]", help="Sort what a filter passes by a column."),
]
FromOption = Annotated[
    int, typer.Option("--from", min=0, metavar="N", help="Skip the first N hits.")
]
PerOption = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Only the best of each, e.g. of each document."),
]
NeighboursOption = Annotated[
    int,
    typer.Option(min=0, max=10, metavar="N", help="Add N pages before and after each page."),
]
FigureOption = Annotated[
    Path | None, typer.Option(parser=path_of, metavar="FILE", help="Write the hits as one picture.")
]

ForceOption = Annotated[
    bool, typer.Option("--force", help="Write over a file that Sightline did not make.")
]


def settings_of(**given: object) -> "Settings":
    """Return settings from the environment, overridden by the options of the command line."""
    from pydantic import ValidationError

    from app.model.settings import ENVIRONMENT_PREFIX, Settings

    if given.get("ollama") and not given.get("vision_url"):
        given["vision_url"] = ""  # what is typed counts for more than the environment
    try:
        return Settings.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        is_typed = given.get(name) is not None
        called = name if is_typed else f"{ENVIRONMENT_PREFIX}{name.upper()}"
        raise SettingsError(f"{called}: {first['msg']}") from error
