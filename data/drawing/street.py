"""What stands and walks in a sample street: lamps, people, the crossing, the bridge."""

import math
import random

from data.drawing.stage import (
    FOCAL,
    HOUSE_LINE,
    KERB,
    Glow,
    Pixel,
    Point,
    Stage,
    box,
    disc,
    ground,
    mix,
    upright,
)
from data.scenes import Colour

COATS = (
    (52, 84, 130),
    (150, 62, 58),
    (66, 110, 92),
    (214, 170, 84),
    (92, 74, 112),
    (60, 62, 72),
    (206, 196, 180),
)
TROUSERS = ((40, 44, 60), (70, 66, 62), (52, 66, 92), (34, 34, 40))
SKINS = ((236, 196, 164), (198, 148, 112), (142, 98, 72), (96, 64, 50))
HAIR = ((44, 34, 30), (92, 62, 38), (180, 140, 84), (28, 26, 30), (150, 146, 142))
UMBRELLAS = ((54, 94, 150), (226, 176, 62), (60, 128, 104), (120, 84, 150), (230, 228, 222))
BRIDGE_AT, BRIDGE_DEEP = 43.0, 5.0  # metres: behind the last tree
STONE: Colour = (176, 164, 146)
CREAM: Colour = (220, 210, 192)


def lamp_places(stage: Stage) -> list[Pixel]:
    """(x, z) of the lamps, on both kerbs."""
    if not stage.scene.lamps:
        return []
    return [(side * (KERB + 0.45), z) for z in (11.5, 20, 29.5, 40, 54) for side in (-1, 1)]


def draw_lamp(stage: Stage, place: Pixel) -> None:
    """A cast-iron post with an arm and a lantern; at night its light on the ground."""
    x, z = place
    metre, pen = FOCAL / z, stage.pen
    inward = -1 if x > 0 else 1
    iron = stage.tone((34, 42, 46), z, 0.4)
    if stage.dark:
        stage.glows.append(Glow(stage.at((x + inward * 0.7, 0, z)), 3400 / z, (88, 62, 30), 0.3))
    stage.shadow(disc(x, z, 0.35, 0.25), 110)
    for half, low, high in ((0.13, 0, 0.9), (0.06, 0.9, 5.0)):
        stage.fill(upright(x - half, x + half, low, high, z), iron)
    bends = [
        (0.75 * math.sin(t), 4.75 + 0.42 * (1 - math.cos(t))) for t in (0, 0.4, 0.8, 1.2, 1.57)
    ]
    pen.line(
        [stage.at((x + inward * out, up, z)) for out, up in bends],
        iron,
        max(2, round(0.07 * metre)),
    )
    px, py = stage.at((x + inward * 0.75, 4.92, z))
    glass = (255, 236, 186) if stage.dark else stage.tone((232, 230, 216), z, 0.9)
    pen.ellipse(box(px, py, 0.2 * metre, 0.22 * metre), glass)
    pen.pieslice(box(px, py - 0.04 * metre, 0.27 * metre, 0.24 * metre), 180, 360, iron)
    if stage.dark:
        stage.glows.append(Glow((px, py), 2900 / z, (224, 160, 78)))


def person_places(stage: Stage) -> list[Pixel]:
    """(x, z) of the people: on the pavements, and one on the crossing if there is one."""
    scene = stage.scene
    rng = scene.chance("people")
    places: list[Pixel] = []
    for i in range(scene.people):
        side = rng.choice((-1, 1)) if i == 0 else -1 if places[-1][0] > 0 else 1
        places.append((side * rng.uniform(4.9, 5.4), 9.6 + 2.7 * i + rng.uniform(-0.4, 0.4)))
    if scene.crossing and places:
        places[0] = (math.copysign(rng.uniform(2.9, 3.5), places[0][0]), 8.9)
    return places


def draw_person(stage: Stage, place: Pixel) -> None:
    """Somebody walking, in clothes of chance; under an umbrella when it rains."""
    x, z = place
    rng = stage.scene.chance(f"person {x}")
    tall = rng.uniform(0.94, 1.06)
    if stage.sunny:
        far_x, far_z = x + stage.cast[0] * 1.6, max(4, z + stage.cast[1] * 1.6)
        feet, head = ((x - 0.2, z), (x + 0.2, z)), ((far_x + 0.25, far_z), (far_x - 0.25, far_z))
        stage.shadow(ground(*feet, *head), 80)
    stage.shadow(disc(x, z, 0.4, 0.3), 110)
    clothes(stage, place, tall, rng)
    if stage.scene.weather == "rain":
        umbrella(stage, place, stage.tone(rng.choice(UMBRELLAS), z, 0.8))


