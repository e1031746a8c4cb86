"""What lies in the air before a drawn street: spilt light, rain, and a darker rim."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from data.drawing.stage import HEIGHT, HORIZON, HOUSE_LINE, WIDTH, Glow, Stage

SIZE = (WIDTH // 2, HEIGHT // 2)  # of the finished picture


def finish(stage: Stage) -> Image.Image:
    """Halve the canvas, then lay on what belongs to the air: light, rain, and a darker rim."""
    picture = ImageChops.screen(stage.image.reduce(2), glow_layer(stage.glows))
    if stage.scene.weather == "rain":
        picture = rain(wet_road(stage, picture), stage)
    return ImageChops.multiply(picture, vignette())


def glow_layer(glows: list[Glow]) -> Image.Image:
    """All the spilt light as one picture to be screened over the other."""
    scale = 4
    high, wide = HEIGHT // scale, WIDTH // scale
    total: NDArray[np.float32] = np.zeros((high, wide, 3), np.float32)
    for glow in glows:
        x, y, radius = glow.at[0] / scale, glow.at[1] / scale, max(2.0, glow.radius / scale)
        tall = radius * glow.flat
        top, bottom = max(0, int(y - tall)), min(high, int(y + tall) + 1)
        left, right = max(0, int(x - radius)), min(wide, int(x + radius) + 1)
        if top >= bottom or left >= right:
            continue
        rows, columns = np.ogrid[top:bottom, left:right]
        near = 1 - np.hypot((rows - y) / tall, (columns - x) / radius)
        spilt = np.clip(near, 0, 1) ** 2
        total[top:bottom, left:right] += spilt[..., None] * np.array(glow.colour)
    layer = Image.fromarray(np.clip(total, 0, 255).astype(np.uint8))
    return layer.resize(SIZE, Image.Resampling.BICUBIC)


def wet_road(stage: Stage, picture: Image.Image) -> Image.Image:
    """The street mirrored in its wet ground, drawn out downwards."""
    wide, horizon = SIZE[0], HORIZON // 2
    above = picture.crop((0, horizon - 200, wide, horizon))
    above = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = above.resize((wide, SIZE[1] - horizon)).filter(ImageFilter.BoxBlur((2, 9)))
    mask = Image.new("L", (wide, SIZE[1] - horizon))
    left, right = (stage.at((side * HOUSE_LINE, 0, 4.4))[0] / 2 for side in (-1, 1))
    pen = ImageDraw.Draw(mask)
    middle = stage.middle / 2
    pen.polygon([(middle, 0), (right, mask.height), (left, mask.height)], 120)
    return cover(picture, mirror, mask.filter(ImageFilter.GaussianBlur(3)), horizon)


def cover(picture: Image.Image, layer: Image.Image, mask: Image.Image, top: int) -> Image.Image:
    """The picture with a layer laid over it from row `top` down, keeping what stands in front."""
    below = picture.crop((0, top, picture.width, picture.height))
    shining = ImageChops.screen(below, layer.point(lambda value: value * 0.55))
    picture.paste(Image.composite(shining, below, mask), (0, top))
    return picture


def rain(picture: Image.Image, stage: Stage) -> Image.Image:
    """Slanting threads of rain, nearer ones longer."""
    rng = stage.scene.chance("rain")
    pen = ImageDraw.Draw(picture, "RGBA")
    for _ in range(240):
        x, y, long = rng.uniform(-20, SIZE[0]), rng.uniform(-20, SIZE[1]), rng.uniform(8, 24)
        pen.line([(x, y), (x + long * 0.16, y + long)], (226, 234, 246, rng.randint(26, 74)), 1)
    return picture


@cache
def vignette() -> Image.Image:
    """A picture to multiply by: white, and a little darker to the corners."""
    rows, columns = np.ogrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    rim = np.clip((rows**2 + columns**2) / 2, 0, 1) ** 1.6
    shade = (255 * (1 - 0.2 * rim)).round().astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(shade)] * 3)
