"""The ground of a sample street: road, pavements, markings and the shade of the houses."""

from collections.abc import Callable

from data.drawing.buildings import lots
from data.drawing.stage import (
    EYE,
    FOCAL,
    HEIGHT,
    HORIZON,
    HOUSE_LINE,
    KERB,
    WIDTH,
    Glow,
    Pixel,
    Point,
    Stage,
    ground,
    mix,
)
from data.drawing.street import draw_crossing
from data.scenes import Colour

PAVING: dict[str, tuple[Colour, Colour]] = {
    "Amsterdam": ((92, 88, 92), (158, 128, 116)),
    "Lisbon": ((104, 100, 100), (206, 198, 182)),
    "Melbourne": ((84, 86, 94), (164, 162, 158)),
}
LAWN: Colour = (104, 142, 74)


def draw_ground(stage: Stage) -> None:
    """Road and pavements row by row, so that the haze thickens towards the horizon."""
    road, paving = PAVING[stage.scene.city.name]
    wet = 0.35 if stage.scene.weather == "rain" else 0.0
    road, paving = mix(road, (40, 44, 56), wet), mix(paving, (60, 64, 76), wet)
    yard = LAWN if stage.scene.buildings == "houses" else paving
    pen, middle = stage.pen, stage.middle
    for row in range(HORIZON + 2, HEIGHT):
        z = FOCAL * EYE / (row - HORIZON)
        metre = FOCAL / z
        pen.line([(0, row), (WIDTH, row)], stage.tone(yard, z, 0.7))
        for half, tint in ((HOUSE_LINE, paving), (KERB + 0.14, (200, 196, 190)), (KERB, road)):
            left, right = middle - half * metre, middle + half * metre
            pen.line([(left, row), (right, row)], stage.tone(tint, z, 0.7))
    CITY_ROADS[stage.scene.city.name](stage)
    draw_joints(stage)
    draw_markings(stage)
    draw_house_shadows(stage)
    if stage.scene.crossing:
        draw_crossing(stage)


def patch(near: Pixel, far: Pixel) -> list[Point]:
    """A rectangle on the ground between two corners, each (x, z)."""
    (x0, z0), (x1, z1) = near, far
    return ground((x0, z0), (x1, z0), (x1, z1), (x0, z1))


def draw_joints(stage: Stage) -> None:
    """Joints between the slabs of the pavements, and gutters beside the kerbs."""
    for side in (-1, 1):
        kerb, gutter, wall = side * (KERB + 0.14), side * (KERB - 0.22), side * HOUSE_LINE
        stage.shadow(patch((side * KERB, 4), (gutter, 80)), 46)
        for k in range(1, 4):
            stage.shadow(patch((kerb + side * k, 4), (kerb + side * k + 0.03, 60)), 40)
        for k in range(26):
            stage.shadow(patch((kerb, 5 + k * 1.1), (wall, 5.04 + k * 1.1)), 40)


def strip(stage: Stage, left: float, right: float, colour: Colour) -> None:
    """A band along the whole road, in pieces that each take their share of haze."""
    z = 4.2
    while z < 90:
        end, tint = z * 1.06, stage.tone(colour, z, 0.7)
        stage.fill(patch((left, z), (right, end)), tint)
        z = end


def cycle_lanes(stage: Stage) -> None:
    """Red lanes beside the kerbs."""
    for side in (-1, 1):
        strip(stage, side * 3.1, side * KERB, (128, 80, 74))
        strip(stage, side * 3.06, side * 3.14, (206, 200, 194))


def cobbles_and_rails(stage: Stage) -> None:
    """Rows of setts, two tram tracks, and the dark band of the pavement's mosaic."""
    for k in range(44):
        z = 4.6 + k * 0.5
        stage.shadow(patch((-KERB, z), (KERB, z + 0.05)), 44 - k)
    for x in (-2.75, -1.35, 1.35, 2.75):
        strip(stage, x - 0.09, x + 0.09, (70, 68, 72))
        strip(stage, x - 0.03, x + 0.03, (176, 176, 182))
    for side in (-1, 1):
        strip(stage, side * 7.3, side * 7.5, (112, 106, 102))
        strip(stage, side * 4.9, side * 5.1, (112, 106, 102))


def worn_lanes(stage: Stage) -> None:
    """Asphalt that wheels have polished, and an edge line."""
    for x in (-2.8, -1.3, 1.3, 2.8):
        strip(stage, x - 0.28, x + 0.28, (92, 94, 102))
    for side in (-1, 1):
        strip(stage, side * 3.7, side * 3.8, (204, 202, 196))


CITY_ROADS: dict[str, Callable[[Stage], None]] = {
    "Amsterdam": cycle_lanes,
    "Lisbon": cobbles_and_rails,
    "Melbourne": worn_lanes,
}


def draw_markings(stage: Stage) -> None:
    """The broken line in the middle of the road."""
    for k in range(16):
        z = 4.5 + k * 4.5
        if stage.scene.crossing and 5.0 < z < 11:
            continue
        white = stage.tone((236, 234, 226), z, 0.8)
        stage.fill(patch((-0.07, z), (0.07, z + 2)), white)


def draw_house_shadows(stage: Stage) -> None:
    """The shade of the houses on the sun's side; at sunset a path of light down the road."""
    light = stage.light
    if not stage.sunny:
        return
    if light.ahead:
        x, _ = stage.sun_at
        stage.glows.append(Glow((x, HORIZON + 60), 330, (74, 42, 17)))
        return
    reach = 0.62 if stage.scene.time == "morning" else 0.24
    for lot in lots(stage, light.sun_side):
        high = 10 if stage.scene.buildings != "office towers" else 16
        edge = lot.side * (lot.line - high * reach * (0.92 + lot.number % 3 * 0.06))
        wall = lot.side * lot.line
        end = lot.z + lot.long
        shade = ground((wall, lot.z), (edge, lot.z - 0.8), (edge, end - 0.8), (wall, end))
        stage.shadow(shade, 96)
