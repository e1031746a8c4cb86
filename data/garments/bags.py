"""Handbags and backpacks."""

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import BRASS, METAL
from data.garments.outlines import oval, twin


def draw_handbag(canvas: Canvas, garment: Garment) -> None:
    """Stiff leather with a flap, a clasp and a round handle one can look through."""
    cloth = canvas.cloth
    handle = "82,134 80,70~ 120,46~ 160,70~ 158,134 149,134 150,78~ 120,58~ 90,78~ 91,134"
    canvas.lay(handle, cloth.toned(-0.12), lift=0)
    canvas.lay(twin("120,124 58,124 48,136~ 34,246 44,260~ 120,264~"), depth=0.26)
    canvas.stitch("42,250 120,257~ 198,250")
    canvas.lay(twin("120,120 58,122 50,132~ 44,176 58,196~ 120,206~"), cloth, lift=0.35)
    canvas.stitch("49,174 60,190~ 120,200~ 180,190~ 191,174")
    canvas.rule("70,132 66,150~ 62,176", 8, (255, 255, 255), soft=4, strength=0.25)
    for x in (86.5, 153.5):
        canvas.lay(oval(x, 134, 9, 10), cloth.toned(-0.2))
        canvas.lay(oval(x, 134, 6), BRASS)
    canvas.lay("110,190 130,190 132,212~ 120,220~ 108,212~", BRASS)
    canvas.lay(oval(120, 204, 3), (90, 74, 44), lift=0)


def draw_backpack(canvas: Canvas, garment: Garment) -> None:
    """A round top with a grip, straps behind, a zip across and a pocket in front."""
    cloth = canvas.cloth
    canvas.lay(
        "104,60 106,34~ 120,30~ 134,34~ 136,60 129,60 128,42~ 112,42~ 111,60",
        cloth.toned(-0.3),
        lift=0,
    )
    strap = "76,96 50,112~ 40,180~ 52,262 62,262 54,184~ 64,124~ 82,114"
    for _ in canvas.sides():
        canvas.lay(strap, cloth.toned(-0.3), lift=0)
    canvas.lay(twin("120,48~ 84,60~ 64,110~ 60,250~ 74,278 120,282~"), depth=0.24)
    zip_line = "70,168 72,120~ 90,84~ 120,74~ 150,84~ 168,120~ 170,168"
    canvas.rule(zip_line, 5, cloth.toned(-0.45).colour, strength=0.8)
    canvas.rule(zip_line, 1.6, METAL, dashed=True, strength=0.9)
    canvas.lay("167,164 173,164 174,184~ 166,184~", METAL)
    for _ in canvas.sides():
        canvas.lay("62,216 54,222~ 54,270~ 64,276 70,240~", cloth.toned(-0.15), lift=0.1)
    canvas.lay(twin("120,184 80,184 74,192~ 74,262~ 82,270 120,272"), cloth.toned(0.04), lift=0.35)
    canvas.rule("82,202 158,202", 4, cloth.toned(-0.45).colour, strength=0.8)
    canvas.rule("82,202 158,202", 1.4, METAL, dashed=True, strength=0.9)
    canvas.lay("84,200 90,200 91,217~ 83,217~", METAL)
    canvas.lay("104,128 136,128 136,148 104,148", (156, 108, 70), depth=0.08)
    canvas.stitch("107,131 133,131", "107,145 133,145", colour=(236, 214, 170))
