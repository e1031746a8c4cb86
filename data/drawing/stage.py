"""The stage of a drawn street: its perspective, its light and haze, and a pen that knows them.

Metres: x to the right of the road's middle, y up, z away from the camera. Pixels: twice the
picture's size, so that halving at the end smooths every edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from PIL import Image, ImageDraw

from data.scenes import Colour, Scene

WIDTH, HEIGHT = 1280, 960
HORIZON = 572  # pixel row of the eye's height
FOCAL = 860  # pixels: 73° across, as a phone's wide lens
EYE = 2.2  # metres above the road, as on a camera car
KERB, HOUSE_LINE = 4.2, 8.2  # metres from the middle of the road

Point = tuple[float, float, float]
Pixel = tuple[float, float]
Tint = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """What the hour and the weather do to colours.

    `sky` runs from the top to the horizon; `sun` and `shade` multiply colours; `reach` is the
    distance in metres at which haze hides 63 %; `lit` is the share of windows with a lamp inside.
    """

    sky: tuple[Colour, ...]
    haze: Colour
    reach: float
    sun: Tint
    shade: Tint
    sun_at: Pixel  # from the vanishing point, towards its side and up
    sun_side: int
    lit: float
    ahead: bool = False  # the sun stands at the end of the street, and shadows fall towards us


LIGHTS = {
    "morning": Light(
        ((118, 170, 222), (176, 208, 232), (236, 224, 208), (255, 220, 178)),
        (250, 226, 200), 120, (1.08, 1.0, 0.88), (0.72, 0.75, 0.88), (96, 176), 1, 0.08,
    ),
    "noon": Light(
        ((46, 122, 206), (98, 166, 226), (166, 208, 240), (218, 234, 242)),
        (204, 224, 238), 210, (1.08, 1.06, 1.0), (0.74, 0.80, 0.92), (150, 478), -1, 0.0,
    ),
    "sunset": Light(
        ((52, 58, 118), (128, 84, 142), (226, 112, 106), (255, 168, 92), (255, 214, 130)),
        (255, 178, 118), 95, (1.12, 0.86, 0.68), (0.66, 0.54, 0.64), (16, 74), 1, 0.25, True,
    ),
    "night": Light(
        ((7, 11, 32), (15, 22, 56), (34, 42, 88), (66, 66, 112)),
        (48, 52, 92), 85, (0.46, 0.50, 0.70), (0.32, 0.36, 0.56), (104, 446), -1, 0.45,
    ),
}  # fmt: skip


def light_of(scene: Scene) -> Light:
    """The light of the scene's hour, dulled by rain or swallowed by fog."""
    light = LIGHTS[scene.time]
    side = scene.chance("sun").choice((-1, 1))
    light = replace(light, sun_side=side)
    if scene.weather == "clear":
        return light
    night = scene.time == "night"
    grey = (40, 46, 66) if night else (172, 182, 192)
    share = 0.42 if scene.time == "sunset" else 0.6
    flat = mix_tint(light.sun, light.shade, 0.7)
    return replace(
        light,
        sky=tuple(mix(colour, grey, share) for colour in light.sky),
        haze=mix(light.haze, grey, share * 0.8),
        reach=light.reach * 0.55 if scene.weather == "rain" else 26,
        sun=flat,
        shade=mix_tint(light.shade, flat, 0.3),
        lit=light.lit + 0.1,
    )


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with `share` (0 to 1) of the second in it."""
    a, b, c = (round(p + (q - p) * share) for p, q in zip(first, second, strict=True))
    return a, b, c


def mix_tint(first: Tint, second: Tint, share: float) -> Tint:
    """As `mix`, for multipliers."""
    a, b, c = (p + (q - p) * share for p, q in zip(first, second, strict=True))
    return a, b, c


@dataclass(frozen=True, slots=True)
class Glow:
    """Light that spills over what lies around it: a pixel, a radius in pixels, a colour."""

    at: Pixel
    radius: float
    colour: Colour
    flat: float = 1.0  # its height over its width: light that lies on the ground is flat


@dataclass(frozen=True)
class Stage:
    """The picture being drawn, and the light in it. Glows are gathered and added at the end."""

    scene: Scene
    light: Light
    image: Image.Image
    glows: list[Glow] = field(default_factory=list)

    @cached_property
    def pen(self) -> ImageDraw.ImageDraw:
        """A pen that blends: a colour with an alpha lets through what is below."""
        return ImageDraw.Draw(self.image, "RGBA")

    @property
    def middle(self) -> float:
        """The pixel column of the vanishing point."""
        return WIDTH / 2 + self.scene.seed % 61 - 30

    @property
    def sun_at(self) -> Pixel:
        """The pixel of the sun or the moon, between the roofs of the two sides."""
        aside, up = self.light.sun_at
        return self.middle + self.light.sun_side * aside, HORIZON - up

    @property
    def sunny(self) -> bool:
        """Whether things throw shadows with an edge."""
        return not self.dark and self.scene.weather == "clear"

    @property
    def dark(self) -> bool:
        """Whether lamps and head lights are on."""
        return self.scene.time == "night"

    @property
    def cast(self) -> Pixel:
        """How far a shadow falls along (x, z) for each metre of height."""
        if self.light.ahead:
            return 0.15, -1.6
        if self.scene.time == "morning":
            return -self.light.sun_side * 0.8, -0.5
        return -self.light.sun_side * 0.35, -0.25

    def at(self, point: Point) -> Pixel:
        """Where a point in metres is seen."""
        x, y, z = point
        return self.middle + FOCAL * x / z, HORIZON + FOCAL * (EYE - y) / z

    def haze(self, z: float) -> float:
        """How much of a thing at this distance the haze hides."""
        return 1 - math.exp(-max(0.0, z - 6) / self.light.reach)

    def tone(self, colour: Colour, z: float, lit: float = 0.6) -> Colour:
        """A colour as it is seen from afar; `lit` is 1 in the sun and 0 in the shade."""
        tint = mix_tint(self.light.shade, self.light.sun, lit)
        seen = [min(255, round(part * by)) for part, by in zip(colour, tint, strict=True)]
        return mix((seen[0], seen[1], seen[2]), self.light.haze, self.haze(z))

    def glowing(self, colour: Colour, z: float) -> Colour:
        """A colour that is itself a light: no shade, and half the haze."""
        return mix(colour, self.light.haze, self.haze(z) / 2)

    def fill(self, points: Sequence[Point], colour: Colour, alpha: int = 255) -> None:
        """Paint a surface given in metres with a colour that is already toned."""
        self.pen.polygon([self.at(point) for point in points], (*colour, alpha))

    def shadow(self, points: Sequence[Point], alpha: int) -> None:
        """Darken a surface, less in the haze, and less where no sun shines."""
        z = min(point[2] for point in points)
        dull = 1.0 if self.sunny else 0.5
        deep = round(alpha * dull * (1 - self.haze(z)))
        self.fill(points, (24, 22, 48), deep)


def ground(*places: Pixel) -> list[Point]:
    """Places on the ground, given as (x, z)."""
    return [(x, 0.0, z) for x, z in places]


def upright(left: float, right: float, low: float, high: float, z: float) -> list[Point]:
    """A rectangle that faces us."""
    return [(left, low, z), (right, low, z), (right, high, z), (left, high, z)]


def disc(x: float, z: float, width: float, depth: float, y: float = 0.0) -> list[Point]:
    """An ellipse that lies on the ground, as twenty points."""
    turns = [i * math.tau / 20 for i in range(20)]
    return [(x + width * math.cos(t), y, z + depth * math.sin(t)) for t in turns]


def box(x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
    """The bounds of an ellipse around a pixel, as the pen wants them."""
    return x - rx, y - ry, x + rx, y + ry
