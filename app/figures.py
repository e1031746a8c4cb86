"""Figures: hits, places, scores and vectors → matplotlib Figures. They look on beside the line.

Nothing here opens a window or keeps a state (no pyplot): a figure is returned, and `write_figure`
writes it. All text is drawn as it is, never read as mathematics.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image, ImageFont

from app.core.errors import SettingsError, SourceError
from app.core.images import open_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from app.retrieval.hits import Hit

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a figure looks the same on every machine."""

TEXT: dict[str, Any] = {"family": FONT, "parse_math": False}
"""Of every text that is drawn: a caption with two dollar signs is no formula."""

INK, MUTED, FAINT, ACCENT = "#1f2933", "#7b8794", "#e9ecef", "#0072b2"

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by colour-blind eyes too: Okabe & Ito 2008, jfly.uni-koeln.de/color."""

OTHER = "#c3cad1"
"""For the values that are none, and the words beyond the commonest six."""

WIDTH_INCHES = 9.0
"""At a README's 880 pixels, a point of text is 1.4 pixels: 8.5 points stay legible."""

DPI = 160

SUFFIXES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")

MAX_SHEET_HITS = 30
"""Six rows of five: one page. The sheet says how many more there are."""

MARGIN, GAP = 0.3, 0.18
"""Inches: around a sheet, and between its pictures."""

CAPTION_POINTS, CAPTION_LINES, TITLE_POINTS = 8.5, 6, 15

LINE_HEIGHT = 1.4
"""Of a text's size, from one line to the next."""

SLACK = 0.96
"""Of a line's width is filled: on a screen, letters are moved to whole pixels and grow a little."""

TILE_PIXELS = 640

MAX_PANELS, PANEL_KM = 6, 300.0
"""Places farther than this from a panel's first get another; with more panels, one for all."""

KM_PER_DEGREE = 111.2

Values = Sequence[float | str | None]
"""A field by which points are coloured: numbers on a scale, or words with a legend."""


def result_sheet(title: str, hits: "Sequence[Hit]", *, query_image: Path | None = None) -> Figure:
    """Return the query and its numbered hits, each with picture, score and caption.

    A picture that can no longer be opened is a grey tile that says so.
    """
    shown = hits[:MAX_SHEET_HITS]
    pictures = [_open(hit.file) for hit in shown]
    captions = [hit.caption or hit.source.rpartition("/")[2] for hit in shown]
    grid = _grid(pictures, captions)
    header = 1.7 if query_image else 0.75 + 0.29 * _heading(title, MARGIN).count("\n")
    rows = math.ceil(len(shown) / grid.columns)
    height = MARGIN + header + max(rows * grid.row, 0.6) + 0.35 * (len(hits) > len(shown))
    figure = Figure((WIDTH_INCHES, height), facecolor="white")
    _draw_query(figure, title, len(hits), query_image)
    for index, hit in enumerate(shown):
        row, column = divmod(index, grid.columns)
        corner = (MARGIN + column * (grid.cell + GAP), MARGIN + header + row * grid.row)
        _draw_hit(figure, corner, grid, index + 1, hit.score, captions[index], pictures[index])
    if not hits:
        _write(figure, MARGIN, MARGIN + header, "Nothing found.", size=11, color=MUTED)
    if more := len(hits) - len(shown):
        _write(figure, MARGIN, height - 0.45, f"… and {more} more", color=MUTED)
    return figure


