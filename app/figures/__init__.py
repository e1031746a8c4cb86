"""Figures: hits, outfits, places, scores, vectors → matplotlib Figures, looking on beside the line.

Nothing here opens a window or keeps a state (no pyplot): a figure is returned, and `write_figure`
writes it. All text is drawn as it is, never read as mathematics. `check_figure_target` says
before the work whether it can be written. All names here are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.figures.board import outfit_board
    from app.figures.files import check_figure_target, write_figure
    from app.figures.maps import place_map
    from app.figures.plane import principal_plane
    from app.figures.plots import bar_chart, embedding_plot, histograms
    from app.figures.sheet import answer_sheet, result_sheet
    from app.figures.text import drawable

__all__ = [
    "answer_sheet",
    "bar_chart",
    "check_figure_target",
    "drawable",
    "embedding_plot",
    "histograms",
    "outfit_board",
    "place_map",
    "principal_plane",
    "result_sheet",
    "write_figure",
]

_HOMES = {
    "answer_sheet": "sheet",
    "bar_chart": "plots",
    "check_figure_target": "files",
    "drawable": "text",
    "embedding_plot": "plots",
    "histograms": "plots",
    "outfit_board": "board",
    "place_map": "maps",
    "principal_plane": "plane",
    "result_sheet": "sheet",
    "write_figure": "files",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as above
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
