"""Paper: a page, filled from the top down with words, tables, pictures and axes. In inches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from app.figures.style import INK, MUTED, OTHER
from app.figures.text import FONT, wrap


class Paper(NamedTuple):
    """A kind of paper: its size and side margins in inches, its type in points."""

    width: float
    height: float
    margin: float
    body: float
    heading: float

    @property
    def column(self) -> float:
        """Inches from margin to margin."""
        return self.width - 2 * self.margin


A4 = Paper(8.27, 11.69, margin=1.2, body=9.5, heading=19)
SLIDE = Paper(10, 7.5, margin=0.8, body=16, heading=27)

LEADING = 1.55
"""Of the type's size, from line to line: DejaVu is wide and its x-height large, so it needs air."""


AFTER_TEXT, LAST = 5, 9
"""Order of drawing, and so of the text layer: what is written (3), charts, and the page's foot."""


@dataclass(slots=True)
class Page:
    """A page and how far it is filled: `top` is in inches below its upper edge."""

    paper: Paper
    figure: Figure
    top: float

    def write(self, text: str, *, size: float, left: float = 0, **style: Any) -> None:
        """Write lines that are broken already, each a text of its own, and move below them."""
        for line in text.split("\n"):
            self.top += size * LEADING / 72
            self.line(line, left=left, size=size, **style)

    def line(self, text: str, *, left: float = 0, size: float, **style: Any) -> None:
        """Write one line whose baseline is a third of its leading above `top`, and stay there."""
        style = {"family": FONT, "color": INK, "parse_math": False, "size": size} | style
        across = (self.paper.margin + left) / self.paper.width
        baseline = self.top - size * LEADING / 72 / 3
        self.figure.text(across, 1 - baseline / self.paper.height, text, **style)

    def heading(self, text: str) -> None:
        """Write the page's heading."""
        size = self.paper.heading
        broken = wrap(text, inches=self.paper.column * 0.94, points=size, lines=3)
        self.write(broken, size=size, weight="bold")
        self.skip(self.paper.body / 36)

    def lead(self, text: str) -> None:
        """Write a line that stands over a paragraph."""
        self.write(text, size=self.paper.body, weight="bold")

    def paragraph(self, text: str, *, size: float | None = None, **style: Any) -> None:
        """Write a paragraph, broken to the column, and half a line below it."""
        size = size or self.paper.body
        broken = wrap(text, inches=self.paper.column, points=size, lines=30)
        self.write(broken, size=size, **style)
        self.skip(size * LEADING / 72 * 0.6)

    def note(self, text: str) -> None:
        """Write a small grey paragraph: what a chart or table shows."""
        self.paragraph(text, size=self.paper.body * 0.8, color=MUTED)

    def skip(self, inches: float) -> None:
        """Leave room."""
        self.top += inches

    def axes(self, height: float, *, left: float = 0, right: float = 0) -> Axes:
        """Return axes across the column, but for `left` and `right`, and move below them."""
        width, tall = self.paper.width, self.paper.height
        self.top += height
        start = self.paper.margin + left
        box = (start, tall - self.top, self.paper.column - left - right, height)
        share = (box[0] / width, box[1] / tall, box[2] / width, box[3] / tall)
        return self.figure.add_axes(share, zorder=AFTER_TEXT)

    def picture(self, image: Image.Image, box: tuple[float, float, float, float]) -> None:
        """Place a picture: left, top, width and height of its box, from the paper's corner."""
        left, top, width, height = box
        across, down = self.paper.width, self.paper.height
        axes = self.figure.add_axes(
            (left / across, 1 - (top + height) / down, width / across, height / down)
        )
        axes.imshow(image, aspect="auto", interpolation="none")
        axes.set_axis_off()

    def band(self, height: float) -> None:
        """Lay a white band across the page, from `top` on, for words on a picture."""
        bottom = 1 - (self.top + height) / self.paper.height
        self.figure.add_artist(
            Rectangle((0, bottom), 1, height / self.paper.height, color="white", alpha=0.92)
        )
        self.skip(0.25)

    def rule(self, color: str = OTHER) -> None:
        """Draw a hairline across the column."""
        ends = [self.paper.margin, self.paper.width - self.paper.margin]
        height = 1 - self.top / self.paper.height
        across = [end / self.paper.width for end in ends]
        self.figure.add_artist(Line2D(across, [height, height], color=color, linewidth=0.6))

    def table(self, rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        """Set rows of words, the first as a head; `shares` of the column each begins at.

        All columns but the first are aligned to their right, numbers under numbers.
        """
        for number, row in enumerate(rows):
            self._row(row, shares, weight="bold" if number == 0 else "normal")
            self.rule(INK if number == 0 else OTHER)
        self.skip(self.paper.body * LEADING / 72)

    def _row(self, row: Sequence[str], shares: Sequence[float], **style: Any) -> None:
        size = self.paper.body
        self.skip(size * LEADING / 72 * 1.15)
        ends = [share * self.paper.column for share in (*shares[1:], 1.0)]
        self.line(row[0], size=size, **style)
        for cell, end in zip(row[1:], ends[1:], strict=True):
            self.line(cell, left=end, size=size, ha="right", **style)
        self.skip(size * LEADING / 72 * 0.1)


def blank(paper: Paper, *, top: float = 1.0) -> Page:
    """An empty page, to be filled from `top` inches on."""
    return Page(paper, Figure((paper.width, paper.height), facecolor="white"), top)


def footed(paper: Paper, title: str, number: int) -> Page:
    """An empty page with a document's title and the page's number at its foot."""
    page = blank(paper, top=paper.height - 0.55)
    size = 7.5 if paper is A4 else 10
    page.line(title, size=size, color=MUTED, zorder=LAST)
    page.line(str(number), left=paper.column, size=size, color=MUTED, zorder=LAST, ha="right")
    page.top = 1.0 if paper is A4 else 0.6
    return page
