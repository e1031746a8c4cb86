"""Jackets and coats."""

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import METAL, tone
from data.garments.outlines import twin
from data.garments.tops import ends, sleeves

HORN = (66, 50, 44)


def draw_jacket(canvas: Canvas, garment: Garment) -> None:
    """A bomber: a zip from hem to a standing collar, slanted pockets, ribs at the ends."""
    rib = canvas.cloth.toned(-0.14).woven("rib")
    canvas.lay(twin("120,52~ 98,50 96,72 120,84"), canvas.cloth.toned(-0.45), lift=0, depth=0)
    sleeves(canvas, "84,64 54,78~ 40,130~ 30,222 60,230 76,170~ 82,130", 0)
    ends(canvas, "30,214 61,222 58,242 31,236", "rib")
    canvas.lay(twin("120,78 98,64 82,62~ 64,76 68,130 70,190~ 66,234 120,240~"), depth=0.24)
    canvas.fold("70,130 86,142~ 92,168", "170,130 154,142~ 148,164", strength=0.4)
    canvas.fold("80,232 90,210~", "158,232 150,208~", "106,236 102,214~")
    for _ in canvas.sides():
        canvas.rule("68,96 92,104~ 116,104")
    for _ in canvas.sides():
        pocket = canvas.cloth.toned(-0.12)
        canvas.lay("86,176 93,172 106,206 99,210", pocket, lift=0.15, depth=0.05)
    canvas.lay(twin("120,236~ 67,231 70,256 120,260~"), rib, lift=0.2)
    for _ in canvas.sides():
        canvas.lay("98,46 92,58~ 93,68 112,90~ 120,94 120,80 104,66~", rib)
    canvas.lay("117,80 123,80 123,259 117,259", tone(METAL, -0.35), lift=0.2, depth=0)
    canvas.rule("120,80 120,259", 3, METAL, dashed=True, strength=0.9)
    canvas.lay("117,90 123,90 122,106~ 118,106~", METAL)


def draw_coat(canvas: Canvas, garment: Garment) -> None:
    """Long and heavy, with wide lapels, two rows of buttons and flapped pockets; women's tied."""
    cloth = canvas.cloth
    tied = garment.gender == "Women"
    canvas.lay(twin("120,34~ 100,34 98,60 120,110"), cloth.toned(-0.5), lift=0, depth=0)
    sleeves(canvas, "80,48 58,58~ 48,100~ 34,206 62,212 76,150~ 80,110", 7)
    ends(canvas, "37,188 65,193 62,214 34,208")
    waist = "80,158~" if tied else "72,158~"
    canvas.lay(twin(f"120,118 102,44 82,46~ 66,58 72,106 {waist} 58,290 62,300~ 120,304~"))
    canvas.fold("74,110 88,124~ 92,148", "166,110 152,124~ 148,146", strength=0.4)
    canvas.fold("80,300 88,246~ 92,190", "166,298 158,250~ 152,190", strength=0.35)
    canvas.rule("134,128 134,304", 1.3)
    for _ in canvas.sides():
        canvas.lay("76,208 103,205 104,219 75,222", cloth, lift=0.3, depth=0.05)
    rows = (146, 196) if tied else (134, 164, 194)
    canvas.buttons([(x, y) for y in rows for x in (106, 126)], HORN, 3.6)
    canvas.flipped = True  # the right lapel goes under the left
    lapel = "103,46 88,58~ 82,96 95,93 94,104 120,136 132,120 108,72~"
    canvas.lay(lapel, cloth.turned(-30), lift=0.35)
    canvas.flipped = False
    canvas.lay(lapel, cloth.turned(30), lift=0.35)
    for _ in canvas.sides():
        canvas.lay("103,34 94,42~ 80,72 96,84 112,70~ 108,48~", cloth, lift=0.3)
    if tied:
        belt = cloth.toned(-0.12)
        canvas.lay("112,168 104,214 116,216 122,170", belt)
        canvas.lay("120,168 134,206 124,211 114,172", belt)
        canvas.lay(twin("120,158~ 78,154 78,171 120,175~"), belt)
        canvas.lay("110,156 126,155~ 128,177~ 111,178~", belt)
