"""Outfits: a catalogue through a whole ingest, beside by hand; an outfit, beside its parts alone.

The garments are drawn: sixty pictures stand for all of a shop.
"""

import csv
import gc
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import qdrant_edge as q
from PIL import Image

from app.answering.budget import limits_of
from app.answering.vision import ModelFacts, Prompt, Reply
from app.assistants.outfit.catalogue import read_catalogue
from app.assistants.outfit.complete import Outfit, complete_outfit
from app.encoders import FloatMatrix, TextEmbedding, bm25, load_text_embedding
from app.encoders.palette import Palette
from app.media.images import open_image, shrink, to_jpeg
from app.model.records import Field, Record
from app.model.settings import Settings
from app.retrieval.retriever import Found
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from app.store.manifest import Manifest, SourceEntry
from app.store.models import Models
from app.store.payload import point_id
from data.make_shop import Garment, make_garments, make_shop, row_of
from ingest import ingest
from ingest.attributes import with_attributes
from ingest.write import RECORD_BATCH
from tests.benchmarks.maxsim import noisy
from tests.benchmarks.prepared import Rows
from tests.benchmarks.rows import Row, Sizes, in_turn, ratio_row
from tests.benchmarks.writing import write

DRAWN = 60
"""Pictures; garments that are sixty apart are of one kind, for the same people."""

SEED = 7

NAME = "productDisplayName"


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Rows per second of an ingest; milliseconds of an outfit."""
    return [whole_ingest(sizes, folder), *one_outfit(sizes, folder)]


# ---- a catalogue through ingest


def write_shop(out: Path, count: int, drawn: Path) -> Path:
    """A shop of so many rows, each with a picture that no other has, by its last bytes."""
    (out / "images").mkdir(parents=True)
    garments = make_garments(count, SEED)
    for garment, picture in zip(garments, cycle(pictures_of(drawn)), strict=False):
        content = picture.read_bytes() + garment.id.to_bytes(4)
        (out / "images" / f"{garment.id}.jpg").write_bytes(content)
    with (out / "styles.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(row_of(garments[0])))
        table.writeheader()
        table.writerows(map(row_of, garments))
    return out


def pictures_of(shop: Path) -> list[Path]:
    return sorted((shop / "images").glob("*.jpg"))


def whole_ingest(sizes: Sizes, folder: Path) -> Row:
    """Both ways make a new collection each time, and load the models for it."""
    count = sizes.catalogue_rows
    drawn = make_shop(folder / "drawn", count=min(count, DRAWN), seed=SEED)
    shop = write_shop(folder / "shop", count, drawn)
    settings = Settings(home=folder)
    ingest(write_shop(folder / "first", 1, drawn), "first", settings, **EMBEDDINGS)  # imports torch

    def ours(turn: int) -> None:
        report = ingest(shop, f"shop-{turn}", settings, **EMBEDDINGS)
        assert report.new == count, report

    def the_plain_way(turn: int) -> None:
        by_hand(shop, folder / f"by-hand-{turn}", settings)

    gc.collect()
    gc.freeze()  # else ours begins with a walk over all that LlamaIndex has imported, 0.2 s
    took = in_turn(
        [partial(ours, turn) for turn in range(sizes.turns)],
        [partial(the_plain_way, turn) for turn in range(sizes.turns)],
    )
    gc.unfreeze()
    must_hold_the_same(folder, settings)
    rates = (count / took[0], count / took[1])
    name = f"ingest of {count:,} rows with pictures"
    return ratio_row(name, "rows/s", rates, "Pillow, embed, bare Edge upsert, by hand")


EMBEDDINGS: dict[str, Any] = {"image": "palette", "text": "minilm"}


def by_hand(shop: Path, into: Path, settings: Settings) -> None:
    """What a script of one page does: no workers, hashes, checks or indexes, once and for all."""
    image, text = Palette(), load_text_embedding("minilm", settings)
    with (shop / "styles.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    average = bm25.average_length("\n".join(said(row)) for row in rows)
    into.mkdir()
    shard = q.EdgeShard.create(str(into), bare_config(image, text))
    for start in range(0, len(rows), RECORD_BATCH):
        some = rows[start : start + RECORD_BATCH]
        pictures = [Image.open(picture_of(row, shop)).convert("RGB") for row in some]
        looks = image.embed_images(pictures).tolist()
        texts = iter(text.embed_documents([each for row in some for each in said(row)]).tolist())
        points = []
        for row, look in zip(some, looks, strict=True):
            sparse = bm25.embed_document("\n".join(said(row)), average)
            assert sparse is not None
            vectors = {
                "image": look,
                "text": [next(texts), next(texts)],
                "keywords": q.SparseVector(indices=sparse[0], values=sparse[1]),
            }
            points.append(q.Point(id=int(row["id"]), vector=vectors, payload=dict(row)))
        shard.update(q.UpdateOperation.upsert_points(points))
    shard.close()


def said(row: dict[str, str]) -> tuple[str, str]:
    """The name, and the other columns of words on one line."""
    others = (value for column, value in row.items() if column not in {"id", "year", NAME})
    return row[NAME], " ".join(others)


def picture_of(row: dict[str, str], shop: Path) -> Path:
    return shop / "images" / f"{row['id']}.jpg"


def bare_config(image: Palette, text: TextEmbedding) -> q.EdgeConfig:
    cosine, best_row = q.Distance.Cosine, q.MultiVectorConfig(q.MultiVectorComparator.MaxSim)
    dense = q.EdgeVectorParams(size=image.dimensions, distance=cosine)
    rows = q.EdgeVectorParams(size=text.dimensions, distance=cosine, multivector_config=best_row)
    return q.EdgeConfig(
        vectors={"image": dense, "text": rows},
        sparse_vectors={"keywords": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
    )


def must_hold_the_same(folder: Path, settings: Settings) -> None:
    """A speed counts only for the right vectors: of the first row's picture and name."""
    first = 10001
    shard = q.EdgeShard.load(str(folder / "by-hand-0"))
    theirs: Any = shard.retrieve([first], True, True)[0].vector
    shard.close()
    id_ = point_id(f"shop/images/{first}.jpg")
    with open_collection("shop-0", settings) as opened:
        ours = opened.fetch([id_], vectors=["image", "text"])[id_].vectors
    assert np.allclose(ours["image"], theirs["image"], atol=1e-4)
    assert np.allclose(ours["text"][0], theirs["text"][0], atol=1e-4)


