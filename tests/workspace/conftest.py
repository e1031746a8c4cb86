"""What tests of the workspace share: one in which three colour squares were ingested."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app import Settings, Workspace


@pytest.fixture
def workspace(either_engine: Settings, squares: Path) -> Iterator[Workspace]:
    """One in which `squares` was ingested, on either engine."""
    with Workspace(either_engine) as made:
        report = made.ingest(squares, "squares", image="palette", text="minilm")
        assert report.new == 3
        yield made


def make_rows(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Draw a grey square for each row, and write them to a metadata.json beside it."""
    folder.mkdir(parents=True)
    for number in range(len(rows)):
        Image.new("L", (8, 8), number % 256).save(folder / f"{number:03}.png")
    named = [{"image": f"{number:03}.png", **row} for number, row in enumerate(rows)]
    (folder / "metadata.json").write_text(json.dumps(named))
    return folder
