"""Row houses: brick with gables in Amsterdam, with porches in Melbourne; painted in Lisbon."""

import random

from data.drawing.stage import Stage, mix
from data.drawing.walls import (
    BRICKS,
    CREAM,
    DOORS,
    PASTELS,
    ROOF_TILE,
    Lot,
    Wall,
    base,
    cornice,
    courses,
    door,
    lamp_inside,
    near_end,
    window,
    windows,
)
from data.scenes import Colour


def brick_row_house(stage: Stage, lot: Lot) -> None:
    """A narrow brick house: with a gable in Amsterdam, with a cornice elsewhere."""
    rng, wall = lot.rng, lot.street_wall(stage)
    colour, high = rng.choice(BRICKS), rng.choice((9.6, 9.9, 10.3))
    if stage.scene.city.name == "Amsterdam":
        gable(wall, lot.long, high, colour, rng)
    near_end(stage, lot, high, colour)
    base(wall, lot.long, high, colour)
    courses(wall, lot.long, high)
    if stage.scene.city.name != "Amsterdam":
        cornice(wall, lot.long, high)
    windows(wall, rng, (3, 2), lot.long, 4.0)
    ground_floor(wall, lot, rng)
    if stage.scene.city.name == "Melbourne":
        veranda(wall, lot.long)


def gable(wall: Wall, long: float, high: float, colour: Colour, rng: random.Random) -> None:
    """A stepped, bell or neck gable, edged in cream."""
    steps = rng.choice((
        ((0, 0), (0, 0.5), (0.16, 0.5), (0.16, 1.2), (0.3, 1.2), (0.3, 1.9), (0.42, 1.9),
         (0.42, 2.6)),
        ((0, 0), (0, 0.3), (0.12, 0.5), (0.24, 1.2), (0.28, 1.9), (0.36, 2.2), (0.46, 2.4)),
        ((0, 0), (0, 0.4), (0.26, 0.6), (0.28, 2.2), (0.5, 2.9)),
    ))  # fmt: skip
    for grow, out, tint in ((0.16, 0.04, CREAM), (0.0, 0.06, colour)):
        half = [(u * long, high + v + grow) for u, v in steps]
        other = [(long - u, v) for u, v in reversed(half)]
        wall.shape([(0, high - 0.2), *half, *other, (long, high - 0.2)], tint, out)
    window(wall, long / 2 - 0.4, high + 0.2, 0.8, 1.2, lamp_inside(wall.stage, rng))


def veranda(wall: Wall, long: float) -> None:
    """An iron porch roof on thin posts with a lace fringe, as Melbourne's terraces have."""
    eaves = [wall.point(long, 3.2, 1.5), wall.point(0, 3.2, 1.5)]
    back = [wall.point(0, 3.85, 0), wall.point(long, 3.85, 0)]
    tin = (150, 166, 160)
    wall.stage.fill([*back, *eaves], wall.tone(tin, long / 2, max(0.4, wall.lit)))
    wall.panel(0, 3.06, long, 0.16, CREAM, 1.5)
    lace = [(u * long / 24, 3.08 - (0.34 if u % 2 else 0.12)) for u in range(25)]
    wall.shape([(0, 3.08), *lace, (long, 3.08)], CREAM, 1.5)
    for u in (long - 0.1, 0.02):
        wall.panel(u, 0, 0.1, 3.1, CREAM, 1.5)


def ground_floor(wall: Wall, lot: Lot, rng: random.Random) -> None:
    """A door and two windows, in either order."""
    at_far_end = rng.random() < 0.5
    door_at = lot.long - 1.7 if at_far_end else 0.6
    first = 0.5 if at_far_end else 2.3
    room = (lot.long - 2.6) / 2
    for i in (1, 0):
        lamp = lamp_inside(wall.stage, rng)
        window(wall, first + i * room, 1.0, min(1.15, room * 0.7), 1.9, lamp)
    door(wall, door_at, rng.choice(DOORS))


def pastel_row_house(stage: Stage, lot: Lot) -> None:
    """A painted house under roof tiles, with shutters and iron balconies, as in Lisbon."""
    rng, wall = lot.rng, lot.street_wall(stage)
    colour = PASTELS[(rng.randrange(3) + 3 * lot.number) % len(PASTELS)]
    floors = rng.choice((2, 2, 3))
    high = 4.0 + floors * 3.1
    near_end(stage, lot, high, colour)
    tiled_roof(wall, lot.near_wall(stage), lot.long, high)
    base(wall, lot.long, high, colour)
    wall.panel(0, 0, lot.long, 0.9, mix(colour, (120, 110, 110), 0.5), 0.03)
    wall.panel(0, high - 0.3, lot.long, 0.35, CREAM, 0.25)
    if rng.random() < 0.35:
        azulejos(wall, lot.long, high)
    windows(wall, rng, (3, floors), lot.long, 4.0)
    for floor in range(floors):
        balconies(wall, lot.long, 3.85 + floor * 3.1)
    ground_floor(wall, lot, rng)


def tiled_roof(wall: Wall, near: Wall, long: float, high: float) -> None:
    """A slope of terracotta tiles, steep enough to be seen from the street, and its near end."""
    end = [(-0.4, high), (1.0, high + 2.4), (9, high + 2.4), (9, high)]
    near.shape(end, mix(ROOF_TILE, (70, 40, 50), 0.4))
    eave = [wall.point(0, high, 0.4), wall.point(long, high, 0.4)]
    ridge = [wall.point(long, high + 2.4, -1), wall.point(0, high + 2.4, -1)]
    wall.stage.fill([*eave, *ridge], wall.tone(ROOF_TILE, long / 2))
    wall.panel(0, high - 0.12, long, 0.14, mix(ROOF_TILE, (60, 30, 30), 0.4), 0.4)


def azulejos(wall: Wall, long: float, high: float) -> None:
    """A thin grid of blue tiles over the upper floors."""
    if wall.z > 40:
        return
    pen, at, blue = wall.stage.pen, wall.stage.at, (60, 96, 160, 46)
    for i in range(int((high - 4) / 0.4)):
        v = 3.8 + i * 0.4
        pen.line([at(wall.point(0, v)), at(wall.point(long, v))], blue, 2)
    for i in range(int(long / 0.4)):
        pen.line([at(wall.point(i * 0.4, 3.8)), at(wall.point(i * 0.4, high - 0.3))], blue, 2)


def balconies(wall: Wall, long: float, v: float) -> None:
    """One iron balcony under each of three windows."""
    if wall.z > 50:
        return
    pen, at = wall.stage.pen, wall.stage.at
    for i in range(3):
        u = (i + 0.5) * long / 3
        iron = (*wall.tone((40, 42, 48), u), 230)
        wall.panel(u - 0.75, v - 0.05, 1.5, 0.1, (170, 164, 156), 0.45)
        for k in range(9):
            bar = u - 0.75 + k * 1.5 / 8
            pen.line([at(wall.point(bar, v, 0.45)), at(wall.point(bar, v + 0.85, 0.45))], iron, 1)
        pen.line(
            [at(wall.point(u - 0.75, v + 0.85, 0.45)), at(wall.point(u + 0.75, v + 0.85, 0.45))],
            iron, 3,
        )  # fmt: skip
