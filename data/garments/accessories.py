"""Belts, caps, scarves and watches."""

import math

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import BRASS, METAL, tone
from data.garments.outlines import oval, read, twin

DIAL = (246, 244, 238)
HAND = (52, 52, 58)


def draw_belt(canvas: Canvas, garment: Garment) -> None:
    """Leather rolled into an open ring, its buckle in front and its end with holes."""
    cloth = canvas.cloth
    inside = "34,150~ 60,108~ 120,96~ 180,108~ 206,150 206,176 180,134~ 120,122~ 60,134~ 34,176"
    canvas.lay(inside, cloth.toned(-0.18), lift=0, depth=0.08)
    outside = "34,150 56,188~ 120,206~ 184,188~ 206,150 206,184 184,222~ 120,240~ 56,222~ 34,184"
    canvas.lay(outside, depth=0.12)
    canvas.stitch("36,158 58,194~ 120,211~ 182,194~ 204,158")
    canvas.stitch("36,179 58,215~ 120,234~ 182,215~ 204,179")
    canvas.lay("104,206 164,197~ 200,176~ 222,176~ 222,204~ 168,229~ 104,240", cloth)
    canvas.stitch("108,211 164,202~ 204,182~ 217,184", "108,234 166,223~ 208,204~")
    for x, y in ((152, 217), (166, 213), (180, 207), (194, 200)):
        canvas.lay(oval(x, y, 2.2), tone(cloth.colour, -0.7), lift=0, edge=0)
    metal = BRASS if garment.gender == "Women" else METAL
    frame = (
        ("84,196 134,198 134,206 84,204"), ("84,242 134,242 134,250 84,250"),
        ("84,196 92,196 92,250 84,250"), ("126,198 134,198 134,250 126,250"),
    )  # fmt: skip
    for bar in frame:
        canvas.lay(bar, metal, depth=0.1)
    canvas.lay("88,220 130,219 132,223~ 130,227 88,226", metal)
    canvas.lay("64,192 76,194 76,242 64,238", cloth.toned(-0.1))


def draw_cap(canvas: Canvas, garment: Garment) -> None:
    """A round crown in panels with a button on top, and a curved peak to the left."""
    cloth = canvas.cloth
    canvas.lay("84,196 40,196~ 8,222~ 22,238~ 80,222~ 140,222 150,200", cloth.toned(-0.35), lift=0)
    canvas.lay("74,196~ 78,130~ 140,86~ 204,128~ 216,206 180,216~ 120,218~", depth=0.24)
    canvas.rule("142,88 116,130~ 112,218", 1.2)
    canvas.rule("142,88 180,130~ 186,216", 1.2)
    canvas.stitch("138,90 112,130~ 108,218", "146,90 184,130~ 190,216")
    canvas.rule("96,140 120,110~", 10, (255, 255, 255), soft=5, strength=0.25)
    for x, y in ((104, 142), (154, 130), (200, 146)):
        canvas.lay(oval(x, y, 2.6), cloth.toned(-0.35), lift=0)
    canvas.lay("132,86~ 142,80~ 152,86~ 142,92~", cloth.toned(-0.15))
    peak = "72,190 110,196~ 152,202 152,214 110,214~ 60,220~ 14,234~ 8,226~ 34,200~"
    canvas.lay(peak, cloth.toned(-0.06), lift=0.3)
    for rise in (5, 10):
        canvas.stitch(
            f"{20 + rise},{230 - rise * 0.6} 64,{217 - rise * 0.7}~ 150,{212 - rise * 0.7}"
        )


