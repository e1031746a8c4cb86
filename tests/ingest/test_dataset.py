"""A folder, a metadata file or a picture becomes records; what cannot is named."""

import json
from pathlib import Path

import pytest
from PIL import Image

from app.model.errors import SettingsError, SourceError
from app.model.records import Field, Place
from ingest.dataset import default_label, load_source

DATA = Path(__file__).parents[2] / "../shared/data"
shared = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not here")


@pytest.fixture
def source(tmp_path):
    """Make a folder of red squares with metadata; rows may be anything that JSON holds."""

    def make(pictures, files=None):
        root = tmp_path / "streets"
        for name in pictures:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), "red").save(root / name)
        for name, content in (files or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return make


def ids(source):
    return [record.record_id for record in source.records]


# Real collections


@shared
@pytest.mark.parametrize("path", ["seed_urban", "seed_urban/test_img/metadata.json"])
def test_seed_urban(path):
    source = load_source(DATA / "streetview" / path)
    assert (len(source.records), source.skips) == (51, [])
    assert source.root == (DATA / "streetview/seed_urban").resolve()
    first, last = source.records[0], source.records[-1]
    assert first.path == "test_img/1.274615_103.797243_50f561a0fdc9f065f0005614_Singapore.JPG"
    assert first.place == Place(1.274615, 103.797243)
    assert first.metadata == {
        "livelier": 4.514021433,
        "more beautiful": 5.15325436,
        "more boring": 4.950422095,
        "more depressing": 6.346440519,
        "safer": 2.17046243,
        "wealthier": 4.583960576,
        "id": "50f561a0fdc9f065f0005614",
        "city": "Singapore",
    }
    assert last.path == "test_img/1.334254_103.715317_50f560ecfdc9f065f00052f5_Singapore.JPG"
    assert source.guesses["image"] == "Relative Path"
    assert source.fields[1] == Field("more beautiful", "more_beautiful", "number")


@shared
def test_seed_urban_leaves_out_what_is_no_metadata_and_says_so():
    notices = "\n".join(load_source(DATA / "streetview/seed_urban").notices)
    assert "notebook_results.json" in notices
    assert "Guadalajara.JPG" in notices


@shared
def test_sf_landmarks():
    source = load_source(DATA / "streetview/sf_landmarks")
    assert (len(source.records), source.skips) == (199, [])
    first, last = source.records[0], source.records[-1]
    assert (first.record_id, first.place) == (
        "sf_landmarks/0000.jpg",
        Place(37.79261017, -122.39679718),
    )
    assert last.record_id == "sf_landmarks/0199.jpg"
    types = {field.name: field.type for field in source.fields}
    assert types == {
        "Make": "words",
        "Model": "words",
        "DateTime": "time",
        "width": "number",
        "height": "number",
        "City": "words",
    }


@shared
def test_world_has_nothing_but_file_names():
    source = load_source(DATA / "streetview/world")
    assert (len(source.records), source.skips, source.notices) == (42, [], [])
    assert source.records[0].path == "img_-1.0700900554656982,-79.97590637207031.jpg"
    assert source.records[0].place == Place(-1.0700900554656982, -79.97590637207031)
    assert source.records[-1].path == "img_65.54304504394531,22.101673126220703.jpg"


@shared
def test_photos_of_two_formats_below_one_folder():
    source = load_source(DATA / "photos")
    assert (len(source.records), source.skips) == (580, [])
    assert {len(record.captions) for record in source.records} == {5}
    assert source.records[0].path == "coco_mini/train2017/000000493652.jpg"
    assert source.records[-1].path == "flickr8k/Images/2098418613_85a0c9afea.jpg"
    assert any("instances_train2017.json" in notice for notice in source.notices)


# Root and paths


def test_a_metadata_file_takes_the_folder_above_only_where_its_paths_need_it(source):
    root = source(
        ["images/a.png", "meta/b.png"],
        {"meta/above.json": [{"path": "../images/a.png"}], "meta/own.json": [{"path": "b.png"}],
         "meta/bare.json": [{"path": "a.png"}], "meta/named.json": [{"path": "meta/b.png"}]},
    )  # fmt: skip
    read = {
        name: load_source(root / f"meta/{name}.json") for name in ("above", "own", "bare", "named")
    }
    assert {name: (found.root, found.records[0].path) for name, found in read.items()} == {
        "above": (root, "images/a.png"),
        "own": (root / "meta", "b.png"),
        "bare": (root, "images/a.png"),
        "named": (root, "meta/b.png"),
    }


def test_a_bare_folder_has_a_record_for_each_picture_by_path(source):
    read = load_source(
        source(["b.png", "a b'c\"d.png", "sub/東京.PNG", ".hidden.png", ".git/no.png"])
    )
    assert ids(read) == [
        "streets/.hidden.png", "streets/a b'c\"d.png", "streets/b.png", "streets/sub/東京.PNG",
    ]  # fmt: skip


def test_a_bare_folder_names_the_links_that_lead_out(source, tmp_path):
    root = source(["a.png"])
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "leak.png").symlink_to(tmp_path / "secret.png")
    read = load_source(root)
    assert ids(read) == ["streets/a.png"]
    (skip,) = read.skips
    assert (skip.source, skip.code) == ("leak.png", "path_outside_root")
    assert skip.reason == "it leads out of the source's folder"


