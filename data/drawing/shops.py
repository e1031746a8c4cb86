"""Shop fronts: an awning, a bright window, a sign over the pavement, flats above."""

import random

from PIL import ImageFont

from data.drawing.stage import WIDTH, Glow, Stage, mix
from data.drawing.walls import (
    BRICKS,
    CREAM,
    PASTELS,
    PLASTER,
    Lot,
    Wall,
    base,
    cornice,
    courses,
    near_end,
    windows,
)
from data.scenes import Colour

AWNINGS: dict[str, Colour] = {
    "bakery": (214, 138, 44),
    "café": (40, 112, 84),
    "bookshop": (44, 84, 142),
    "flower shop": (206, 104, 150),
    "barber's shop": (52, 130, 160),
    "grocery": (92, 140, 52),
}
SIGNS = {"café": "CAFE", "flower shop": "FLOWERS", "barber's shop": "BARBER", "bookshop": "BOOKS"}


def shop_front(stage: Stage, lot: Lot) -> None:
    """A shop window under a striped awning with a sign, and flats over it."""
    rng, wall = lot.rng, lot.street_wall(stage)
    walls = {"Amsterdam": BRICKS, "Lisbon": PASTELS}.get(stage.scene.city.name, PLASTER)
    colour, floors = rng.choice(walls), rng.choice((2, 2, 3))
    high = 4.4 + floors * 3.1
    near_end(stage, lot, high, colour)
    base(wall, lot.long, high, colour)
    if walls is BRICKS:
        courses(wall, lot.long, high)
    cornice(wall, lot.long, high)
    windows(wall, rng, (3, floors), lot.long, 4.6)
    paint = mix(AWNINGS[lot.shop], (24, 26, 34), 0.5)
    display(wall, lot, paint)
    awning(wall, lot.long, AWNINGS[lot.shop])
    blade_sign(wall, lot, paint)


def display(wall: Wall, lot: Lot, paint: Colour) -> None:
    """The ground floor: two bright panes and a door between painted posts, goods behind them."""
    long, dark = lot.long, wall.stage.dark
    wall.panel(0, 0, long, 3.9, paint, 0.04)
    inside = (255, 216, 150) if dark else mix((226, 196, 150), wall.stage.light.sky[1], 0.3)
    third = (long - 0.6) / 3
    for i in (2, 1, 0):
        u, foot = 0.3 + i * third, 0.15 if i == 1 else 0.6
        wall.light(u + 0.12, foot, third - 0.24, 2.75 - foot, inside)
        if i == 1:
            wall.panel(u + third / 2 - 0.04, foot, 0.08, 2.75 - foot, paint)
        else:
            goods(wall, u + 0.2, third - 0.4, lot.rng)
    wall.panel(0.1, 3.15, long - 0.2, 0.62, mix(paint, CREAM, 0.12), 0.1)
    if dark:
        glow_at = wall.stage.at(wall.point(long / 2, 1.6))
        wall.stage.glows.append(Glow(glow_at, 2600 / wall.point(long / 2, 0)[2], (120, 84, 40)))


def goods(wall: Wall, u: float, wide: float, rng: random.Random) -> None:
    """Two shelves of small bright things behind the pane."""
    hues = ((196, 92, 60), (232, 180, 80), (110, 140, 90), (92, 116, 160), (222, 210, 190))
    for shelf in (0.75, 1.5):
        for i in range(5):
            high = rng.uniform(0.2, 0.5)
            wall.panel(u + i * wide / 5, shelf, wide / 6, high, rng.choice(hues))
        wall.panel(u, shelf - 0.06, wide, 0.06, (96, 72, 56))


def awning(wall: Wall, long: float, colour: Colour) -> None:
    """Cloth in stripes of the shop's colour and white, sloping over the pavement."""
    stripes = max(8, int(long / 0.5) // 2 * 2)
    wide = (long - 0.3) / stripes
    for i in reversed(range(stripes)):
        u = 0.15 + i * wide
        tint = wall.tone(colour if i % 2 else (248, 244, 236), u, max(0.35, wall.lit))
        hem = [wall.point(u + wide, 2.75, 1.4), wall.point(u, 2.75, 1.4)]
        top = [wall.point(u, 3.5, 0.05), wall.point(u + wide, 3.5, 0.05)]
        wall.stage.fill([*top, *hem], tint)
        fringe = [wall.point(u + wide / 2, 2.42, 1.4)]
        below = [hem[0], *fringe, hem[1]]
        wall.stage.fill(below, mix(tint, (30, 26, 40), 0.16))


def blade_sign(wall: Wall, lot: Lot, paint: Colour) -> None:
    """A board that stands out over the pavement, its word towards us."""
    u = min(lot.long - 1, max(lot.long * 0.4, 14 - lot.z))
    x, _, z = wall.point(u, 0, 0.15)
    left, right = sorted((x, x - lot.side * 1.9))
    (x0, y0), (x1, y1) = wall.stage.at((left, 4.75, z)), wall.stage.at((right, 4.0, z))
    stage = wall.stage
    if x1 - x0 < 18 or x0 < 6 or x1 > WIDTH - 6:
        return
    board = mix(paint, (255, 240, 200), 0.1)
    face = stage.glowing(board, z) if stage.dark else stage.tone(paint, z)
    edge = stage.tone(CREAM, z)
    stage.pen.rounded_rectangle((x0, y0, x1, y1), (y1 - y0) * 0.18, (*face, 255), (*edge, 255), 2)
    word = SIGNS.get(lot.shop, lot.shop.upper())
    size = min((x1 - x0) * 1.35 / len(word), (y1 - y0) * 0.62)
    text = stage.glowing((255, 244, 214), z)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    stage.pen.text(middle, word, (*text, 255), ImageFont.load_default(size), anchor="mm")
