"""What the tests of the assistants share: a shop."""

import shutil
from pathlib import Path

import pytest

from app.model.settings import Settings
from ingest import ingest
from tests.conftest import Drawn


@pytest.fixture(scope="session")
def shop_home(tmp_path_factory: pytest.TempPathFactory, drawn: Drawn) -> Path:
    """A home with the drawn shop in it as a collection, and as a folder. Not to be changed."""
    folder = tmp_path_factory.mktemp("outfits")
    shutil.copytree(drawn("shop"), folder / "shop")
    ingest(folder / "shop", "shop", Settings(home=folder), image="palette", text="minilm")
    return folder
