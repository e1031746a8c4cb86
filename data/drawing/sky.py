"""The sky over a sample street, and the city far away."""

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from data.drawing.stage import HEIGHT, HORIZON, WIDTH, Glow, Pixel, Stage, box, mix
from data.scenes import Colour


def sky_image(stops: tuple[Colour, ...], haze: Colour) -> Image.Image:
    """A canvas filled from the top to the horizon through the sky's colours, and haze below."""
    rows = np.linspace(0, len(stops) - 1, HORIZON)
    bands = np.array(stops, dtype=float)
    column = np.stack([np.interp(rows, range(len(stops)), bands[:, i]) for i in range(3)], axis=1)
    below = np.tile(np.array(haze, dtype=float), (HEIGHT - HORIZON, 1))
    strip = np.concatenate([column, below]).round().astype(np.uint8)[:, None, :]
    return Image.fromarray(strip).resize((WIDTH, HEIGHT))


def draw_sky(stage: Stage) -> None:
    """Sun or moon and stars, and clouds before them."""
    x, y = stage.sun_at
    clear = stage.scene.weather == "clear"
    if stage.dark and clear:
        draw_stars(stage)
        stage.pen.ellipse(box(x, y, 30, 30), (250, 246, 226))
        stage.pen.ellipse(
            box(x - 13, y - 7, 27, 27), mix(stage.light.sky[0], stage.light.sky[1], 0.4)
        )
        stage.glows.append(Glow((x, y), 210, (58, 62, 84)))
    elif clear:
        draw_sun(stage)
    draw_clouds(stage)


def draw_sun(stage: Stage) -> None:
    """A disc and the air that shines around it."""
    x, y = stage.sun_at
    size, tint, halo = {
        "morning": (34, (255, 250, 226), (120, 92, 50)),
        "noon": (30, (255, 254, 240), (96, 92, 72)),
    }.get(stage.scene.time, (46, (255, 244, 196), (150, 84, 34)))
    stage.pen.ellipse(box(x, y, size, size), tint)
    stage.glows.append(Glow((x, y), 520, halo))
    stage.glows.append(Glow((x, y), 150, halo))


def draw_stars(stage: Stage) -> None:
    """Stars, fewer and fainter towards the horizon."""
    rng = stage.scene.chance("stars")
    for _ in range(130):
        x, y = rng.uniform(0, WIDTH), HORIZON * rng.random() ** 1.6 * 0.85
        size = rng.choice((1.0, 1.0, 1.4, 2.0))
        stage.pen.ellipse(box(x, y, size, size), (236, 238, 255, round(230 * (1 - y / HORIZON))))


def draw_clouds(stage: Stage) -> None:
    """Soft banks of cloud, lit from where the sun stands; a closed cover in bad weather."""
    rng = stage.scene.chance("clouds")
    light, scene = stage.light, stage.scene
    small = (WIDTH // 4, HORIZON // 4)
    mask = Image.new("L", small)
    pen = ImageDraw.Draw(mask)
    for _ in range(rng.randint(3, 6) if scene.weather == "clear" else 12):
        bank(pen, rng, small, 120 if stage.dark else 215)
    mask = mask.filter(ImageFilter.GaussianBlur(3.2))
    under = mix(light.sky[-1], light.sky[0], 0.45)
    lit = {"sunset": (255, 176, 132), "night": (70, 76, 118)}.get(scene.time, (255, 252, 248))
    if scene.weather != "clear":
        lit = mix(light.sky[-1], (255, 255, 255), 0.1)
    for tint, shift in ((under, 0), (lit, 3 if scene.time == "sunset" else -3)):
        layer = ImageChops.offset(mask, 0, shift) if shift else mask
        cover = layer.resize((WIDTH, HORIZON), Image.Resampling.BILINEAR)
        stage.image.paste(tint, (0, 0), cover.point(lambda a: a * 0.62))


def bank(pen: ImageDraw.ImageDraw, rng: random.Random, size: tuple[int, int], deep: int) -> None:
    """One cloud: a flat foot with domes on it."""
    x, y = rng.uniform(0, size[0]), rng.uniform(0.05, 0.72) * size[1]
    shrink = 1 - y / size[1] * 0.6
    for _ in range(9):
        dx, up = rng.gauss(0, 22) * shrink, abs(rng.gauss(0, 4)) * shrink
        rx = rng.uniform(8, 18) * shrink
        pen.ellipse(box(x + dx, y - up, rx, rx * rng.uniform(0.28, 0.5)), deep)


def draw_skyline(stage: Stage) -> None:
    """Two ranges of the city far away, the farther one paler."""
    rng = stage.scene.chance("skyline")
    shape = SKYLINES[stage.scene.city.name]
    body = mix((70, 78, 104), stage.light.haze, 0.35)
    for high, fade in ((1.35, 0.78), (0.85, 0.55)):
        tint = mix(body, stage.light.haze, fade if stage.scene.weather != "fog" else 0.9)
        x = -20.0
        while x < WIDTH + 20:
            wide = rng.uniform(26, 60)
            near_middle = 1 - abs(x - stage.middle) / WIDTH
            top = HORIZON - shape(rng, x) * high * (0.5 + near_middle)
            stage.pen.polygon(roofline(stage, x, wide, top, rng), tint)
            if stage.light.lit > 0.2:
                far_windows(stage, x, wide, top, rng)
            x += wide * rng.uniform(0.75, 1.0)


def roofline(stage: Stage, x: float, wide: float, top: float, rng: random.Random) -> list[Pixel]:
    """One far building: flat, gabled or with a spire, as its city builds."""
    foot = [(x + wide, HORIZON + 4), (x, HORIZON + 4)]
    if stage.scene.city.name == "Melbourne":
        mast = [(x + wide * 0.45, top - rng.choice((0, 0, 26))), (x + wide * 0.5, top)]
        return [(x, top), (x + wide * 0.42, top), *mast, (x + wide, top), *foot]
    peak = top - wide * (1.3 if rng.random() < 0.1 else 0.28)
    return [(x, top), (x + wide / 2, peak), (x + wide, top), *foot]


def far_windows(stage: Stage, x: float, wide: float, top: float, rng: random.Random) -> None:
    """Tiny lights in a far building."""
    for _ in range(int(wide / 5)):
        px, py = x + rng.uniform(3, wide - 5), rng.uniform(top + 4, HORIZON)
        stage.pen.rectangle((px, py, px + 2, py + 3), (255, 212, 140, 120))


SKYLINES: dict[str, Callable[[random.Random, float], float]] = {
    "Amsterdam": lambda rng, _: rng.uniform(26, 48),
    "Lisbon": lambda rng, x: rng.uniform(24, 40) + 42 * np.exp(-(((x - 760) / 240) ** 2)),
    "Melbourne": lambda rng, _: rng.choice((38, 60, 90, 120, 150)) * rng.uniform(0.8, 1.1),
}
