"""Writing: embed → payload → upsert of pictures decoded already, beside the plain way."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image
from qdrant_client import QdrantClient

from app.model.records import Record
from app.model.settings import Settings
from app.store.collection import Collection, create_collection
from app.store.manifest import Manifest
from ingest.decode import Decoded, Decoders, DecodeTask, Failure
from ingest.plan import make_plan
from ingest.write import Writer
from tests.benchmarks import plain
from tests.benchmarks.prepared import (
    IMAGE_DIMENSIONS,
    TEXT_DIMENSIONS,
    Rows,
    file_states,
    make_records,
    prepared_manifest,
    prepared_models,
    unit_rows,
)
from tests.benchmarks.rows import Row, Sizes, in_turn, ratio_row


class AlreadyDecoded(Decoders):
    """In place of the decoding processes: every file is this picture."""

    def decode(self, wanted: Iterable[DecodeTask]) -> Iterator[Decoded | Failure]:
        pixels = Image.new("RGB", (8, 8))
        return (Decoded(pixels, None, None) for _ in wanted)


def write(
    records: Sequence[Record],
    image: Rows,
    text: Rows,
    settings: Settings,
    name: str,
    manifest: Manifest | None = None,
) -> Collection:
    """Plan and write records as an ingest does, from the decoded pictures on."""
    collection = create_collection(name, manifest or prepared_manifest(), settings)
    plan = make_plan(records, file_states(records), {}, ())
    models = prepared_models(image, text, settings)
    decoders = AlreadyDecoded("none", settings)
    Writer(plan, collection, models, decoders, skip=print, progress=lambda *_: None).write()
    return collection


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Records per second from decoded pictures, both ways, each time into a new collection."""
    records = make_records(sizes.ingest_records)
    images = unit_rows(len(records), IMAGE_DIMENSIONS, seed=1)
    texts = unit_rows(len(records), TEXT_DIMENSIONS, seed=2)
    settings = Settings(home=folder)

    def ours(turn: int) -> None:
        write(records, Rows(images), Rows(texts), settings, f"written-{turn}").close()

    def the_plain_way(turn: int) -> None:
        client = QdrantClient(path=str(folder / f"plain-{turn}"))
        plain.ingest(records, client, Rows(images), Rows(texts))
        client.close()

    took = in_turn(
        [lambda turn=turn: ours(turn) for turn in range(sizes.turns)],
        [lambda turn=turn: the_plain_way(turn) for turn in range(sizes.turns)],
    )
    rates = (len(records) / took[0], len(records) / took[1])
    what = f"ingest, decoded already, {len(records):,} records"
    return [ratio_row(what, "records/s", rates, "the plain LlamaIndex way", at_least=5)]