# ---- one outfit


FIELDS = tuple(
    Field(name, name.lower(), "words") for name in ("gender", "articleType", "baseColour", NAME)
)

TITLES = (
    "Women blue denim jeans",
    "Women beige formal trousers",
    "Women white casual sneakers",
    "Women brown leather boots",
    "Women olive casual jacket",
    "Women black handbag",
    "Women red watch",
    "Women yellow checked scarf",
)

SPREAD = 0.3
"""Length of what tells a vector from that of the picture or name that it stands for: at a cosine of
.96, no two of 50,000 are the same."""


class AtOnce:
    """A vision model that has its answers ready, and likes everything."""

    name, url, server = "qwen2.5vl:7b", "", "none"

    def reply(
        self, prompt: Prompt, *, num_ctx: int, num_predict: int, on_text: Callable[[str], None]
    ) -> Reply:
        assert prompt.schema is not None
        stylist = "items" in prompt.schema["properties"]
        said: dict[str, object] = {"answer": "yes", "reason": "calm colours"}
        if stylist:
            said = {"category": "Tshirts", "audience": "Women", "items": TITLES}
        return Reply(json.dumps(said), None, None)

    def version(self) -> str | None:
        return None

    def facts(self) -> ModelFacts:
        return ModelFacts()


def one_outfit(sizes: Sizes, folder: Path) -> list[Row]:
    """Each opens the collection and loads the text model, as a command does; torch is there.

    An outfit lets go of the collection while the model thinks. The second row has parts that do so
    too: what is left is our own.
    """
    settings = Settings(home=folder)
    worn = pictures_of(folder / "drawn")[0]
    fill_shop(sizes.points, folder / "drawn", settings)
    parts = parts_of(worn, settings)
    outfits = [partial(complete, worn, settings)] * sizes.outfits
    gc.collect()
    gc.freeze()  # else the garbage collector walks over the records that were written
    once = in_turn(outfits, [partial(parts.run, openings=1)] * sizes.outfits)
    twice = in_turn(outfits, [partial(parts.run, openings=2)] * sizes.outfits)
    gc.unfreeze()
    name = f"an outfit at {sizes.points:,} rows"
    return [
        in_ms(name, once, "the sum of its parts"),
        in_ms(
            f"{name}, opened twice in both",
            twice,
            "its parts, opened again after the model",
            at_most=1.2,
        ),
    ]