def place_map(
    places: Sequence[tuple[float, float]],
    *,
    values: Values | None = None,
    label: str = "",
    names: Sequence[str] | None = None,
) -> Figure:
    """Return places (latitude, longitude in degrees) as points, coloured by a field.

    Places that are far apart get a panel each, true to scale; `names` says what town each is in,
    and a panel is titled with its commonest.
    """
    colours = _colours(values, len(places))
    panels = _panels(places) if places else [[]]
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    boxes = [_box([places[index] for index in panel]) for panel in panels]
    ratio = min(1.0, max(0.45, *(box.half_height / box.half_width for box in boxes)))
    width = (
        WIDTH_INCHES - (0.8 if values is not None else 0)
    ) / columns - 0.75  # beside the degrees
    height = rows * (ratio * width + 0.65)
    figure = Figure((WIDTH_INCHES, height), layout=_airy(), facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel, box in zip(grid, panels, boxes, strict=False):
        title = _commonest([names[index] for index in panel]) if names else ""
        _draw_panel(axes, [places[index] for index in panel], box, ratio, title)
        points = [box.near(*places[index]) for index in panel]
        _scatter(axes, points, [colours.points[index] for index in panel])
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    _explain(figure, list(grid[: len(panels)]), colours, label)
    return figure


def histograms(columns: Mapping[str, Sequence[float | None]]) -> Figure:
    """Return one small histogram a column, all on the same axes, each with its median.

    So the columns should be of one unit; what is missing or no number is left out.
    """
    kept = {name: _numbers(values) for name, values in columns.items()}
    pooled = np.concatenate([*kept.values(), np.empty(0)])
    edges = np.histogram_bin_edges(pooled if len(pooled) else [0.0, 1.0], bins=20)
    across = min(3, len(kept)) or 1
    down = math.ceil(len(kept) / across) or 1
    figure = Figure((WIDTH_INCHES, 1.75 * down), layout=_airy(), facecolor="white")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, numbers) in zip(grid, kept.items(), strict=False):
        _draw_histogram(axes, name, numbers, edges)
    for axes in grid[len(kept) :]:
        axes.set_visible(False)
    return figure


def bar_chart(counts: Mapping[str, int]) -> Figure:
    """Return counts as horizontal bars, in the order given, the first on top."""
    figure = Figure((WIDTH_INCHES, 0.4 + 0.22 * len(counts)), layout=_airy(), facecolor="white")
    axes = _plain(figure.subplots())
    names = [_wrap(name, inches=2.5, points=9, lines=1) for name in counts]
    bars = axes.barh(range(len(counts)), list(counts.values()), color=ACCENT, height=0.66)
    axes.bar_label(bars, padding=4, color=MUTED, fontsize=8.5, family=FONT)
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
    colours = _colours(values, len(plane.points))
    figure = Figure((WIDTH_INCHES, 5.2), layout=_airy(), facecolor="white")
    axes = _plain(figure.subplots())
    _scatter(axes, plane.points.tolist(), colours.points)
    axes.set_aspect("equal", adjustable="datalim")
    first, second = (
        f"{name} principal component · {share:.0%} of the variance"
        for name, share in zip(("first", "second"), plane.shares, strict=True)
    )
    axes.set_xlabel(first, size=9, color=MUTED, **TEXT)
    axes.set_ylabel(second, size=9, color=MUTED, **TEXT)
    _explain(figure, [axes], colours, label)
    return figure


def write_figure(figure: Figure, file: Path) -> None:
    """Write a figure as what the file's name says: PNG, JPEG, PDF or SVG.

    Raises SettingsError when the name says something else, or the file cannot be written.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{file.name!r} does not say what to write; end it in {', '.join(SUFFIXES)}"
        )
    if not file.parent.is_dir():
        raise SettingsError(f"the folder {file.parent} is not there; make it, then write {file}")
    try:
        figure.savefig(file, dpi=DPI, format=file.suffix.lower()[1:])
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error


class Plane(NamedTuple):
    """Vectors seen in two dimensions, shape (n, 2), and the share of the variance on each."""

    points: "NDArray[np.float64]"
    shares: tuple[float, float]


def principal_plane(vectors: "ArrayLike") -> Plane:
    """Project vectors, one a row, onto their first two principal components.

    A component's sign is free; it is chosen so that its greatest weight is positive, so the same
    vectors give the same picture. Source: Pearson 1901, doi:10.1080/14786440109462720.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if len(rows) == 0:
        return Plane(np.empty((0, 2)), (0.0, 0.0))
    centred = rows - rows.mean(axis=0)
    _, spread, components = np.linalg.svd(centred, full_matrices=False)
    components = components[:2]
    greatest = np.abs(components).argmax(axis=1, keepdims=True)
    components *= np.where(np.take_along_axis(components, greatest, axis=1) < 0, -1, 1)
    points = np.zeros((len(rows), 2))
    points[:, : len(components)] = centred @ components.T
    variance = np.append(spread, [0.0, 0.0]) ** 2
    total = float(variance.sum()) or 1.0
    return Plane(points, (float(variance[0]) / total, float(variance[1]) / total))


