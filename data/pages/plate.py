"""The plate: a page of pixels, as a scanner gives it. Its words are drawn, and no text."""

from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from app.figures.style import INK, MUTED
from app.figures.text import FONT
from data.drawing import draw
from data.pages.findings import Street, Streets

WIDTH, HEIGHT = 1240, 1754
"""A4 at 150 dots an inch."""

MARGIN, GAP, TOP, COLUMNS = 120, 32, 250, 3


def contact_sheet(streets: Streets) -> Image.Image:
    """Twelve streets in four rows, each with its city below, and a heading."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
    write(sheet, (MARGIN, 120), "Twelve of the sixty", INK, 40)
    cell = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
    for number, street in enumerate(streets):
        row, column = divmod(number, COLUMNS)
        paste(sheet, street, (MARGIN + column * (cell + GAP), TOP + row * 340), cell)
    return sheet


def paste(sheet: Image.Image, street: Street, corner: tuple[int, int], width: int) -> None:
    """Put a street and its city's name on the sheet."""
    height = width * 3 // 4
    picture = draw(street.scene).resize((width, height), Image.Resampling.LANCZOS)
    sheet.paste(picture, corner)
    words = f"{street.city}, {street.scene.time}"
    write(sheet, (corner[0], corner[1] + height + 12), words, MUTED, 20)


def write(sheet: Image.Image, corner: tuple[int, int], text: str, colour: str, pixels: int) -> None:
    """Draw words on a picture."""
    font = ImageFont.truetype(findfont(FONT), pixels)
    ImageDraw.Draw(sheet).text(corner, text, colour, font)
