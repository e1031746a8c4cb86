"""Houses that stand alone behind a hedge."""

from data.drawing.stage import HOUSE_LINE, Stage, mix
from data.drawing.walls import (
    BRICKS,
    CREAM,
    DOORS,
    PASTELS,
    PLASTER,
    ROOF_SLATE,
    ROOF_TILE,
    Lot,
    Wall,
    base,
    door,
    windows,
)
from data.scenes import Colour


def house(stage: Stage, lot: Lot) -> None:
    """A house that stands alone in its garden, under a pitched roof."""
    rng, wall, near = lot.rng, lot.street_wall(stage), lot.near_wall(stage)
    walls = {"Amsterdam": BRICKS + PLASTER[:2], "Lisbon": PASTELS}
    colour = rng.choice(walls.get(stage.scene.city.name, PLASTER + BRICKS[:3]))
    lisbon = stage.scene.city.name == "Lisbon"
    roof = ROOF_TILE if lisbon else rng.choice((ROOF_SLATE, (120, 78, 62)))
    high, deep, rise = rng.choice((3.6, 6.2, 6.4)), 8.0, 3.0
    base(near, deep, high, colour)
    near.shape([(0, high), (deep, high), (deep / 2, high + rise)], colour)
    chimney(stage, lot, high + rise)
    base(wall, lot.long, high, colour)
    floors = 2 if high > 5 else 1
    windows(near, rng, (2, floors), deep, 1.1)
    windows(wall, rng, (3, floors), lot.long, 1.1)
    door(wall, lot.long / 2 - 0.5, rng.choice(DOORS))
    pitched_roof(wall, near, (lot.long, deep, high, rise), roof)
    garden(stage, lot)


def pitched_roof(
    wall: Wall, near: Wall, size: tuple[float, float, float, float], colour: Colour
) -> None:
    """The slope towards the street, and the boards along the near gable."""
    long, deep, high, rise = size
    drop = rise * 0.5 / (deep / 2)
    eave = [wall.point(-0.4, high - drop, 0.5), wall.point(long + 0.4, high - drop, 0.5)]
    ridge = [
        wall.point(long + 0.4, high + rise, -deep / 2),
        wall.point(-0.4, high + rise, -deep / 2),
    ]
    wall.stage.fill([*eave, *ridge], wall.tone(colour, long / 2, max(0.3, wall.lit)))
    foot, peak = high - drop, high + rise
    for u in (-0.5, deep + 0.5):
        board = [(u, foot), (deep / 2, peak), (deep / 2, peak + 0.3), (u, foot + 0.3)]
        near.shape(board, CREAM, 0.4)


def chimney(stage: Stage, lot: Lot, ridge: float) -> None:
    """A brick chimney behind the ridge."""
    z = lot.z + lot.long * 0.6
    x = lot.side * (lot.line + 4.6)
    for half, foot, top, colour in ((0.45, -1.5, 1.1, BRICKS[0]), (0.55, 1.0, 1.25, BRICKS[3])):
        corners = [(x - half, ridge + foot, z), (x + half, ridge + foot, z)]
        upper = [(x + half, ridge + top, z), (x - half, ridge + top, z)]
        stage.fill([*corners, *upper], stage.tone(colour, z))


def garden(stage: Stage, lot: Lot) -> None:
    """A hedge along the pavement, with a gap where the path goes in."""
    hedge = Wall(stage, lot.side * (HOUSE_LINE + 0.1), lot.z - 1.6, (0, 1), (-lot.side, 0), 0.6)
    lit = lot.street_wall(stage).lit
    green = lot.rng.choice(((66, 108, 58), (82, 122, 62), (58, 98, 66)))
    half = lot.long / 2 + 0.7
    for start in (half + 1.6, 0.0):
        end = [hedge.point(start, v, out) for v, out in ((0, 0), (1.0, 0), (1.0, -0.8), (0, -0.8))]
        stage.fill(end, hedge.tone(mix(green, (20, 40, 30), 0.3), start))
        rim = ((0, 0), (half, 0), (half, -0.8), (0, -0.8))
        top = [hedge.point(start + u, 1.0, out) for u, out in rim]
        stage.fill(top, hedge.tone(mix(green, (230, 240, 150), 0.2), start, lit))
        for i in range(3):
            hedge.panel(start + i * half / 3, 0, half / 3 + 0.02, 1.0, green)