# The result sheet: measured in inches from the top left corner.


class _Grid(NamedTuple):
    """How the hits are laid out: so many columns, and the inches of a cell, its picture, a row."""

    columns: int
    cell: float
    picture: float
    row: float


def _grid(pictures: Sequence[Image.Image | SourceError], captions: Sequence[str]) -> _Grid:
    """Up to five hits stand in one row, more in rows as even as they come; all cells are alike."""
    count = len(pictures)
    columns = max(1, count if count <= 5 else min(5, math.ceil(count / 2)))
    cell = (WIDTH_INCHES - 2 * MARGIN + GAP) / max(3, columns) - GAP
    shapes = [each.height / each.width for each in pictures if isinstance(each, Image.Image)]
    picture = cell * min(1.35, max(0.6, median(shapes or [0.75])))
    lines = max((_caption(text, cell).count("\n") + 1 for text in captions), default=0)
    captions_height = lines * CAPTION_POINTS * LINE_HEIGHT / 72
    return _Grid(columns, cell, picture, picture + 0.3 + captions_height + 0.25)


def _caption(text: str, cell: float) -> str:
    return _wrap(text, inches=cell, points=CAPTION_POINTS, lines=CAPTION_LINES)


def _open(file: Path) -> Image.Image | SourceError:
    try:
        return open_image(file, max_side=TILE_PIXELS)
    except SourceError as error:
        return error


def _draw_query(figure: Figure, title: str, count: int, image: Path | None) -> None:
    left = MARGIN
    if image:
        picture = _open(image)
        shape = picture.width / picture.height if isinstance(picture, Image.Image) else 4 / 3
        width = 1.4 * min(2.0, max(0.6, shape))
        _draw_picture(_frame(figure, left, MARGIN, width, 1.4), picture)
        left += width + 0.25
    hits = f"query · {count} hit{'' if count == 1 else 's'}"
    _write(figure, left, MARGIN, hits, color=MUTED)
    _write(figure, left, MARGIN + 0.2, _heading(title, left), size=TITLE_POINTS)


def _heading(title: str, left: float) -> str:
    room = WIDTH_INCHES - MARGIN - left
    return _wrap(title, inches=room, points=TITLE_POINTS, lines=3)


def _draw_hit(
    figure: Figure,
    corner: tuple[float, float],
    grid: _Grid,
    rank: int,
    score: float | None,
    caption: str,
    picture: Image.Image | SourceError,
) -> None:
    left, top = corner
    _draw_picture(_frame(figure, left, top, grid.cell, grid.picture), picture)
    below = top + grid.picture + 0.09
    _write(figure, left, below, str(rank), size=10, color=ACCENT, weight="bold")
    if score is not None:
        _write(figure, left + grid.cell, below + 0.01, f"{score:.3f}", color=MUTED, ha="right")
    _write(figure, left, below + 0.21, _caption(caption, grid.cell))


