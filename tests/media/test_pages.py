"""Pages: every page comes as an upright picture of one size with its words, or as a clear error."""

import zlib
from pathlib import Path

import pytest
from PIL import Image
from pypdfium2 import PdfPage

from app.media.pages import (
    MAX_PAGE_CHARACTERS,
    PAGE_SIDE,
    picture_share,
    read_document,
    read_text_layer,
    render_page,
)
from app.model.errors import SourceError
from tests.pdfs import FORM, TICKED, UNTICKED, Page, form, pdf, stream, written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "document.pdf"


def code_of(file: Path) -> str:
    """The code with which a document, or else its first page, is refused."""
    try:
        read_document(file)
        render_page(file, 1)
    except SourceError as error:
        return error.code
    return "none"


def dark_side(picture: Image.Image) -> str:
    """Where the words are, which the test pages have at the top on the left."""
    left, top, right, bottom = picture.convert("L").point(lambda p: 255 * (p < 128)).getbbox()
    across = "left" if left + right < picture.width else "right"
    return f"{'top' if top + bottom < picture.height else 'bottom'} {across}"


def test_a_document_says_how_many_pages_it_has_and_its_title(file: Path) -> None:
    file.write_bytes(pdf("one", "two", "three", title="A  report\\nof 2024\\000"))
    info = read_document(file)
    assert (info.pages, info.title) == (3, "A report of 2024")


def test_a_page_comes_as_a_picture_with_its_words(file: Path) -> None:
    file.write_bytes(pdf("The first", "The second"))
    picture, text = render_page(file, 2)
    assert (picture.mode, max(picture.size)) == ("RGB", PAGE_SIDE)
    assert dark_side(picture) == "top left"
    assert text == read_text_layer(file, 2) == "The second"
    assert render_page(file, 1, side=300)[0].size == (212, 300)


