"""Cars and bicycles in a sample street."""

import math

from data.drawing.stage import FOCAL, Glow, Pixel, Point, Stage, box, disc, ground, mix, upright
from data.scenes import CAR_COLOURS, Colour

LANE = 2.05  # metres from the middle of the road to the middle of a lane
CAR_WIDTH, CAR_LENGTH = 1.78, 4.2

# A car's outline from its tail to its nose: metres along, metres up, metres drawn in at each side.
OUTLINE = (
    (0.0, 0.24, 0.06), (0.0, 0.56, 0.0), (0.06, 0.86, 0.03), (0.2, 0.96, 0.08), (0.42, 0.99, 0.1),
    (1.0, 1.38, 0.24), (1.35, 1.45, 0.27), (2.2, 1.46, 0.27), (2.5, 1.41, 0.25), (3.15, 0.98, 0.1),
    (3.95, 0.84, 0.1), (4.14, 0.72, 0.06), (4.2, 0.52, 0.0), (4.2, 0.24, 0.06),
)  # fmt: skip
TAIL_GLASS, NOSE_GLASS = 4, 8  # which stretches of the outline are the two screens
SIDE_PANES = (
    ((0.62, 1.02), (1.06, 1.34), (1.68, 1.38), (1.68, 1.02)),
    ((1.78, 1.02), (1.78, 1.38), (2.4, 1.35), (2.95, 1.02)),
)
WHEEL: tuple[tuple[float, Colour], ...] = (  # from the arch to the hub: radius in metres, colour
    (0.4, (20, 20, 26)), (0.33, (34, 34, 40)), (0.2, (150, 154, 160)), (0.07, (70, 72, 78)),
)  # fmt: skip
GLASS: Colour = (38, 46, 60)


def car_places(stage: Stage) -> list[tuple[Pixel, str, bool]]:
    """(x, z), colour and whether it drives away from us, for each car."""
    scene = stage.scene
    rng = scene.chance("cars")
    nearest = (12.5 if scene.crossing else 8.2) + rng.uniform(0, 2.0)
    away_side = -1 if scene.city.keeps_left else 1
    away = rng.random() < 0.6
    places = []
    for i, colour in enumerate(scene.cars):
        drives_away = away == (i % 2 == 0)
        x = LANE * (away_side if drives_away else -away_side)
        places.append(((x, nearest + 6.5 * i), colour, drives_away))
    return places


def draw_car(stage: Stage, place: Pixel, name: str, away: bool) -> None:
    """A car as its outline drawn across its width, then its near end, side and wheels."""
    x, z = place
    paint = CAR_COLOURS[name]
    half = CAR_WIDTH / 2
    dx, dz = stage.cast
    far, beside = z + CAR_LENGTH, x + math.copysign(half, dx)
    stage.shadow(ground((x - half, z), (x + half, z), (x + half, far), (x - half, far)), 150)
    if stage.sunny:
        for (x0, z0), (x1, z1) in (((x - half, z), (x + half, z)), ((beside, z), (beside, far))):
            edge = (x0, z0), (x1, z1), (x1 + dx, z1 + dz), (x0 + dx, z0 + dz)
            stage.shadow(ground(*edge), 90)
    wheels_behind(stage, place)
    body(stage, place, paint, away)
    side_face(stage, place, paint, away)
    (tail if away else nose)(stage, place)


def shell(place: Pixel, away: bool) -> list[tuple[Pixel, Pixel, float]]:
    """The outline from the near end to the far one: left (x, y), right (x, y), z."""
    x, z = place
    points = OUTLINE if away else [(CAR_LENGTH - d, y, i) for d, y, i in reversed(OUTLINE)]
    half = CAR_WIDTH / 2
    return [((x - half + i, y), (x + half - i, y), z + d) for d, y, i in points]


def coat(stage: Stage, paint: Colour, z: float, lit: float) -> Colour:
    """Paint as it is seen; at night the street's lamps keep some of its colour."""
    seen = stage.tone(paint, z, lit)
    return mix(seen, stage.glowing(paint, z), 0.25) if stage.dark else seen


def body(stage: Stage, place: Pixel, paint: Colour, away: bool) -> None:
    """The stretches of the outline, the farthest first, each shaded by how far it leans back."""
    outline = shell(place, away)
    last = len(outline) - 2
    glass = {TAIL_GLASS, NOSE_GLASS} if away else {last - TAIL_GLASS, last - NOSE_GLASS}
    for i in reversed(range(last + 1)):
        (l0, r0, z0), (l1, r1, z1) = outline[i], outline[i + 1]
        rise = math.atan2(abs(z1 - z0), abs(l1[1] - l0[1]) + 1e-6) / (math.pi / 2)
        base = mix(paint, stage.light.sky[-2], 0.04 + 0.2 * rise)
        colour = coat(stage, base, z0, 0.2 + 0.8 * rise)
        if i in glass:
            colour = stage.tone(mix(GLASS, stage.light.sky[1], 0.3), z0, 0.8)
        stage.fill([(*l0, z0), (*r0, z0), (*r1, z1), (*l1, z1)], colour)
        if i in glass:
            sheen: list[Point] = [(*l0, z0), (*l1, z1), (l1[0] * 0.45 + r1[0] * 0.55, l1[1], z1)]
            stage.fill(sheen, stage.tone(stage.light.sky[-2], z0, 0.9), 60)


