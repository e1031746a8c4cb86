"""palette finds edited copies, the same building and like clothes as well as any simple way.

The yardsticks are measured values of hue on 2 x 2 cells with HOG, best of picture and mirror image.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from app.encoders import load_image_embedding
from app.media.images import open_image
from app.model.settings import Settings

SHARED = Path(__file__).parents[2] / "../shared/data"
PALETTE = load_image_embedding("palette", Settings())


def embed(pictures: Sequence[Image.Image]) -> np.ndarray:
    return PALETTE.embed_images(pictures)


def cosine(one: Image.Image, other: Image.Image) -> float:
    return float(np.prod(embed([one, other]), axis=0).sum())


def house(colour: str = "firebrick") -> Image.Image:
    """A house left of the middle, under a blue sky."""
    picture = Image.new("RGB", (160, 120), "skyblue")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 90, 160, 120), fill="darkgreen")
    draw.rectangle((20, 45, 80, 95), fill=colour)
    draw.polygon([(15, 45), (50, 15), (85, 45)], fill="saddlebrown")
    return picture


def test_a_picture_and_its_mirror_image_are_one():
    assert cosine(house(), ImageOps.mirror(house())) == pytest.approx(1.0, abs=1e-3)


def test_a_picture_upside_down_is_another():
    assert cosine(house(), ImageOps.flip(house())) < 0.9


def test_a_smaller_copy_is_nearer_than_another_colour_of_house():
    assert cosine(house(), house().resize((80, 60))) > cosine(house(), house("gold")) > 0.5


def test_plain_colours_are_told_apart():
    names = ("red", "orangered", "blue", "white", "black")
    red, orange, blue, white, black = (Image.new("RGB", (32, 32), name) for name in names)
    assert cosine(red, red) == pytest.approx(1.0, abs=1e-6)
    assert cosine(red, orange) > cosine(red, blue)
    assert cosine(white, black) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (3, 2)])
@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_every_size_and_every_plain_colour_has_a_vector_of_unit_length(size, colour):
    vector = embed([Image.new("RGB", size, colour)])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_noise_of_one_grey_level_hardly_changes_a_plain_picture():
    noise = np.random.default_rng(0).integers(127, 129, (64, 64, 1)).repeat(3, axis=2)
    noisy = Image.fromarray(noise.astype(np.uint8))
    assert cosine(Image.new("RGB", (64, 64), (128, 128, 128)), noisy) > 0.8


needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared data sets are not beside this checkout"
)


def judged(name: str) -> list[dict]:
    return json.loads((SHARED / "gt" / name).read_text(encoding="utf-8"))["queries"]


def gallery(folder: str, name: Callable[[Path], str]) -> tuple[list[str], np.ndarray]:
    files = sorted((SHARED / folder).rglob("*.jpg"))
    return [name(file) for file in files], embed([open_image(file) for file in files])


def recall(
    query: np.ndarray, names: list[str], rows: np.ndarray, judgment: dict, own: str, top_k: int
) -> float:
    """Share of the relevant pictures in the first k, without the query itself and the doubtful."""
    order = [names[row] for row in np.argsort(-(rows @ query), kind="stable")]
    left_out = {own, *judgment.get("ignore", [])}
    found = [name for name in order if name not in left_out][:top_k]
    return len(set(found) & set(judgment["relevant"])) / len(judgment["relevant"])


@needs_shared_data
def test_an_edited_copy_finds_its_original():
    photos = SHARED / "photos"
    names, rows = gallery("photos", lambda file: file.relative_to(photos).as_posix())
    judgments = judged("photos_near_duplicate.json")
    queries = embed([open_image(SHARED / judgment["image"]) for judgment in judgments])
    found = [recall(q, names, rows, j, "", 1) for q, j in zip(queries, judgments, strict=True)]
    assert (len(names), len(found)) == (580, 60)
    assert np.mean(found) >= 0.95 * 0.92


@needs_shared_data
@pytest.mark.parametrize(
    ("judgments", "folder", "yardsticks"),
    [
        (
            "streetview_sf_image_to_image.json",
            "streetview/sf_landmarks",
            {1: 0.57, 5: 0.81, 10: 0.96},
        ),
        ("fashion_sample_image_to_image.json", "fashion/sample_clothes", {10: 0.21}),
    ],
    ids=["same building", "clothes of one colour and type"],
)
def test_a_picture_finds_its_like(judgments, folder, yardsticks):
    fashion = folder.startswith("fashion")
    names, rows = gallery(folder, lambda file: file.stem if fashion else file.name)
    for top_k, yardstick in yardsticks.items():
        found = []
        for judgment in judged(judgments):
            own = Path(judgment["image"]).name
            query = rows[names.index(own)]
            found.append(recall(query, names, rows, judgment, own, top_k))
        assert np.mean(found) >= 0.95 * yardstick, f"R@{top_k}"