def test_a_text_layer_that_breaks_leaves_the_picture_and_is_not_the_same_as_none(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(pdf("words"))
    monkeypatch.setattr(PdfPage, "get_textpage", None)
    picture, text = render_page(file, 1)
    assert (dark_side(picture), text) == ("top left", None)
    assert read_text_layer(file, 1) == ""


def test_a_page_that_there_is_no_memory_for_is_too_large_and_not_damaged(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError

    file.write_bytes(pdf("words"))
    monkeypatch.setattr(PdfPage, "render", exhaust)
    with pytest.raises(SourceError, match="smaller or simpler") as caught:
        render_page(file, 1)
    assert caught.value.code == "too_large_page"


def test_a_page_that_was_scanned_has_no_words(file: Path) -> None:
    Image.new("RGB", (60, 80), "navy").save(file)
    picture, text = render_page(file, 1)
    assert (picture.size, text) == ((1152, 1536), "")
    assert picture.getpixel((600, 700)) == pytest.approx((0, 0, 128), abs=2)


def drawn(file: Path, row: int) -> bool:
    """Whether anything is drawn in a field of the form's page, of A4, counted from 0."""
    points = (40, 842 - 650 + 40 * row, 540, 842 - 620 + 40 * row)
    picture = render_page(file, 1, side=842)[0].crop(points)
    return picture.convert("L").getextrema()[0] < 128


def test_what_was_filled_into_a_form_is_on_the_picture_and_among_the_words(file: Path) -> None:
    file.write_bytes(form("Name and consent", "/FT /Tx /V (Erika Mustermann)", TICKED, UNTICKED))
    assert [drawn(file, row) for row in range(4)] == [True, True, False, False]
    expected = ["Name", "and", "consent", "Erika", "Mustermann", "✔"]
    assert (render_page(file, 1)[1] or "").split() == read_text_layer(file, 1).split() == expected


def test_what_a_form_does_not_show_is_not_read_either(file: Path) -> None:
    file.write_bytes(form("Log in", "/FT /Tx /Ff 8192 /V (secret)", "/FT /Tx /F 2 /V (hidden)"))
    assert read_text_layer(file, 1).split() == ["Log", "in", "******"]


def test_a_chosen_entry_is_read_as_it_is_shown(file: Path) -> None:
    chosen = "/FT /Ch /Ff 131072 /V (nl) /Opt [[(nl) (Netherlands)] [(de) (Germany)]]"
    file.write_bytes(form("Country", chosen))
    assert read_text_layer(file, 1).split() == ["Country", "Netherlands"]


def test_a_form_that_says_it_is_another_kind_is_drawn_without_a_word(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(form("Name", "/FT /Tx /V (Erika)", more=f"/XFA {FORM + 2} 0 R"))
    assert drawn(file, 0)
    assert capfd.readouterr() == ("", "")


SCRIPT = "<< /S /JavaScript /JS (while\\(1\\);) >>"
LOOP = f"/Kids [{FORM + 3} 0 R {FORM + 4} 0 R] /Parent {FORM + 4} 0 R"


@pytest.mark.parametrize(
    "fields",
    [
        [f"/FT /Tx /V (kept) /A {SCRIPT} /AA << /K {SCRIPT} /F {SCRIPT} /V {SCRIPT} >>"],
        ["/FT /Tx /V (kept) /AA << /C << /S /Launch /F (/bin/touch) >> >>"],
        ["/FT /Tx /V (kept)", LOOP, LOOP],
        ["/FT /Tx /V (kept)", f"/FT /Tx /AP << /N {FORM + 4} 0 R >>", "/FT /Sig /V 17"],
        ["/FT /Tx /V (kept)", "/FT /Tx /MaxLen -5 /Ff 16777216 /DA (Tf) /V [/x]"],
        ["/FT /Tx /V (kept)", *["/FT /Tx"] * 2000],
    ],
    ids=["scripts", "a program", "loops", "no appearance", "nonsense", "many"],
)
def test_a_hostile_form_is_a_page_like_any_other(fields: list[str], file: Path) -> None:
    file.write_bytes(form("Name", *fields, more=f"/CO [{FORM + 3} 0 R]"))
    assert read_text_layer(file, 1).split()[:2] == ["Name", "kept"]
    assert drawn(file, 0)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("is_form", [b"/AcroForm 42", b"/AcroForm << >>"])
def test_a_document_without_a_field_looks_as_before(is_form: bytes, file: Path) -> None:
    note = "/Annots [<< /Type /Annot /Subtype /Square /Rect [90 90 200 200] /C [1 0 0] /F 4 >>]"
    plain = pdf(Page("words", more=note))
    file.write_bytes(plain)
    before = render_page(file, 1)
    file.write_bytes(pdf(Page("words", more=note), catalog=is_form.decode()))
    assert render_page(file, 1) == before


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ("0 0 14400 14400", (1536, 1536)),
        ("0 0 1 1", (1536, 1536)),
        ("0 0 0.001 0.001", (1536, 1536)),
        ("0 0 1 14400", (1, 1536)),
        ("-100 -100 200 300", (1152, 1536)),
        ("200 300 -100 -100", (1152, 1536)),
        # What is no box counts as a letter's.
        ("0 0 0 0", (1187, 1536)),
        ("0 0 1e39 1e39", (1187, 1536)),
        ("0 0 nan inf", (1187, 1536)),
        ("0 0 99999999999 5", (1187, 1536)),
        ("(a) 0 0", (1187, 1536)),
        ("", (1187, 1536)),
    ],
)
def test_a_page_of_any_size_has_the_same_long_side(
    box: str, size: tuple[int, int], file: Path
) -> None:
    file.write_bytes(pdf(Page("words", box=box)))
    assert render_page(file, 1)[0].size == size


@pytest.mark.parametrize(
    ("degrees", "words"),
    [
        *((0, "top left"), (90, "top right"), (180, "bottom right"), (270, "bottom left")),
        *((-90, "bottom left"), (450, "top right"), (45, "top left")),
    ],
)
def test_a_page_is_turned_as_it_says(degrees: int, words: str, file: Path) -> None:
    file.write_bytes(pdf(Page("words", more=f"/Rotate {degrees} /UserUnit 10")))
    picture = render_page(file, 1)[0]
    assert dark_side(picture) == words
    assert (picture.width > picture.height) == (degrees in (90, 270, -90, 450))


def test_a_document_that_asks_for_no_password_is_read_and_another_is_not(file: Path) -> None:
    file.write_bytes(pdf("for all", password=""))
    assert render_page(file, 1)[1] == "for all"
    file.write_bytes(pdf("for some", password="secret"))
    assert code_of(file) == "encrypted_pdf"
    file.write_bytes(pdf())  # PDFium would report the error before
    assert code_of(file) == "damaged_pdf"


def test_a_document_cut_off_anywhere_is_read_or_refused(file: Path) -> None:
    whole = pdf("one", "two", "three", title="cut")
    codes = set()
    for length in range(0, len(whole), 17):
        file.write_bytes(whole[:length])
        try:
            for number in range(1, read_document(file).pages + 1):
                render_page(file, number)
        except SourceError as error:
            codes.add(error.code)
    assert codes <= {"empty_file", "not_a_pdf", "damaged_pdf", "damaged_page"}
    assert "damaged_pdf" in codes


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
LEAF = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"


@pytest.mark.parametrize(
    "tree",
    [
        {2: b"<< /Type /Pages /Kids [2 0 R] /Count 5 >>"},
        {
            2: b"<< /Type /Pages /Kids [4 0 R] /Count 5 >>",
            4: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 5 >>",
        },
    ],
    ids=["to itself", "to each other"],
)
def test_a_page_tree_that_loops_has_damaged_pages(tree: dict[int, bytes], file: Path) -> None:
    file.write_bytes(written({1: CATALOG, **tree}))
    assert code_of(file) == "damaged_page"


@pytest.mark.parametrize(("count", "pages"), [(-3, 1), (1_500_000_000, 1), (15, 15)])
def test_a_document_that_lies_about_its_pages_gives_those_there_are(
    count: int, pages: int, file: Path
) -> None:
    root = f"<< /Type /Pages /Kids [4 0 R] /Count {count} >>".encode()
    file.write_bytes(written({1: CATALOG, 2: root, 4: LEAF}))
    assert read_document(file).pages == pages
    render_page(file, 1)
    with pytest.raises(SourceError, match="page 2"):
        render_page(file, 2)


def test_more_pages_than_any_document_has_are_refused(file: Path) -> None:
    root = b"<< /Type /Pages /Kids [4 0 R] /Count 900000 >>"
    file.write_bytes(written({1: CATALOG, 2: root, 4: LEAF}))
    assert code_of(file) == "too_many_pages"


def with_image(entries: str, data: bytes) -> bytes:
    """A page of words under an image."""
    drawn = b"BT /F1 24 Tf 40 700 Td (words) Tj ET q 500 0 0 500 0 0 cm /X Do Q"
    kind = f"/Type /XObject /Subtype /Image /BitsPerComponent 8 {entries}"
    resources = "/XObject << /X 1000 0 R >>"
    return pdf(Page(content=drawn), resources=resources, objects={1000: stream(data, kind)})


@pytest.mark.parametrize(
    "kind", ["JBIG2Decode", "JPXDecode", "DCTDecode", "CCITTFaxDecode", "FlateDecode", "Unknown"]
)
def test_an_image_that_is_garbage_leaves_the_words(kind: str, file: Path) -> None:
    size = "/Width 1000 /Height 1000 /ColorSpace /DeviceGray"
    file.write_bytes(with_image(f"{size} /Filter /{kind}", bytes(range(256)) * 20))
    assert render_page(file, 1)[1] == "words"


def test_an_image_of_claimed_or_true_enormous_size_leaves_the_words(file: Path) -> None:
    size = "/Width 100000 /Height 100000 /ColorSpace /DeviceRGB"
    file.write_bytes(with_image(size, b"three"))
    assert render_page(file, 1)[1] == "words"
    packed = zlib.compress(bytes(10_000 * 10_000))
    size = "/Width 10000 /Height 10000 /ColorSpace /DeviceGray /Filter /FlateDecode"
    file.write_bytes(with_image(size, packed))
    assert render_page(file, 1)[0].getpixel((400, 1400)) == (0, 0, 0)


@pytest.mark.parametrize("content", [b"q " * 100_000, bytes(range(256)) * 1000, b"[" * 100_000])
def test_a_content_stream_that_is_nonsense_is_an_empty_page(content: bytes, file: Path) -> None:
    file.write_bytes(pdf(Page(content=content)))
    picture, text = render_page(file, 1)
    assert (picture.getpixel((5, 5)), text) == ((255, 255, 255), "")


def test_a_page_says_no_more_than_it_could(file: Path) -> None:
    line = b"(" + b"words " * 200 + b") Tj T* "
    file.write_bytes(pdf(Page(content=b"BT /F1 1 Tf 1 TL 0 800 Td " + line * 100 + b"ET")))
    assert len(read_text_layer(file, 1)) == MAX_PAGE_CHARACTERS


def test_nothing_that_a_document_asks_for_is_done(file: Path) -> None:
    told = file.parent / "done"
    launch = f"<< /S /Launch /F (/bin/touch) /Unix << /F (touch) /P ({told}) >> >>"
    script = "<< /S /JavaScript /JS (app.launchURL\\('http://192.0.2.1'\\)) >>"
    outside = "/XObject << /X 1000 0 R >>"
    fetched = stream(b"", "/Type /XObject /Subtype /Image /F << /FS /URL /F (http://192.0.2.1) >>")
    attached = stream(b"MZ", "/Type /EmbeddedFile")
    page = Page("quiet /X", more=f"/AA << /O {launch} /C {script} >>")
    catalog = f"/OpenAction {script} /Names << /EmbeddedFiles << /Names [(a.exe) 1001 0 R] >> >>"
    objects = {1000: fetched, 1001: attached}
    file.write_bytes(pdf(page, catalog=catalog, resources=outside, objects=objects))
    assert render_page(file, 1)[1] == "quiet /X"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"just a text", "not_a_pdf"),
        (b"\xff\xd8\xff\xe0 a picture", "not_a_pdf"),
        (b"%PDF-1.7", "damaged_pdf"),
        (b"x" * 2000 + b"%PDF-1.7", "not_a_pdf"),
    ],
)
def test_what_is_no_document_is_told_by_its_code(content: bytes, code: str, file: Path) -> None:
    file.write_bytes(content)
    assert code_of(file) == code


