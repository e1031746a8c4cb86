"""Figures, their points: coloured by a field, by a scale for numbers, by a legend for words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from app.figures.style import ACCENT, HUES, INK, OTHER, quiet_ticks, round_ticks
from app.figures.text import FONTS, TEXT, wrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values = Sequence[float | str | None]
"""A field by which points are coloured: numbers on a scale, or words with a legend."""


MAX_PLOTTED = 1e300
"""Of two that are larger, the difference may be infinite."""

MAX_WHOLE = 1e9
"""Beyond, a number is as good as continuous, and a bin's bounds may be lost to rounding."""


class Colours(NamedTuple):
    """A colour a point; what explains them is a legend, or a scale from low to high, or nothing.

    A scale may be of whole numbers, and some points may have no place on it.
    """

    points: list[str]
    legend: Mapping[str, str] = {}
    scale: ScalarMappable | None = None
    are_whole: bool = False
    some_missing: bool = False


def colours_of(values: Values | None, count: int) -> Colours:
    """Choose the colours of so many points; all have the same where there is no field."""
    if values is None:
        return Colours([ACCENT] * count)
    if any(isinstance(value, str | bool) for value in values):
        return _by_word(values)
    return _by_number(values)


def _by_word(values: Values) -> Colours:
    """The commonest words get a hue each, in the order of the alphabet; the rest share a grey."""
    counted = Counter(str(value) for value in values if value is not None)
    common = sorted(word for word, _ in counted.most_common(len(HUES)))
    legend = dict(zip(common, HUES, strict=False))
    points = [legend.get(str(value), OTHER) for value in values]
    return Colours(points, legend | ({"other": OTHER} if OTHER in points else {}))


def _by_number(values: Values) -> Colours:
    numbers = numbers_of(values)
    ends = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    norm = Normalize(float(ends[0]), float(ends[1]))
    hues = colormaps["viridis"]
    points = [to_hex(hues(norm(value))) if _is_number(value) else OTHER for value in values]
    return Colours(
        points,
        scale=ScalarMappable(norm, hues),
        are_whole=are_whole(numbers),
        some_missing=len(numbers) < len(values),
    )


def are_whole(numbers: "NDArray[np.float64]") -> bool:
    """Return whether all are whole numbers, and so small that halves lie between them."""
    return bool((np.abs(numbers) <= MAX_WHOLE).all() and (numbers == numbers.round()).all())


def numbers_of(values: Values) -> "NDArray[np.float64]":
    """Return the values that are numbers and not beyond all use, in order."""
    return np.array([value for value in values if _is_number(value)], dtype=np.float64)


def _is_number(value: float | str | None) -> TypeGuard[float]:
    return isinstance(value, int | float) and abs(value) <= MAX_PLOTTED  # and so no NaN


def draw_points(axes: Axes, points: Sequence[Sequence[float]], colours: Sequence[str]) -> None:
    """Draw (x, y) as dots, the smaller the more there are: thousands stay apart."""
    across, up = zip(*points, strict=True) if points else ((), ())
    size = min(36.0, max(5.0, 6_000 / (len(points) or 1)))
    axes.scatter(across, up, s=size, c=list(colours), edgecolors="white", linewidths=0.5)


def explain(figure: Figure, axes: list[Axes], colours: Colours, label: str) -> None:
    """Say what the colours mean, at the right of the axes."""
    label = wrap(label, inches=2.0, points=9)
    if colours.scale is not None:
        bar = figure.colorbar(colours.scale, ax=axes, shrink=0.6, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        quiet_ticks(bar.ax)
        bar.locator = round_ticks(6, integer=colours.are_whole)
        bar.ax.ticklabel_format(axis="y", useOffset=False)
        bar.update_ticks()
        bar.set_label(label + " · grey: no value" * colours.some_missing, size=9, color=INK, **TEXT)
    elif colours.legend:
        _draw_legend(figure, colours.legend, label)


def _draw_legend(figure: Figure, meanings: Mapping[str, str], label: str) -> None:
    font = {"family": FONTS, "size": 9}
    legend = figure.legend(
        [_dot(colour) for colour in meanings.values()],
        [wrap(word, inches=1.6, points=9) for word in meanings],
        loc="outside right center",
        frameon=False,
        title=label,
        title_fontproperties=font,
        alignment="left",
        prop=font,
    )
    for text in (legend.get_title(), *legend.get_texts()):
        text.set(parse_math=False, color=INK)


def _dot(colour: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="", color=colour, markersize=6)