def test_one_picture_is_a_source_of_one_record(source):
    root = source(["a.png", "b.png"], {"a.gps": "1.3 103.8\n"})
    read = load_source(root / "a.png")
    assert (ids(read), read.root) == (["a/a.png"], root)
    assert read.records[0].place == Place(1.3, 103.8)


def test_a_picture_without_a_suffix_is_known_by_its_content(source):
    root = source(["a.jpg"])
    (root / "a.jpg").rename(root / "photo")
    assert ids(load_source(root / "photo")) == ["photo/photo"]


@pytest.mark.parametrize("path", ["gone", "a\0b", "~nobody-at-all/x"])
def test_a_path_that_is_not_there_is_an_error_with_a_next_step(tmp_path, path):
    with pytest.raises(SourceError, match="is not there; give a folder") as error:
        load_source(tmp_path / path if not path.startswith("~") else Path(path))
    assert error.value.code == "missing_source"


def test_a_folder_without_pictures_is_an_error(tmp_path):
    with pytest.raises(SourceError) as error:
        load_source(tmp_path)
    assert error.value.code == "no_pictures"


# Records


def test_rows_of_one_picture_are_one_record(source):
    rows = [
        {"image": "a.png", "caption": "one", "score": "", "by": "x"},
        {"image": "./a.png", "caption": ["two", "one"], "score": "3", "by": "y"},
    ]
    read = load_source(source(["a.png"], {"m.json": rows}))
    assert read.records[0].captions == ("one", "two")
    assert read.records[0].metadata == {"by": "x", "score": 3}
    assert any("'by' in m.json row 2" in notice for notice in read.notices)


def test_identical_files_at_two_paths_are_two_records(source):
    assert len(load_source(source(["a.png", "copy/a.png"])).records) == 2


def test_a_row_without_its_picture_is_a_skip_and_the_others_load(source):
    rows = [{"image": "gone.png"}, {"caption": "nothing"}, {"image": "a.png"}]
    read = load_source(source(["a.png"], {"m.json": rows}))
    assert ids(read) == ["streets/a.png"]
    assert [(skip.source, skip.code) for skip in read.skips] == [
        ("m.json row 1", "missing_picture"),
        ("m.json row 2", "missing_image_field"),
    ]


def test_a_picture_that_is_found_elsewhere_by_its_name_is_told(source):
    rows = [{"image": "val/1.png", "caption": "val"}, {"image": "train/1.png"}]
    read = load_source(source(["train/1.png"], {"m.json": rows}))
    assert ids(read) == ["streets/train/1.png"]
    assert read.notices == [
        "1 row: the path is not there, so a picture of that name elsewhere was taken (m.json row 1)"
    ]


def test_pictures_that_no_metadata_names_are_told_and_left_out(source):
    read = load_source(source(["a.png", "b.png", "c.png"], {"m.json": [{"image": "a.png"}]}))
    assert ids(read) == ["streets/a.png"]
    assert read.notices == ["left out, because no metadata names them (2): 'b.png', 'c.png'"]


