"""What garments are made of: colours lit and darkened, patterns and weaves."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.garments.catalogue import COLOURS, Colour, Garment

Array = NDArray[np.float32]

CONTRAST = {  # what stripes, checks and dots are on each colour
    "Black": "White", "White": "Blue", "Grey": "White", "Navy Blue": "White", "Blue": "White",
    "Green": "White", "Olive": "Beige", "Yellow": "White", "Orange": "White", "Red": "White",
    "Pink": "White", "Purple": "Pink", "Brown": "Beige", "Beige": "Brown",
}  # fmt: skip
METAL: Colour = (206, 206, 204)
BRASS: Colour = (204, 172, 104)
RUBBER: Colour = (240, 238, 232)
SOLE: Colour = (58, 44, 38)
DARK = 95  # mean of the three parts below which seams are lighter than the cloth, not darker


@dataclass(frozen=True, slots=True)
class Cloth:
    """A colour, a pattern in a second colour and a weave; `turn` is the pattern's, in degrees."""

    colour: Colour
    pattern: str = "Plain"
    second: Colour = (255, 255, 255)
    turn: float = 0
    weave: str = ""

    def turned(self, degrees: float) -> "Cloth":
        """The same cloth cut at another angle."""
        return replace(self, turn=degrees)

    def woven(self, weave: str) -> "Cloth":
        """The same cloth as a `knit`, a `rib` or a `twill`."""
        return replace(self, weave=weave)

    def toned(self, light: float) -> "Cloth":
        """The same cloth, without its pattern, lighter (up to 1) or darker (down to -1)."""
        return Cloth(tone(self.colour, light), weave=self.weave)

    @property
    def seam(self) -> Colour:
        """The colour of its edges, seams and folds."""
        return tone(self.colour, 0.22 if sum(self.colour) < 3 * DARK else -0.34)

    def pixels(self, x: Array, y: Array) -> Array:
        """Its colour at each place, shape (…, 3), 0–255."""
        share = printed(self, x, y)[..., None]
        base, second = np.float32(self.colour), np.float32(self.second)
        return (base + (second - base) * share) * threads(self.weave, x, y)[..., None]


def cloth_of(garment: Garment) -> Cloth:
    """The cloth that a garment's row names."""
    second = COLOURS[CONTRAST[garment.colour]]
    return Cloth(COLOURS[garment.colour], garment.pattern, second)


def tone(colour: Colour, light: float) -> Colour:
    """A colour mixed with white (light up to 1) or with black (down to -1)."""
    end = 255 if light > 0 else 0
    red, green, blue = (round(part + (end - part) * abs(light)) for part in colour)
    return red, green, blue


def printed(cloth: Cloth, x: Array, y: Array) -> Array:
    """How much of the second colour is at each place, 0–1; less than half of it all."""
    angle = math.radians(cloth.turn)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    if cloth.pattern == "Striped":
        return bands(across, 15, 4.5)
    if cloth.pattern == "Checked":
        wide = 0.42 * (bands(along, 20, 4.5) + bands(across, 20, 4.5))
        return wide + 0.3 * np.maximum(bands(along + 10, 20, 1), bands(across + 10, 20, 1))
    if cloth.pattern == "Dotted":
        return np.maximum(dots(along, across), dots(along + 7, across + 7))
    return np.zeros_like(x)


def bands(at: Array, period: float, width: float) -> Array:
    """Soft-edged bands of a width at every period."""
    from_middle = np.abs((at % period) - period / 2)
    return np.clip(width / 2 + 0.5 - from_middle, 0, 1)


def dots(along: Array, across: Array) -> Array:
    """Soft-edged dots on a square grid."""
    away = np.hypot((along % 14) - 7, (across % 14) - 7)
    return np.clip(2.3 + 0.5 - away, 0, 1)


def threads(weave: str, x: Array, y: Array) -> Array:
    """How the threads darken the cloth: 1 is not at all."""
    if weave == "knit":  # columns of small Vs
        return 1 - 0.10 * bands(y + np.abs((x % 6) - 3), 4, 1.3) - 0.05 * bands(x, 6, 1)
    if weave == "rib":
        return 1 - 0.14 * bands(x, 4, 1.6)
    if weave == "twill":
        return 1 - 0.07 * bands(x + y, 3, 1.2)
    return np.ones_like(x)
