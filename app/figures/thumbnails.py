"""Figures, their thumbnails: pictures on their points, as many as stand apart."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.transforms import Bbox
from PIL import Image

from app.figures.tiles import open_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_THUMBNAILS, MAX_TRIED = 40, 400
"""Drawn at most, and looked at for them: a picture that does not open costs time as well."""

THUMBNAIL_INCHES, THUMBNAIL_PIXELS = 0.5, 128
"""Its longer side: three of its pixels for one of a figure's at 100 dots an inch."""

ABOVE_INCHES = 0.05
"""From a point to the picture that stands on it."""


def draw_thumbnails(
    axes: Axes,
    points: "NDArray[np.float64]",
    pictures: Sequence[Path | None],
    colours: Sequence[str],
) -> None:
    """Stand pictures on their points, framed in the points' colours; none overlaps another."""
    axes.margins(0.12)  # so that those on the highest points stay below what is above the axes
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes that are drawn on have one
    figure.draw_without_rendering()  # only now the axes have their final place and limits
    inches = axes.transData.transform(points) / figure.dpi
    taken: list[Bbox] = []
    for index in islice(_far_out_first(inches), MAX_TRIED):
        if len(taken) == MAX_THUMBNAILS:
            break
        room = _room_above(inches[index])
        if any(room.overlaps(other) for other in taken):
            continue
        picture = open_picture(pictures[index], max_side=THUMBNAIL_PIXELS)
        if isinstance(picture, Image.Image):
            taken.append(room)
            _draw(axes, picture, points[index], colours[index])


def _far_out_first(points: "NDArray[np.float64]") -> Iterator[int]:
    """Yield the index farthest from the middle, and then always the one farthest from those."""
    if not len(points):
        return
    farthest = int(np.hypot(*(points - points.mean(axis=0)).T).argmax())
    nearest = np.full(len(points), np.inf)
    for _ in points:
        yield farthest
        nearest = np.minimum(nearest, np.hypot(*(points - points[farthest]).T))
        nearest[farthest] = -1.0  # not again, whatever lies on the same spot
        farthest = int(nearest.argmax())


def _room_above(point: "NDArray[np.float64]") -> Bbox:
    """Return the square that the picture on a point may fill, in inches."""
    left, bottom = point[0] - THUMBNAIL_INCHES / 2, point[1] + ABOVE_INCHES
    return Bbox.from_bounds(left, bottom, THUMBNAIL_INCHES, THUMBNAIL_INCHES)


def _draw(axes: Axes, picture: Image.Image, point: "NDArray[np.float64]", colour: str) -> None:
    zoom = THUMBNAIL_INCHES * 72 / max(picture.size)
    axes.add_artist(
        AnnotationBbox(
            OffsetImage(np.asarray(picture), zoom=zoom),
            tuple(point),
            (0, ABOVE_INCHES * 72),
            boxcoords="offset points",
            box_alignment=(0.5, 0.0),
            pad=0.0,
            bboxprops={"edgecolor": colour, "linewidth": 1.0},
            zorder=0.5,  # below the points, or it would hide some
        )
    )
