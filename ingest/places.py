"""Where a picture was taken: from its row, from its file name, or from a file beside it."""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from app.media.images import valid_place
from app.model.records import Place
from ingest.folder import stem_of
from ingest.schema import typed

KNOWN_PATTERNS = ("{lat}_{lon}_{id}_{city}", "img_{lat},{lon}")
"""Names that are understood unasked: MIT Place Pulse's, and those of street-view downloads."""

MAX_SIDECAR_BYTES = 256
"""A `.gps` file is two numbers."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_DEGREES = r"(-?[0-9]{1,3}(?:\.[0-9]+)?)"


@dataclass(frozen=True, slots=True)
class NameFields:
    """The fields of a file name by a pattern, and whether it fits."""

    fits: bool
    values: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None


@cache
def compile_pattern(pattern: str) -> tuple[re.Pattern[str], list[str]]:
    """Return the expression for a file name without its suffix, and the names of its fields.

    `lat` and `lon` are numbers, other fields any text, the last one as long as it goes: a city may
    hold underscores. Raises ValueError for a pattern that cannot be used.

    >>> expression, names = compile_pattern("{lat}_{lon}_{id}_{city}")
    >>> dict(zip(names, expression.fullmatch("1.27_103.8_50f_Sing_apore").groups()))
    {'lat': '1.27', 'lon': '103.8', 'id': '50f', 'city': 'Sing_apore'}
    """
    literals, names = _FIELD.split(pattern)[::2], _FIELD.findall(pattern)
    named = len(set(names)) == len(names) > 0 and all(name.strip() for name in names)
    if not named or any(brace in "".join(literals) for brace in "{}"):
        raise ValueError('a pattern names its fields in braces, each once: "{lat}_{lon}_{city}"')
    parts = [re.escape(literals[0])]
    for number, (name, literal) in enumerate(zip(names, literals[1:], strict=True), start=1):
        text = "(.+)" if number == len(names) else "(.+?)"
        parts += [_DEGREES if name in ("lat", "lon") else text, re.escape(literal)]
    return re.compile("".join(parts), re.DOTALL), names


def read_name(path: str, pattern: str, taken: Container[str] = ()) -> NameFields:
    """Return the fields of a file name; `taken` are keys, in small letters, that rows have.

    `lat` and `lon` are the place and no metadata; a name with a place that is not on the earth does
    not fit, though what else it says is kept.
    """
    expression, names = compile_pattern(pattern)
    match = expression.fullmatch(stem_of(path))
    if match is None:
        return NameFields(fits=False)
    fields = dict(zip(names, match.groups(), strict=True))
    values = {key: text for key, text in fields.items() if key not in ("lat", "lon")}
    kept = {key: text for key, text in values.items() if key.lower() not in taken}
    place = place_of(fields.get("lat"), fields.get("lon"))
    return NameFields("lat" not in fields or place is not None, kept, place)


def guess_pattern(paths: Sequence[str]) -> str | None:
    """Return the known pattern that at least half of the file names fit; None if there is none."""
    for pattern in KNOWN_PATTERNS:
        expression, _ = compile_pattern(pattern)
        fitting = sum(expression.fullmatch(stem_of(path)) is not None for path in paths)
        if fitting and 2 * fitting >= len(paths):
            return pattern
    return None


def place_of(lat: Any, lon: Any) -> Place | None:  # noqa: ANN401 - whatever a row holds
    """Return the place of a latitude and a longitude, numbers or texts; None if invalid."""
    degrees = [typed(value, "number") for value in (lat, lon)]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in degrees):
        return None
    return valid_place(float(degrees[0]), float(degrees[1]))  # type: ignore[arg-type]


def read_sidecar(file: Path) -> Place | None:
    """Read a `.gps` file, `lat lon`; None when it holds something else."""
    try:
        with file.open("rb") as stream:
            words = stream.read(MAX_SIDECAR_BYTES).decode("ascii").replace(",", " ").split()
    except (OSError, UnicodeError):
        return None
    return place_of(*words) if len(words) == 2 else None
