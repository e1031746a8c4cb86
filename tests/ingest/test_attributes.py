"""A catalogue: names are captions, and what the other columns say is searched beside them."""

from pathlib import Path

import pytest
from PIL import Image

from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from ingest import Report, ingest
from ingest.dataset import Source, load_source

HEADER = "id,kind,articleType,colour,price,productDisplayName"
ROWS = (
    "1,Apparel,Shirts,Blue,12.5,Alma Sunday",
    "2,Apparel,Jeans,Black,30,Bodo Straight",
    "3,Footwear,Sandals,Red,9.95,Cora Beach",
    "4,Apparel,Shirts,,15,Dora Plain",
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", HEADER, *ROWS)


def write(folder: Path, *lines: str) -> Path:
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for line in lines[1:]:
        picture = folder / "pictures" / f"{line.partition(',')[0]}.jpg"
        if not picture.exists():
            Image.new("RGB", (32, 32), (len(picture.stem) * 9, 40, 90)).save(picture)
    (folder / "styles.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def said(source: Source) -> dict[str, tuple[str, ...]]:
    return {record.path: record.sayings for record in source.records}


def bring(shop: Path, settings: Settings) -> Report:
    return ingest(shop, "shop", settings, image="palette", text="minilm")


def found(settings: Settings, words: str) -> list[str]:
    with open_collection("shop", settings) as opened:
        return [hit.caption for hit in Searcher(opened, settings).search(Search(words)).hits]


def test_names_are_captions_and_columns_of_words_a_line_the_general_first(shop: Path) -> None:
    source = load_source(shop)
    assert said(source) == {
        "pictures/1.jpg": ("Alma Sunday", "Apparel Shirts Blue"),
        "pictures/2.jpg": ("Bodo Straight", "Apparel Jeans Black"),
        "pictures/3.jpg": ("Cora Beach", "Footwear Sandals Red"),
        "pictures/4.jpg": ("Dora Plain", "Apparel Shirts"),
    }
    assert source.text_kind == "rows"
    assert source.guesses == {"image": "id", "captions": "productDisplayName", "text": "rows"}


def test_names_can_be_filtered_by_like_any_column(shop: Path, settings: Settings) -> None:
    bring(shop, settings)
    with open_collection("shop", settings) as opened:
        search = Search(where='productDisplayName.contains("beach") and price < 10')
        assert [hit.caption for hit in Searcher(opened, settings).search(search).hits] == [
            "Cora Beach"
        ]


def test_a_thing_is_found_by_its_name_and_by_what_its_columns_say(
    shop: Path, settings: Settings
) -> None:
    bring(shop, settings)
    assert found(settings, "the Bodo")[0] == "Bodo Straight"
    assert found(settings, "red sandals")[0] == "Cora Beach"
    assert found(settings, "a blue shirt")[0] == "Alma Sunday"


def test_a_column_that_changes_changes_what_is_found_and_no_picture_is_read(
    shop: Path, settings: Settings
) -> None:
    bring(shop, settings)
    write(shop, HEADER, *(row.replace("Sandals,Red", "Sandals,Green") for row in ROWS))
    report = bring(shop, settings)
    assert (report.new, report.changed, report.unchanged) == (0, 1, 3)
    assert found(settings, "green sandals")[0] == "Cora Beach"
    assert bring(shop, settings).unchanged == 4


def test_another_order_of_the_columns_changes_what_is_embedded(
    shop: Path, settings: Settings
) -> None:
    bring(shop, settings)
    kinds = (row.replace("Apparel,Shirts", f"K{n},Shirts") for n, row in enumerate(ROWS))
    write(shop, HEADER, *kinds)
    report = bring(shop, settings)
    assert report.changed == 4  # the first column has the most values now, and goes last
    assert bring(shop, settings).unchanged == 4


def test_captions_are_no_names_and_stand_alone(tmp_path: Path) -> None:
    header = HEADER.replace("productDisplayName", "caption")
    source = load_source(write(tmp_path / "photos", header, *ROWS))
    assert said(source)["pictures/1.jpg"] == ("Alma Sunday",)
    assert source.text_kind == "captions"


def test_dataset_toml_says_what_a_table_is(shop: Path) -> None:
    (shop / "dataset.toml").write_text('text = "captions"\n')
    assert said(load_source(shop))["pictures/1.jpg"] == ("Alma Sunday",)
    (shop / "dataset.toml").write_text('text = "rows"\ncaptions = "kind"\n')
    line = "Shirts Blue Alma Sunday"
    assert said(load_source(shop))["pictures/1.jpg"] == ("Apparel", line)


def test_a_list_of_words_is_words(tmp_path: Path) -> None:
    folder = tmp_path / "goods"
    folder.mkdir()
    Image.new("RGB", (32, 32), "red").save(folder / "a.jpg")
    row = '{"image": "a.jpg", "name": "Lamp", "tags": ["brass", "desk"], "lit": true, "watts": 40}'
    (folder / "goods.jsonl").write_text(row)
    assert said(load_source(folder)) == {"a.jpg": ("Lamp", "brass desk")}
