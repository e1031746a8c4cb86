"""Which building stands where along a sample street."""

import random
from collections.abc import Callable

from data.drawing.houses import house
from data.drawing.row_houses import brick_row_house, pastel_row_house
from data.drawing.shops import AWNINGS, shop_front
from data.drawing.stage import HOUSE_LINE, Stage
from data.drawing.towers import tower
from data.drawing.walls import Lot

STREET_END = 105.0  # metres: beyond it the haze and the skyline take over


# Shortest, longest and the gap between two, and how far from the road's middle; in metres.
GROUNDS = {
    "brick row houses": (5.4, 6.6, 0.0, HOUSE_LINE),
    "pastel row houses": (5.6, 7.2, 0.0, HOUSE_LINE),
    "shop fronts": (6.8, 8.4, 0.0, HOUSE_LINE),
    "houses": (9.0, 11.0, 4.5, HOUSE_LINE + 2.8),
    "office towers": (13.0, 19.0, 2.5, HOUSE_LINE + 0.8),
}
Builder = Callable[[Stage, Lot], None]
BUILDERS: dict[str, Builder] = {
    "brick row houses": brick_row_house,
    "pastel row houses": pastel_row_house,
    "shop fronts": shop_front,
    "houses": house,
    "office towers": tower,
}


def draw_buildings(stage: Stage) -> None:
    """Both sides of the street, the farthest building first."""
    for side in (-1, 1):
        for lot in reversed(lots(stage, side)):
            BUILDERS["shop fronts" if lot.shop else stage.scene.buildings](stage, lot)


def lots(stage: Stage, side: int) -> list[Lot]:
    """One side of the street cut into building grounds, nearest first."""
    scene = stage.scene
    rng = scene.chance(f"lots {side}")
    shop_side = scene.chance("shop").choice((-1, 1))
    shortest, longest, gap, line = GROUNDS[scene.buildings]
    z = 4.0 + rng.uniform(0, 2)
    found: list[Lot] = []
    told = False
    while z < STREET_END:
        long = rng.uniform(shortest, longest)
        shop = ""
        if scene.shop and side == shop_side and not told and z + long > 16:
            shop, told = scene.shop, True
        elif scene.buildings == "shop fronts":
            shop = rng.choice(list(AWNINGS))
        found.append(Lot(side, z, long, line, len(found), random.Random(rng.random()), shop))
        z += long + gap
    return found