def test_json_that_is_no_metadata_does_not_stand_for_the_pictures(source):
    read = load_source(source(["a.png"], {"config.json": {"port": 1}, "list.json": [1, 2]}))
    assert ids(read) == ["streets/a.png"]
    assert "config.json" in read.notices[0]


def test_a_broken_file_among_others_is_a_skip_and_alone_an_error(source):
    root = source(["a.png"], {"bad.json": "{bad", "m.json": [{"image": "a.png"}]})
    (skip,) = load_source(root).skips
    assert (skip.source, skip.code) == ("bad.json", "bad_metadata")
    assert skip.reason.startswith("it is not valid JSON: ")
    with pytest.raises(SourceError, match=r"bad\.json is not valid JSON"):
        load_source(root / "bad.json")


@pytest.mark.parametrize("name", ["m.json", "m.csv", "m.txt", "m.xyz", "m.pdf"])
def test_a_file_that_is_no_source_is_named_once(source, name):
    with pytest.raises(SourceError) as error:
        load_source(source([], {name: ""}) / name)
    assert str(error.value).count(name) == 1
    assert str(error.value).startswith(name)


def test_no_rows_are_no_records_and_a_notice(source):
    read = load_source(source(["a.png"], {"m.json": []}) / "m.json")
    assert (read.records, read.notices) == ([], ["m.json holds no rows that could be read"])


def test_a_catalogue_may_name_pictures_by_their_id(source):
    read = load_source(source(["images/7.png"], {"styles.csv": "id,year\n7,2011\n8,2012\n"}))
    assert (ids(read), read.guesses["image"]) == (["streets/images/7.png"], "id")
    assert read.skips[0].code == "missing_picture"


def test_what_fits_no_column_is_missing_and_told(source):
    rows = [{"image": f"{n}.png", "s": s} for n, s in enumerate(["1", 2.5, "inf", "1,5", None])]
    read = load_source(source([f"{n}.png" for n in range(5)], {"m.json": rows}))
    assert [record.metadata for record in read.records] == [{"s": 1}, {"s": 2.5}, {}, {}, {}]
    assert read.notices == [
        "2 values of 's' counted as missing, because not of type number: 'inf', '1,5';"
        " a number is written 4.51: decimal commas and units are not read"
    ]


def test_a_known_field_keeps_its_type(source):
    root = source(["a.png"], {"m.json": [{"image": "a.png", "s": "high", "new": 1}]})
    known = [Field("s", "s", "number")]
    read = load_source(root, known_fields=known)
    assert read.fields == (known[0], Field("new", "new", "number"))
    assert read.records[0].metadata == {"new": 1}


def test_fields_beat_file_names_and_file_names_beat_sidecars(source):
    rows = [
        {"image": "1.5_103.5_x_City.png", "lat": "-2.5", "lng": "10"},
        {"image": "1.5_103.5_y_City.png", "lat": 200, "lng": 0},
        {"image": "plain.png"},
    ]
    root = source(
        [row["image"] for row in rows],
        {"m.json": rows, "1.5_103.5_y_City.gps": "5 5", "plain.gps": "7.5 8.5\n"},
    )
    read = load_source(root)
    places = [record.place for record in read.records]
    assert places == [Place(-2.5, 10), Place(1.5, 103.5), Place(7.5, 8.5)]
    assert read.records[0].metadata == {"id": "x", "city": "City"}
    told = "not a latitude and longitude in degrees (m.json row 2)"
    assert any(told in notice for notice in read.notices)


# dataset.toml and labels


