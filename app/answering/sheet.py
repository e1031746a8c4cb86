"""Contact sheet: several pictures → one with numbered tiles, for a model that sees one picture."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

QUERY_LABEL = "QUESTION"
"""What stands over the picture that the question is about; evidence has its number."""


def draw_contact_sheet(tiles: "Sequence[tuple[str, Image.Image]]", *, side: int) -> "Image.Image":
    """Lay labelled pictures out in a grid, row by row, at most `side` pixels wide and high.

    Each keeps its shape, and stands below a strip with its label in black on white: a number drawn
    into the picture could be taken for a thing in it.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    columns = math.ceil(math.sqrt(len(tiles)))
    cell = side // columns
    strip = max(14, cell // 8)
    sheet = Image.new("RGB", (cell * columns, cell * math.ceil(len(tiles) / columns)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=strip * 0.8)
    for place, (label, picture) in enumerate(tiles):
        left, top = place % columns * cell, place // columns * cell
        draw.text((left + 4, top), label, fill="black", font=font)
        fitted = ImageOps.contain(picture, (cell - 4, cell - strip - 4))
        sheet.paste(fitted, (left + (cell - fitted.width) // 2, top + strip))
    return sheet
