"""A wall that stands along a sample street, and what every wall has: bricks, windows, doors."""

import random
from dataclasses import dataclass

from data.drawing.stage import Pixel, Point, Stage, mix
from data.scenes import Colour

CREAM, WARM = (240, 234, 220), (255, 214, 142)
BRICKS = ((150, 70, 54), (126, 58, 50), (170, 90, 64), (112, 66, 62), (158, 104, 84), (94, 58, 56))
PASTELS = (
    (238, 206, 140), (226, 160, 140), (160, 196, 204), (240, 228, 204), (196, 210, 170),
    (222, 178, 186), (246, 214, 168), (140, 176, 196),
)  # fmt: skip
PLASTER = ((228, 220, 204), (206, 198, 190), (196, 176, 152), (222, 200, 178), (184, 192, 194))


ROOF_TILE, ROOF_SLATE = (184, 92, 62), (84, 84, 96)
DOORS = ((34, 64, 52), (28, 48, 84), (104, 36, 38), (48, 44, 46), (60, 96, 110))


@dataclass(frozen=True, slots=True)
class Wall:
    """An upright surface with coordinates of its own: `u` metres along it, `v` metres up."""

    stage: Stage
    x: float
    z: float
    along: Pixel
    outward: Pixel
    lit: float

    def point(self, u: float, v: float, out: float = 0.0) -> Point:
        """A place on the wall, or `out` metres before it."""
        x = self.x + u * self.along[0] + out * self.outward[0]
        return x, v, max(2.5, self.z + u * self.along[1] + out * self.outward[1])

    def tone(self, colour: Colour, u: float, lit: float | None = None) -> Colour:
        """The colour as seen at `u` along this wall."""
        return self.stage.tone(colour, self.point(u, 0)[2], self.lit if lit is None else lit)

    def shape(self, corners: list[Pixel], colour: Colour, out: float = 0.0) -> None:
        """Paint a polygon given as (u, v)."""
        at = sum(u for u, _ in corners) / len(corners)
        self.stage.fill([self.point(u, v, out) for u, v in corners], self.tone(colour, at))

    def panel(
        self, u: float, v: float, wide: float, high: float, colour: Colour, out: float = 0.0
    ) -> None:
        """Paint an upright rectangle whose lower near corner is (u, v)."""
        corners = [(u, v), (u + wide, v), (u + wide, v + high), (u, v + high)]
        self.shape(corners, colour, out)

    def light(self, u: float, v: float, wide: float, high: float, colour: Colour) -> None:
        """Paint a rectangle that shines by itself."""
        corners = ((u, v), (u + wide, v), (u + wide, v + high), (u, v + high))
        z = self.point(u + wide / 2, 0)[2]
        self.stage.fill([self.point(*corner) for corner in corners], self.stage.glowing(colour, z))

    def veil(self, corners: list[Pixel], colour: Colour, alpha: int) -> None:
        """Lay a thin colour over the wall."""
        self.stage.fill([self.point(u, v) for u, v in corners], colour, alpha)


@dataclass(frozen=True, slots=True)
class Lot:
    """A building's ground: its side (-1 left, 1 right), where it starts, how long and far back."""

    side: int
    z: float
    long: float
    line: float
    number: int
    rng: random.Random
    shop: str = ""

    def street_wall(self, stage: Stage) -> Wall:
        """The wall along the street."""
        lit = 0.5 if stage.light.ahead else 0.12 if self.side == stage.light.sun_side else 1.0
        return Wall(stage, self.side * self.line, self.z, (0, 1), (-self.side, 0), lit)

    def near_wall(self, stage: Stage) -> Wall:
        """The wall that looks at the camera."""
        lit = 0.1 if stage.light.ahead else 0.5
        return Wall(stage, self.side * self.line, self.z, (self.side, 0), (0, -1), lit)


