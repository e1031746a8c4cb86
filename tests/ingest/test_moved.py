"""A folder under another name: told by what is in it, and never silently taken in twice."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.model.errors import CollectionError, SourceError
from app.model.settings import Settings
from app.store.collection import open_collection
from ingest import Report, Watch, ingest
from ingest.decode import Decoders, DecodeTask
from tests.pdfs import pdf

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

SHADES = {f"{number}": (40 * number, 250 - 50 * number, 20 * number) for number in range(1, 6)}


def bring(path: Path, settings: Settings, **options: Any) -> tuple[Report, list[str]]:
    notices: list[str] = []
    watch = Watch(notice=notices.append)
    report = ingest(path, "mine", settings, image="palette", text="minilm", watch=watch, **options)
    return report, notices


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.gone


def records(settings: Settings) -> list[str]:
    with open_collection("mine", settings) as opened:
        return [record_id for record_id, _ in opened.record_ids(None)]


def manifest_of(settings: Settings) -> dict[str, Any]:
    with open_collection("mine", settings) as opened:
        return opened.manifest.write()


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """A folder of five pictures without metadata."""
    (tmp_path / "walk").mkdir()
    for name, colour in SHADES.items():
        Image.new("RGB", (64, 64), colour).save(tmp_path / "walk" / f"{name}.png")
    return tmp_path / "walk"


def test_a_renamed_folder_is_refused_with_both_ways_and_nothing_is_written(
    walk: Path, either_engine: Settings
) -> None:
    bring(walk, either_engine)
    before = records(either_engine), manifest_of(either_engine)
    renamed = walk.rename(walk.parent / "holiday")
    with pytest.raises(SourceError) as refused:
        bring(renamed, either_engine)
    assert refused.value.code == "moved_source"
    told = str(refused.value)
    assert f"{renamed} looks like source 'walk', which is not at {walk} on this machine" in told
    assert "the same 5 files, 100% of what 'walk' has" in told
    assert "--label walk keeps its records" in told
    assert "--label holiday takes it as another" in told
    assert (records(either_engine), manifest_of(either_engine)) == before


def test_its_old_label_keeps_the_records_and_another_takes_it_anew(
    walk: Path, settings: Settings
) -> None:
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "holiday")
    assert counts(bring(renamed, settings, label="walk")[0]) == (0, 0, 5, 0)
    assert bring(renamed, settings)[1] == []  # known there from now on
    with open_collection("mine", settings) as opened:
        assert opened.manifest.sources["walk"].path == renamed
    again = renamed.rename(walk.parent / "summer")
    report, notices = bring(again, settings, label="summer")
    assert counts(report) == (5, 0, 0, 0)
    assert any("sightline remove mine --source walk" in notice for notice in notices)
    assert counts(bring(again, settings)[0]) == (0, 0, 5, 0)  # decided once


def test_files_that_were_renamed_with_their_folder_are_known_by_their_content(
    walk: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[DecodeTask] = []
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "holiday")
    for file in list(renamed.iterdir()):
        file.rename(renamed / f"IMG_{file.name}")
    with pytest.raises(SourceError, match="looks like source 'walk'"):
        bring(renamed, settings)
    with monkeypatch.context() as patched:
        patched.setattr(
            Decoders, "decode", lambda _self, wanted: iter(decoded.extend(wanted) or ())
        )
        report, _ = bring(renamed, settings, label="walk")
    assert decoded == []  # their vectors serve again
    assert counts(report) == (5, 0, 0, 5)
    assert records(settings) == [f"walk/IMG_{name}.png" for name in SHADES]


def test_a_folder_that_stayed_behind_empty_is_gone_too(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    (walk.parent / "holiday").mkdir()
    for file in list(walk.iterdir()):
        file.rename(walk.parent / "holiday" / file.name)
    with pytest.raises(SourceError, match="looks like source 'walk'"):
        bring(walk.parent / "holiday", settings)


def test_a_folder_whose_name_another_one_took_is_known(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "holiday")
    walk.mkdir()
    Image.new("RGB", (64, 64), "white").save(walk / "other.png")
    with pytest.raises(SourceError, match="whose files are no longer in"):
        bring(renamed, settings)


@pytest.mark.parametrize(("taken", "refused"), [(3, True), (2, False)])
def test_of_a_folder_in_parts_most_must_be_there(
    walk: Path, settings: Settings, taken: int, refused: bool
) -> None:
    bring(walk, settings)
    part = walk.parent / "part"
    part.mkdir()
    for name in list(SHADES)[:taken]:
        shutil.copy(walk / f"{name}.png", part)
    shutil.rmtree(walk)
    if refused:
        with pytest.raises(SourceError, match="the same 3 files, 60% of what 'walk' has"):
            bring(part, settings)
    else:
        report, notices = bring(part, settings)
        assert counts(report) == (2, 0, 0, 0)
        told = "2 pictures of 'part' are in the collection already, by another source, 'walk'"
        assert any(notice.startswith(f"part: {told}") for notice in notices)


def test_a_copy_beside_the_folder_is_told_to_be_found_twice(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    copy = shutil.copytree(walk, walk.parent / "copy")
    report, notices = bring(copy, settings)
    assert counts(report) == (5, 0, 0, 0)
    assert any("5 pictures of 'copy' are in the collection already" in each for each in notices)
    assert any("sightline remove mine --source copy" in each for each in notices)


def test_another_folder_while_a_disk_is_away_is_another_source(
    walk: Path, settings: Settings
) -> None:
    bring(walk, settings)
    walk.rename(walk.parent / "unplugged")
    other = walk.parent / "other"
    other.mkdir()
    Image.new("RGB", (64, 64), "white").save(other / "1.png")  # a name that the other has too
    report, notices = bring(other, settings)
    assert counts(report) == (1, 0, 0, 0)
    assert not any("walk" in notice for notice in notices)


def test_another_folder_of_the_same_name_is_told_how_to_be_one(
    walk: Path, settings: Settings
) -> None:
    bring(walk, settings)
    walk.rename(walk.parent / "unplugged")
    other = walk.parent / "elsewhere" / "walk"
    other.mkdir(parents=True)
    Image.new("RGB", (64, 64), "white").save(other / "white.png")
    with pytest.raises(CollectionError, match=f"was ingested from {walk}; if this is another"):
        bring(other, settings)
    assert counts(bring(other, settings, label="other")[0]) == (1, 0, 0, 0)


def test_of_several_that_are_gone_the_likest_is_named(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    single = shutil.copytree(walk, walk.parent / "more")
    Image.new("RGB", (64, 64), "white").save(single / "6.png")
    bring(single, settings)
    shutil.rmtree(walk)
    single.rename(walk.parent / "holiday")
    (walk.parent / "holiday" / "1.png").unlink()
    with pytest.raises(SourceError, match=r"looks like source 'more'.* 83% of what"):
        bring(walk.parent / "holiday", settings)


def test_a_shelf_of_documents_is_known_by_its_files(settings: Settings, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "lamps.pdf").write_bytes(pdf("a lamp", "two lamps"))
    bring(shelf, settings)
    renamed = shelf.rename(tmp_path / "papers")
    with pytest.raises(SourceError, match="the same 1 file, 100% of what 'shelf' has"):
        bring(renamed, settings)
    assert counts(bring(renamed, settings, label="shelf")[0]) == (0, 0, 2, 0)


def test_a_metadata_file_that_was_renamed_is_the_same_source(
    squares: Path, settings: Settings
) -> None:
    bring(squares / "metadata.json", settings)
    renamed = (squares / "metadata.json").rename(squares / "captions.json")
    with pytest.raises(SourceError, match="looks like source 'metadata'"):
        bring(renamed, settings)
    assert counts(bring(renamed, settings, label="metadata")[0]) == (0, 0, 3, 0)


def test_a_folder_that_a_link_leads_to_is_the_same_source(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "holiday")
    walk.symlink_to(renamed)
    assert counts(bring(walk, settings)[0]) == (0, 0, 5, 0)
    assert counts(bring(renamed, settings)[0]) == (0, 0, 5, 0)


@pytest.mark.parametrize("written", ["walk/", "./walk", "walk/../walk", "~/walk"])
def test_however_its_path_is_written_it_is_the_same_source(
    walk: Path, settings: Settings, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(walk, settings)
    monkeypatch.chdir(walk.parent)
    monkeypatch.setenv("HOME", str(walk.parent))
    assert counts(bring(Path(written), settings)[0]) == (0, 0, 5, 0)


def test_a_folder_that_was_written_in_another_case_is_known(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "Walk")
    if walk.exists():  # a disk that does not mind
        assert counts(bring(renamed, settings)[0]) == (0, 0, 5, 0)
    else:
        with pytest.raises(SourceError, match="looks like source 'walk'"):
            bring(renamed, settings)


def test_a_rebuild_from_a_renamed_folder_is_told_its_label(walk: Path, settings: Settings) -> None:
    bring(walk, settings)
    renamed = walk.rename(walk.parent / "holiday")
    with pytest.raises(SourceError, match="from its new place with --label walk; or"):
        bring(renamed, settings, rebuild=True)
    assert counts(bring(renamed, settings, rebuild=True, label="walk")[0]) == (5, 0, 0, 0)


def test_what_is_refused_leaves_no_ingest_unfinished(squares: Path, settings: Settings) -> None:
    bring(squares, settings)
    rows = json.loads((squares / "metadata.json").read_text())
    (squares / "metadata.json").write_text(json.dumps(rows[:1]))
    with pytest.raises(CollectionError, match="has lost 2 of the 3 records"):
        bring(squares, settings)
    entries = manifest_of(settings)["sources"].values()
    assert not any(entry["unfinished"] for entry in entries)
