"""OCR: pages without a text layer are found by the words in their picture, once one asks for it."""

import shutil
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from app.media.images import to_jpeg
from app.model.errors import SettingsError
from app.model.points import Point
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from ingest import Report, Watch, ingest
from ingest.decode import MAX_DEATHS, Decoders
from ingest.ocr import Line, _turned, in_reading_order, read_words
from ingest.sampling import PAGE_WORDS
from ingest.write import RECORD_BATCH
from tests.conftest import Run
from tests.ingest import readers
from tests.ingest.test_pipeline import counts, stored
from tests.pdfs import Page, pdf, stream

real = pytest.mark.skipif(
    find_spec("rapidocr") is None or find_spec("onnxruntime") is None,
    reason="RapidOCR is not installed: pip install 'rapidocr>=3.10,<4' onnxruntime",
)


def drawn(*words: tuple[int, int, str], size: tuple[int, int] = (1240, 900)) -> Image.Image:
    """A white page with words in 40 pixels, each from its left and top."""
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(40)
    for left, top, text in words:
        pen.text((left, top), text, fill="black", font=font)
    return page


def scan(file: Path, *colours: str | tuple[int, int, int]) -> Path:
    """A document whose pages are each of one colour, and have no text layer."""
    first, *more = [Image.new("RGB", (40, 60), colour) for colour in colours]
    first.save(file, save_all=True, append_images=more, quality=95)
    return file


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with a scan of a navy, a white and an olive page, and a document with words."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    scan(folder / "scan.pdf", "navy", "white", "olive")
    (folder / "words.pdf").write_bytes(pdf("words of its own"))
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Read colours instead of words; tell how many pages were read since it was last asked."""
    file = tmp_path / "read"
    monkeypatch.setenv("READ", str(file))
    monkeypatch.setattr("ingest.decode.read_words", readers.colour)
    monkeypatch.setattr("ingest.pipeline.require_ocr", lambda: None)

    def number() -> int:
        read = len(file.read_text()) if file.exists() else 0
        file.unlink(missing_ok=True)
        return read

    return number


def bring(path: Path, settings: Settings, **options: Any) -> Report:
    return ingest(path, "squares", settings, image="palette", text="minilm", **options)


def told(path: Path, settings: Settings, **options: Any) -> list[str]:
    """The notices of an ingest."""
    notices: list[str] = []
    bring(path, settings, watch=Watch(notice=notices.append), **options)
    return notices


def words(settings: Settings) -> dict[str, str]:
    """What each page says, by its path."""
    return {
        id_.removeprefix("shelf/"): " ".join(point.payload["captions"])
        for id_, point in stored(settings).items()
    }


UNREAD = {
    "scan.pdf#page=1": "",
    "scan.pdf#page=2": "",
    "scan.pdf#page=3": "",
    "words.pdf#page=1": "words of its own",
}
READ = UNREAD | {"scan.pdf#page=1": "shade 0 0 13", "scan.pdf#page=3": "shade 13 13 0"}


def alike(one: dict[str, Point], other: dict[str, Point]) -> bool:
    """Whether two collections hold the same; vectors differ in their last digits by their batch."""
    return {k: (p.payload, p.vectors.keys()) for k, p in one.items()} == {
        k: (p.payload, p.vectors.keys()) for k, p in other.items()
    }


# ---- reading


@real
def test_a_drawn_page_is_found_by_its_words_after_ocr_and_not_before(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "shelf").mkdir()
    drawn((90, 90, "Lighthouses of the north coast")).save(tmp_path / "shelf" / "scan.pdf")

    def found() -> list[str]:
        with open_collection("squares", settings) as collection:
            search = Search(words="lighthouses", mode="text")
            return [hit.path for hit in Searcher(collection, settings).search(search).hits]

    bring(tmp_path / "shelf", settings)
    assert found() == []
    assert counts(bring(tmp_path / "shelf", settings, ocr=True)) == (0, 1, 0, 0, 0)
    assert found() == ["scan.pdf#page=1"]
    assert stored(settings)["shelf/scan.pdf#page=1"].payload["captions"] == [
        "Lighthouses of the north coast"
    ]


@real
def test_columns_are_read_one_after_the_other_and_broken_words_made_whole() -> None:
    left = ["The harbour is now", "closed to all sail-", "ing boats."]
    right = ["The market opens", "at seven o'clock", "each day."]
    page = drawn(
        *[(60, 100 + 60 * n, line) for n, line in enumerate(left)],
        *[(700, 100 + 60 * n, line) for n, line in enumerate(right)],
    )
    assert " ".join(read_words(page).split()) == (
        "The harbour is now closed to all sailing boats."
        " The market opens at seven o'clock each day."
    )


@real
def test_a_page_without_words_says_nothing() -> None:
    assert read_words(Image.new("RGB", (1086, 1536), "white")) == ""
    assert read_words(Image.new("RGB", (1, 1536), "navy")) == ""


@real
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_is_turned_is_read_as_if_it_were_upright(turn: int) -> None:
    page = drawn(
        (90, 100, "The baker in the village"),
        (90, 190, "sells rye bread with honey"),
        (90, 280, "every morning at seven"),
        size=(900, 1240),
    )
    assert " ".join(read_words(page.rotate(turn, expand=True)).split()) == (
        "The baker in the village sells rye bread with honey every morning at seven"
    )


def test_lines_of_a_page_on_its_side_are_put_where_they_stand_upright() -> None:
    upright = Line("words", left=10, top=20, right=90, bottom=40)
    sideways = Line("words", left=60, top=10, right=80, bottom=90)  # turned to the right, 100 wide
    assert _turned(sideways, 100) == upright


def row(top: int, *words: tuple[int, int, str]) -> list[Line]:
    return [Line(text, left, top, right, top + 20) for left, right, text in words]


def test_a_title_comes_first_then_column_by_column() -> None:
    lines = [
        *row(0, (0, 400, "A title across both columns")),
        *row(100, (0, 190, "left, line one"), (210, 400, "right, line one")),
        *row(130, (0, 190, "left, line two"), (210, 400, "right, line two")),
    ]
    title, left_1, right_1, left_2, right_2 = lines
    assert in_reading_order(lines) == [title, left_1, left_2, right_1, right_2]


def test_a_table_is_read_row_by_row() -> None:
    lines = [
        *row(0, (0, 190, "Passengers in 2019"), (210, 260, "120")),
        *row(30, (0, 190, "Passengers in 2020"), (210, 260, "80")),
    ]
    assert in_reading_order(lines) == lines


def test_nothing_to_read_has_an_order_too() -> None:
    assert in_reading_order([]) == []


# ---- what is missing


def test_without_the_package_nothing_is_written_and_it_is_named(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.ocr.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"pip install 'rapidocr>=3\.10,<4' onnxruntime"):
        bring(shelf, settings, ocr=True)
    assert not settings.home.exists()


def test_models_that_the_package_does_not_bring_are_not_fetched(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleSpec("rapidocr", None, origin=str(shelf / "__init__.py"))
    monkeypatch.setattr("ingest.ocr.find_spec", lambda _name: package)
    with pytest.raises(SettingsError, match="none are fetched"):
        bring(shelf, settings, ocr=True)


# ---- text layers that say little


GARBLED = "I9A8O-P$p$P$Ax31J 9zQ$kk1 -V8VceZWZTReVW9 daVTeeHVcZVd8EcVW e2WZ]V VScfRcj2&* 9ZZ$k2"


def over_scan(layer: str, page: Image.Image | None = None, *, hidden: bool = False) -> bytes:
    """A document of one page that is a scan, with these words on it in Helvetica."""
    size = (1240, 1754)
    jpeg = to_jpeg(page or drawn((90, 300, "Lighthouses of the north coast"), size=size))
    kind = "/Type /XObject /Subtype /Image /Width 1240 /Height 1754 /Filter /DCTDecode"
    image = stream(jpeg, f"{kind} /ColorSpace /DeviceRGB /BitsPerComponent 8")
    words = f"BT {3 if hidden else 0} Tr /F1 9 Tf 20 820 Td ({layer}) Tj ET"
    content = f"q 595 0 0 842 0 0 cm /I Do Q {words}".encode()
    return pdf(Page(content=content), resources="/XObject << /I 1000 0 R >>", objects={1000: image})


@real
@pytest.mark.parametrize("layer", ["Registry of Northfield, page 1", ". . .", GARBLED])
def test_a_scan_on_which_something_else_stands_is_found_by_what_it_shows(
    layer: str, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "scan.pdf").write_bytes(over_scan(layer, hidden=layer == GARBLED))
    assert told(tmp_path / "shelf", settings) == [
        "shelf: 1 page with a text layer that says little of what they show, scan.pdf#page=1 first;"
        " --ocr reads what they show"
    ]
    assert told(tmp_path / "shelf", settings, ocr=True) == []
    said = words(settings)["scan.pdf#page=1"]
    assert said.endswith("Lighthouses of the north coast")
    assert GARBLED[:8] not in said
    assert counts(bring(tmp_path / "shelf", settings, ocr=True)) == (0, 0, 1, 0, 0)


def test_a_scan_whose_layer_says_all_of_it_is_not_read(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    (shelf / "scan.pdf").write_bytes(over_scan("every word of a page that was read before " * 5))
    assert told(shelf, settings, ocr=True) == []
    assert reads() == 0


def test_a_stamp_stays_where_ocr_finds_nothing_and_it_is_told(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    white = Image.new("RGB", (1240, 1754), "white")
    (shelf / "scan.pdf").write_bytes(over_scan("RECEIVED 12 MAY 1987", white))
    assert told(shelf, settings, ocr=True) == [
        "shelf: 1 page on which OCR found no words, scan.pdf#page=1 first"
    ]
    assert reads() == 1
    assert words(settings)["scan.pdf#page=1"] == "RECEIVED 12 MAY 1987"
    assert told(shelf, settings, ocr=True) == []
    assert reads() == 0


def test_info_advises_ocr_until_it_was_there(
    shelf: Path, settings: Settings, reads: Any, sightline: Run
) -> None:
    (shelf / "stamped.pdf").write_bytes(over_scan("RECEIVED 12 MAY 1987"))
    bring(shelf, settings)
    assert "4 pages with no text layer, or one that says little" in sightline("info", "squares").out
    bring(shelf, settings, ocr=True)
    told = sightline("info", "squares").out
    assert "1 page without words, found by the picture alone" in told
    assert "--ocr" not in told


# ---- in step


def test_pages_without_words_are_told_and_read_when_asked_for(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    assert told(shelf, settings) == [
        "shelf: 3 pages without a text layer that can be read, scan.pdf#page=1 first;"
        " --ocr reads what they show"
    ]
    assert (words(settings), reads()) == (UNREAD, 0)
    assert told(shelf, settings, ocr=True) == [
        "shelf: 1 page on which OCR found no words, scan.pdf#page=2 first"
    ]
    assert (words(settings), reads()) == (READ, 3)
    assert told(shelf, settings, ocr=True) == []


def test_an_ingest_that_reads_at_once_ends_in_the_same_collection(
    shelf: Path, tmp_path: Path, reads: Any
) -> None:
    late, early = Settings(home=tmp_path / "late"), Settings(home=tmp_path / "early")
    bring(shelf, late)
    bring(shelf, late, ocr=True)
    assert counts(bring(shelf, early, ocr=True)) == (4, 0, 0, 0, 0)
    assert alike(stored(early), stored(late))


@pytest.mark.parametrize("ocr", [True, False])
def test_the_same_again_opens_no_page_and_keeps_what_was_read(
    ocr: bool, shelf: Path, settings: Settings, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shelf, settings, ocr=True)
    before = stored(settings)
    monkeypatch.setattr(Decoders, "_send", None)
    assert counts(bring(shelf, settings, ocr=ocr)) == (0, 0, 4, 0, 0)
    assert stored(settings) == before


@pytest.mark.parametrize("ocr", [True, False])
def test_of_a_changed_document_only_a_new_page_is_read(
    ocr: bool, shelf: Path, settings: Settings, reads: Any
) -> None:
    bring(shelf, settings, ocr=True)
    assert reads() == 3
    scan(shelf / "scan.pdf", "navy", "white", "olive", "teal")
    assert counts(bring(shelf, settings, ocr=ocr)) == (1, 0, 4, 0, 0)
    assert reads() == (1 if ocr else 0)
    new = {"scan.pdf#page=4": "shade 0 13 13" if ocr else ""}
    assert words(settings) == READ | new


@pytest.mark.parametrize("ocr", [True, False])
def test_pages_that_move_on_keep_their_words_also_from_batch_to_batch(
    ocr: bool, shelf: Path, settings: Settings, reads: Any
) -> None:
    shades = [(10 * (n % 20), 10 * (n // 20), 100) for n in range(RECORD_BATCH + 8)]
    scan(shelf / "scan.pdf", *shades)
    bring(shelf, settings, ocr=True)
    before = words(settings)
    scan(shelf / "scan.pdf", "navy", *shades)
    reads()
    bring(shelf, settings, ocr=ocr)
    assert reads() == (1 if ocr else 0)
    after = words(settings)
    for n in range(1, len(shades) + 1):
        assert after[f"scan.pdf#page={n + 1}"] == before[f"scan.pdf#page={n}"] != ""


def test_a_copy_without_ocr_takes_the_words_and_with_it_those_that_there_are_not(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    bring(shelf, settings)
    (shelf / "copy.pdf").write_bytes((shelf / "scan.pdf").read_bytes())
    bring(shelf, settings, ocr=True)
    assert reads() == 3  # each once, for both
    (shelf / "third.pdf").write_bytes((shelf / "scan.pdf").read_bytes())
    assert told(shelf, settings) == []
    expected = {f"{name}.pdf#page={n}" for name in ("scan", "copy", "third") for n in (1, 3)}
    assert {path for path, said in words(settings).items() if "shade" in said} == expected


def test_broken_off_and_run_again_it_ends_in_the_same_collection(
    shelf: Path, tmp_path: Path, reads: Any
) -> None:
    scan(shelf / "scan.pdf", *[(10 * n, 100, 100) for n in range(20)])

    whole, broken = Settings(home=tmp_path / "whole"), Settings(home=tmp_path / "broken")
    ends = iter([8])

    def break_off(done: int, _total: int) -> None:
        if done >= next(ends, 99):
            raise KeyboardInterrupt

    report = bring(shelf, broken, ocr=True, watch=Watch(progress=break_off))
    assert report.interrupted
    assert report.new < 21
    reads()
    bring(shelf, broken, ocr=True)
    assert reads() < 20
    bring(shelf, whole, ocr=True)
    assert alike(stored(broken), stored(whole))


def test_a_rebuild_that_would_lose_what_was_read_is_refused(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    bring(shelf, settings, ocr=True)
    before = stored(settings)
    told = r"words of 3 pages in collection 'squares' were read by OCR.* Add --ocr .*, or remove"
    with pytest.raises(SettingsError, match=told):
        bring(shelf, settings, rebuild=True)
    assert stored(settings) == before
    reads()
    assert counts(bring(shelf, settings, rebuild=True, ocr=True)) == (4, 0, 0, 0, 0)
    assert (words(settings), reads()) == (READ, 3)


def test_a_rebuild_of_what_was_never_read_needs_no_ocr(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    bring(shelf, settings)
    assert counts(bring(shelf, settings, rebuild=True)) == (4, 0, 0, 0, 0)


def test_a_collection_whose_store_was_lost_is_made_again_also_without_ocr(
    shelf: Path, settings: Settings, reads: Any
) -> None:
    bring(shelf, settings, ocr=True)
    shutil.rmtree(settings.collections_folder / "squares" / "shard")
    assert counts(bring(shelf, settings, rebuild=True)) == (4, 0, 0, 0, 0)


def test_where_no_page_has_a_layer_words_weigh_as_on_a_usual_page(
    shelf: Path, settings: Settings
) -> None:
    bring(shelf / "scan.pdf", settings)
    with open_collection("squares", settings) as collection:
        assert collection.manifest.average_length == PAGE_WORDS


# ---- what goes wrong


def test_a_page_that_ocr_dies_of_comes_in_as_a_picture_and_is_told(
    shelf: Path, processes: Settings, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(shelf / "scan.pdf", "navy", "red", "olive")
    monkeypatch.setattr("ingest.decode._decode_chunk", readers.dies_of_red)
    assert told(shelf, processes, ocr=True) == [
        "shelf: 1 page that OCR could not read, scan.pdf#page=2 first; found by the picture alone"
    ]
    assert words(processes) == READ | {"scan.pdf#page=2": ""}


def test_a_document_of_such_pages_is_spared_after_some(
    shelf: Path, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(workers=1)  # with two the last is read before the first dies
    scan(shelf / "scan.pdf", *[(255, 2 * n, 0) for n in range(MAX_DEATHS + 17)], "navy")
    monkeypatch.setattr("ingest.decode._decode_chunk", readers.dies_of_red)
    assert counts(bring(shelf, settings, ocr=True)) == (22, 0, 0, 0, 0)
    assert words(settings)["scan.pdf#page=21"] == ""


def test_a_broken_text_layer_is_told_and_read_by_ocr_like_a_missing_one(
    shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.pages._text", lambda *_: None)
    assert told(shelf / "words.pdf", settings) == [
        "words: 1 page with a broken text layer, words.pdf#page=1 first; --ocr reads what they show"
    ]
