"""Figures, their one look: width, colours, and plain axes with quiet ticks and titles."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from app.figures.text import FONTS, TEXT, text_width, wrap

INK, MUTED, FAINT, ACCENT = "#1f2933", "#7b8794", "#e9ecef", "#0072b2"

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by colour-blind eyes too: Okabe & Ito 2008, jfly.uni-koeln.de/color."""

OTHER = "#c3cad1"
"""For the values that are none, and the words beyond the commonest six."""

WIDTH_INCHES = 9.0
"""At a README's 880 pixels, a point of text is 1.4 pixels: 8.5 points stay legible."""


def airy_figure(height_inches: float) -> Figure:
    """Return an empty figure whose axes make room for each other's words."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)  # inches
    return Figure((WIDTH_INCHES, height_inches), layout=layout, facecolor="white")


def quiet_axes(axes: Axes) -> Axes:
    """Return the axes with no lines but the one below."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(OTHER)
    quiet_ticks(axes)
    return axes


def quiet_ticks(axes: Axes, *, size: float = 8) -> None:
    """Reduce ticks to small grey labels."""
    axes.tick_params(length=0, labelsize=size, labelcolor=MUTED, labelfontfamily=FONTS)


def round_ticks(most: int, *, integer: bool = False) -> MaxNLocator:
    """Return a locator with at most so many ticks, in steps of 1, 2 or 5."""
    return MaxNLocator(most, integer=integer, steps=[1, 2, 5, 10], min_n_ticks=min(2, most))


def label_axes(axes: Axes, across: str, up: str) -> None:
    """Label the two axes; an empty label draws nothing."""
    axes.set_xlabel(wrap(across, inches=WIDTH_INCHES / 2, points=9), size=9, color=MUTED, **TEXT)
    axes.set_ylabel(wrap(up, inches=WIDTH_INCHES / 2, points=9), size=9, color=MUTED, **TEXT)


def set_titles(axes: Axes, left: str, right: str, *, inches: float) -> None:
    """Write above axes what they show, and at the right numbers about it, line by line."""
    room = inches - 0.15 - max(text_width(line, points=8.5) for line in right.split("\n"))
    axes.set_title(wrap(left, inches=room, points=9.5), loc="left", size=9.5, color=INK, **TEXT)
    axes.set_title(right, loc="right", size=8.5, color=MUTED, **TEXT)
