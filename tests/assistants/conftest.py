"""What the tests of the assistants share: a shop."""

from pathlib import Path

import pytest

from app.model.settings import Settings
from data.make_shop import make_shop
from ingest import ingest


@pytest.fixture(scope="session")
def shop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the drawn shop in it as a collection, and as a folder. Not to be changed."""
    folder = tmp_path_factory.mktemp("outfits")
    make_shop(folder / "shop")
    ingest(folder / "shop", "shop", Settings(home=folder), image="palette", text="minilm")
    return folder
