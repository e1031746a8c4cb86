"""Figures, their geometry of vectors: vectors of any size → points on a plane."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Plane(NamedTuple):
    """Vectors seen in two dimensions, shape (n, 2), and the share of the variance on each."""

    points: "NDArray[np.float64]"
    shares: tuple[float, float]


def principal_plane(vectors: "ArrayLike") -> Plane:
    """Project vectors, one a row, onto their first two principal components.

    A component's sign is free; it is chosen so that its greatest weight is positive, so the same
    vectors give the same picture. Source: Pearson 1901, doi:10.1080/14786440109462720.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if len(rows) == 0:
        return Plane(np.empty((0, 2)), (0.0, 0.0))
    centred = rows - rows.mean(axis=0)
    _, spread, components = np.linalg.svd(centred, full_matrices=False)
    components = components[:2]
    greatest = np.abs(components).argmax(axis=1, keepdims=True)
    components *= np.where(np.take_along_axis(components, greatest, axis=1) < 0, -1, 1)
    points = np.zeros((len(rows), 2))
    points[:, : len(components)] = centred @ components.T
    variance = np.append(spread, [0.0, 0.0]) ** 2
    total = float(variance.sum()) or 1.0
    return Plane(points, (float(variance[0]) / total, float(variance[1]) / total))
