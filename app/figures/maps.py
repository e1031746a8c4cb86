"""Figures, their maps: places → panels, each a box of the earth true to scale → a Figure."""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from app.figures.points import Values, colours_of, draw_points, explain
from app.figures.style import INK, WIDTH_INCHES, airy_figure, quiet_ticks, round_ticks, set_titles
from app.figures.text import TEXT
from app.model.messages import counted

MAX_PANELS, PANEL_KM = 6, 300.0
"""Places farther than this from a panel's first get another; with more panels, one for all."""

KM_PER_DEGREE = 111.2

DEGREES_INCHES = 1.0
"""Of a longitude with five decimals, and room beside it."""

LatLon = tuple[float, float]
"""In degrees, north and east positive."""


def place_map(
    places: Sequence[LatLon],
    *,
    values: Values | None = None,
    label: str = "",
    names: Sequence[str] | None = None,
) -> Figure:
    """Return places (latitude, longitude in degrees) as points, coloured by a field.

    Places that are far apart get a panel each, true to scale; `names` says what town each is in,
    and a panel is titled with its commonest.
    """
    colours = colours_of(values, len(places))
    panels = _panels(places) if places else [[]]
    boxes = [_box([places[index] for index in panel]) for panel in panels]
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    highest = 1.0 if columns > 1 else 0.7  # of a panel as wide as the page
    ratio = min(highest, max(0.45, *(box.half_height / box.half_width for box in boxes)))
    legend = 1.1 if values is not None else 0
    width = (WIDTH_INCHES - legend) / columns - 0.95  # beside the degrees
    figure = airy_figure(rows * (ratio * width + 0.65))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel, box in zip(grid, panels, boxes, strict=False):
        _frame(axes, box, ratio, width)
        _entitle(axes, len(panel), [names[index] for index in panel] if names else [], width)
        points = [box.near(*places[index]) for index in panel]
        draw_points(axes, points, [colours.points[index] for index in panel])
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    explain(figure, list(grid[: len(panels)]), colours, label)
    return figure


# Places, in panels.


def _panels(places: Sequence[LatLon]) -> list[list[int]]:
    """Group places by nearness, as indexes, the largest group first; one group if there are many.

    A place joins the first group whose first place is near, in one pass.
    """
    panels: list[list[int]] = []
    for index, place in enumerate(places):
        near = (panel for panel in panels if _distance_km(places[panel[0]], place) < PANEL_KM)
        if (panel := next(near, None)) is not None:
            panel.append(index)
        elif len(panels) == MAX_PANELS:
            return [list(range(len(places)))]
        else:
            panels.append([index])
    return sorted(panels, key=len, reverse=True)


def _distance_km(one: LatLon, other: LatLon) -> float:
    """Along a straight map, which is near enough to tell one city from another."""
    across = _turn(one[1] - other[1]) * math.cos(math.radians((one[0] + other[0]) / 2))
    return KM_PER_DEGREE * math.hypot(across, one[0] - other[0])


def _turn(degrees: float) -> float:
    """A difference of longitudes the short way round, from -180 to below 180."""
    return (degrees + 180) % 360 - 180


def _shrink(lat: float) -> float:
    """How much shorter a degree of longitude is here than at the equator."""
    return max(0.01, math.cos(math.radians(lat)))


class _Box(NamedTuple):
    """A piece of the earth: its centre in degrees, and half its extent in km."""

    lat: float
    lon: float
    half_width: float
    half_height: float

    def near(self, lat: float, lon: float) -> tuple[float, float]:
        """Return x and y in degrees, on this box's side of the date line."""
        return self.lon + _turn(lon - self.lon), lat


def _box(places: Sequence[LatLon]) -> _Box:
    """Fit a box around places, with a rim; 300 m each way for a place alone, else 5 m at least."""
    if not places:
        return _Box(0.0, 0.0, 10.0, 10.0)
    lats = [lat for lat, _ in places]
    start = places[0][1]
    turns = [_turn(lon - start) for _, lon in places]
    if max(turns) - min(turns) > 180:  # half the earth: a map as one knows it, Greenwich inside
        start, turns = 0.0, [lon for _, lon in places]
    lat = (min(lats) + max(lats)) / 2
    lon = start + (min(turns) + max(turns)) / 2
    width = (max(turns) - min(turns)) * KM_PER_DEGREE * _shrink(lat)
    height = (max(lats) - min(lats)) * KM_PER_DEGREE
    least = 0.3 if len({*places}) == 1 else 0.005
    return _Box(lat, lon, max(least, 0.6 * width), max(least, 0.6 * height))


# A panel, drawn.


def _frame(axes: Axes, box: _Box, ratio: float, width: float) -> None:
    """Draw the frame of a map: limits in the given ratio, a few degrees, and a scale bar."""
    half_km = max(box.half_width, box.half_height / ratio)
    half_lat, half_lon = half_km * ratio / KM_PER_DEGREE, half_km / KM_PER_DEGREE
    half_lon /= _shrink(box.lat)
    axes.set(
        xlim=(box.lon - half_lon, box.lon + half_lon),
        ylim=(box.lat - 1.1 * half_lat, box.lat + 0.9 * half_lat),  # room for the scale bar
        facecolor="#f7f8f9",
    )
    axes.set_box_aspect(ratio)
    axes.spines[:].set_visible(False)
    quiet_ticks(axes, size=7.5)
    axes.grid(color="white", linewidth=1.2)
    axes.set_axisbelow(True)
    steps = max(1, min(3, int(width / DEGREES_INCHES)))
    for axis, marks, most in ((axes.xaxis, "EW", steps), (axes.yaxis, "NS", 3)):
        axis.set_major_locator(round_ticks(most))
        axis.set_major_formatter(FuncFormatter(partial(_degrees, marks=marks, axis=axis)))
    _draw_scale_bar(axes, half_km)


def _degrees(value: float, _position: int | None, *, marks: str, axis: Axis) -> str:
    """Return degrees with as many decimals as tell an axis's ticks apart, on all of them alike."""
    ticks = axis.get_majorticklocs()
    least = float(np.diff(ticks).min()) / 100 if len(ticks) > 1 else 0.0
    decimals = next((n for n in range(8) if np.abs(ticks.round(n) - ticks).max() <= least), 8)
    value = round(_turn(float(value)), decimals)
    return f"{abs(value):.{decimals}f}° {marks[value < 0] if value else ''}".rstrip()


def _draw_scale_bar(axes: Axes, half_km: float) -> None:
    """Mark a round distance at the lower left; not where one scale does not hold all over."""
    if half_km > 1_500:
        return
    power = 10 ** math.floor(math.log10(half_km * 0.6))
    km = max(step * power for step in (1, 2, 5) if step * power <= half_km * 0.6)
    end = 0.04 + km / (2 * half_km)
    inside = axes.transAxes
    axes.plot([0.04, end], [0.05, 0.05], color=INK, linewidth=1.5, transform=inside)
    words = f"{km:g} km" if km >= 1 else f"{km * 1000:g} m"
    axes.text(0.04, 0.07, words, size=7.5, color=INK, transform=inside, **TEXT)


def _entitle(axes: Axes, count: int, names: Sequence[str], width: float) -> None:
    """Name a panel after the town that most of its places are in, and say how many there are."""
    places = counted(count, "place")
    town = Counter(names).most_common(1)[0][0] if names else ""
    set_titles(axes, town or places, places if town else "", inches=width)
