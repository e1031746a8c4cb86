"""Figures: hits, places, scores and vectors → matplotlib Figures. They look on beside the line.

Nothing here opens a window or keeps a state (no pyplot): a figure is returned, and `write_figure`
writes it. All text is drawn as it is, never read as mathematics.
"""

from app.figures.files import write_figure
from app.figures.maps import place_map
from app.figures.plane import principal_plane
from app.figures.plots import bar_chart, embedding_plot, histograms
from app.figures.sheet import result_sheet
from app.figures.text import drawable

__all__ = [
    "bar_chart",
    "drawable",
    "embedding_plot",
    "histograms",
    "place_map",
    "principal_plane",
    "result_sheet",
    "write_figure",
]
