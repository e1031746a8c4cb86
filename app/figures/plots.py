"""Figures, their plots: columns of scores, counts and vectors → a Figure each."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.figures.plane import principal_plane
from app.figures.points import Values, colours_of, draw_points, explain, numbers_of
from app.figures.style import ACCENT, INK, MUTED, airy_figure, plain, set_titles
from app.figures.text import FONTS, TEXT, wrap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def histograms(columns: Mapping[str, Sequence[float | None]]) -> Figure:
    """Return one small histogram a column, all on the same axes, each with its median.

    So the columns should be of one unit; what is missing or no number is left out.
    """
    kept = {name: numbers_of(values) for name, values in columns.items()}
    pooled = np.concatenate([*kept.values(), np.empty(0)])
    edges = np.histogram_bin_edges(pooled if len(pooled) else [0.0, 1.0], bins=20)
    across = min(3, len(kept)) or 1
    down = math.ceil(len(kept) / across) or 1
    figure = airy_figure(1.75 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, numbers) in zip(grid, kept.items(), strict=False):
        _draw_histogram(axes, name, numbers, edges)
    for axes in grid[len(kept) :]:
        axes.set_visible(False)
    return figure


def _draw_histogram(
    axes: Axes, name: str, numbers: "NDArray[np.float64]", edges: "NDArray[np.float64]"
) -> None:
    plain(axes).hist(numbers, bins=list(edges), color=ACCENT, rwidth=0.92)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    if not len(numbers):
        set_titles(axes, name, "no values")
        return
    middle = float(np.median(numbers))
    axes.axvline(middle, color=INK, linewidth=1)
    set_titles(axes, name, f"median {middle:.3g}")


def bar_chart(counts: Mapping[str, int]) -> Figure:
    """Return counts as horizontal bars, in the order given, the first on top."""
    figure = airy_figure(0.4 + 0.22 * len(counts))
    axes = plain(figure.subplots())
    names = [wrap(name, inches=2.5, points=9) for name in counts]
    bars = axes.barh(range(len(counts)), list(counts.values()), color=ACCENT, height=0.66)
    axes.bar_label(bars, padding=4, color=MUTED, fontsize=8.5, family=FONTS)
    axes.set_yticks(range(len(counts)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    return figure


def embedding_plot(
    vectors: "ArrayLike", *, values: Values | None = None, label: str = ""
) -> Figure:
    """Return vectors, one a row, on the plane in which they differ most, coloured by a field."""
    plane = principal_plane(vectors)
    colours = colours_of(values, len(plane.points))
    figure = airy_figure(5.2)
    axes = plain(figure.subplots())
    draw_points(axes, plane.points.tolist(), colours.points)
    axes.set_aspect("equal", adjustable="datalim")
    first, second = (
        f"{name} principal component · {share:.0%} of the variance"
        for name, share in zip(("first", "second"), plane.shares, strict=True)
    )
    axes.set_xlabel(first, size=9, color=MUTED, **TEXT)
    axes.set_ylabel(second, size=9, color=MUTED, **TEXT)
    explain(figure, [axes], colours, label)
    return figure
