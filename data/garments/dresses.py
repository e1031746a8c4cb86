"""Dresses."""

from data.garments.canvas import Canvas
from data.garments.catalogue import Garment
from data.garments.outlines import twin


def draw_dress(canvas: Canvas, garment: Garment) -> None:
    """Straps, a fitted bodice, a sash at the waist and a wide skirt."""
    cloth = canvas.cloth
    canvas.lay(twin("120,76~ 94,66 90,90 120,100~"), cloth.toned(-0.4), lift=0, depth=0)
    hem = "42,284 58,296~ 70,290 86,300~ 100,295 112,301~ 120,298"
    canvas.lay(twin(f"120,140 90,140 64,212~ {hem}"), lift=0)
    for _ in canvas.sides():
        canvas.fold("98,150 86,220~ 70,292", "110,150 106,220~ 100,298", strength=0.45, width=7)
    canvas.fold("120,180 121,240~ 120,300", strength=0.25)
    for _ in canvas.sides():
        canvas.lay("92,24 99,24 101,84 90,84", cloth.toned(-0.06), lift=0.1)
    bodice = "120,94~ 106,88~ 98,74 88,74 86,94~ 78,104 86,130~ 91,150 120,152"
    canvas.lay(twin(bodice), lift=0.2)
    canvas.fold("92,150 98,130~ 100,114", "148,150 142,130~ 140,114", strength=0.4)
    canvas.lay(twin("120,144~ 90,142 89,158 120,161~"), cloth.toned(-0.18), lift=0.25)