def side_face(stage: Stage, place: Pixel, paint: Colour, away: bool) -> None:
    """The side that looks to the middle of the road, its windows and wheels."""
    x, z = place
    inner = 1 if x < 0 else -1

    def at(along: float, up: float, draw_in: float = 0.0) -> Point:
        far = along if away else CAR_LENGTH - along
        return x + inner * (CAR_WIDTH / 2 - draw_in), up, z + far

    lit = 0.9 if inner == stage.light.sun_side and not stage.light.ahead else 0.3
    stage.fill([at(*point) for point in OUTLINE], coat(stage, paint, z, lit))
    low = [at(0.02, 0.24, 0.04), at(4.18, 0.24, 0.04), at(4.18, 0.5), at(0.02, 0.5)]
    stage.fill(low, stage.tone(mix(paint, (16, 16, 24), 0.35), z, lit))
    glass = stage.tone(mix(GLASS, stage.light.sky[1], 0.3), z, 0.8)
    for pane in SIDE_PANES:
        stage.fill([at(d, y, 0.1 + (y - 1.02) * 0.42) for d, y in pane], glass)
    for along in (0.85, 3.32):
        for radius, colour in WHEEL:
            turns = [k * math.tau / 18 for k in range(18)]
            rim = [(radius * math.cos(t), max(-0.33, radius * math.sin(t))) for t in turns]
            points = [at(along + dx, 0.33 + dy, -0.01) for dx, dy in rim]
            stage.fill(points, stage.tone(colour, z, 0.5))


def wheels_behind(stage: Stage, place: Pixel) -> None:
    """The two tyres under the near end."""
    x, z = place
    for side in (-1, 1):
        left, right = sorted((x + side * 0.62, x + side * 0.87))
        tyre = upright(left, right, 0, 0.5, z + 0.4)
        stage.fill(tyre, stage.tone((22, 22, 28), z, 0.4))


def plate(stage: Stage, spot: Point, wide: float, high: float, colour: Colour) -> None:
    """A flat upright rectangle around a point, already toned."""
    x, y, z = spot
    face = upright(x - wide / 2, x + wide / 2, y - high / 2, y + high / 2, z)
    stage.fill(face, colour)


def tail(stage: Stage, place: Pixel) -> None:
    """Rear lights, a number plate and a bumper."""
    x, z = place
    near = z - 0.02
    plate(stage, (x, 0.34, near), 1.6, 0.16, stage.tone((40, 42, 48), z, 0.4))
    plate(stage, (x, 0.64, near), 0.5, 0.14, stage.tone((236, 232, 214), z, 0.7))
    for side in (-1, 1):
        lamp = (255, 66, 48) if stage.dark else stage.tone((118, 12, 20), z, 0.9)
        plate(stage, (x + side * 0.68, 0.74, near), 0.32, 0.17, lamp)
        if stage.dark:
            stage.glows.append(Glow(stage.at((x + side * 0.68, 0.74, z)), 600 / z, (120, 18, 8)))


def nose(stage: Stage, place: Pixel) -> None:
    """Head lights, a grille and a number plate; at night the beams on the road."""
    x, z = place
    near = z - 0.02
    plate(stage, (x, 0.34, near), 1.6, 0.18, stage.tone((36, 38, 44), z, 0.4))
    plate(stage, (x, 0.55, near), 0.78, 0.16, stage.tone((26, 28, 34), z, 0.4))
    plate(stage, (x, 0.36, near - 0.01), 0.5, 0.13, stage.tone((236, 232, 214), z, 0.7))
    for side in (-1, 1):
        px, py = stage.at((x + side * 0.64, 0.62, near))
        metre = FOCAL / z
        shine = (255, 248, 214) if stage.dark else stage.tone((226, 232, 236), z, 0.9)
        stage.pen.ellipse(box(px, py, 0.17 * metre, 0.095 * metre), shine)
        if stage.dark:
            stage.glows.append(Glow((px, py), 900 / z, (190, 174, 124)))
            pool = stage.at((x + side * 0.5, 0, max(4.6, z - 2)))
            stage.glows.append(Glow(pool, 1500 / z, (96, 84, 54), 0.34))


FRAMES = ((60, 130, 120), (40, 90, 110), (36, 40, 46), (220, 180, 90))


def draw_bicycle(stage: Stage, place: Pixel) -> None:
    """A bicycle parked across the pavement, seen from its side."""
    x, z = place
    metre, pen = FOCAL / z, stage.pen
    rng = stage.scene.chance(f"bicycle {x}")
    paint = stage.tone(rng.choice(FRAMES), z, 0.7)
    dark = stage.tone((26, 26, 32), z, 0.5)
    stage.shadow(disc(x, z, 1.0, 0.3), 90)

    def at(along: float, up: float) -> Pixel:
        return stage.at((x + along, up, z))

    for along in (-0.54, 0.54):
        (px, py), radius = at(along, 0.35), 0.34 * metre
        pen.ellipse(box(px, py, radius, radius), None, dark, max(2, round(0.045 * metre)))
        for k in range(6):
            dx, dy = radius * math.cos(k * math.pi / 6), radius * math.sin(k * math.pi / 6)
            pen.line([(px - dx, py - dy), (px + dx, py + dy)], (*dark, 90), 1)
    wide = max(2, round(0.05 * metre))
    crank, saddle, head = at(-0.05, 0.33), at(-0.22, 0.88), at(0.4, 0.86)
    pen.line([at(-0.54, 0.35), saddle, crank, at(-0.54, 0.35)], paint, wide)
    pen.line([saddle, head, crank], paint, wide)
    pen.line([at(0.54, 0.35), at(0.37, 1.0), at(0.22, 1.04)], paint, wide)
    pen.line([at(-0.36, 0.94), at(-0.1, 0.94)], dark, wide * 2)


def bicycle_places(stage: Stage) -> list[Pixel]:
    """(x, z) of the parked bicycles, side by side behind the kerb."""
    rng = stage.scene.chance("bicycles")
    side, z = rng.choice((-1, 1)), rng.uniform(8.9, 9.4)
    return [(side * 5.3, z + 1.3 * i) for i in range(stage.scene.bicycles)]