def test_dataset_toml_says_what_need_not_be_guessed(source):
    toml = """
        label = "my streets"
        image = "where"
        captions = ["short", "long"]
        place = {lat = "north", lon = "east"}
        pattern = "{year}-{city}"
        text = "rows"
        [types]
        house = "words"
    """
    row = {"where": "2011-Bern.png", "image": "x.png", "short": "s", "long": "l", "house": "12",
           "north": 1.5, "east": 2.5}  # fmt: skip
    root = source(["2011-Bern.png"], {"dataset.toml": toml, "m.json": [row]})
    read = load_source(root)
    record = read.records[0]
    assert record.record_id == "my streets/2011-Bern.png"
    assert (record.captions, record.place) == (("s", "l"), Place(1.5, 2.5))
    assert record.metadata == {"image": "x.png", "house": "12", "year": 2011, "city": "Bern"}
    assert (read.given.text, read.guesses, default_label(root)) == ("rows", {}, "my streets")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('imgae = "x"', r"no key 'imgae' \(the keys are label, image.*did you mean 'image'\?"),
        ("image = 3", "'image' cannot be used: image takes the name of a column in quotes"),
        ("captions = [1]", r"'captions.0' cannot be used: captions takes the name of a column, or"),
        ('place = {lat = "a"}', "'place.lon' cannot be used: place takes the names of two columns"),
        ('place = {lat = "a", lon = "b", alt = "c"}', "'place.alt' cannot be used: place takes"),
        ('pattern = "none"', "pattern takes a text with fields in braces"),
        ('pattern = "{lat_{lon}"', "pattern takes a text with fields in braces"),
        ('text = "row"', '\'text\' cannot be used: text takes "captions" or "rows"'),
        ('[types]\na = "float"', '\'types.a\' cannot be used: types takes "number", "time"'),
        ('text = "rows"\nimage = foto', "is not TOML at line 2, column 9 .*stands in quotes"),
        ('label = "a', r"is not TOML at end of document \(Unterminated string\)"),
        (f"x = {'[' * 5000}", "is nested too deeply"),
        ('label = "a/b"', "is not a label"),
    ],
)
def test_a_dataset_toml_that_cannot_be_used_is_refused(source, toml, told):
    root = source(["a.png"], {"dataset.toml": toml})
    with pytest.raises(SettingsError, match=told):
        load_source(root)


TITLED = [{"photo": "a.png", "title": "red", "score": 1}]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('image = "foto"', r"image = 'foto', but .* in m\.json .*; did you mean 'photo'\?"),
        ('captions = "titel"', r"captions = 'titel', but .* in m\.json .*; did you mean 'title'\?"),
        ('captions = ["title", "zzz"]', r"captions = 'zzz', but .*'photo', 'title', 'score'\)$"),
        ('place = {lat = "nord", lon = "east"}', r"place\.lat = 'nord', but"),
    ],
)
def test_a_column_that_dataset_toml_names_and_no_metadata_has_is_refused(source, toml, told):
    root = source(["a.png"], {"m.json": TITLED, "dataset.toml": toml})
    for path in (root, root / "m.json"):
        with pytest.raises(SettingsError, match=told):
            load_source(path)


def test_it_is_enough_that_one_of_several_metadata_files_has_a_named_column(source):
    more = [{"photo": "b.png", "north": 1.5, "east": 2.5}]
    toml = 'captions = "title"\nplace = {lat = "north", lon = "east"}'
    files = {"m.json": TITLED, "more.json": more, "dataset.toml": toml}
    first, second = load_source(source(["a.png", "b.png"], files)).records
    assert (first.captions, first.place) == (("red",), None)
    assert (second.captions, second.place) == ((), Place(1.5, 2.5))


def test_a_column_of_a_file_that_names_no_pictures_does_not_count(source):
    files = {
        "m.json": TITLED,
        "labels.csv": "label,year\nx,1\n",
        "dataset.toml": 'captions = "label"',
    }
    with pytest.raises(SettingsError, match=r"captions = 'label', but .* in m\.json "):
        load_source(source(["a.png"], files))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no metadata with rows about pictures. Bring it back, or take the key out"),
        ({"m.json": []}, "about pictures: m.json holds no rows. Bring"),
        ({"m.json": "{bad"}, "about pictures: m.json: it is not valid JSON"),
        ({"m.json": [{"title": "red"}]}, "about pictures: m.json has no column that names"),
    ],
)
def test_a_column_named_where_no_metadata_is_left_is_refused(source, files, told):
    root = source(["a.png"], {**files, "dataset.toml": 'captions = "title"'})
    with pytest.raises(SettingsError, match=f"captions = 'title', but streets .*{told}"):
        load_source(root)
    assert ids(load_source(root / "a.png", label="one")) == ["one/a.png"]  # it needs no metadata