def in_ms(
    name: str, took: tuple[float, float], beside: str, *, at_most: float | None = None
) -> Row:
    return ratio_row(name, "ms", (took[0] * 1000, took[1] * 1000), beside, at_most=at_most)


def complete(worn: Path, settings: Settings) -> Outfit:
    with open_collection("outfits", settings) as opened:
        return complete_outfit(worn, opened, settings, model=AtOnce())


@dataclass(frozen=True, slots=True)
class Parts:
    """What an outfit cannot do without: its searches, and the pictures that a model looks at."""

    settings: Settings
    worn: Path
    searches: Sequence[Search]
    suggested: Sequence[Path]

    def run(self, *, openings: int) -> list[Found]:
        with open_collection("outfits", self.settings) as opened:
            read_catalogue(opened)
            searcher = Searcher(opened, self.settings)
            worn = open_image(self.worn)
            searcher.vectors.picture(worn)
            if openings == 2:
                opened.close()
            searcher.vectors.prepare(captions=[search.words for search in self.searches])
            found = searcher.search_many(self.searches)
        jpeg(worn)
        for file in self.suggested:
            for picture in (worn, open_image(file)):
                jpeg(picture)
        return [each for each in found if isinstance(each, Found)]


def jpeg(picture: Image.Image) -> bytes:
    return to_jpeg(shrink(picture, limits_of(AtOnce.name).side))


def parts_of(worn: Path, settings: Settings) -> Parts:
    """Note what an outfit searches for and suggests; its parts must find the same."""
    noted: list[Search] = []
    search_many = Searcher.search_many

    def noting(searcher: Searcher, searches: Sequence[Search]) -> object:
        noted.extend(searches)
        return search_many(searcher, searches)

    with patch.object(Searcher, "search_many", noting):
        outfit = complete(worn, settings)
    assert outfit.worn.record, outfit
    assert outfit.suggestions, outfit
    parts = Parts(settings, worn, noted, [each.hit.file for each in outfit.suggestions])
    found = {hit.record_id for each in parts.run(openings=1) for hit in each.hits}
    assert {each.hit.record_id for each in outfit.suggestions} <= found
    return parts


def fill_shop(count: int, drawn: Path, settings: Settings) -> None:
    """Write a shop as an ingest leaves it; its vectors lie around those of what was drawn."""
    chance = np.random.default_rng(SEED)
    records = shop_records(make_garments(count, SEED), drawn)
    models = Models("palette", "minilm", settings)
    image, text, _ = models.fingerprint()
    manifest = Manifest(
        image=image,
        text=text,
        keywords=f"bm25:{bm25.LANGUAGE}",
        average_length=bm25.average_length(record.said for record in records),
        text_kind="rows",
        fields=FIELDS,
        sources={"shop": SourceEntry(path=drawn, root=drawn)},
    )
    looks = models.image.embed_images([open_image(file) for file in pictures_of(drawn)])
    images = noisy(looks[np.arange(count) % len(looks)], SPREAD, chance)
    images[0] = looks[0]  # the garment that is worn
    texts = noisy(sayings(records, models.text), SPREAD, chance)
    with write(records, Rows(images), Rows(texts), settings, "outfits", manifest) as written:
        written.settle()


def shop_records(garments: Sequence[Garment], drawn: Path) -> list[Record]:
    """Garments as records; a number tells apart those that would be called the same."""
    records = []
    for garment, picture in zip(garments, cycle(pictures_of(drawn)), strict=False):
        row = row_of(garment) | {NAME: f"{garment.name} {garment.id}"}
        records.append(
            Record(
                record_id=f"shop/{garment.id}",
                source="shop",
                root=drawn,
                path=f"images/{picture.name}",
                captions=(row[NAME],),
                metadata={field.name: row[field.name] for field in FIELDS},
            )
        )
    return with_attributes(records, {field.name: field.type for field in FIELDS}, {NAME})


def sayings(records: Sequence[Record], text: TextEmbedding) -> FloatMatrix:
    """Vectors of what is said of records, in order; names without their numbers come often."""
    said = [
        each
        for record in records
        for each in (record.captions[0].rpartition(" ")[0], record.attributes)
    ]
    places = {each: place for place, each in enumerate(dict.fromkeys(said))}
    return text.embed_documents([*places])[[places[each] for each in said]]