def clothes(stage: Stage, place: Pixel, tall: float, rng: random.Random) -> None:
    """Legs in mid-step, a coat with arms, a head with hair."""
    x, z = place
    metre, pen = FOCAL / z * tall, stage.pen
    foot_x, foot_y = stage.at((x, 0, z))
    trousers, coat = rng.choice(TROUSERS), rng.choice(COATS)
    skin, hair = rng.choice(SKINS), rng.choice(HAIR)
    way = rng.choice((-1, 1))

    def at(right: float, up: float) -> Pixel:
        return foot_x + way * right * metre, foot_y - up * metre

    def limb(points: list[Pixel], colour: Colour, lit: float, wide: float) -> None:
        width = max(2, round(wide * metre))
        pen.line([at(*point) for point in points], stage.tone(colour, z, lit), width, "curve")

    limb([(-0.02, 0.86), (-0.1, 0.45), (-0.24, 0.06)], trousers, 0.2, 0.15)
    limb([(0.02, 0.86), (0.12, 0.46), (0.14, 0.05)], trousers, 0.7, 0.16)
    for right in (-0.2, 0.18):
        limb([(right, 0.05), (right + 0.13, 0.03)], (30, 28, 32), 0.5, 0.08)
    limb([(-0.14, 1.34), (-0.25, 1.06), (-0.2, 0.84)], coat, 0.1, 0.1)
    torso = [
        at(-0.2, 1.42),
        at(0.2, 1.42),
        at(0.22, 1.2),
        at(0.2, 0.78),
        at(-0.2, 0.78),
        at(-0.22, 1.2),
    ]
    pen.polygon(torso, stage.tone(coat, z, 0.7))
    pen.polygon(
        [at(-0.2, 1.42), at(-0.04, 1.42), at(-0.06, 0.78), at(-0.2, 0.78)], (20, 18, 30, 50)
    )
    limb([(0.12, 1.36), (0.2, 1.1), (0.3, 0.9)], mix(coat, (255, 255, 255), 0.08), 0.9, 0.1)
    for (right, up), colour, size in (((0.02, 1.6), hair, 0.135), ((0.045, 1.57), skin, 0.11)):
        px, py = at(right, up)
        pen.ellipse(box(px, py, size * metre, size * 1.12 * metre), stage.tone(colour, z, 0.8))


def umbrella(stage: Stage, place: Pixel, colour: Colour) -> None:
    """An open umbrella over the head, in panels."""
    x, z = place
    metre, pen = FOCAL / z, stage.pen
    px, py = stage.at((x + 0.05, 1.82, z))
    pen.line([(px, py), (px, py + 0.8 * metre)], (30, 30, 34), max(1, round(0.03 * metre)))
    pen.pieslice(box(px, py, 0.62 * metre, 0.46 * metre), 180, 360, colour)
    pen.pieslice(
        box(px, py, 0.25 * metre, 0.46 * metre), 180, 360, mix(colour, (255, 255, 255), 0.16)
    )
    pen.line(
        [(px, py - 0.46 * metre), (px, py - 0.54 * metre)],
        (30, 30, 34),
        max(1, round(0.03 * metre)),
    )


def draw_crossing(stage: Stage) -> None:
    """White bars across the road, worn here and there."""
    rng = stage.scene.chance("crossing")
    for i in range(9):
        x = -KERB + 0.35 + i * 0.92
        near, far = 7.2, 10.4
        for start in (near, (near + far) / 2):
            worn = mix((240, 238, 232), (120, 118, 118), rng.uniform(0, 0.14))
            stop = start + (far - near) / 2 + 0.02
            bar = ground((x, start), (x + 0.5, start), (x + 0.5, stop), (x, stop))
            stage.fill(bar, stage.tone(worn, start, 0.85))


def arch(z: float) -> list[Point]:
    """The opening under the bridge, from its left foot over the top to its right foot."""
    turns = [math.pi - i * math.pi / 24 for i in range(25)]
    curve = [(5.9 * math.cos(t), 2.2 + 3.7 * math.sin(t), z) for t in turns]
    return [(-5.9, 0.0, z), *curve, (5.9, 0.0, z)]


def draw_bridge(stage: Stage) -> None:
    """A stone bridge over the whole street: its vault, its face with an arch, its parapet."""
    near, far = arch(BRIDGE_AT), arch(BRIDGE_AT + BRIDGE_DEEP)
    dusk = stage.tone(mix(STONE, (40, 36, 50), 0.55), BRIDGE_AT, 0.0)
    for i in range(len(near) - 1):
        stage.fill([near[i], near[i + 1], far[i + 1], far[i]], dusk)
    face, edge = stage.tone(STONE, BRIDGE_AT, 0.45), HOUSE_LINE + 2.6
    top = 7.4
    foot, *rest = upright(-edge, edge, 0, top, BRIDGE_AT)
    stage.fill([*near, *rest, foot], face)
    masonry(stage, near, edge, top)
    pale = mix(STONE, CREAM, 0.5)
    for low, high, tint in ((-0.3, 0, pale), (0, 0.75, STONE), (0.75, 0.95, CREAM)):
        rail = upright(-edge, edge, top + low, top + high, BRIDGE_AT - 0.3)
        stage.fill(rail, stage.tone(tint, BRIDGE_AT, 0.6))


def masonry(stage: Stage, near: list[Point], edge: float, top: float) -> None:
    """Wedge stones around the arch, and the joints of the spandrels."""
    joint = (*stage.tone((110, 98, 88), BRIDGE_AT, 0.3), 150)
    pale = stage.tone((206, 194, 172), BRIDGE_AT, 0.5)
    ring = [(x * 1.1, 2.2 + (y - 2.2) * 1.14, z) for x, y, z in near[1:-1]]
    stage.fill([*near[1:-1], *reversed(ring)], pale)
    for inner, outer in zip(near[1:-1:2], ring[::2], strict=True):
        stage.pen.line([stage.at(inner), stage.at(outer)], joint, 1)
    for k in range(8):
        y = 2.6 + k * 0.6
        reach = 6.5 * math.sqrt(max(0.0, 1 - ((y - 2.2) / 4.25) ** 2))
        for side in (-1, 1):
            line = [stage.at((side * reach, y, BRIDGE_AT)), stage.at((side * edge, y, BRIDGE_AT))]
            if y < top - 0.3:
                stage.pen.line(line, joint, 1)