def draw_scarf(canvas: Canvas, garment: Garment) -> None:
    """A loop around no neck, two ends that hang from its knot, and fringes."""
    cloth = canvas.cloth
    hang(canvas, "126,128 164,124 190,272 146,280", turn=-8, fold="144,134 168,270")
    hang(canvas, "76,128 118,132 108,290 62,284", turn=4, fold="98,134 85,280")
    canvas.lay(twin("120,36~ 76,48~ 60,82 86,96~ 120,76~"), cloth.toned(-0.3), lift=0)
    canvas.lay("56,78~ 66,58~ 84,88~ 120,100~ 156,88~ 174,58~ 186,84~ 172,122~ 120,148~ 68,122~")
    canvas.fold("66,84 90,108~ 120,116~ 150,108~ 174,84", "66,106 96,128~ 126,132")
    canvas.fold("84,98 120,108~ 156,96", strength=0.25)
    knot = "84,104 104,112~ 124,126~ 128,146 108,158~ 78,150~ 72,124~"
    canvas.lay(knot, cloth.turned(30))
    canvas.fold("86,110 96,130~ 98,152", "98,114 112,130~ 116,150")


def hang(canvas: Canvas, end: str, *, turn: float, fold: str) -> None:
    """One end of a scarf, whose last two corners are its foot, with a fringe there."""
    (right, low), (left, high) = ((x, y) for x, y, _ in read(end)[2:])
    for i in range(8):
        share = (i + 0.4) / 7.8
        x, y = left + (right - left) * share, high + (low - high) * share
        thread = f"{x - 2},{y - 6} {x + 2},{y - 6} {x + 2.6},{y + 14} {x - 2.6},{y + 14}"
        canvas.lay(thread, canvas.cloth.toned(-0.05), lift=0.05)
    canvas.lay(end, canvas.cloth.turned(turn), lift=0.2)
    canvas.fold(fold, strength=0.35)


def draw_watch(canvas: Canvas, garment: Garment) -> None:
    """A strap from top to bottom, a round case with a crown, a pale dial and two hands."""
    cloth = canvas.cloth
    metal = BRASS if garment.gender == "Women" else METAL
    canvas.lay(twin("120,22 100,22 98,40~ 92,112 120,116"), lift=0, depth=0.24)
    canvas.stitch("104,30 98,108", "136,30 142,108")
    canvas.lay(twin("120,204 92,208 99,288~ 110,300~ 120,302~"), lift=0, depth=0.24)
    canvas.stitch("98,212 104,288", "142,212 136,288")
    for y in (248, 262, 276):
        canvas.lay(oval(120, y, 2, 2.6), tone(cloth.colour, -0.7), lift=0, edge=0)
    for bar in (
        "98,16 142,16 142,22 98,22",
        "98,34 142,34 142,39 98,39",
        "98,16 103,16 103,39 98,39",
        "137,16 142,16 142,39 137,39",
    ):
        canvas.lay(bar, metal, depth=0.1)
    canvas.lay(twin("120,234 94,232 95,241 120,243"), cloth.toned(-0.12))
    canvas.lay("162,154 174,154 174,168 162,168", metal)
    for lug in ("88,106 102,106 104,124 84,124", "88,214 102,214 104,196 84,196"):
        for _ in canvas.sides():
            canvas.lay(lug, metal)
    canvas.lay(oval(120, 160, 48), metal)
    canvas.lay(oval(120, 160, 41), tone(metal, -0.25), lift=0)
    canvas.lay(oval(120, 160, 39), DIAL, lift=0, depth=0.06)
    for hour in range(12):
        turn = math.tau * hour / 12
        sin, cos = math.sin(turn), math.cos(turn)
        long = 8 if hour % 3 == 0 else 5
        ends = [(120 + r * sin, 160 - r * cos) for r in (36, 36 - long)]
        canvas.rule(ends, 2.4 if hour % 3 == 0 else 1.4, HAND, strength=0.95)
    for length, width, turn in ((19, 3.4, -0.95), (29, 2.4, 0.95)):
        tip = (120 + length * math.sin(turn), 160 - length * math.cos(turn))
        canvas.rule([(120, 160), tip], width, HAND, strength=1)
    canvas.rule([(118, 168), (123, 132)], 0.9, (190, 60, 50), strength=1)
    canvas.lay(oval(120, 160, 3), HAND, lift=0, edge=0)
