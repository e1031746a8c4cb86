"""Sneakers, formal shoes, sandals and boots: pairs seen from the side, toes to the left."""

from collections.abc import Callable

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import BRASS, RUBBER, SOLE, tone
from data.garments.outlines import Point, shape

SCALE = 0.88  # so that a pair fits across the picture
FAR, NEAR = (34.0, -8.0), (4.0, 36.0)


def pair(canvas: Canvas, draw: Callable[[Canvas], None], *, down: float = 0) -> None:
    """The same shoe twice, the near one lower and to the left."""
    for across, below in (FAR, NEAR):
        canvas.origin, canvas.scale = (across, below + down), SCALE
        draw(canvas)


def draw_sneaker(canvas: Canvas, garment: Garment) -> None:
    """A pair of sneakers."""
    pair(canvas, sneaker, down=6)


def sneaker(canvas: Canvas) -> None:
    """A thick white sole, laces, and a band along the side."""
    cloth = canvas.cloth
    light = sum(cloth.colour) > 600
    trim = (70, 96, 150) if light else RUBBER
    canvas.lay("126,120 150,108~ 172,118 168,142 126,142", cloth.toned(-0.4), lift=0)
    upper = (
        "26,182~ 34,164~ 62,154~ 92,142~ 116,116 "
        "140,132~ 172,114 186,110~ 208,136~ 210,190~ 120,198~"
    )
    canvas.lay(upper, depth=0.14)
    canvas.rule("72,194 80,170~ 66,154", 1.2)
    canvas.rule("168,194 172,160~ 206,146", 1.2)
    canvas.rule("122,196 146,176~ 152,140", 7, trim, strength=0.95)
    canvas.rule("138,196 160,176~ 166,140", 4, trim, strength=0.95)
    canvas.stitch("46,184 60,164~ 92,152")
    canvas.lay("74,152 100,140~ 116,114 124,124~ 110,150~ 84,164~", cloth.toned(-0.1))
    lace = (250, 250, 248) if not light else (222, 226, 232)
    for x, y in ((82, 152), (92, 147), (101, 140), (109, 131), (116, 121)):
        canvas.lay(
            f"{x - 3},{y - 3}~ {x + 2},{y - 3}~ {x + 11},{y + 8}~ {x + 7},{y + 11}~",
            lace,
            lift=0.06,
            edge=0.3,
        )
    canvas.lay("186,109 193,112~ 201,126~ 196,130~ 188,122~", trim, lift=0.1)
    sole = "22,184 40,188~ 120,190~ 212,184 215,198~ 208,208~ 120,210~ 40,210~ 24,202~"
    canvas.lay(sole, RUBBER, lift=0.15, depth=0.1)
    canvas.rule("22,200 60,204~ 120,204~ 214,200", 1.4, tone(RUBBER, -0.3))


def draw_formal(canvas: Canvas, garment: Garment) -> None:
    """Laced oxfords for men, court shoes with a heel for women."""
    pair(canvas, court if garment.gender == "Women" else oxford)


def oxford(canvas: Canvas) -> None:
    """A toe cap, closed lacing, a thin dark sole and a low heel, polished."""
    cloth = canvas.cloth
    canvas.lay("128,136 150,128~ 178,136 170,154 128,154", cloth.toned(-0.5), lift=0)
    upper = (
        "20,188~ 28,174~ 58,164~ 96,152~ 122,132 "
        "146,146~ 180,132 196,130~ 208,152~ 210,196 100,200~"
    )
    canvas.lay(upper, depth=0.18)
    canvas.rule("34,178 60,170~ 88,162", 6, tone(cloth.colour, 0.7), soft=3, strength=0.5)
    canvas.rule("64,198 70,182~ 62,164", 1.4)
    canvas.stitch("68,198 74,182~ 66,163")
    canvas.rule("96,152 112,172~ 136,176~ 148,148", 1.3)
    canvas.stitch("164,196 168,172~ 206,160")
    for x, y in ((101, 153), (109, 148), (117, 142)):
        canvas.lay(
            f"{x},{y - 2}~ {x + 12},{y + 8}~ {x + 10},{y + 11}~ {x - 2},{y + 1}~",
            cloth.toned(-0.35 if sum(cloth.colour) > 285 else 0.25),
            edge=0.2,
        )
    sole = "18,190 60,196~ 120,196~ 212,192 212,210 172,210 166,201~ 120,204~ 60,206~ 20,198~"
    canvas.lay(sole, SOLE, lift=0.1, depth=0.05)


