"""Drawing: the figure of what a command found, if a file was named for it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.terminal import notice

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def require_target(figure: Path | None, *, force: bool) -> None:
    """Refuse a file that cannot be written before a search is run for it."""
    if figure is not None:
        from app.figures import check_figure_target

        check_figure_target(figure, force=force)


def write_drawn(file: Path | None, draw: "Callable[[Any], Figure]", *, force: bool) -> None:
    """Draw with `app.figures`, which takes a second to import, if a file was named for it."""
    if file is None:
        return
    from app import figures

    figures.write_figure(draw(figures), file, force=force)
    notice(f"wrote {file}")
