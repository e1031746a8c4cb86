"""The table a garment is laid on: pieces of cloth one over the other, lit from the upper left."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data.garments.catalogue import Colour
from data.garments.cloth import Array, Cloth
from data.garments.outlines import MIDDLE, Point, line, oval, shape

WIDTH, HEIGHT = 240, 320
FINE = 3  # outlines are cut at three times the size, and reduced
MARGIN = 12  # pixels around a piece that its shadow may reach
GROUND: Colour = (235, 233, 229)

Box = tuple[int, int, int, int]
Outline = str | list[Point]


@dataclass(slots=True)
class Canvas:
    """The picture so far: `paint` is premultiplied by `cover`, both 0–1.

    `origin`, `scale` and `flipped` say where outlines lie, `box` and `piece` what lay last.
    """

    cloth: Cloth
    paint: Array = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH, 3), np.float32))
    cover: Array = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    origin: Point = (0, 0)
    scale: float = 1
    flipped: bool = False
    box: Box = (0, 0, WIDTH, HEIGHT)
    piece: Array = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))

    def lay(
        self,
        outline: Outline,
        cloth: Cloth | Colour | None = None,
        *,
        lift: float = 0.28,
        depth: float = 0.2,
        edge: float = 0.6,
    ) -> None:
        """Lay a piece: `lift` is its shadow on those below, `depth` how round, `edge` its rim."""
        cut = self.placed(shape(outline) if isinstance(outline, str) else outline)
        fabric = Cloth(cloth) if isinstance(cloth, tuple) else cloth or self.cloth
        self.box = box_of(cut)
        self.piece = stencil(cut, self.box)
        if lift:
            below = stencil([(x + 1, y + 3) for x, y in cut], self.box)
            self.view(self.paint)[:] *= 1 - lift * blurred(below, 3)[..., None]
        y, x = self.places()
        rgb = fabric.pixels(x, y) / 255
        left, right = min(x for x, _ in cut), max(x for x, _ in cut)
        light = 0.07 - 0.15 * np.clip((x - left) / max(1.0, right - left), 0, 1)
        self.put(lit(rgb, light - 2 * depth * (1 - blurred(self.piece, 5))), self.piece)
        if edge:
            rim = stencil([*cut, *cut[:2]], self.box, 2.2)
            self.put(np.float32(fabric.seam) / 255, self.piece * rim * edge)

    def rule(
        self,
        path: Outline,
        width: float = 1.0,
        colour: Colour | None = None,
        *,
        strength: float = 0.6,
        dashed: bool = False,
        soft: float = 0,
    ) -> None:
        """Draw a seam, a stitch or, `soft`, a fold on the last piece, and nowhere else."""
        moved = self.placed(line(path) if isinstance(path, str) else path)
        runs = dashes(moved) if dashed else [moved]
        drawn = np.maximum.reduce([stencil(run, self.box, width) for run in runs])
        inked = blurred(drawn, soft) if soft else drawn
        self.put(np.float32(colour or self.cloth.seam) / 255, self.piece * inked * strength)

    def fold(self, *paths: Outline, strength: float = 0.3, width: float = 4) -> None:
        """Soft shadows where the last piece falls in folds."""
        for path in paths:
            self.rule(path, width, strength=strength, soft=2.2)

    def stitch(self, *paths: Outline, colour: Colour | None = None) -> None:
        """Rows of stitches on the last piece."""
        for path in paths:
            self.rule(path, 0.9, colour, dashed=True)

    def buttons(self, places: Iterable[Point], colour: Colour, size: float = 2.6) -> None:
        """A button at each place."""
        for x, y in places:
            self.lay(oval(x, y, size), colour, depth=0.1)

    def sides(self) -> Iterator[int]:
        """1 for the left; then -1, while all that is laid is mirrored to the right."""
        for self.flipped in (False, True):
            yield -1 if self.flipped else 1
        self.flipped = False

    def put(self, rgb: Array, mask: Array) -> None:
        """Paint colours through a mask, both of the size of the last piece's box."""
        paint, cover, share = self.view(self.paint), self.view(self.cover), mask[..., None]
        paint[:] = paint * (1 - share) + rgb * share
        cover[:] = cover * (1 - mask) + mask

    def placed(self, points: list[Point]) -> list[Point]:
        """Points of an outline as pixels."""
        right, down = self.origin
        if self.flipped:
            points = [(2 * MIDDLE - x, y) for x, y in points]
        return [(x * self.scale + right, y * self.scale + down) for x, y in points]

    def view(self, array: Array) -> Array:
        """The part of an array in the last piece's box."""
        left, top, right, bottom = self.box
        return array[top:bottom, left:right]

    def places(self) -> tuple[Array, Array]:
        """How far down and across each pixel's middle of the box is."""
        left, top, right, bottom = self.box
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        return y + 0.5, x + 0.5

    def cut_out(self) -> Image.Image:
        """The garment alone, RGBA: where it is not, it is transparent."""
        rgb = self.paint / np.maximum(self.cover, 1e-6)[..., None]
        return Image.fromarray(as_bytes(np.dstack([rgb, self.cover])), "RGBA")

    def on_ground(self) -> Image.Image:
        """The garment on a light plain ground, with its soft shadow."""
        ground = np.float32(GROUND) / 255 * vignette()[..., None]
        for (right, down), blur, dark in (((2, 4), 3, 0.22), ((6, 12), 10, 0.26)):
            cast = np.pad(self.cover, ((down, 0), (right, 0)))[:HEIGHT, :WIDTH]
            ground *= 1 - dark * blurred(cast, blur)[..., None]
        return Image.fromarray(as_bytes(self.paint + ground * (1 - self.cover[..., None])))