def court(canvas: Canvas) -> None:
    """A low-cut shoe on a slim heel."""
    cloth = canvas.cloth
    canvas.lay("60,176 110,158~ 176,106 196,104 196,140 110,186", cloth.toned(-0.5), lift=0)
    canvas.lay("186,134 206,128 200,170~ 196,210 188,210 188,160~", cloth.toned(-0.1))
    upper = (
        "22,196~ 34,180~ 72,168 84,180~ 116,174~ 162,136~ "
        "180,100 200,104~ 207,134~ 182,152~ 150,178~ 110,202~ 40,206~"
    )
    canvas.lay(upper, depth=0.16)
    canvas.rule("36,188 56,180~ 74,180", 6, tone(cloth.colour, 0.75), soft=3, strength=0.5)
    canvas.lay("24,202 70,206~ 112,201 150,177~ 152,181~ 114,209~ 60,211~", SOLE, lift=0)


def draw_sandal(canvas: Canvas, garment: Garment) -> None:
    """Seen from above: two footbeds, each with two buckled straps and one around the heel."""
    leather = canvas.cloth
    for _ in canvas.sides():
        sole = (
            "68,42~ 94,48~ 108,84~ 104,130~ 96,176~ 100,222~ 94,268~ "
            "74,282~ 52,270~ 46,222~ 50,176~ 40,130~ 36,84~ 46,52~"
        )
        canvas.lay(sole, SOLE, lift=0)
        canvas.lay(scaled(shape(sole), 0.94), leather.toned(0.14), lift=0, depth=0.12)
        canvas.stitch(scaled(shape(sole), 0.87))
        canvas.lay("33,84 70,66~ 110,82 111,112 72,98~ 34,114", lift=0.4)
        canvas.stitch("37,89 70,73~ 107,87", "38,109 71,93~ 108,106")
        canvas.lay("38,132 70,118~ 107,130 104,160 72,150~ 44,162", lift=0.4)
        canvas.stitch("43,137 70,125~ 104,135", "47,156 72,144~ 102,154")
        heel = "42,214 50,214 56,250~ 73,264~ 90,250~ 97,214 105,214 100,256~ 73,280~ 47,256~"
        canvas.lay(heel, lift=0.35)
        for y in (80, 132):
            canvas.lay(f"42,{y} 56,{y - 5} 58,{y + 22} 43,{y + 26}", BRASS)
            hole = f"46,{y + 4} 53,{y + 1} 54,{y + 18} 47,{y + 20}"
            canvas.lay(hole, leather.toned(-0.15), lift=0)


def scaled(points: list[Point], share: float) -> list[Point]:
    """An outline made smaller around the middle of a left sole."""
    return [(72 + (x - 72) * share, 162 + (y - 162) * (2 + share) / 3) for x, y in points]


def draw_boot(canvas: Canvas, garment: Garment) -> None:
    """A pair of boots."""
    pair(canvas, boot, down=36)


def boot(canvas: Canvas) -> None:
    """A shaft over the ankle, laced, on a thick sole with a heel."""
    cloth = canvas.cloth
    dark = tone(SOLE, -0.3)
    canvas.lay("116,46 150,40~ 196,46 190,60 120,60", cloth.toned(-0.5), lift=0)
    upper = (
        "24,186~ 32,164~ 64,150~ 100,134~ 116,100~ 114,48 "
        "150,54~ 198,48 196,100~ 208,150~ 210,196 100,198~"
    )
    canvas.lay(upper, depth=0.16)
    canvas.fold("122,118 150,124~ 176,118", "118,132 140,142~ 160,140", strength=0.4)
    canvas.rule("36,174 62,162~ 84,158", 6, tone(cloth.colour, 0.6), soft=3, strength=0.4)
    canvas.stitch("74,196 80,170~ 68,150", "164,196 166,150~ 200,132")
    canvas.rule("140,52 136,100~ 112,140", 1.4)
    canvas.lay("114,46 150,52~ 199,46 199,60 150,66~ 114,61", cloth.toned(-0.15), lift=0.15)
    lace = (236, 214, 160) if sum(cloth.colour) < 400 else SOLE
    for x, y in ((84, 144), (97, 137), (107, 124), (112, 109), (113, 94), (112, 79)):
        canvas.lay(
            f"{x - 1},{y - 2}~ {x + 20},{y + 3}~ {x + 20},{y + 6}~ {x - 1},{y + 2}~",
            lace,
            edge=0.2,
        )
    canvas.lay("192,44 200,30~ 206,44~ 200,60~ 194,58", cloth.toned(-0.2), lift=0.1)
    sole = "22,186 60,192~ 140,192~ 212,188 214,212 166,212 160,202~ 120,206~ 60,210~ 24,202~"
    canvas.lay(sole, dark, lift=0.15, depth=0.05)
