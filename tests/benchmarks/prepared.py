"""Prepared: records, and embeddings that cost nothing, because their vectors are made before."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from app.encoders import FloatMatrix
from app.model.records import Field, FileState, Place, Record
from app.model.settings import Settings
from app.store.manifest import Manifest, Model, SourceEntry
from app.store.models import Models

IMAGE_DIMENSIONS, TEXT_DIMENSIONS = 512, 384

SCORES = ("safer", "livelier", "more beautiful", "wealthier", "more boring", "more depressing")

SCENE = (
    "street bridge crossing shop tower tree car bus red blue white yellow night day rain window"
    " brick glass market harbour people bicycle sign corner park"
)
WORDS = SCENE.split()

FIELDS = (
    *(Field(name, name.replace(" ", "_"), "number") for name in SCORES),
    Field("city", "city", "words"),
)

ROOT = Path("streets").absolute()
"""Where the pictures would lie, if anyone looked."""


def unit_rows(count: int, dimensions: int, seed: int) -> FloatMatrix:
    """Random rows of unit length."""
    rows = np.random.default_rng(seed).standard_normal((count, dimensions), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_records(count: int) -> list[Record]:
    """Records as street views have them: a caption of 12 words, six scores 0 to 10, a place."""
    chance = random.Random(7)
    return [
        Record(
            record_id=f"streets/{number:06}.jpg",
            source="streets",
            root=ROOT,
            path=f"{number:06}.jpg",
            captions=(" ".join(chance.choices(WORDS, k=12)),),
            metadata={name: chance.uniform(0, 10) for name in SCORES}
            | {"city": chance.choice(("Oslo", "Quito", "Hanoi"))},
            place=Place(chance.uniform(-60, 60), chance.uniform(-180, 180)),
        )
        for number in range(count)
    ]


def file_states(records: Sequence[Record]) -> dict[str, FileState]:
    """What would be known of the records' files, all different."""
    return {
        record.record_id: FileState(f"{number:032x}", 40_000, number)
        for number, record in enumerate(records)
    }


def make_questions(count: int) -> list[str]:
    """Four words each, and a number by which `Rows` knows the vector."""
    chance = random.Random(8)
    return [" ".join((*chance.sample(WORDS, 4), str(number))) for number in range(count)]


class Rows:
    """An image and a text embedding, and no model: it gives its rows one after another.

    A question gets the row of its number.
    """

    model_id = "prepared"

    def __init__(self, rows: FloatMatrix) -> None:
        self.dimensions = int(rows.shape[1])
        self._rows = rows
        self._next = 0

    def take(self, count: int) -> FloatMatrix:
        start, self._next = self._next, self._next + count
        return self._rows[start : self._next]

    def of(self, questions: Sequence[str]) -> FloatMatrix:
        return self._rows[[int(text.rsplit(" ", 1)[1]) for text in questions]]

    def embed_images(self, images: Sequence[Image.Image]) -> FloatMatrix:
        return self.take(len(images))

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        return self.take(len(texts))

    def embed_words(self, texts: Sequence[str]) -> FloatMatrix:
        return self.of(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self.of(texts)


def prepared_models(image: Rows, text: Rows, settings: Settings) -> Models:
    """Models that are loaded already, with prepared rows; they pass for ones that read words."""
    models = Models("clip:prepared", "sentence:prepared", settings)
    models.image, models.text = image, text
    return models


def prepared_manifest() -> Manifest:
    """What a collection of prepared rows remembers."""
    return Manifest(
        image=Model(name="clip:prepared", model_id="prepared", dimensions=IMAGE_DIMENSIONS),
        text=Model(name="sentence:prepared", model_id="prepared", dimensions=TEXT_DIMENSIONS),
        keywords="bm25:english",
        average_length=12.0,
        fields=FIELDS,
        sources={"streets": SourceEntry(path=ROOT, root=ROOT)},
    )
