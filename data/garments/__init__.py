"""A garment as a picture: cut, coloured and laid on a light ground, one kind like the other."""

from collections.abc import Callable

from PIL import Image

from data.garments.accessories import draw_belt, draw_cap, draw_scarf, draw_watch
from data.garments.bags import draw_backpack, draw_handbag
from data.garments.bottoms import draw_jeans, draw_shorts, draw_skirt, draw_trousers
from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.cloth import cloth_of
from data.garments.coats import draw_coat, draw_jacket
from data.garments.dresses import draw_dress
from data.garments.shoes import draw_boot, draw_formal, draw_sandal, draw_sneaker
from data.garments.tops import draw_blouse, draw_jumper, draw_shirt, draw_tshirt

DRAWERS: dict[str, Callable[[Canvas, Garment], None]] = {
    "Tshirts": draw_tshirt,
    "Shirts": draw_shirt,
    "Tops": draw_blouse,
    "Sweaters": draw_jumper,
    "Jackets": draw_jacket,
    "Coats": draw_coat,
    "Jeans": draw_jeans,
    "Trousers": draw_trousers,
    "Skirts": draw_skirt,
    "Shorts": draw_shorts,
    "Dresses": draw_dress,
    "Casual Shoes": draw_sneaker,
    "Formal Shoes": draw_formal,
    "Sandals": draw_sandal,
    "Boots": draw_boot,
    "Handbags": draw_handbag,
    "Backpacks": draw_backpack,
    "Belts": draw_belt,
    "Caps": draw_cap,
    "Scarves": draw_scarf,
    "Watches": draw_watch,
}


def draw(garment: Garment) -> Image.Image:
    """The garment as a picture of 240 × 320; the same garment gives the same pixels."""
    return laid(garment).on_ground()


def cut_out(garment: Garment) -> Image.Image:
    """The garment alone, RGBA: transparent where the picture shows the ground."""
    return laid(garment).cut_out()


def laid(garment: Garment) -> Canvas:
    """The canvas with all the garment's pieces on it."""
    canvas = Canvas(cloth_of(garment))
    DRAWERS[garment.kind.article](canvas, garment)
    return canvas
