"""Collection: what it remembers, what it refuses to store, and what it says when it cannot open."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.filters.conditions import Compare, Exists
from app.model.errors import (
    CollectionBusyError,
    CollectionError,
    CollectionForeignError,
    CollectionMismatchError,
    CollectionMissingError,
    EmbeddingError,
    SettingsError,
)
from app.model.points import Point
from app.model.records import Field, Record
from app.model.settings import Settings
from app.store.collection import (
    Collection,
    begin_collection,
    collection_names,
    create_collection,
    find_manifest,
    open_collection,
    remove_collection,
)
from app.store.engines import edge
from app.store.manifest import Manifest, Model, SourceEntry
from app.store.payload import payload_of, point_id
from ingest import ingest
from tests.qdrant_double import QdrantDouble

IMAGE = Model(name="palette", model_id="palette:1", dimensions=2)
TEXT = Model(name="minilm", model_id="minilm:all-MiniLM-L6-v2", dimensions=2)
PAGE = Model(name="colpali", model_id="colpali:colqwen2", dimensions=2)
MANIFEST = Manifest(image=IMAGE, text=TEXT, keywords="bm25:english", average_length=5.0)

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]
SHADE = Field("the shade", "the_shade", "words")
DEPTH = Field("depth", "depth", "number")
MORE = SourceEntry(path=Path("/more"), root=Path("/more"))


@pytest.fixture
def settings(either_engine: Settings) -> Settings:
    """Settings of a new home, on either engine."""
    return either_engine


@pytest.fixture
def on_disk() -> Settings:
    """Settings of a new home with the embedded engine, whose folder can be looked into."""
    return Settings()


def point(path: str, fields: tuple[Field, ...] = (), **metadata: Any) -> Point:
    record = Record(f"squares/{path}", "squares", Path("/pictures"), path, ("a square",), metadata)
    vectors = {"image": EAST, "text": [EAST, NORTH]}
    return Point(point_id(record.record_id), vectors, payload_of(record, None, fields))


def make(settings: Settings, *points: Point, name: str = "squares") -> None:
    """Make a collection with these points in it, as an ingest would leave it."""
    with create_collection(name, MANIFEST, settings) as made:
        made.upsert(points)
        made.settle()


def folder_of(settings: Settings, name: str = "squares") -> Path:
    return settings.collections_folder / name


# ---- names


@pytest.mark.parametrize("name", ["a", "0", "streets-of.rome_2", "a" * 64, "7..--__"])
def test_a_name_is_small_letters_digits_and_three_signs(settings: Settings, name: str) -> None:
    make(settings, name=name)
    assert collection_names(settings) == [name]


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "Streets", ".hidden", "-x", "a/b", "..", "a b", "straße", "a\n", "a\\b"]
)
def test_other_names_are_refused_before_anything_is_touched(on_disk: Settings, name: str) -> None:
    for use in (open_collection, find_manifest, remove_collection):
        with pytest.raises(SettingsError, match="cannot be the name of a collection"):
            use(name, on_disk)
    with pytest.raises(SettingsError, match="1 to 64 of a-z"):
        create_collection(name, MANIFEST, on_disk)
    assert not on_disk.home.exists()


def test_names_are_in_order_and_leave_out_what_is_not_ours(on_disk: Settings) -> None:
    assert collection_names(on_disk) == []
    for name in ("streets", "lanes"):
        make(on_disk, name=name)
    (on_disk.collections_folder / "holiday").mkdir()
    (on_disk.collections_folder / "notes.txt").write_text("mine")
    assert collection_names(on_disk) == ["lanes", "streets"]


def test_a_server_s_other_collections_are_left_out(qdrant: QdrantDouble) -> None:
    settings = Settings(qdrant=qdrant.url)
    make(settings)
    qdrant.client.create_collection("another-program", vectors_config={})
    assert collection_names(settings) == ["squares"]
    for use in (find_manifest, open_collection, remove_collection):
        with pytest.raises(CollectionForeignError, match=r"'another-program'.*0 points.*left"):
            use("another-program", settings)
    for replace in (False, True):
        with pytest.raises(CollectionForeignError):
            begin_collection("another-program", MANIFEST, settings, replace=replace)
    assert qdrant.client.collection_exists("another-program")


def test_a_missing_collection_says_which_there_are_and_how_to_make_it(settings: Settings) -> None:
    with pytest.raises(CollectionMissingError, match=r"there is: none yet"):
        open_collection("streets", settings)
    make(settings, name="lanes")
    message = r"'streets' \(there is: lanes\).*sightline ingest PATH --collection streets"
    with pytest.raises(CollectionMissingError, match=message):
        open_collection("streets", settings)
    with pytest.raises(CollectionMissingError, match=r"'streets' \(there is: lanes\)$"):
        remove_collection("streets", settings)
    with pytest.raises(CollectionMissingError, match=r"did you mean 'lanes'\?"):
        open_collection("lane", settings)


def test_a_removed_collection_is_gone(settings: Settings) -> None:
    make(settings, point("red.png"))
    remove_collection("squares", settings)
    assert collection_names(settings) == []
    assert find_manifest("squares", settings) is None


def test_a_collection_that_is_there_is_replaced_only_on_demand(settings: Settings) -> None:
    make(settings, point("red.png"))
    with pytest.raises(CollectionBusyError, match="squares"):
        create_collection("squares", MANIFEST, settings)
    with begin_collection("squares", MANIFEST, settings, replace=True) as made:
        assert made.count() == 0
        made.settle()
    with open_collection("squares", settings) as opened:
        assert opened.count() == 0


# ---- what made it


def test_other_models_are_refused_with_both_fingerprints() -> None:
    other = Model(name="clip", model_id="clip:ViT-B-32@1a2b", dimensions=512)
    message = (
        r"'squares' was built with palette:1 \(2 dimensions\) and minilm:all-MiniLM-L6-v2"
        r" \(2 dimensions\).*asks for clip:ViT-B-32@1a2b \(512 dimensions\).*--rebuild"
    )
    with pytest.raises(CollectionMismatchError, match=message):
        MANIFEST.require_models("squares", other, TEXT)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (IMAGE.model_copy(update={"model_id": "palette:2"}), TEXT),
        (IMAGE, TEXT.model_copy(update={"model_id": "sentence:other"})),
        (IMAGE.model_copy(update={"dimensions": 3}), TEXT),
        (IMAGE, TEXT.model_copy(update={"dimensions": 3})),
    ],
)
def test_any_difference_counts_even_where_the_dimensions_agree(image: Model, text: Model) -> None:
    MANIFEST.require_models("squares", IMAGE, TEXT)
    with pytest.raises(CollectionMismatchError):
        MANIFEST.require_models("squares", image, text)


def test_the_page_embedding_counts_too_where_there_is_one() -> None:
    made = MANIFEST.model_copy(update={"page": PAGE})
    made.require_models("squares", IMAGE, TEXT, PAGE)
    other = PAGE.model_copy(update={"model_id": "colpali:another"})
    for asked in (other, None):
        with pytest.raises(CollectionMismatchError, match=r"and colpali:colqwen2 \(2 dimensions\)"):
            made.require_models("squares", IMAGE, TEXT, asked)
    with pytest.raises(CollectionMismatchError, match=r"asks for .*colpali:colqwen2"):
        MANIFEST.require_models("squares", IMAGE, TEXT, PAGE)


def test_another_way_of_reading_pixels_is_another_model() -> None:
    old = MANIFEST.model_copy(update={"pixels": 0})
    with pytest.raises(CollectionMismatchError, match=r"pixels 0.*pixels 1"):
        old.require_models("squares", IMAGE, TEXT)


def test_a_manifest_comes_back_as_it_was_stored(settings: Settings) -> None:
    make(settings)
    assert find_manifest("squares", settings) == MANIFEST


def test_a_manifest_of_another_format_is_refused(on_disk: Settings) -> None:
    make(on_disk)
    file = folder_of(on_disk) / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
    with pytest.raises(CollectionMismatchError, match=r"format 99, this program reads 1.*rebuild"):
        open_collection("squares", on_disk)


@pytest.mark.parametrize(
    "damaged", ["", "{", "[1, 2]", "null", '"text"', "\udcff", '{"schema_version": 1, "image": 3}']
)
def test_a_damaged_manifest_is_an_error_that_says_rebuild(on_disk: Settings, damaged: str) -> None:
    make(on_disk)
    file = folder_of(on_disk) / "manifest.json"
    file.write_text(damaged, errors="surrogateescape")
    with pytest.raises(CollectionError, match=r"damaged.*--rebuild"):
        open_collection("squares", on_disk)


def test_keys_of_a_newer_program_do_not_matter_and_stay(settings: Settings) -> None:
    newer = MANIFEST.write() | {"looks": {"a": [1]}}
    newer["image"] |= {"licence": "MIT"}
    newer["fields"] = [{"name": "City", "slug": "city", "type": "words", "unit": "km"}]
    newer["sources"] = {"squares": {"path": "/a", "root": "/b", "outfit": {"sizes": "size"}}}
    newer["sources"]["squares"] |= {"watched": True}
    read = Manifest.read("squares", newer)
    create_collection("squares", read, settings).close()
    with open_collection("squares", settings, purpose="write") as opened:
        assert opened.fields == (Field("City", "city", "words"),)
        assert opened.manifest == read
        opened.remember(sources={"more": SourceEntry(path=Path("/c"), root=Path("/c"))})
    found = find_manifest("squares", settings)
    assert found is not None
    kept = found.write()
    assert (kept["looks"], kept["image"]["licence"]) == ({"a": [1]}, "MIT")
    assert kept["sources"]["squares"]["watched"]
    assert kept["sources"]["squares"]["extras"] == {"outfit": {"sizes": "size"}}


def test_a_damaged_collection_can_be_removed(on_disk: Settings) -> None:
    make(on_disk)
    (folder_of(on_disk) / "manifest.json").write_text("{")
    remove_collection("squares", on_disk)
    assert collection_names(on_disk) == []


def test_a_writer_keeps_what_another_has_added_while_it_waited(
    on_disk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(on_disk, point("a.png"))
    take = edge.hold

    @contextmanager
    def late(*args: Any) -> Iterator[bool]:
        monkeypatch.setattr(edge, "hold", take)
        with open_collection("squares", on_disk, purpose="write") as another:
            another.remember(fields=[SHADE], sources={"more": MORE})
            another.upsert([point("b.png", (SHADE,), **{"the shade": "dark"})])
            another.settle()
        with take(*args) as held:
            yield held

    monkeypatch.setattr(edge, "hold", late)
    with open_collection("squares", on_disk, purpose="write") as writing:
        writing.remember(fields=[DEPTH])
    found = find_manifest("squares", on_disk)
    assert found.fields == (SHADE, DEPTH)
    assert (list(found.sources), found.points) == (["more"], 2)


def test_a_name_that_does_not_exist_leaves_no_trace(on_disk: Settings) -> None:
    for purpose in ("read", "write"):
        with pytest.raises(CollectionMissingError):
            open_collection("squares", on_disk, purpose=purpose)
    assert not [*on_disk.collections_folder.glob("*")]


def test_what_was_removed_since_it_was_found_is_not_taken_for_damaged(on_disk: Settings) -> None:
    make(on_disk, point("a.png"))
    with open_collection("squares", on_disk) as opened:
        remove_collection("squares", on_disk)
        with pytest.raises(CollectionBusyError, match="just removed"):
            opened.count()


# ---- what is on disk


def test_a_lost_store_is_an_error_and_not_an_empty_collection(on_disk: Settings) -> None:
    make(on_disk, point("red.png"))
    shard = folder_of(on_disk) / "shard"
    for part in ("segments", "wal"):  # what is left opens, as an empty store
        shutil.rmtree(shard / part)
    with pytest.raises(CollectionError, match=r"had 1 records and now has none.*--rebuild"):
        open_collection("squares", on_disk).count()
    shutil.rmtree(shard)
    with pytest.raises(CollectionError, match=r"cannot be opened.*squares --rebuild"):
        open_collection("squares", on_disk).count()


def test_a_collection_that_was_killed_as_it_was_made_counts_as_none(on_disk: Settings) -> None:
    make(on_disk)
    (folder_of(on_disk) / "manifest.json").unlink()  # it is written last
    assert collection_names(on_disk) == []
    with pytest.raises(CollectionMissingError):
        open_collection("squares", on_disk)
    make(on_disk, point("red.png"))
    with open_collection("squares", on_disk) as opened:
        assert opened.count() == 1


def test_only_what_is_ours_is_ever_removed(on_disk: Settings) -> None:
    folders = on_disk.collections_folder
    for file in (
        *("london/shard-at-night.png", "berlin/lock", "berlin/wall.png", "oslo/shard/sea.png"),
        *("squares/shard.bak/data", "squares/notes.txt"),
    ):
        (folders / file).parent.mkdir(parents=True, exist_ok=True)
        (folders / file).write_text("mine")
    (folders / "oslo" / "fjord.png").write_text("mine")
    before = {file for file in folders.rglob("*") if file.name != "sea.png"}
    make(on_disk, point("red.png"))
    make(on_disk, point("red.png"), name="circles")
    with begin_collection("squares", MANIFEST, on_disk, replace=True):
        pass
    remove_collection("squares", on_disk)
    with pytest.raises(CollectionMissingError):
        remove_collection("berlin", on_disk)
    after = set(folders.rglob("*"))
    assert before - after <= {folders / "berlin" / "lock", folders / "oslo" / "shard"}


def test_a_manifest_that_names_a_shard_that_is_not_there_costs_no_other(on_disk: Settings) -> None:
    make(on_disk, point("red.png"))
    file = folder_of(on_disk) / "manifest.json"
    told = json.loads(file.read_text())
    (folder_of(on_disk) / "shard").rename(folder_of(on_disk) / "shard-2")
    with pytest.raises(CollectionError, match="--rebuild"):
        open_collection("squares", on_disk, purpose="write")
    file.write_text(json.dumps(told | {"shard": "shard-2"}))
    with open_collection("squares", on_disk, purpose="write") as opened:
        assert opened.count() == 1


def test_a_lock_outlives_what_it_guards(on_disk: Settings) -> None:
    make(on_disk, point("red.png"))
    remove_collection("squares", on_disk)
    make(on_disk, point("red.png"))
    assert (on_disk.collections_folder / ".squares.lock").is_file()
    assert collection_names(on_disk) == ["squares"]


def test_an_open_that_fails_lets_go_of_the_lock(on_disk: Settings) -> None:
    make(on_disk, point("red.png"))
    shutil.rmtree(folder_of(on_disk) / "shard")
    for _ in range(2):  # a lock that stayed would make the second a CollectionBusyError
        with pytest.raises(CollectionError, match="--rebuild"):
            open_collection("squares", on_disk, purpose="write")
    with begin_collection("squares", MANIFEST, on_disk, replace=True) as made:
        made.settle()
    assert collection_names(on_disk) == ["squares"]


# ---- what is stored


@pytest.fixture
def opened(settings: Settings) -> Any:
    with create_collection("squares", MANIFEST.model_copy(update={"page": PAGE}), settings) as made:
        yield made


BAD = {
    "of another size": [1.0, 0.0, 0.0],
    "zero": [0.0, 0.0],
    "not a number": [math.nan, 1.0],
    "infinite": [math.inf, 0.0],
    "not of unit length": [3.0, 4.0],
    "empty": [],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("space", ["image", "text", "page", "page_mean"])
def test_a_vector_that_no_search_could_find_stops_its_whole_batch(
    opened: Collection, space: str, bad: list[float]
) -> None:
    good, broken = point("good.png"), point("broken.png")
    vectors = {**broken.vectors, space: [EAST, bad] if space in ("text", "page") else bad}
    with pytest.raises(EmbeddingError, match=rf"{space} embedding.*broken\.png"):
        opened.upsert([good, broken._replace(vectors=vectors)])
    assert opened.count() == 0


def test_a_point_may_have_some_of_its_vectors(opened: Collection) -> None:
    opened.upsert([point("red.png")._replace(vectors={"image": EAST})])
    assert opened.count() == 1


def test_new_fields_and_sources_are_remembered(settings: Settings, tmp_path: Path) -> None:
    make(settings, point("red.png"))
    entry = SourceEntry(path=tmp_path, root=tmp_path)
    with open_collection("squares", settings, purpose="write") as opened:
        opened.remember(fields=[SHADE], sources={"squares": entry})
        opened.remember(fields=[DEPTH])
        opened.upsert([point("blue.png", opened.fields, **{"the shade": "blue", "depth": 4})])
    assert find_manifest("squares", settings).unfinished
    with open_collection("squares", settings) as opened:
        assert opened.fields == (SHADE, DEPTH)
        assert opened.manifest.sources == {"squares": entry.model_copy(update={"unfinished": True})}
        blue = [("squares/blue.png", point_id("squares/blue.png"))]
        assert opened.record_ids(Exists("fields.the_shade")) == blue
        assert opened.record_ids(Compare("fields.depth", ">", 3)) == blue
        assert opened.count_source("squares") == 2


def test_commonest_values_and_ends_of_a_column(on_disk: Settings) -> None:
    # The stand-in for a server cannot count values; the engines' contract covers what can.
    with create_collection("squares", MANIFEST, on_disk) as opened:
        opened.remember(fields=[SHADE, DEPTH])
        assert (opened.commonest(SHADE), opened.extremes(DEPTH)) == ([], None)
        shades = {"a": "red", "b": "blue", "c": "blue", "d": "green"}
        opened.upsert(
            [
                point(path, opened.fields, **{"the shade": shade, "depth": number})
                for number, (path, shade) in enumerate(shades.items())
            ]
        )
        assert opened.commonest(SHADE, 1) == [("blue", 2)]
        assert opened.extremes(DEPTH) == (0.0, 3.0)


def test_a_node_s_picture_is_found_under_the_root_of_its_source(
    opened: Collection, tmp_path: Path
) -> None:
    opened.remember(sources={"squares": SourceEntry(path=tmp_path, root=tmp_path)})
    red = point("streets/red.png")
    opened.upsert([red])
    stored = opened.fetch([red.id])[red.id]
    assert opened.stored(stored.payload).picture == tmp_path / "streets" / "red.png"


def test_deleting_the_last_point_leaves_an_empty_collection_and_not_a_lost_one(
    settings: Settings,
) -> None:
    make(settings, point("red.png"))
    with open_collection("squares", settings, purpose="write") as opened:
        opened.delete([point("red.png").id, point("never there.png").id])
    with open_collection("squares", settings) as opened:
        assert opened.count() == 0


def test_a_collection_that_is_written_over_and_over_does_not_grow(
    tmp_path: Path, squares: Path
) -> None:
    settings = Settings(home=tmp_path / "embedded")

    def bring(number: int) -> int:
        rows = json.loads((squares / "metadata.json").read_text())
        for row in rows:
            row["Caption"] = f"said {number} times of a {row['shade']} square"
        (squares / "metadata.json").write_text(json.dumps(rows))
        ingest(squares, "squares", settings, image="palette", text="minilm")
        with open_collection("squares", settings) as opened:
            return opened.size_bytes() or 0

    first = bring(0)
    filled = 0
    with open_collection("squares", settings, purpose="write") as opened:
        points = list(opened.fetch([id_ for id_, _ in opened.ledger()], vectors=SPACES).values())
        while filled < 3 * first:
            opened.upsert(points)
            filled = opened.size_bytes() or 0
    assert bring(1) < 1.2 * first
    with open_collection("squares", settings) as opened:
        after = opened.fetch([point.id for point in points], vectors=SPACES)
        assert opened.engine.indexed() >= {"fields.shade", "fields.brightness", "place"}
    for point in points:
        assert after[point.id].vectors["image"] == pytest.approx(point.vectors["image"])
        assert "said 1 times" in after[point.id].payload["captions"][0]
    assert bring(2) < 1.3 * first


SPACES = ("image", "text", "keywords")
