"""Which columns of a table say what a garment is, for whom, and in which colour."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from app import Searcher, Settings, open_collection
from app.assistants.outfit.candidates import Wish, by_titles
from app.assistants.outfit.catalogue import Catalogue, read_catalogue
from app.assistants.outfit.slots import slot_of
from app.filters.conditions import AllOf, AnyOf, OneOf
from app.model.errors import CollectionError, QueryError, SettingsError
from ingest import ingest

ROWS = (
    {"product": "Rook", "what": "Jeans", "who": "Women", "tint": "blue", "price": "40"},
    {"product": "Finch", "what": "Jeans", "who": "Men", "tint": "black", "price": "45"},
    {"product": "Wren", "what": "Shirts", "who": "Adults", "tint": "white", "price": "30"},
    {"product": "Crow", "what": "Shirts", "who": "Women", "tint": "red", "price": "32"},
    {"product": "Kite", "what": "Gizmos", "who": "Men", "tint": "red", "price": "9"},
    {"product": "Swift", "what": "Perfume", "who": "Men", "tint": "red", "price": "9"},
)


def catalogue_of(
    folder: Path,
    settings: Settings,
    *,
    names: Mapping[str, str],
    toml: str = "",
    rows: Sequence[Mapping[str, str]] = ROWS,
) -> Catalogue:
    """Ingest a table with the columns under other names, and read what it is a catalogue of."""
    folder.mkdir()
    table = [{names.get(key, key): value for key, value in row.items()} for row in rows]
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", *table[0]])
        writer.writeheader()
        for number, row in enumerate(table):
            writer.writerow({"id": number, **row})
            Image.new("RGB", (30, 40), (40 * number, 9, 9)).save(folder / f"{number}.png")
    (folder / "dataset.toml").write_text(toml)
    ingest(folder, "things", settings, image="palette", text="minilm")
    with open_collection("things", settings) as opened:
        return read_catalogue(opened)


def test_columns_are_found_by_their_names(tmp_path, settings):
    names = {"what": "Article Type", "who": "Gender", "tint": "Base Color"}
    found = catalogue_of(tmp_path / "shop", settings, names=names)
    columns = (found.category, found.audience, found.colour)
    assert [column.name for column in columns if column] == ["Article Type", "Gender", "Base Color"]
    assert found.types == {"Jeans": "bottom", "Shirts": "top"}
    assert found.audiences == {"Men": "men", "Women": "women", "Adults": "adults"}


def test_a_column_of_types_is_found_by_its_values_whatever_it_is_called(tmp_path, settings):
    found = catalogue_of(tmp_path / "shop", settings, names={})
    assert found.category.name == "what"
    assert (found.audience, found.colour) == (None, None)


def test_a_column_that_is_called_so_but_says_something_else_is_passed_over(tmp_path, settings):
    rows = [{**row, "category": "on sale", "gender": "x"} for row in ROWS]
    found = catalogue_of(tmp_path / "shop", settings, names={}, rows=rows)
    assert (found.category.name, found.audience) == ("what", None)


def test_what_no_table_knows_is_named_and_what_is_no_garment_is_not(tmp_path, settings):
    found = catalogue_of(tmp_path / "shop", settings, names={})
    assert found.unknown == ("Gizmos",)


def test_a_dataset_toml_says_which_columns_and_which_slots(tmp_path, settings):
    toml = """
    [outfit]
    category = "what"
    audience = "who"
    colour = "tint"
    everyone = ["Women"]
    slots = { gizmo = "bag", Shirts = "outerwear" }
    """
    found = catalogue_of(tmp_path / "shop", settings, names={}, toml=toml)
    columns = (found.category, found.audience, found.colour)
    assert [column.name for column in columns if column] == ["what", "who", "tint"]
    assert found.types == {"Jeans": "bottom", "Shirts": "outerwear", "Gizmos": "bag"}
    assert found.audiences["Women"] == "everyone"
    assert found.slot_of("a blue gizmo") == "bag"


def test_what_is_unisex_is_no_child_s_and_what_is_a_child_s_is_for_no_adult(tmp_path, settings):
    people = ("Women", "Unisex", "Girls", "Kids-Boys", "Kids", "All")
    rows = [{**ROWS[0], "who": who} for who in people]
    found = catalogue_of(tmp_path / "shop", settings, names={"who": "gender"}, rows=rows)

    def suit(audience: str) -> set[str]:
        suiting = found.suiting(audience)
        assert isinstance(suiting, AnyOf)
        (named,) = [part for part in suiting.parts if isinstance(part, OneOf)]
        return {*named.values}

    assert suit("Women") == {"Women", "Unisex", "All"}
    assert suit("Unisex") == {"Unisex", "All"}
    assert suit("Girls") == {"Girls", "Kids", "All"}
    assert suit("Kids-Boys") == {"Kids-Boys", "Kids", "All"}
    assert suit("Kids") == {"Kids", "All"}


def test_a_dataset_toml_that_changed_counts_from_the_next_ingest_on(tmp_path, settings):
    catalogue_of(tmp_path / "shop", settings, names={})
    (tmp_path / "shop/dataset.toml").write_text('[outfit]\nslots = { gizmo = "bag" }')
    ingest(tmp_path / "shop", "things", settings)
    with open_collection("things", settings) as opened:
        assert read_catalogue(opened).unknown == ()


@pytest.mark.parametrize("is_old_form", [True, False])
def test_what_a_collection_keeps_of_garments_may_be_older_or_newer(tmp_path, settings, is_old_form):
    catalogue_of(tmp_path / "shop", settings, names={})
    (file,) = settings.home.rglob("manifest.json")
    manifest = json.loads(file.read_text())
    table = {"slots": {"gizmo": "bag"}, "of_a_newer_version": 1}
    (entry,) = manifest["sources"].values()
    entry |= {"outfit": table} if is_old_form else {"extras": {"outfit": table, "menu": {"a": 1}}}
    if is_old_form:
        del entry["extras"]
    file.write_text(json.dumps(manifest))
    with open_collection("things", settings) as opened:
        assert read_catalogue(opened).types["Gizmos"] == "bag"


def test_what_a_collection_keeps_of_garments_may_be_damaged(tmp_path, settings):
    catalogue_of(tmp_path / "shop", settings, names={})
    (file,) = settings.home.rglob("manifest.json")
    manifest = json.loads(file.read_text())
    (entry,) = manifest["sources"].values()
    entry["extras"] = {"outfit": {"slots": {"gizmo": "head"}}}
    file.write_text(json.dumps(manifest))
    told = r"\[outfit\] .* damaged .*ingest its sources"
    with open_collection("things", settings) as opened, pytest.raises(CollectionError, match=told):
        read_catalogue(opened)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[outfit]\ncategory = "wat"', "no such column .* did you mean 'what'"),
        ('[outfit]\nslots = { Gizmos = "head" }', "outfit takes the columns category, audience"),
        ('[outfit]\nsize = "L"', "outfit.size"),
    ],
)
def test_a_dataset_toml_that_cannot_be_used_says_why(tmp_path, settings, toml, told):
    with pytest.raises(SettingsError, match=told):
        catalogue_of(tmp_path / "shop", settings, names={}, toml=toml)


def test_names_are_no_types(tmp_path, settings):
    rows = [{"product": f"{row['product']} {row['what']}", "price": row["price"]} for row in ROWS]
    with pytest.raises(QueryError, match="no column of collection 'things' says what a garment is"):
        catalogue_of(tmp_path / "shop", settings, names={}, rows=rows)


def test_a_garment_of_several_types_is_found_in_the_slot_that_is_wanted(tmp_path, settings):
    types = {"rook": ["Shirts", "Jeans"], "wren": ["Shirts"], "kite": ["Shirts"]}
    rows = [{"image": f"{name}.png", "name": name, "type": all_} for name, all_ in types.items()]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/table.json").write_text(json.dumps(rows))
    for name in types:
        Image.new("RGB", (30, 40), "navy").save(tmp_path / f"shop/{name}.png")
    ingest(tmp_path / "shop", "things", settings, image="palette", text="minilm")
    with open_collection("things", settings) as opened:
        wish = Wish(read_catalogue(opened), ("bottom",), None, AllOf(()), None, 0, 1)
        (found,) = by_titles(Searcher(opened, settings), ["jeans"], wish, Path(), ()).by_slot[
            "bottom"
        ]
    assert found.hit.caption == "rook"
    assert found.hit.metadata["type"] == ["Shirts", "Jeans"]


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory) -> Settings:
    """A home with a real catalogue of 500 rows."""
    settings = Settings(home=tmp_path_factory.mktemp("real"))
    ingest(shared_data / "fashion/hires", "shop", settings, image="palette", text="minilm")
    return settings


def test_of_a_real_catalogue_every_column_and_type_is_known(real):
    with open_collection("shop", real) as opened:
        found = read_catalogue(opened)
    columns = (found.category, found.audience, found.colour)
    names = [column.name for column in columns if column]
    assert names == ["articleType", "gender", "baseColour"]
    assert (len(found.types), found.unknown) == (41, ())
    assert set(found.audiences.values()) == {"women", "men", "girls", "boys", "adults"}


def test_a_wrong_word_in_the_table_would_show_in_a_real_catalogue(shared_data):
    with (shared_data / "fashion/sample_clothes/sample_styles.csv").open() as file:
        slots = {(row["subCategory"], slot_of(row["articleType"])) for row in csv.DictReader(file)}
    slots = {(sub, slot) for sub, slot in slots if slot != "none"}
    assert slots == {
        ("Bottomwear", "bottom"),
        ("Shoes", "shoes"),
        ("Sandal", "shoes"),
        ("Flip Flops", "shoes"),
        ("Dress", "dress"),
        ("Saree", "dress"),
        ("Apparel Set", "dress"),
        ("Topwear", "top"),
        ("Topwear", "dress"),  # rompers
        ("Topwear", "outerwear"),
        ("Topwear", "accessory"),  # a dupatta
        ("Free Gifts", "accessory"),  # a tie
        ("Bottomwear", "dress"),  # tracksuits
    }


@pytest.mark.parametrize("audience", ["Men", "Women", "Girls", "Boys", "Unisex"])
def test_no_find_is_for_other_people_or_of_a_type_that_was_not_asked_for(real, audience):
    with open_collection("shop", real) as opened:
        catalogue = read_catalogue(opened)
        titles = [f"{colour} {name}" for colour in ("red", "black") for name in catalogue.types]
        wish = Wish(catalogue, ("bottom", "shoes"), None, catalogue.suiting(audience), -1, 0, 1)
        finds = by_titles(Searcher(opened, real), titles, wish, Path(), ()).by_slot
    rows = [(slot, each.hit.metadata) for slot in finds for each in finds[slot]]
    is_child = audience in ("Girls", "Boys")  # of whom there are three things in all
    suit = {audience} if is_child else {audience, "Unisex"}
    assert {row["gender"] for _, row in rows} <= suit
    assert {slot for slot, row in rows if catalogue.types[row["articleType"]] != slot} == set()
    assert is_child or (len(rows) > 5 and "shoes" in finds)
