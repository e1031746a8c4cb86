"""Figures, the last step: a Figure → a file, of the kind that its name says."""

from pathlib import Path

from matplotlib.figure import Figure

from app.core.errors import SettingsError

DPI = 160

SUFFIXES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")


def write_figure(figure: Figure, file: Path) -> None:
    """Write a figure as what the file's name says: PNG, JPEG, PDF or SVG.

    Raises SettingsError when the name says something else, or the file cannot be written.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{file.name!r} does not say what to write; end it in {', '.join(SUFFIXES)}"
        )
    if not file.parent.is_dir():
        raise SettingsError(f"the folder {file.parent} is not there; make it, then write {file}")
    try:
        figure.savefig(file, dpi=DPI, format=file.suffix.lower()[1:])
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error
