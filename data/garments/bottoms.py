"""Jeans, trousers, skirts and shorts."""

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import BRASS, tone
from data.garments.outlines import twin

THREAD = (222, 158, 84)
BACK = "120,38~ {0},34 {0},46 120,50~"


def draw_jeans(canvas: Canvas, garment: Garment) -> None:
    """Twill with light stitches, round pockets, belt loops and turned-up ends."""
    canvas.cloth = canvas.cloth.woven("twill")
    canvas.lay(twin(BACK.format(82)), canvas.cloth.toned(-0.4), lift=0, depth=0)
    leg = "80,36 72,80~ 67,116~ 77,284 107,286 118,130 121,112 121,40 100,42~"
    for _ in canvas.sides():
        canvas.lay(leg, lift=0, depth=0.24)
        worn = tone(canvas.cloth.colour, 0.4)
        canvas.rule("92,110 90,150~ 92,200", 18, worn, soft=7, strength=0.5)
        canvas.stitch("112,120 107,200~ 103,286", "101,55 98,77~ 76,83", colour=THREAD)
        canvas.fold("118,118 104,126~ 92,126", "76,196 92,200~")
        canvas.rule("101,52 98,74~ 76,80", 1.6)
        canvas.lay("75,272 109,274 108,292 75,290", canvas.cloth.toned(0.3), depth=0.1)
    waist_band(canvas, 80)
    canvas.stitch("80,39 120,45~ 160,39", colour=THREAD)
    loops(canvas, (88, 106, 134, 152))
    canvas.lay("119,58 122,58 122,108 119,108", canvas.cloth, lift=0.2)
    canvas.buttons([(120, 50)], BRASS, 3)


def draw_trousers(canvas: Canvas, garment: Garment) -> None:
    """Straight wide legs with a pressed crease, slanted pockets and a hooked waist."""
    canvas.lay(twin(BACK.format(86)), canvas.cloth.toned(-0.4), lift=0, depth=0)
    wide = "54,296 108,298" if garment.gender == "Women" else "64,296 108,298"
    leg = f"84,36 74,80~ 70,110~ {wide} 119,130 121,114 121,40 100,42~"
    for _ in canvas.sides():
        canvas.lay(leg, lift=0)
        crease = "97,62 95,150~ 84,296"
        canvas.fold(crease, strength=0.35, width=3)
        canvas.rule(crease, 0.8, strength=0.4)
        canvas.fold("119,118 106,124~ 98,124", "104,62 103,84~")
        canvas.rule("86,54 76,92", 1.4)
    waist_band(canvas, 84)
    loops(canvas, (92, 106, 134, 148))
    canvas.lay("120,56 121.5,56 121.5,108 120,112", canvas.cloth.toned(-0.1), lift=0.3)
    canvas.lay("112,46 126,47 128,52~ 126,56 112,55", canvas.cloth.toned(-0.04), lift=0.2)


def draw_shorts(canvas: Canvas, garment: Garment) -> None:
    """Two short wide legs, a drawn string at the waist."""
    canvas.lay(twin("120,92~ 78,88 78,100 120,106~"), canvas.cloth.toned(-0.4), lift=0, depth=0)
    leg = "76,90 64,130~ 48,224 112,236 121,176 121,94 100,97~"
    for side in canvas.sides():
        canvas.lay(leg, canvas.cloth.turned(5 * side), lift=0)
        canvas.fold("119,172 100,178~ 88,174", "78,230 84,200~", "94,108 92,130~")
        canvas.rule("80,108 68,152", 1.4)
        canvas.stitch("50,216 113,228")
    canvas.lay(twin("120,96~ 75,89 73,106 120,113~"), canvas.cloth.toned(-0.08), lift=0.15)
    for x in range(78, 166, 7):
        canvas.fold(f"{x},92 {x},112", strength=0.25, width=2)
    cord = tone(canvas.cloth.colour, 0.75 if sum(canvas.cloth.colour) < 560 else -0.45)
    for end in (
        "117,104 108,136~ 111,137~ 120,106",
        "122,104 128,132~ 125,133~ 119,106",
    ):
        canvas.lay(end, cord, lift=0.2, edge=0.3)
    canvas.lay("114,101 126,101~ 126,108~ 114,108~", cord, edge=0.3)


def draw_skirt(canvas: Canvas, garment: Garment) -> None:
    """From a narrow waist to a wide hem, in deep pleats."""
    canvas.lay(twin("120,66~ 86,62 86,74 120,80~"), canvas.cloth.toned(-0.4), lift=0, depth=0)
    hem = "34,250 52,262~ 62,256 78,268~ 90,262 106,272~ 120,266"
    canvas.lay(twin(f"120,68~ 84,66 64,130~ {hem}"), lift=0)
    for _ in canvas.sides():
        for x, foot in ((92, 62), (106, 91), (120, 120)):
            middle = 0.65 * x + 0.35 * foot - 3
            path = f"{x},80 {middle},160~ {foot},270"
            canvas.fold(path, strength=0.4, width=7)
            canvas.rule(path, 1.1, strength=0.5)
    canvas.lay(twin("120,69~ 85,63 83,80 120,86~"), canvas.cloth.toned(-0.1), lift=0.2)


def waist_band(canvas: Canvas, left: float) -> None:
    """A band along the waist, dipping in the middle."""
    band = f"120,42~ {left},35 {left - 3},51 120,58~"
    canvas.lay(twin(band), canvas.cloth.toned(-0.06), lift=0.15, depth=0.1)


def loops(canvas: Canvas, places: tuple[float, ...]) -> None:
    """Loops for a belt over the band."""
    for x in places:
        top = 43 - abs(x - 120) / 8
        loop = f"{x - 2},{top - 2} {x + 2},{top - 2} {x + 2},{top + 18} {x - 2},{top + 18}"
        canvas.lay(loop, canvas.cloth.toned(0.04), lift=0.25)
