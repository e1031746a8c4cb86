"""Figures, their plots: columns of scores, counts and vectors → a Figure each."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.figures.plane import principal_plane
from app.figures.points import Values, are_whole, colours_of, draw_points, explain, numbers_of
from app.figures.style import (
    ACCENT,
    INK,
    MUTED,
    WIDTH_INCHES,
    airy_figure,
    label_axes,
    quiet_axes,
    round_ticks,
    set_titles,
)
from app.figures.text import FONTS, wrap
from app.figures.thumbnails import draw_thumbnails
from app.render import value_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


INTEGER_BINS = 24
"""Whole numbers get a bin each, if there are no more than that; else bins of as many each."""


def histograms(columns: Mapping[str, Sequence[float | None]], *, label: str = "value") -> Figure:
    """Return one small histogram a column, all on the same axes, each with its median.

    So the columns should be of one unit, which `label` says; what is missing or no number is left
    out, and counted.
    """
    kept = {name: numbers_of(values) for name, values in columns.items()}
    edges = _edges(np.concatenate([*kept.values(), np.empty(0)]))
    across = min(3, len(kept)) or 1
    down = math.ceil(len(kept) / across) or 1
    figure = airy_figure(1.85 * down + 0.25)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (axes, (name, numbers)) in enumerate(zip(grid, kept.items(), strict=False)):
        missing = len(columns[name]) - len(numbers)
        _draw_histogram(axes, numbers, edges)
        set_titles(axes, name, _summary(numbers, missing), inches=WIDTH_INCHES / across - 0.6)
        is_lowest = place + across >= len(kept)
        axes.tick_params(labelbottom=is_lowest)
        label_axes(axes, label if is_lowest else "", "" if place % across else "count")
    for axes in grid[len(kept) :]:
        axes.set_visible(False)
    return figure


def _edges(numbers: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the bounds of twenty bins; between whole numbers, where all are whole."""
    if not len(numbers):
        return np.linspace(0.0, 1.0, 21)
    low, high = float(numbers.min()), float(numbers.max())
    if are_whole(numbers):
        step = math.ceil((high - low + 1) / INTEGER_BINS)
        return np.arange(low - 0.5, high + step, step)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # too near for bounds of their own
        low, high = low - 0.5 * abs(low), high + 0.5 * abs(high)
    return np.linspace(low, high, 21)


def _draw_histogram(
    axes: Axes, numbers: "NDArray[np.float64]", edges: "NDArray[np.float64]"
) -> None:
    quiet_axes(axes).hist(numbers, bins=list(edges), color=ACCENT, rwidth=0.92)
    axes.yaxis.set_major_locator(round_ticks(3, integer=True))
    axes.xaxis.set_major_locator(round_ticks(6, integer=are_whole(edges + 0.5)))
    axes.ticklabel_format(axis="x", useOffset=False)
    if len(numbers):
        axes.axvline(float(np.median(numbers)), color=INK, linewidth=1)


def _summary(numbers: "NDArray[np.float64]", missing: int) -> str:
    if not len(numbers):
        return "no values"
    told = f"median {_rounded(float(np.median(numbers)), float(np.ptp(numbers)))}"
    return f"{told}\n{missing:,} missing" if missing else told


def _rounded(value: float, span: float) -> str:
    """Return a number in figures, as exactly as matters among numbers that span so much."""
    if not 1e-6 < span < 1e9:
        return value_text(value)
    decimals = max(0, 2 - math.floor(math.log10(span)))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def bar_chart(counts: Mapping[str, float], *, label: str = "count") -> Figure:
    """Return counts as horizontal bars, in the order given, the first on top.

    `label` says what the bars measure, and in which unit.
    """
    figure = airy_figure(0.65 + 0.22 * len(counts))
    axes = quiet_axes(figure.subplots())
    names = [wrap(name, inches=2.5, points=9) for name in counts]
    bars = axes.barh(range(len(counts)), list(counts.values()), color=ACCENT, height=0.66)
    told = [value_text(float(count)) for count in counts.values()]
    axes.bar_label(bars, told, padding=4, color=MUTED, fontsize=8.5, family=FONTS)
    axes.set_yticks(range(len(counts)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    axes.tick_params(axis="x", labelbottom=False)  # each bar says its number
    label_axes(axes, label, "")
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    return figure


def embedding_plot(
    vectors: "ArrayLike",
    *,
    values: Values | None = None,
    label: str = "",
    pictures: Sequence[Path | None] = (),
) -> Figure:
    """Return vectors, one a row, on the plane in which they differ most, coloured by a field.

    Of the vectors' `pictures`, as many as have room stand on their points, those far out first; one
    that cannot be opened is left out.
    """
    plane = principal_plane(vectors)
    colours = colours_of(values, len(plane.points))
    figure = airy_figure(5.2)
    axes = quiet_axes(figure.subplots())
    draw_points(axes, plane.points.tolist(), colours.points)
    axes.set_aspect("equal", adjustable="datalim")
    first, second = (
        f"{name} principal component · {share:.0%} of the variance"
        for name, share in zip(("first", "second"), plane.shares, strict=True)
    )
    label_axes(axes, first, second)
    explain(figure, [axes], colours, label)
    if pictures:
        draw_thumbnails(axes, plane.points, pictures, colours.points)
    return figure