def _draw_picture(axes: Axes, picture: Image.Image | SourceError) -> None:
    """Show a picture whole, standing on its caption; or a grey tile with what is amiss."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if isinstance(picture, Image.Image):
        axes.imshow(np.asarray(picture))
        axes.set_anchor("SW")
        return
    axes.set_facecolor(FAINT)
    words = f"cannot be opened:\n{picture.code.replace('_', ' ')}"
    axes.text(0.5, 0.5, words, ha="center", va="center", size=8, color=MUTED, **TEXT)


def _frame(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def _write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    *,
    size: float = CAPTION_POINTS,
    color: str = INK,
    **style: Any,
) -> None:
    """Write lines of text whose upper corner is so many inches from the left and from the top.

    Each stands on its own baseline: as a block, they would start by their tallest letter.
    """
    across, down = figure.get_size_inches()
    style = TEXT | {"size": size, "color": color} | style
    for number, line in enumerate(text.split("\n"), 1):
        baseline = top + size / 72 * (LINE_HEIGHT * number - 0.4)
        figure.text(left / across, 1 - baseline / down, line, **style)


# Text: what the font can draw, in lines of a given width.


def drawable(text: str) -> str:
    r"""Return text on one line that the font can draw; a sign that it lacks becomes a box.

    >>> drawable("a\n夜 b\u202e")
    'a □ b'
    """
    known = get_font(findfont(FONT)).get_charmap()
    return "".join(
        sign if ord(sign) in known else "□"
        for sign in " ".join(text.split())
        if unicodedata.category(sign) != "Cf"  # turns the direction, joins, hides: draws nothing
    )


def _wrap(text: str, *, inches: float, points: float, lines: int) -> str:
    """Break text into at most so many lines of a width; an ellipsis stands for what is cut."""
    room = SLACK * inches * 72 / points
    rest = drawable(text[:2_000])  # far more than any sheet has room for
    laid: list[str] = []
    while rest and len(laid) < lines:
        line = rest[: _cut(rest, room)]
        rest = rest[len(line) :].lstrip()
        laid.append(line.rstrip())
    if rest:
        last = laid[-1] + " "
        laid[-1] = last[: _cut(last, room - _advance("…"))].rstrip(" ,.;") + "…"
    return "\n".join(laid)


def _cut(text: str, room: float) -> int:
    """Where a line ends: after the last word that fits; within a word that alone is too long."""
    fitting = max(1, _fitting(text, room))
    if fitting == len(text):
        return fitting
    space = text.rfind(" ", 0, fitting + 1)
    return space if space > 0 else fitting


def _fitting(text: str, room: float) -> int:
    """How many signs of a text fit into so many ems."""
    return sum(width <= room for width in accumulate(map(_advance, text)))


@lru_cache(maxsize=10_000)
def _advance(sign: str) -> float:
    """Width of a sign in ems."""
    return _measure().getlength(sign) / 100


@lru_cache(maxsize=1)
def _measure() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FONT), 100)


# Colour by a field: a scale for numbers, a legend for words.


class _Colours(NamedTuple):
    """A colour a point; what explains them is a legend, or a scale from low to high, or nothing."""

    points: list[str]
    legend: Mapping[str, str] = {}
    scale: ScalarMappable | None = None


def _colours(values: Values | None, count: int) -> _Colours:
    if values is None:
        return _Colours([ACCENT] * count)
    if any(isinstance(value, str) for value in values):
        return _by_word(values)
    return _by_number(values)


def _by_word(values: Values) -> _Colours:
    """The commonest words get a hue each, in the order of the alphabet; the rest share a grey."""
    counted = Counter(str(value) for value in values if value is not None)
    common = sorted(word for word, _ in counted.most_common(len(HUES)))
    legend = dict(zip(common, HUES, strict=False))
    points = [legend.get(str(value), OTHER) for value in values]
    return _Colours(points, legend | ({"other": OTHER} if OTHER in points else {}))


def _by_number(values: Values) -> _Colours:
    numbers = _numbers(values)
    ends = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    norm = Normalize(float(ends[0]), float(ends[1]))
    hues = colormaps["viridis"]
    points = [to_hex(hues(norm(value))) if _is_number(value) else OTHER for value in values]
    return _Colours(points, scale=ScalarMappable(norm, hues))


def _numbers(values: Sequence[float | str | None]) -> "NDArray[np.float64]":
    return np.array([value for value in values if _is_number(value)], dtype=np.float64)


def _is_number(value: float | str | None) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _explain(figure: Figure, axes: Sequence[Axes], colours: _Colours, label: str) -> None:
    """Say what the colours mean, at the right."""
    label = _wrap(label, inches=2.0, points=9, lines=1)
    if colours.scale is not None:
        bar = figure.colorbar(colours.scale, ax=list(axes), shrink=0.6, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8, labelcolor=MUTED, labelfontfamily=FONT)
        bar.set_label(label, size=9, color=INK, **TEXT)
    elif colours.legend:
        legend = figure.legend(
            [_dot(colour) for colour in colours.legend.values()],
            [_wrap(word, inches=1.6, points=9, lines=1) for word in colours.legend],
            loc="outside right center",
            frameon=False,
            title=label,
            alignment="left",
            prop={"family": FONT, "size": 9},
        )
        for text in (legend.get_title(), *legend.get_texts()):
            text.set(parse_math=False, color=INK)


def _dot(colour: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="", color=colour, markersize=6)


# Plain axes, and what is drawn on them.


def _airy() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)  # inches


def _plain(axes: Axes) -> Axes:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(OTHER)
    axes.tick_params(length=0, labelsize=8, labelcolor=MUTED, labelfontfamily=FONT)
    return axes


def _title(axes: Axes, text: str, *, right: str = "") -> None:
    text = _wrap(text, inches=2.2, points=9.5, lines=1)
    axes.set_title(text, loc="left", size=9.5, color=INK, **TEXT)
    axes.set_title(right, loc="right", size=8.5, color=MUTED, **TEXT)


def _scatter(axes: Axes, points: Sequence[Sequence[float]], colours: Sequence[str]) -> None:
    across, up = zip(*points, strict=True) if points else ((), ())
    size = min(36.0, max(5.0, 6_000 / (len(points) or 1)))  # thousands of points stay apart
    axes.scatter(across, up, s=size, c=list(colours), edgecolors="white", linewidths=0.5)


def _draw_histogram(
    axes: Axes, name: str, numbers: "NDArray[np.float64]", edges: "NDArray[np.float64]"
) -> None:
    _plain(axes).hist(numbers, bins=list(edges), color=ACCENT, rwidth=0.92)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    if not len(numbers):
        _title(axes, name, right="no values")
        return
    middle = float(np.median(numbers))
    axes.axvline(middle, color=INK, linewidth=1)
    _title(axes, name, right=f"median {middle:.3g}")


# Maps: places → panels, each a box true to scale.


class _Box(NamedTuple):
    """A piece of the earth: its centre in degrees, and half its extent in km."""

    lat: float
    lon: float
    half_width: float
    half_height: float

    def near(self, lat: float, lon: float) -> tuple[float, float]:
        """Return x and y in degrees, on this box's side of the date line."""
        return self.lon + _turn(lon - self.lon), lat


