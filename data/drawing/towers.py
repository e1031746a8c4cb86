"""Glass office towers."""

import math
import random

from data.drawing.stage import Pixel, Stage, mix
from data.drawing.walls import WARM, Lot, Wall, base

GLASS_TOWERS = (
    (46, 82, 118),
    (54, 72, 104),
    (70, 112, 124),
    (186, 172, 154),
    (52, 104, 106),
    (150, 88, 72),
)


def tower(stage: Stage, lot: Lot) -> None:
    """A glass office tower: bands of floors, thin mullions, a bright lobby."""
    rng, wall, near = lot.rng, lot.street_wall(stage), lot.near_wall(stage)
    colour = rng.choice(GLASS_TOWERS)
    floors = rng.choice((7, 9, 12, 15, 18)) if lot.z > 26 else rng.choice((6, 8, 11))
    deep = 14.0
    for face, long in ((near, deep), (wall, lot.long)):
        base(face, long, 4.4 + floors * 3.4, colour)
        curtain(face, long, floors, rng)
        lobby(face, long)
    top = 4.4 + floors * 3.4
    for face, long in ((near, deep), (wall, lot.long)):
        face.panel(0, top, long, 0.9, mix(colour, (40, 46, 60), 0.55))


def curtain(face: Wall, long: float, floors: int, rng: random.Random) -> None:
    """The glass of a tower, floor by floor: it mirrors the sky, or shows who works late."""
    stage = face.stage
    sky, columns = stage.light.sky, max(4, int(long / 1.6))
    wide = long / columns
    fade = 1 - stage.haze(face.z)
    for floor in range(floors):
        v = 4.4 + floor * 3.4
        shine = sky[max(0, len(sky) - 1 - int(floor * len(sky) / 18 + 0.8))]
        band = mix(shine, (22, 40, 66), 0.35)
        face.veil(pane(0, v, long), band, round(130 * fade))
        for column in range(columns):
            if rng.random() < 0.3 and not stage.dark:
                cloud = rng.choice(((255, 255, 255), (20, 34, 60)))
                face.veil(pane(column * wide, v, wide), cloud, round(34 * fade))
            if rng.random() < stage.light.lit * 0.7:
                lamp = rng.choice((WARM, (255, 236, 196), (214, 228, 255)))
                face.light(column * wide + 0.15, v + 0.8, wide - 0.3, 2.4, lamp)
    pen, at = stage.pen, stage.at
    line = (*face.tone((226, 232, 238), long / 2), round(150 * fade))
    for column in range(columns + 1):
        foot, top = face.point(column * wide, 4.4), face.point(column * wide, 4.4 + floors * 3.4)
        pen.line([at(foot), at(top)], line, 2)


def pane(u: float, v: float, wide: float) -> list[Pixel]:
    """The corners of the glass between two floors."""
    return [(u, v + 0.8), (u + wide, v + 0.8), (u + wide, v + 3.2), (u, v + 3.2)]


def lobby(face: Wall, long: float) -> None:
    """A tall ground floor of clear glass between pillars, under a canopy."""
    inside = (255, 222, 164) if face.stage.dark else (150, 164, 172)
    face.panel(0, 0, long, 4.4, (70, 76, 86))
    panes = max(3, math.ceil(long / 3))
    for i in range(panes):
        if face.stage.dark:
            face.light(i * long / panes + 0.2, 0.2, long / panes - 0.4, 3.4, inside)
        else:
            face.panel(i * long / panes + 0.2, 0.2, long / panes - 0.4, 3.4, inside)
    face.panel(0, 3.9, long, 0.5, (206, 208, 208), 0.8)