def test_a_catalogue_without_most_of_its_pictures_is_told_which_column_finds_some(source):
    rows = [{"id": str(number), "title": "a dress"} for number in range(5)]
    root = source(["1.png", "3.png"], {"m.json": rows})
    (notice,) = (told for told in load_source(root).notices if "m.json" in told)
    told = "column 'id' finds a picture for only 2 of the first 5 rows"
    assert (
        f'{told}; if it names pictures all the same, say so in dataset.toml: image = "id"' in notice
    )
    (root / "dataset.toml").write_text('image = "id"')
    assert len(load_source(root).records) == 2


def test_types_that_are_said_of_no_column_with_a_type_are_told(source):
    toml = '[types]\nscroe = "words"\ntitle = "words"'
    read = load_source(source(["a.png"], {"m.json": TITLED, "dataset.toml": toml}))
    assert read.notices == [
        "[types] in dataset.toml names 'scroe', which no row has, 'title', which is the picture, a"
        " caption or the place and has no type"
    ]


def test_yes_and_no_are_booleans_only_where_somebody_says_so(source):
    spelled = ["yes", "No", "Y", "off", 1, "0", "maybe"]
    rows = [{"image": f"{n}.png", "sold": value} for n, value in enumerate(spelled)]
    pictures = [row["image"] for row in rows]
    assert load_source(source(pictures, {"m.json": rows})).records[0].metadata == {"sold": "yes"}
    read = load_source(source([], {"dataset.toml": '[types]\nsold = "boolean"'}))
    values = [record.metadata.get("sold") for record in read.records]
    assert values == [True, False, True, False, True, False, None]
    assert read.notices == [
        "1 value of 'sold' counted as missing, because not of type boolean: 'maybe';"
        " true and false are written true, yes, y, on, 1 and false, no, n, off, 0"
    ]


def test_names_that_do_not_fit_a_guessed_pattern_are_told(source):
    read = load_source(source(["img_1.5,2.5.jpg", "img_3,4.jpg", "other.jpg"]))
    assert read.guesses == {"pattern": "img_{lat},{lon}"}
    assert read.notices == [
        "names that do not fit the pattern 'img_{lat},{lon}' (1 of 3): 'other.jpg'"
    ]


def test_what_was_guessed_of_many_files_is_told_in_numbers(source):
    pictures = [f"{n}.png" for n in range(4)]
    files = {f"{n}.json": [{"image": f"{n}.png", "caption": "x"}] for n in range(3)}
    files["last.csv"] = "photo,title\n3.png,y\n"
    assert load_source(source(pictures, files)).guesses == {
        "image": "image in 3 files or photo in last.csv",
        "captions": "caption in 3 files or title in last.csv",
    }


def test_a_label_has_no_slash_and_is_never_empty(source):
    root = source(["a.png"])
    assert load_source(root, label="mine").records[0].record_id == "mine/a.png"
    for label in ("", "a/b", " a", "a\nb"):
        with pytest.raises(SettingsError):
            load_source(root, label=label)


# What a person would miss


def test_metadata_without_captions_says_which_columns_hold_texts(source):
    rows = [{"file": "a.jpg", "kind": "shoe", "legend": "a red shoe"}]
    root = source(["a.jpg"], {"m.json": rows})
    (told,) = load_source(root).notices
    assert told.startswith("no column was taken for captions; if one of these describes the")
    assert told.endswith("'legend'")
    (root / "dataset.toml").write_text('captions = "legend"')
    assert not any("for captions" in notice for notice in load_source(root).notices)


def test_files_that_cannot_be_read_are_counted_and_named(source):
    root = source(["a.jpg"], {"b.heic": "x", "deep/c.mp4": "x", "README.md": "x", ".hidden": "x"})
    told = "not read, because neither pictures nor metadata (2): 'b.heic', 'deep/c.mp4'"
    assert told in load_source(root).notices


def test_columns_whose_names_differ_only_in_case_are_told_apart(source):
    rows = [{"file": "a.jpg", "city": "x"}, {"file": "b.jpg", "City": "y"}]
    notices = load_source(source(["a.jpg", "b.jpg"], {"m.json": rows})).notices
    assert "'City' is not 'city': filters call it city_2" in notices
