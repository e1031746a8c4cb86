"""Charts: the shelf's bars, lines and maps, in the look of the program's own figures."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from app.figures.style import FAINT, HUES, INK, MUTED, quiet_axes
from app.figures.text import FONT
from data.pages.findings import Streets, of_city, score
from data.scenes import CITIES, SCORES, TIMES, City

CITY_HUES = {city.name: hue for city, hue in zip(CITIES, HUES, strict=False)}

KM_PER_DEGREE = 111.2


def bars(
    axes: Axes,
    values: Mapping[str, float],
    *,
    colours: Sequence[str] | str = HUES[0],
    form: str = "{:.1f}",
    size: float = 9,
) -> None:
    """Horizontal bars with their values, the first on top."""
    drawn = quiet_axes(axes).barh(list(values), list(values.values()), color=colours, height=0.62)
    axes.bar_label(drawn, fmt=form, padding=5, color=MUTED, fontsize=size, family=FONT)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=size)
    axes.set_xlim(0, 1.12 * max(values.values()))
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()


def city_scores(axes: Axes, streets: Streets) -> None:
    """One line for each score, and on it a dot for each city."""
    quiet_axes(axes).hlines(range(len(SCORES)), 3, 8, color=FAINT, linewidth=1)
    for city, hue in CITY_HUES.items():
        there = of_city(streets, city)
        means = [score(there, name) for name in SCORES]
        axes.plot(means, range(len(SCORES)), "o", markersize=8, color=hue, label=city)
    axes.set_yticks(range(len(SCORES)), SCORES)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    axes.set(xlim=(3, 8), ylim=(len(SCORES) - 0.4, -0.6))
    legend(axes)


def safety_by_hour(axes: Axes, streets: Streets) -> None:
    """A line for each city, from morning to night."""
    quiet_axes(axes).set(ylim=(3, 7), xlim=(-0.2, 3.2))
    axes.grid(axis="y", color=FAINT)
    for city, hue in CITY_HUES.items():
        there = of_city(streets, city)
        hours = [[street for street in there if street.scene.time == time] for time in TIMES]
        means = [score(hour, "safer") for hour in hours]
        axes.plot(TIMES, means, "o-", color=hue, linewidth=2, label=city)
    axes.tick_params(axis="x", labelcolor=INK, labelsize=9)
    legend(axes)


def beauty_by_trees(axes: Axes, streets: Streets) -> None:
    """Each street as a dot: how many trees, and how beautiful; and the mean as a line."""
    trees = [street.scene.tree_count for street in streets]
    beauty = [street.scores["more beautiful"] for street in streets]
    counts = sorted(set(trees))
    groups = [[each for each in streets if each.scene.tree_count == number] for number in counts]
    means = [score(group, "more beautiful") for group in groups]
    quiet_axes(axes).set(xlim=(-0.4, 8.4), ylim=(2, 9))
    axes.grid(axis="y", color=FAINT)
    axes.plot(trees, beauty, "o", markersize=5, color=HUES[2], alpha=0.35, markeredgewidth=0)
    axes.plot(counts, means, "-", color=HUES[2], linewidth=2.5)
    axes.set_xlabel("trees in the street", size=11, color=MUTED, family=FONT)


def city_map(axes: Axes, streets: Streets, city: City) -> None:
    """Where a city's streets lie, true to scale, the more beautiful the larger and darker."""
    there = of_city(streets, city.name)
    beauty = [street.scores["more beautiful"] for street in there]
    axes.scatter(
        [street.scene.lon for street in there],
        [street.scene.lat for street in there],
        s=[6 * (value - 2) ** 1.8 for value in beauty],
        c=beauty,
        cmap="GnBu",
        vmin=2,
        vmax=8.5,
        edgecolors=INK,
        linewidths=0.4,
    )
    frame(axes, city)


def frame(axes: Axes, city: City) -> None:
    """A square of 3.4 km around a city's centre, with a bar of 1 km in its corner."""
    up = 1.7 / KM_PER_DEGREE
    across = up / math.cos(math.radians(city.lat))
    axes.set(xlim=(city.lon - across, city.lon + across), xticks=[], yticks=[])
    axes.set(ylim=(city.lat - up, city.lat + up), facecolor="#f7f8f9")
    axes.spines[:].set_visible(False)
    axes.plot([0.05, 0.05 + 1 / 3.4], [0.05] * 2, color=INK, transform=axes.transAxes)
    axes.text(0.05, 0.07, "1 km", size=7, color=INK, family=FONT, transform=axes.transAxes)
    axes.set_title(city.name, loc="left", size=9.5, color=INK, family=FONT)


def legend(axes: Axes) -> None:
    """The cities' colours, above the axes."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.03),
        ncols=3,
        frameon=False,
        borderaxespad=0,
        prop={"family": FONT, "size": 9},
        handletextpad=0.4,
    )