def _turn(degrees: float) -> float:
    """A difference of longitudes the short way round, from -180 to below 180."""
    return (degrees + 180) % 360 - 180


def _panels(places: Sequence[tuple[float, float]]) -> list[list[int]]:
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


def _distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Along a straight map, which is near enough to tell one city from another."""
    across = _turn(one[1] - other[1]) * math.cos(math.radians((one[0] + other[0]) / 2))
    return KM_PER_DEGREE * math.hypot(across, one[0] - other[0])


def _box(places: Sequence[tuple[float, float]]) -> _Box:
    """Fit a box around places, with a rim; 300 m at the least, for a place alone."""
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
    return _Box(lat, lon, max(0.3, 0.6 * width), max(0.3, 0.6 * height))


def _shrink(lat: float) -> float:
    """How much shorter a degree of longitude is here than at the equator."""
    return max(0.01, math.cos(math.radians(lat)))


def _draw_panel(
    axes: Axes, places: Sequence[tuple[float, float]], box: _Box, ratio: float, title: str
) -> None:
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
    axes.tick_params(length=0, labelsize=7.5, labelcolor=MUTED, labelfontfamily=FONT)
    axes.grid(color="white", linewidth=1.2)
    axes.set_axisbelow(True)
    for axis, marks in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MaxNLocator(3))
        axis.set_major_formatter(FuncFormatter(partial(_degrees, marks=marks)))
    count = f"{len(places)} place{'' if len(places) == 1 else 's'}"
    _title(axes, title or count, right=count if title else "")
    _draw_scale_bar(axes, half_km)


def _degrees(value: float, _position: int | None, *, marks: str) -> str:
    value = round(_turn(float(value)), 5)
    return f"{abs(value):g}° {marks[value < 0]}" if value else "0°"


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


def _commonest(names: Sequence[str]) -> str:
    return Counter(names).most_common(1)[0][0] if names else ""
