"""Ingest: the same again changes nothing, nothing is lost, and every way of stopping ends well."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.model.errors import (
    CollectionBusyError,
    CollectionError,
    CollectionMismatchError,
    SettingsError,
    SourceError,
)
from app.model.settings import Settings
from app.store.collection import (
    Collection,
    collection_names,
    open_collection,
    remove_collection,
)
from ingest import Report, Watch, ingest, pipeline
from tests.conftest import COLOURS, Run, make_squares

OFFLINE = {"image": "palette", "text": "minilm"}


def bring(path: Path, settings: Settings, collection: str = "squares", **options: Any) -> Report:
    return ingest(path, collection, settings, **{**OFFLINE, **options})


def counts(report: Report) -> tuple[int, int, int, int, int]:
    skipped = len(report.skipped)
    assert report.read == report.new + report.changed + report.unchanged + skipped
    return report.new, report.changed, report.unchanged, skipped, report.gone


def stored(settings: Settings, collection: str = "squares") -> dict[str, Any]:
    """Everything in a collection, by record id."""
    with open_collection(collection, settings) as opened:
        return everything(opened)


def everything(opened: Collection) -> dict[str, Any]:
    ids = [id_ for _, id_ in opened.record_ids(None)]
    points = opened.fetch(ids, vectors=["image", "text", "keywords"])
    return {point.payload["record_id"]: point for point in points.values()}


def edit(folder: Path, **changes: Any) -> None:
    """Change what metadata.json says of the first row."""
    file = folder / "metadata.json"
    rows = json.loads(file.read_text())
    rows[0] |= changes
    file.write_text(json.dumps(rows))


def test_a_first_ingest_takes_everything(squares: Path, settings: Settings) -> None:
    assert counts(bring(squares, settings)) == (3, 0, 0, 0, 0)
    red = stored(settings)["squares/red.png"]
    assert red.vectors.keys() == {"image", "text", "keywords"}
    assert red.payload["captions"] == ["a red square on a white table"]
    assert red.payload["fields"] == {
        "brightness": 1.5,
        "shade": "red",
        "taken": "2020-01-01T00:00:00+00:00",
        "framed": "true",
    }


def test_a_second_ingest_changes_nothing_and_loads_no_model(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(squares, settings)
    before = stored(settings)
    monkeypatch.setattr("app.store.models.load_image_embedding", None)
    monkeypatch.setattr("app.store.models.load_text_embedding", None)
    assert counts(bring(squares, settings)) == (0, 0, 3, 0, 0)
    assert stored(settings) == before


def test_a_changed_caption_keeps_the_picture_s_vector_and_embeds_no_picture(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(squares, settings)
    before = stored(settings)["squares/red.png"]
    edit(squares, Caption="['a crimson tile']", brightness="9.5")
    assert counts(bring(squares, settings)) == (0, 1, 2, 0, 0)
    after = stored(settings)["squares/red.png"]
    assert after.vectors["image"] == before.vectors["image"]
    assert after.vectors["text"] != before.vectors["text"]
    assert after.payload["fields"]["brightness"] == 9.5


def test_a_changed_picture_gets_a_new_vector(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    before = stored(settings)["squares/red.png"]
    Image.new("RGB", (64, 64), "orange").save(squares / "red.png")
    assert counts(bring(squares, settings)) == (0, 1, 2, 0, 0)
    assert stored(settings)["squares/red.png"].vectors["image"] != before.vectors["image"]


def test_a_touched_file_is_unchanged_and_its_time_is_noted(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    os.utime(squares / "red.png", ns=(1, 1_000_000_000))
    assert counts(bring(squares, settings)) == (0, 0, 3, 0, 0)
    assert stored(settings)["squares/red.png"].payload["mtime_ns"] == 1_000_000_000


def test_a_renamed_picture_reuses_its_vector(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    before = stored(settings)["squares/red.png"]
    (squares / "red.png").rename(squares / "crimson.png")
    edit(squares, **{"Relative Path": "crimson.png"})
    assert counts(bring(squares, settings)) == (1, 0, 2, 0, 1)
    after = stored(settings)
    assert after.keys() == {"squares/crimson.png", "squares/green.png", "squares/blue.png"}
    assert after["squares/crimson.png"].vectors["image"] == before.vectors["image"]


def test_pictures_that_take_each_other_s_names_keep_their_own_vectors(
    settings: Settings, tmp_path: Path
) -> None:
    folder = many_squares(tmp_path / "squares", 80)
    bring(folder, settings)
    before = stored(settings)
    for n in reversed(range(80)):  # s000 becomes s001, which becomes s002, and so on
        (folder / f"s{n:03}.png").rename(folder / f"s{n + 1:03}.png")
    shutil.copy(folder / "s001.png", folder / "s000.png")
    bring(folder, settings)
    after = stored(settings)
    for n in range(79):
        one, other = after[f"squares/s{n + 1:03}.png"], before[f"squares/s{n:03}.png"]
        assert one.vectors["image"] == pytest.approx(other.vectors["image"], abs=1e-5)


def test_equal_files_at_two_paths_are_two_records_with_one_vector(
    squares: Path, settings: Settings
) -> None:
    shutil.copy(squares / "red.png", squares / "copy.png")
    edit(squares, Caption="['one']")
    rows = json.loads((squares / "metadata.json").read_text())
    rows.append({"Relative Path": "copy.png", "Caption": "['two']"})
    (squares / "metadata.json").write_text(json.dumps(rows))
    assert counts(bring(squares, settings)) == (4, 0, 0, 0, 0)
    points = stored(settings)
    assert points["squares/copy.png"].vectors["image"] == points["squares/red.png"].vectors["image"]


def test_a_record_that_left_the_source_leaves_the_collection(
    settings: Settings, tmp_path: Path
) -> None:
    colours = {f"c{n}": (n * 20, 100, 200 - n * 10) for n in range(10)}
    folder = make_squares(tmp_path / "many", colours)
    bring(folder, settings)
    rows = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(rows[:-1]))
    assert counts(bring(folder, settings)) == (0, 0, 9, 0, 1)


def test_more_than_a_fifth_gone_stops_and_asks(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    (squares / "red.png").unlink()
    with pytest.raises(CollectionError, match="--allow-removals"):
        bring(squares, settings)
    assert len(stored(settings)) == 3
    assert counts(bring(squares, settings, allow_removals=True)) == (0, 0, 2, 1, 1)
    assert len(stored(settings)) == 2


def test_an_ingest_that_was_refused_moves_no_source(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    bring(squares, settings)
    away = squares.rename(tmp_path / "away")
    make_squares(squares.parent / "other" / "squares", {"red": COLOURS["red"]})
    with pytest.raises(CollectionError, match="--allow-removals"):
        bring(squares.parent / "other" / "squares", settings)
    away.rename(squares)
    assert counts(bring(squares, settings)) == (0, 0, 3, 0, 0)


def rename_column(folder: Path, old: str, new: str) -> None:
    file = folder / "metadata.json"
    file.write_text(file.read_text().replace(f'"{old}":', f'"{new}":'))


@pytest.mark.parametrize("renamed", [False, True])
def test_more_than_a_fifth_without_their_captions_stops_and_asks(
    renamed: bool, squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    before = stored(settings)
    rename_column(squares, "Caption", "said of it")
    if renamed:  # the pictures come back under other names, and still without a caption
        for name in ("red", "green", "blue"):
            (squares / f"{name}.png").rename(squares / f"{name}2.png")
        text = (squares / "metadata.json").read_text()
        (squares / "metadata.json").write_text(text.replace(".png", "2.png"))
    with pytest.raises(CollectionError, match=r"captions for 3 of the 3 records .*--allow-rem"):
        bring(squares, settings)
    assert stored(settings) == before
    bring(squares, settings, allow_removals=True)
    assert not any(point.payload["captions"] for point in stored(settings).values())


def test_captions_that_were_never_there_or_are_few_are_no_loss(
    settings: Settings, tmp_path: Path
) -> None:
    folder = make_squares(tmp_path / "many", {f"c{n}": (n * 20, 100, 99) for n in range(10)})
    bring(folder, settings)
    edit(folder, Caption="")
    assert counts(bring(folder, settings)) == (0, 1, 9, 0, 0)
    bare = make_squares(tmp_path / "bare", COLOURS)
    rename_column(bare, "Caption", "said of it")
    bring(bare, settings)
    rename_column(bare, "brightness", "light")
    assert counts(bring(bare, settings)) == (0, 3, 0, 0, 0)


def test_a_dataset_toml_with_a_wrong_column_costs_a_collection_nothing(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    before = stored(settings)
    for key in ("image", "captions"):
        (squares / "dataset.toml").write_text(f'{key} = "Captoin"')
        with pytest.raises(SettingsError, match="did you mean 'Caption'"):
            bring(squares, settings, allow_removals=True)
    assert stored(settings) == before


def test_a_picture_that_broke_is_a_skip_and_leaves(settings: Settings, tmp_path: Path) -> None:
    colours = {f"c{n}": (n * 20, 100, 200 - n * 10) for n in range(10)}
    folder = make_squares(tmp_path / "many", colours)
    bring(folder, settings, "many")
    (folder / "c3.png").write_bytes((folder / "c3.png").read_bytes()[:60])
    report = bring(folder, settings, "many")
    assert counts(report) == (0, 0, 9, 1, 1)
    assert [(skip.source, skip.code) for skip in report.skipped] == [("c3.png", "broken_image")]
    assert "many/c3.png" not in stored(settings, "many")


def test_strict_makes_the_first_skip_an_error(squares: Path, settings: Settings) -> None:
    (squares / "blue.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"blue\.png"):
        bring(squares, settings, strict=True)


def test_two_sources_share_a_collection_and_a_sweep_spares_the_other(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    bring(squares, settings)
    more = make_squares(tmp_path / "more", {"white": (250, 250, 250), "black": (5, 5, 5)})
    assert counts(bring(more, settings)) == (2, 0, 0, 0, 0)
    (squares / "red.png").unlink()
    bring(squares, settings, allow_removals=True)
    assert stored(settings).keys() == {
        "squares/green.png",
        "squares/blue.png",
        "more/white.png",
        "more/black.png",
    }


def test_two_folders_of_one_name_are_two_sources(settings: Settings, tmp_path: Path) -> None:
    bring(make_squares(tmp_path / "a" / "street", {"red": COLOURS["red"]}), settings)
    bring(make_squares(tmp_path / "b" / "street", {"red": COLOURS["blue"]}), settings)
    assert stored(settings).keys() == {"street/red.png", "street-2/red.png"}


def test_a_moved_folder_stays_the_same_source(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    elsewhere = squares.parent / "elsewhere" / "squares"
    elsewhere.parent.mkdir()
    squares.rename(elsewhere)
    assert counts(bring(elsewhere, settings)) == (0, 0, 3, 0, 0)
    with open_collection("squares", settings) as opened:
        point = everything(opened)["squares/red.png"]
        assert opened.stored(point.payload).picture == elsewhere / "red.png"


def test_pictures_that_come_in_a_second_time_are_told(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    again = told(squares / "metadata.json", settings)
    assert any(
        "3 pictures of 'metadata' are in the collection already" in notice
        and "sightline remove squares --source metadata" in notice
        for notice in again
    )
    assert told(squares / "metadata.json", settings) == []


def test_texts_of_another_length_are_told_and_a_rebuild_weighs_by_all(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    bring(squares, settings)
    long = make_squares(tmp_path / "long", {"black": (0, 0, 0)})
    edit(long, Caption="black " * 40)
    assert any("40 words on average" in notice for notice in told(long, settings))
    bring(long, settings, rebuild=True)
    with open_collection("squares", settings) as opened:
        assert opened.manifest.average_length > 10


def test_types_stay_as_the_first_source_fixed_them(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    edit(squares, brightness="very bright")
    notices: list[str] = []
    bring(squares, settings, watch=Watch(notice=notices.append))
    assert "brightness" not in stored(settings)["squares/red.png"].payload["fields"]
    assert any("very bright" in notice for notice in notices)


def told(path: Path, settings: Settings, **options: Any) -> list[str]:
    """What an ingest tells besides its report."""
    notices: list[str] = []
    bring(path, settings, watch=Watch(notice=notices.append), **options)
    return notices


def test_what_dataset_toml_says_too_late_is_told(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    (squares / "dataset.toml").write_text(
        'label = "walks"\ntext = "rows"\n[types]\nbrightness = "words"\nshade = "words"'
    )
    *late, _guess = told(squares, settings)  # what is embedded has changed
    assert late == [
        "squares: label = 'walks' in dataset.toml comes too late: the collection has this source"
        " as 'squares'; to change that, remove the collection and ingest again",
        "squares: text = 'rows' in dataset.toml comes too late to change how words weigh: the"
        " collection was made with 'captions'; --rebuild decides again, by its first source",
        "squares: [types] in dataset.toml comes too late: the collection has 'brightness' as"
        " number; --rebuild decides again, by the first source with that column",
    ]
    assert stored(settings)["squares/red.png"].payload["fields"]["brightness"] == 1.5
    assert not any("[types]" in notice for notice in told(squares, settings, rebuild=True))
    assert stored(settings)["squares/red.png"].payload["fields"]["brightness"] == "1.5"


def test_a_guess_is_told_when_something_may_be_new_of_it(squares: Path, settings: Settings) -> None:
    guess = told(squares, settings)
    assert guess == [
        "squares: guessed image = Relative Path, captions = Caption; dataset.toml can say otherwise"
    ]
    assert told(squares, settings) == []
    edit(squares, Caption="['a crimson tile']")
    assert told(squares, settings) == guess
    assert told(squares, settings, rebuild=True) == guess


def test_rebuild_decides_types_anew(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    rows = json.loads((squares / "metadata.json").read_text())
    for row in rows:
        row["brightness"] = "dim"
    (squares / "metadata.json").write_text(json.dumps(rows))
    bring(squares, settings, rebuild=True)
    assert stored(settings)["squares/red.png"].payload["fields"]["brightness"] == "dim"


def test_rebuild_reads_every_source_again(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    bring(squares, settings)
    more = make_squares(tmp_path / "more", {"white": (250, 250, 250)})
    bring(more, settings)
    assert counts(bring(squares, settings, rebuild=True)) == (4, 0, 0, 0, 0)
    shutil.rmtree(more)
    with pytest.raises(SourceError, match="more"):
        bring(squares, settings, rebuild=True)
    assert len(stored(settings)) == 4


@pytest.mark.torch
def test_another_model_is_refused_before_anything_is_written(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    from tests.checkpoints import save_clip

    bring(squares, settings)
    checkpoint = tmp_path / "tiny-clip"
    save_clip(checkpoint)
    with pytest.raises(CollectionMismatchError, match=r"palette.*tiny-clip.*--rebuild"):
        bring(squares, settings, image=f"clip:{checkpoint}")


@pytest.mark.torch
def test_clip_reads_words_and_pictures_into_one_space(
    squares: Path, settings: Settings, tmp_path: Path
) -> None:
    from tests.checkpoints import save_clip

    checkpoint = tmp_path / "tiny-clip"
    save_clip(checkpoint)
    report = bring(squares, settings, image=f"clip:{checkpoint}")
    assert counts(report) == (3, 0, 0, 0, 0)


def test_an_unknown_embedding_is_named_with_those_there_are(
    squares: Path, settings: Settings
) -> None:
    with pytest.raises(SettingsError, match=r"'dino'.*palette"):
        bring(squares, settings, image="dino")


def test_a_source_with_nothing_to_take_makes_no_collection(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "metadata.json").write_text(json.dumps([{"image": "gone.png", "caption": "x"}]))
    report = bring(folder, settings)
    assert counts(report) == (0, 0, 0, 1, 0)
    assert not (settings.collections_folder / "squares").exists()


def break_pictures(folder: Path) -> None:
    for file in folder.glob("*.png"):
        file.write_bytes(f"{file.name} is no picture".encode())


@pytest.mark.parametrize("strict", [False, True])
def test_a_new_collection_into_which_nothing_came_does_not_stay(
    strict: bool, squares: Path, settings: Settings
) -> None:
    break_pictures(squares)
    notices: list[str] = []
    options = {"strict": strict, "watch": Watch(notice=notices.append)}
    if strict:
        with pytest.raises(
            SourceError, match=r"it is not a picture of a known format \(--strict\)"
        ):
            bring(squares, settings, **options)
    else:
        assert counts(bring(squares, settings, **options)) == (0, 0, 0, 3, 0)
    assert notices[-1] == f"nothing was taken from {squares}: no collection was made"
    assert collection_names(settings) == []
    assert [each for each in settings.collections_folder.iterdir() if each.is_dir()] == []


def test_a_collection_that_was_there_stays_even_when_it_is_emptied(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    break_pictures(squares)
    assert counts(bring(squares, settings, allow_removals=True)) == (0, 0, 0, 3, 3)
    assert collection_names(settings) == ["squares"]
    assert counts(bring(squares, settings, rebuild=True)) == (0, 0, 0, 3, 0)
    assert collection_names(settings) == ["squares"]


def test_an_emptied_collection_is_told_as_empty(
    sightline: Run, squares: Path, settings: Settings
) -> None:
    sightline("ingest", squares, "-c", "squares", "--offline")
    picture = squares.with_name("red.png")
    shutil.copy(squares / "red.png", picture)
    break_pictures(squares)
    sightline("ingest", squares, "-c", "squares", "--allow-removals")
    for asked in ((picture, "--image"), ("red", None)):
        value, option = asked
        arguments = [option, value] if option else [value]
        ran = sightline("search", "-c", "squares", *arguments)
        assert "collection 'squares' is empty: ingest something first" in ran.err


def test_a_low_disk_is_refused_before_the_engine_can_be_hurt(
    squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr("app.store.engines.edge.shutil.disk_usage", lambda _path: full)
    with pytest.raises(CollectionError, match="MiB are free"):
        bring(squares, settings)


def test_a_second_ingest_at_the_same_time_is_refused_with_the_pid(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    with (
        open_collection("squares", settings, purpose="write"),
        pytest.raises(CollectionBusyError, match=str(os.getpid())),
    ):
        bring(squares, settings)


def test_a_reader_that_meets_a_writer_reads_what_is_stored_then(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    with open_collection("squares", settings, purpose="write") as writing:
        with open_collection("squares", settings) as reading:
            assert reading.count() == 3
            writing.delete([id_ for _, id_ in writing.record_ids(None)][:1])
            assert (reading.count(), writing.count()) == (3, 2)
        with open_collection("squares", settings) as reading:
            assert reading.count() == 2


def test_a_reader_holds_nothing_until_it_reads(squares: Path, settings: Settings) -> None:
    """A search loads its models first: 10 s in which others can search, and an ingest begin."""
    bring(squares, settings)
    with open_collection("squares", settings) as reading:
        open_collection("squares", settings, purpose="write").close()
        assert reading.count() == 3


def test_a_collection_made_again_with_other_models_meanwhile_is_refused(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    with open_collection("squares", settings) as reading:
        remove_collection("squares", settings)
        with pytest.raises(CollectionBusyError, match="run the command again"):
            reading.count()


def test_a_column_that_another_ingest_has_just_added_as_another_type_is_refused(
    squares: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(squares, settings)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, depth in zip(folders, ("7", "dark"), strict=True):
        folder.mkdir()
        Image.new("RGB", (8, 8), "pink").save(folder / "pink.png")
        (folder / "m.csv").write_text(f"image,caption,depth\npink.png,a pink square,{depth}\n")
    opening = pipeline.open_collection

    def late(*args: Any, **options: Any) -> Collection:
        monkeypatch.setattr(pipeline, "open_collection", opening)
        bring(folders[0], settings)
        return opening(*args, **options)

    monkeypatch.setattr(pipeline, "open_collection", late)
    with pytest.raises(CollectionBusyError, match="the column 'depth'"):
        bring(folders[1], settings)
    assert bring(folders[1], settings).new == 1


def test_progress_reaches_its_end(squares: Path, settings: Settings) -> None:
    told: list[tuple[int, int]] = []
    bring(squares, settings, watch=Watch(progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (3, 3)


# ---- stopped half-way


def many_squares(folder: Path, count: int) -> Path:
    shades = {f"s{n:03}": (n % 256, (n * 7) % 256, (n * 13) % 256) for n in range(count)}
    return make_squares(folder, shades)


def start_ingest(
    folder: Path, home: Path, stderr: int = subprocess.DEVNULL
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "app.cli", "ingest", str(folder), "-c", "squares", "--offline"]
    return subprocess.Popen(
        [*command, "--json"],
        env={**os.environ, "SIGHTLINE_HOME": str(home), "SIGHTLINE_WORKERS": "2"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def wait_for_points(home: Path, process: "subprocess.Popen[str]") -> None:
    """Until the collection exists; the pictures go in after that."""
    while process.poll() is None and not list(home.glob("collections/*/manifest.json")):
        time.sleep(0.01)


def wait_for_a_child(process: "subprocess.Popen[str]") -> None:
    """Until it has started another, where the system tells; elsewhere as long as that takes."""
    tasks = Path(f"/proc/{process.pid}/task")
    if not tasks.exists():
        time.sleep(0.3)
        return
    while process.poll() is None and not any(f.read_text() for f in tasks.glob("*/children")):
        time.sleep(0.01)


def test_killed_anywhere_and_run_again_it_ends_in_the_same_collection(tmp_path: Path) -> None:
    folder = many_squares(tmp_path / "squares", 100)
    chance = random.Random(7)
    start_ingest(folder, tmp_path / "unbroken").communicate()
    for _ in range(2):
        process = start_ingest(folder, tmp_path / "broken")
        wait_for_points(tmp_path / "broken", process)
        time.sleep(chance.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    report = json.loads(start_ingest(folder, tmp_path / "broken").communicate()[0])
    assert report["read"] == 100
    unbroken = stored(Settings(home=tmp_path / "unbroken"))
    broken = stored(Settings(home=tmp_path / "broken"))
    assert broken.keys() == unbroken.keys()
    for record_id, point in unbroken.items():
        assert broken[record_id].payload == point.payload
        for space in ("image", "text"):
            ours, theirs = broken[record_id].vectors[space], point.vectors[space]
            assert ours == pytest.approx(theirs, abs=1e-5) if space == "image" else True
            assert len(ours) == len(theirs)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_ends_with_a_report_of_what_is_in(
    how: signal.Signals, tmp_path: Path
) -> None:
    folder = many_squares(tmp_path / "squares", 600)
    process = start_ingest(folder, tmp_path / "home")
    wait_for_points(tmp_path / "home", process)
    time.sleep(0.7)
    os.killpg(process.pid, how)  # a terminal that closes sends it to all of them
    output = process.communicate(timeout=300)[0]
    report = json.loads(output)
    if process.returncode == 0:
        pytest.skip("it was done before the signal came")
    assert process.returncode == 130, output
    settings = Settings(home=tmp_path / "home")
    there = "squares" in collection_names(settings)  # not if it came before the first batch
    assert report["new"] == (len(stored(settings)) if there else 0)


def test_ctrl_c_while_the_decoders_start_is_a_report_and_no_traceback(tmp_path: Path) -> None:
    folder = many_squares(tmp_path / "squares", 600)
    process = start_ingest(folder, tmp_path / "home", stderr=subprocess.PIPE)
    assert process.stderr is not None
    while "guessed" not in process.stderr.readline():  # until it is read, and nothing else done
        assert process.poll() is None
    wait_for_a_child(process)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert json.loads(out)["new"] == 0
    assert "run the same command to begin again" in err
    assert "Traceback" not in err
    assert collection_names(Settings(home=tmp_path / "home")) == []


@pytest.mark.parametrize(
    "step",
    [
        "sources.load_source",
        "pipeline.content_hash",
        "pipeline.Models",
        "pipeline.begin_collection",
    ],
)
def test_an_interrupt_before_anything_is_written_ends_with_a_report(
    step: str, squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"ingest.{step}", interrupt)
        report = bring(squares, settings)
    assert report.interrupted
    assert counts(report) == (0, 0, 0, 0, 0)
    assert collection_names(settings) == []
    assert counts(bring(squares, settings)) == (3, 0, 0, 0, 0)


def test_lost_captions_are_refused_with_the_file_that_cannot_be_read(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    (squares / "metadata.json").write_text("oops{")
    with pytest.raises(CollectionError, match=r"captions.*Not read: metadata\.json: .*JSON"):
        bring(squares, settings)


def test_another_kind_of_embedding_is_refused_before_it_is_looked_for(
    squares: Path, settings: Settings
) -> None:
    bring(squares, settings)
    with pytest.raises(CollectionMismatchError, match="built with palette; this run asks for clip"):
        ingest(squares, "squares", settings, image="clip:nobody/nothing")


@pytest.mark.parametrize("step", ["reading what is stored", "reading and embedding"])
def test_a_picture_that_becomes_a_link_outside_meanwhile_is_not_read(
    squares: Path, settings: Settings, tmp_path: Path, step: str
) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (20, 20), "purple").save(secret)

    def swap(text: str) -> None:
        if text == step and not (squares / "red.png").is_symlink():
            (squares / "red.png").unlink()
            (squares / "red.png").symlink_to(secret)

    report = ingest(
        squares, "squares", settings, image="palette", text="minilm", watch=Watch(step=swap)
    )
    assert [(skip.source, skip.code) for skip in report.skipped] == [
        ("red.png", "path_outside_root")
    ]
    assert report.new == 2
