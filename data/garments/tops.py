"""T-shirts, shirts, blouses and jumpers."""

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.outlines import twin

BUTTON, PEARL = (244, 242, 236), (178, 178, 180)


def sleeves(canvas: Canvas, left: str, turn: float = 0) -> None:
    """Both sleeves; the pattern turns with each."""
    for side in canvas.sides():
        canvas.lay(left, canvas.cloth.turned(canvas.cloth.turn + side * turn), lift=0)


def ends(canvas: Canvas, left: str, weave: str = "") -> None:
    """A cuff at the end of each sleeve, of the plain cloth."""
    for _ in canvas.sides():
        canvas.lay(left, canvas.cloth.toned(-0.08).woven(weave), lift=0.15)


def draw_tshirt(canvas: Canvas, garment: Garment) -> None:
    """Short sleeves, a round neck and nothing to button; cut to the waist for women."""
    waist = "68,120 76,178~ 68,264" if garment.gender == "Women" else "63,122 65,200~ 63,268"
    canvas.lay(twin("120,62~ 96,54 94,84 120,104~"), canvas.cloth.toned(-0.35), lift=0, depth=0)
    sleeves(canvas, "82,60 58,72~ 18,132 52,153 72,118", 28)
    for _ in canvas.sides():
        canvas.lay("22,126 55,146 52,153 18,132", canvas.cloth.toned(-0.06), lift=0.1, depth=0)
    canvas.lay(twin(f"120,90~ 105,84~ 95,55 82,59~ 66,70 {waist} 120,268~"), lift=0.2)
    canvas.fold("74,118 88,128~ 96,150", "166,118 154,126~ 148,142")
    canvas.fold("86,262 92,232~ 90,200", "150,264 144,240~ 148,206", strength=0.2)
    canvas.stitch("60,260 120,263~ 180,260")
    collar = twin("120,89~ 106,83~ 97,53 90,56 100,90~ 120,99~")
    canvas.lay(collar, canvas.cloth.toned(-0.08), lift=0.15)


def draw_shirt(canvas: Canvas, garment: Garment) -> None:
    """A collar, a row of buttons, long sleeves and a curved tail; men's has a pocket."""
    canvas.cloth = canvas.cloth.turned(90)
    canvas.lay(twin("120,44~ 100,46 98,70 120,80"), canvas.cloth.toned(-0.35), lift=0, depth=0)
    sleeves(canvas, "78,62 60,74~ 50,110~ 38,226 62,230 78,130", 8)
    ends(canvas, "39,216 64,220 61,242 36,238")
    waist = "82,180~" if garment.gender == "Women" else "74,180~"
    body = f"120,82 102,60 80,60~ 66,70 73,120 {waist} 71,252 84,266~ 120,276~"
    canvas.lay(twin(body), lift=0.3)
    canvas.fold("74,120 88,130~ 94,156", "166,120 152,130~ 147,152")
    canvas.fold("92,260 98,226~ 94,196", "150,258 145,230~ 149,200", strength=0.2)
    canvas.rule("113,82 113,280")
    canvas.rule("127,82 127,280")
    canvas.stitch("72,248 84,262~ 120,272~ 156,262~ 168,248")
    if garment.gender != "Women":
        canvas.lay("138,112 160,112 160,134 149,140 138,134", lift=0.1, depth=0.03)
    buttons = BUTTON if sum(canvas.cloth.colour) < 600 else PEARL
    canvas.buttons([(120, y) for y in range(98, 268, 28)], buttons)
    for side in canvas.sides():
        collar = canvas.cloth.turned(side * 40)
        canvas.lay("100,44 92,56~ 88,66 104,92 121,80 104,62~", collar, lift=0.3)


def draw_blouse(canvas: Canvas, garment: Garment) -> None:
    """Full sleeves to the elbow, a V for a neck with a bow, and a flared hem under the waist."""
    canvas.lay(twin("120,60~ 98,58 96,70 120,110"), canvas.cloth.toned(-0.35), lift=0, depth=0)
    for _ in canvas.sides():
        canvas.lay("84,66 58,66~ 34,104~ 34,150~ 48,170 70,168 84,140~ 86,118", lift=0)
        canvas.fold("62,74 52,110~ 54,164", "74,76 68,120~ 64,164", strength=0.35)
    ends(canvas, "46,166 72,163 72,175 47,178")
    canvas.lay(twin("120,196 86,196 74,240~ 62,266 90,276~ 120,272~"), lift=0.1)
    for _ in canvas.sides():
        canvas.fold("98,200 90,240~ 82,276", "112,200 109,240~ 106,276", strength=0.35)
    canvas.lay(twin("120,116 98,58 84,64~ 76,72 80,120 87,160~ 86,198 120,202~"), lift=0.2)
    canvas.fold("82,128 94,140~ 100,160", "158,128 146,140~ 140,160")
    canvas.rule("86,192 120,196~ 154,192")
    canvas.rule("120,116 120,200")
    band = canvas.cloth.toned(-0.1)
    for _ in canvas.sides():
        canvas.lay("98,58 92,60 116,118 122,112", band, lift=0.15)
        canvas.lay("119,116 112,140~ 104,154 113,154 121,124~", band)
        canvas.lay("120,115 108,104~ 98,106~ 98,122~ 108,126~", band)
    canvas.lay("115,111 125,111~ 126,121~ 115,121~", band)


def draw_jumper(canvas: Canvas, garment: Garment) -> None:
    """Thick knit with wide sleeves, and ribs at the neck, the cuffs and the hem."""
    canvas.cloth = canvas.cloth.woven("knit")
    rib = canvas.cloth.toned(-0.1).woven("rib")
    canvas.lay(twin("120,58~ 100,54 98,76 120,86~"), canvas.cloth.toned(-0.4), lift=0, depth=0)
    sleeves(canvas, "82,60 54,76~ 34,130~ 16,218 46,230 70,160~ 80,128", 14)
    ends(canvas, "19,212 49,224 44,246 16,236", "rib")
    canvas.lay(twin("120,84~ 104,78~ 97,54 82,60~ 66,72 66,130 68,200~ 62,248 120,252~"))
    canvas.fold("68,128 84,140~ 92,166", "172,128 158,138~ 150,160")
    canvas.fold("78,246 88,222~ 86,196", "160,248 152,224~ 156,200", strength=0.25)
    canvas.lay(twin("120,248~ 64,244 66,272 120,275~"), rib, lift=0.2)
    canvas.lay(twin("120,84~ 105,78~ 98,50 88,55 99,84~ 120,95~"), rib, lift=0.2)
