"""Figures, the last step: a Figure → a file, of the kind that its name says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import written
from app.written import SIGNATURE, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 160

MARKED: dict[str, dict[str, Any]] = {
    ".png": {"metadata": {"Software": SIGNATURE}},
    ".jpg": {"pil_kwargs": {"comment": SIGNATURE}},
    ".jpeg": {"pil_kwargs": {"comment": SIGNATURE}},
    ".pdf": {"metadata": {"Creator": SIGNATURE}},
    ".svg": {"metadata": {"Creator": SIGNATURE}},
}
"""By suffix, how matplotlib is told to write in the file whose it is."""


def check_figure_target(file: Path, *, force: bool = False) -> None:
    """Raise SettingsError when a figure could not be written there; nothing is written yet.

    A file that is there is replaced if this program made it, or with `force`.
    """
    written.check_target(file, tuple(MARKED), force=force)


def write_figure(figure: "Figure", file: Path, *, force: bool = False) -> None:
    """Write a figure as what the file's name says: PNG, JPEG, PDF or SVG.

    Raises SettingsError as `check_figure_target`, or when the file cannot be written.
    """
    check_figure_target(file, force=force)
    suffix = file.suffix.lower()
    write_whole(file, lambda to: figure.savefig(to, dpi=DPI, format=suffix[1:], **MARKED[suffix]))
