"""The trees along a sample street, each kind with a shape of its own."""

import math
import random
from collections.abc import Callable

from data.drawing.stage import FOCAL, Pixel, Stage, box, disc, ground, mix
from data.scenes import Colour

TREE_LINE = 6.1  # metres from the middle of the road: on the pavement, clear of the walls
LEAVES: dict[str, tuple[Colour, ...]] = {
    "leafy trees": ((48, 92, 52), (72, 128, 60), (116, 164, 76)),
    "autumn trees": ((146, 66, 32), (206, 110, 38), (242, 172, 62)),
    "cherry trees in bloom": ((206, 128, 156), (238, 172, 194), (255, 216, 226)),
    "jacaranda trees": ((98, 82, 158), (138, 116, 200), (184, 164, 232)),
}
LOBES = (  # right, down and size of the leaf masses of a crown, in crown radii
    (0.0, -0.52, 0.46), (-0.46, -0.3, 0.44), (0.46, -0.3, 0.44), (0.0, -0.08, 0.52),
    (-0.62, 0.12, 0.4), (0.62, 0.12, 0.4), (-0.26, 0.34, 0.42), (0.3, 0.36, 0.4),
)  # fmt: skip
BARK: Colour = (86, 66, 54)


def tree_places(stage: Stage) -> list[Pixel]:
    """(x, z) of each tree, in two rows that start on a side of chance."""
    scene = stage.scene
    rng = scene.chance("trees")
    side = rng.choice((-1, 1))
    places = []
    for i in range(scene.tree_count):
        z = 13.5 + 5.0 * i + rng.uniform(-0.6, 0.6) - (2.0 if i % 2 else 0.0)
        places.append((side * (-1 if i % 2 else 1) * (TREE_LINE + rng.uniform(-0.2, 0.2)), z))
    return places


def draw_tree(stage: Stage, place: Pixel) -> None:
    """A tree of the scene's kind, with its shadow."""
    rng = stage.scene.chance(f"tree {place[1]}")
    kind = stage.scene.trees
    SHAPES.get(kind, broad_tree)(stage, place, rng)


def tree_shadow(stage: Stage, place: Pixel, high: float, wide: float) -> None:
    """What the crown keeps the sun from, and the dark around the trunk."""
    x, z = place
    dx, dz = stage.cast
    stage.shadow(disc(x, z, 0.7, 0.5), 70)
    if not stage.sunny:
        stage.shadow(disc(x, z, wide, wide * 0.7), 50)
        return
    far = (x + dx * high, max(4.0, z + dz * high))
    foot = (x - 0.15, z), (x + 0.15, z)
    stage.shadow(ground(*foot, (far[0] + 0.2, far[1]), (far[0] - 0.2, far[1])), 80)
    stage.shadow(disc(*far, wide, min(wide * 1.2, far[1] - 3)), 80)


def trunk(stage: Stage, place: Pixel, top: float, half: float) -> None:
    """A straight trunk, lighter on the sun's side."""
    x, z = place
    for left, right, lit in ((-half, half, 0.2), (0.1 * half, half, 0.9)):
        side = stage.light.sun_side if lit > 0.5 else 1
        foot = [(x + side * left * 1.35, 0.0, z), (x + side * right * 1.35, 0.0, z)]
        head = [(x + side * right * 0.7, top, z), (x + side * left * 0.7, top, z)]
        stage.fill([*foot, *head], stage.tone(BARK, z, lit))


def broad_tree(stage: Stage, place: Pixel, rng: random.Random) -> None:
    """A round crown of leaf masses laid over each other from the top down."""
    x, z = place
    high, wide = rng.uniform(4.9, 5.5), rng.uniform(1.9, 2.3)
    tree_shadow(stage, place, high, wide)
    trunk(stage, place, high - 0.6, 0.17)
    cx, cy = stage.at((x, high, z))
    radius = wide * FOCAL / z
    for dx, dy, size in LOBES:
        at = (cx + radius * (dx + rng.gauss(0, 0.06)), cy + radius * (dy + rng.gauss(0, 0.05)))
        leaf_mass(stage, at, radius * size * rng.uniform(0.92, 1.1), rng)
    leaves(stage, (cx, cy), radius, rng)


def leaf_mass(stage: Stage, centre: Pixel, radius: float, rng: random.Random) -> None:
    """One mass of leaves: dark below, in tufts that grow lighter to where the sun stands."""
    tints, lean = LEAVES[stage.scene.trees], stage.light.sun_side
    z = FOCAL * 0.9 / radius  # a mass is some 0.9 m: far ones are small
    for tint, lit, tufts, spread, size, shift in (
        (tints[0], 0.1, 7, 0.5, 0.62, 0.0),
        (tints[1], 0.5, 9, 0.56, 0.34, 0.24),
        (tints[2], 0.9, 8, 0.5, 0.15, 0.42),
    ):
        colour = stage.tone(tint, z, lit)
        for i in range(tufts):
            turn, far = i * 2.4 + rng.random(), spread * math.sqrt((i + 0.5) / tufts)
            px = centre[0] + radius * (far * math.cos(turn) + lean * shift * 0.7)
            py = centre[1] + radius * (far * math.sin(turn) - shift)
            tuft = radius * size * rng.uniform(0.8, 1.15)
            stage.pen.ellipse(box(px, py, tuft * 1.1, tuft * 0.9), colour)


