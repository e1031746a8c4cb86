"""Outlines written as words: "98,40 120,52~ 142,40", where ~ marks a point the line rounds."""

import math

Point = tuple[float, float]
Anchor = tuple[float, float, bool]

MIDDLE = 120  # across: symmetrical garments fold here
STEPS = 10  # straight pieces between two points of a round line


def shape(path: str) -> list[Point]:
    """A closed outline."""
    return closed(read(path))


def twin(path: str) -> list[Point]:
    """A closed outline of a left half, from the middle's top to its bottom, and its mirror."""
    left = read(path)
    right = [(2 * MIDDLE - x, y, soft) for x, y, soft in reversed(left) if x != MIDDLE]
    return closed(left + right)


def line(path: str) -> list[Point]:
    """An open line."""
    return through(read(path))


def oval(x: float, y: float, wide: float, high: float | None = None) -> list[Point]:
    """An ellipse by its middle and its half width and height; a circle without the last."""
    turns = (math.tau * i / 48 for i in range(48))
    tall = wide if high is None else high
    return [(x + wide * math.cos(t), y + tall * math.sin(t)) for t in turns]


def read(path: str) -> list[Anchor]:
    """The points of the words, each with whether the line rounds it."""
    pairs = [(word.rstrip("~").split(","), word.endswith("~")) for word in path.split()]
    return [(float(x), float(y), soft) for (x, y), soft in pairs]


def closed(anchors: list[Anchor]) -> list[Point]:
    """The outline through all points and back to the first; one without a corner has no seam."""
    corner = next((i for i, (_, _, soft) in enumerate(anchors) if not soft), None)
    if corner is None:
        around = [(x, y) for x, y, _ in [*anchors[-1:], *anchors, *anchors[:2]]]
        return rounded(around)
    turned = anchors[corner:] + anchors[:corner]
    return through([*turned, turned[0]])


def through(anchors: list[Anchor]) -> list[Point]:
    """A line that is round at round points and breaks at corners; its ends are corners."""
    points: list[Point] = []
    run: list[Point] = []
    for i, (x, y, soft) in enumerate(anchors):
        run.append((x, y))
        if run[1:] and (not soft or i == len(anchors) - 1):
            points += run if len(run) == 2 else rounded([run[0], *run, run[-1]])
            run = [(x, y)]
    return points


def rounded(points: list[Point]) -> list[Point]:
    """Catmull and Rom's curve from the second point to the last but one."""
    pieces = zip(points, points[1:], points[2:], points[3:], strict=False)
    curve = [
        tuple(blend(i / STEPS, *axis) for axis in zip(*piece, strict=True))
        for piece in pieces
        for i in range(STEPS)
    ]
    return [*curve, points[-2]]  # type: ignore[list-item]


def blend(t: float, a: float, b: float, c: float, d: float) -> float:
    """One coordinate of the curve between b (t = 0) and c (t = 1)."""
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