def box_of(points: list[Point]) -> Box:
    """The pixels around an outline, with room for its shadow, within the picture."""
    xs, ys = zip(*points, strict=True)
    left, top = max(0, int(min(xs)) - MARGIN), max(0, int(min(ys)) - MARGIN)
    return left, top, min(WIDTH, int(max(xs)) + MARGIN), min(HEIGHT, int(max(ys)) + MARGIN)


def stencil(points: list[Point], box: Box, width: float = 0) -> Array:
    """How much of each pixel of the box lies in the outline, or on a line of this width, 0–1."""
    left, top, right, bottom = box
    fine = Image.new("L", (FINE * (right - left), FINE * (bottom - top)))
    at = [(FINE * (x - left), FINE * (y - top)) for x, y in points]
    if width:
        ImageDraw.Draw(fine).line(at, 255, max(1, round(FINE * width)), "curve")
    else:
        ImageDraw.Draw(fine).polygon(at, 255)
    return np.asarray(fine.reduce(FINE), np.float32) / 255


def blurred(mask: Array, radius: float) -> Array:
    """A mask with a soft edge."""
    soft = Image.fromarray(as_bytes(mask)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(soft, np.float32) / 255


def lit(rgb: Array, light: Array) -> Array:
    """Colours mixed with white where the light is above 0, with black where it is below."""
    end = (light > 0).astype(np.float32)[..., None]
    return rgb + (end - rgb) * np.abs(light)[..., None]


def vignette() -> Array:
    """1 in the middle of the picture, a little less in its corners."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    return 1.03 - 0.045 * (x * x + y * y)


def dashes(points: list[Point]) -> list[list[Point]]:
    """A line as stitches: 3 pixels of thread, 2 of none."""
    ends = np.array(points, float)
    walked = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ends, axis=0).T))])
    starts = np.arange(0, max(walked[-1] - 3, 0.1), 5)
    at = [np.interp([a, a + 3], walked, axis) for a in starts for axis in ends.T]
    return [list(zip(xs, ys, strict=True)) for xs, ys in zip(at[::2], at[1::2], strict=True)]


def as_bytes(array: Array) -> np.ndarray:
    """0–1 as 0–255."""
    return (np.clip(array, 0, 1) * 255 + 0.5).astype(np.uint8)
