"""Figures, the last step: a Figure → a file, of the kind that its name says."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import SettingsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 160

SUFFIXES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")


def check_target(file: Path) -> None:
    """Raise SettingsError when a figure could not be written there; nothing is written yet."""
    if file.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{file.name!r} does not say what to write; end it in {', '.join(SUFFIXES)}"
        )
    if not file.parent.is_dir():
        raise SettingsError(f"the folder {file.parent} is not there; make it, then write {file}")
    if file.is_dir():
        raise SettingsError(f"{file} cannot be written: it is a folder; choose another name")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SettingsError(f"{file} may not be written; choose a place of your own")


def write_figure(figure: "Figure", file: Path) -> None:
    """Write a figure as what the file's name says: PNG, JPEG, PDF or SVG.

    Raises SettingsError when the name says something else, or the file cannot be written.
    """
    check_target(file)
    try:
        figure.savefig(file, dpi=DPI, format=file.suffix.lower()[1:])
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error