def leaves(stage: Stage, centre: Pixel, radius: float, rng: random.Random) -> None:
    """Single leaves at the rim and in the crown, where the tree is near enough."""
    if radius < 36:
        return
    z = FOCAL * 2 / radius
    lights = zip(LEAVES[stage.scene.trees], (0.1, 0.6, 1.0), strict=True)
    tints = [stage.tone(tint, z, lit) for tint, lit in lights]
    for _ in range(90):
        turn, far = rng.uniform(0, math.tau), math.sqrt(rng.uniform(0.3, 1)) * 1.06
        px = centre[0] + radius * far * math.cos(turn)
        py = centre[1] + radius * far * math.sin(turn) * 0.9
        up = -math.sin(turn) * far
        tint = tints[min(2, max(0, round(1 + up + rng.uniform(-0.7, 0.7))))]
        dot = radius * rng.uniform(0.02, 0.042)
        stage.pen.ellipse(box(px, py, dot * 1.4, dot), (*tint, 200))


def palm_tree(stage: Stage, place: Pixel, rng: random.Random) -> None:
    """A tall bent trunk under a crown of feathered fronds."""
    x, z = place
    high, bend = rng.uniform(6.2, 7.6), rng.uniform(-0.5, 0.5)
    tree_shadow(stage, place, high, 1.5)
    for i in range(14):
        low, up = i / 14, (i + 1) / 14
        half = 0.2 - 0.08 * low
        x0, x1 = x + bend * low**2, x + bend * up**2
        quad = [(x0 - half, low * high, z), (x0 + half, low * high, z)]
        top = [(x1 + half * 0.9, up * high, z), (x1 - half * 0.9, up * high, z)]
        stage.fill([*quad, *top], stage.tone((132, 106, 82) if i % 2 else (116, 92, 72), z, 0.6))
    crown = stage.at((x + bend, high, z))
    order = sorted(range(13), key=lambda i: abs(i - 6) % 3)
    for i in order:
        frond(stage, crown, -0.5 + i * (math.pi + 1.0) / 12 + rng.uniform(-0.12, 0.12), z, i % 3)


def frond(stage: Stage, crown: Pixel, turn: float, z: float, layer: int) -> None:
    """One feathered leaf that leaves the crown at an angle and droops."""
    tint = stage.tone(((44, 88, 50), (70, 122, 58), (110, 156, 74))[layer], z, 0.3 + 0.3 * layer)
    metre = FOCAL / z
    spine = []
    for i in range(9):
        t = i / 8
        out, up = math.cos(turn) * 2.5 * t, math.sin(turn) * 1.9 * t - 1.7 * t * t + 0.25 * t
        spine.append((crown[0] + out * metre, crown[1] - up * metre))
    for i in range(8):
        (x0, y0), (x1, y1) = spine[i], spine[i + 1]
        droop = metre * 0.62 * math.sin(math.pi * (i + 1.2) / 9.5)
        across = -0.3 * droop if x1 < x0 else 0.3 * droop
        tips = (x1 + across, y1 + droop), (x0 + across * 0.6, y0 + droop * 0.35)
        stage.pen.polygon([(x0, y0), (x1, y1), *tips], (*tint, 235))
    stage.pen.line(spine, mix(tint, (230, 220, 150), 0.25), max(1, round(metre * 0.05)))


def pine_tree(stage: Stage, place: Pixel, rng: random.Random) -> None:
    """A cone of drooping tiers, each with a ragged hem."""
    x, z = place
    high, wide = rng.uniform(7.2, 8.4), rng.uniform(1.7, 1.95)
    tree_shadow(stage, place, high * 0.6, wide * 0.9)
    trunk(stage, place, 1.8, 0.16)
    for i in range(7):
        low = 1.2 + (high - 1.2) * i / 7.6
        half = wide * (1 - i / 7.4)
        for scale, tint, lit in ((1.0, (30, 68, 54), 0.2), (0.72, (50, 96, 66), 0.7)):
            shift = 0 if scale == 1.0 else stage.light.sun_side * half * 0.2
            hem = []
            for k in range(11):
                out, notch = k / 5 - 1, 0.28 if k % 2 else 0.0
                hem.append((x + shift + half * scale * out, low + notch + 0.16 * abs(out), z))
            tip = (x + shift * 0.3, low + (high - 1.2) / 3.6 * scale, z)
            stage.fill([*hem, tip], stage.tone(tint, z, lit))


Shape = Callable[[Stage, Pixel, random.Random], None]
SHAPES: dict[str, Shape] = {"palm trees": palm_tree, "pine trees": pine_tree}