def base(wall: Wall, long: float, high: float, colour: Colour) -> None:
    """A wall's plain surface in strips, for the haze grows along it; darker at its foot."""
    for i in range(4):
        wall.panel(i * long / 4, 0, long / 4 + 0.02, high, colour)
    z = wall.z
    for foot, alpha in ((1.6, 16), (0.9, 22), (0.4, 34)):
        fade = round(alpha * (1 - wall.stage.haze(z)))
        wall.veil([(0, 0), (long, 0), (long, foot), (0, foot)], (20, 16, 30), fade)


def courses(wall: Wall, long: float, high: float) -> None:
    """Rows of brick as thin lines, where the wall is near enough to see them."""
    if wall.z > 40:
        return
    pen, at = wall.stage.pen, wall.stage.at
    alpha = round(30 * (1 - wall.stage.haze(wall.z)))
    for i in range(1, int(high / 0.3)):
        line = [at(wall.point(0, i * 0.3)), at(wall.point(long, i * 0.3))]
        pen.line(line, (30, 10, 10, alpha), 1)


def window(wall: Wall, u: float, v: float, wide: float, high: float, lamp: Colour | None) -> None:
    """A framed window with its sill; lit from inside by `lamp`, or mirroring the sky."""
    stage = wall.stage
    z = wall.point(u, v)[2]
    wall.panel(u - 0.1, v - 0.08, wide + 0.2, high + 0.16, CREAM)
    if lamp:
        wall.light(u, v, wide, high, lamp)
    else:
        sky = stage.light.sky
        wall.light(u, v, wide, high, mix(sky[1], (26, 32, 46), 0.68))
        shine = mix(sky[-1], sky[1], 0.5)
        wall.veil([(u, v + high), (u + wide, v + high), (u, v + high * 0.35)], shine, 70)
    if z < 48:
        wall.panel(u + wide / 2 - 0.03, v, 0.06, high, CREAM)
        wall.panel(u, v + high * 0.62, wide, 0.06, CREAM)
        wall.panel(u - 0.16, v - 0.2, wide + 0.32, 0.12, CREAM, 0.1)


def lamp_inside(stage: Stage, rng: random.Random) -> Colour | None:
    """Whether somebody is in, by the hour, and the colour of their lamp."""
    tints = (WARM, (255, 200, 116), (255, 228, 178), (250, 186, 110))
    tint = rng.choice(tints)
    return tint if rng.random() < stage.light.lit else None


def windows(
    wall: Wall, rng: random.Random, grid: tuple[int, int], long: float, first: float
) -> None:
    """Rows of windows (columns, floors) over the whole length, from `first` metres up."""
    columns, floors = grid
    pitch = long / columns
    wide = min(1.15, pitch * 0.55)
    for floor in range(floors):
        for column in reversed(range(columns)):
            u = (column + 0.5) * pitch - wide / 2
            window(wall, u, first + floor * 3.1, wide, 1.75, lamp_inside(wall.stage, rng))


def door(wall: Wall, u: float, colour: Colour) -> None:
    """A front door with a fanlight over it, on two steps."""
    wall.panel(u - 0.18, 0, 1.4, 2.95, CREAM)
    wall.panel(u, 0.3, 1.04, 2.05, colour)
    fan = WARM if wall.stage.dark else mix(wall.stage.light.sky[1], (30, 36, 50), 0.5)
    wall.light(u, 2.42, 1.04, 0.4, fan)
    wall.panel(u - 0.25, 0, 1.55, 0.3, (150, 146, 142), 0.4)


def cornice(wall: Wall, long: float, high: float) -> None:
    """A moulded edge along the top, and its shadow."""
    wall.panel(0, high - 0.75, long, 0.25, mix(CREAM, (90, 80, 80), 0.45), 0.05)
    wall.panel(0, high - 0.5, long, 0.55, CREAM, 0.3)


def near_end(stage: Stage, lot: Lot, high: float, colour: Colour) -> None:
    """The end wall, seen where the next house is lower or missing."""
    lot.near_wall(stage).panel(0, 0, 9, high, mix(colour, (60, 50, 60), 0.25))