def test_a_mail_s_header_before_a_document_does_not_matter(file: Path) -> None:
    file.write_bytes(b"Content-Type: application/pdf\r\n\r\n" + pdf("posted"))
    assert render_page(file, 1)[1] == "posted"


def test_a_document_that_is_gone_or_a_folder_is_refused(file: Path) -> None:
    assert code_of(file) == "missing_file"
    file.mkdir()
    assert code_of(file) == "unreadable_file"


# ---- pictures on pages


DOT = "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray"


@pytest.mark.parametrize(
    ("content", "box", "share"),
    [
        ("", "0 0 100 200", 0),
        ("q 100 0 0 200 0 0 cm /I Do Q", "0 0 100 200", 1),
        ("q 100 0 0 100 0 0 cm /I Do Q", "0 0 100 200", 0.5),
        ("q 100 0 0 200 50 0 cm /I Do Q", "50 0 150 200", 1),  # the page does not begin at 0
        ("q 900 0 0 900 -50 -50 cm /I Do Q", "0 0 100 200", 1),  # a picture that is cut off
        ("q 0 200 -100 0 100 0 cm /I Do Q", "0 0 100 200", 1),  # lies on its side
        ("q 100 0 0 100 0 0 cm /I Do Q q 100 0 0 100 0 100 cm /I Do Q", "0 0 100 200", 1),
        ("q 100 0 0 100 0 0 cm /I Do Q " * 3, "0 0 100 200", 0.5),  # one upon the other
        ("q .5 0 0 1 0 0 cm /G Do Q", "0 0 100 200", 0.5),  # in a form within a form
    ],
)
def test_how_much_of_a_page_is_picture(
    content: str, box: str, share: float, tmp_path: Path
) -> None:
    form = "/Type /XObject /Subtype /Form /BBox [0 0 900 900] /Resources << /XObject"
    objects = {
        1000: stream(b"\x80", f"{DOT} /BitsPerComponent 8"),
        1001: stream(b"q 50 0 0 100 0 0 cm /I Do Q", f"{form} << /I 1000 0 R >> >>"),
        1002: stream(b"q 2 0 0 2 0 0 cm /F Do Q", f"{form} << /F 1001 0 R >> >>"),
    }
    names = "/XObject << /I 1000 0 R /F 1001 0 R /G 1002 0 R >>"
    for more in ("", "/Rotate 90"):
        page = Page(content=content.encode() or b" ", box=box, more=more)
        file = tmp_path / "a.pdf"
        file.write_bytes(pdf(page, resources=names, objects=objects))
        assert picture_share(file, 1) == pytest.approx(share, abs=0.02)
