"""The door to pictures: whatever a file is called and holds, one upright RGB picture, or a code."""

import io
import os
import resource
import struct
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from app.media.images import (
    MAX_SIDE,
    image_format,
    open_image,
    open_with_place,
    shrink,
    to_jpeg,
    valid_place,
)
from app.media.picture_files import content_hash
from app.model.errors import SourceError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores an upright picture under each EXIF orientation (Exif 2.32, tag 0x0112)."""


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def marked() -> Image.Image:
    """Blue, wider than high, with a red mark at the top left."""
    image = Image.new("RGB", (60, 40), BLUE)
    image.paste(RED, (0, 0, 20, 10))
    return image


def exif(orientation: int = 1, camera: dict | None = None, gps: dict | None = None) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Orientation] = orientation
    made.get_ifd(ExifTags.IFD.Exif).update(camera or {})
    made.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    return made


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean over pixels and colours, of 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def refusal(source: Path | bytes, **options: float) -> SourceError:
    with pytest.raises(SourceError) as caught:
        open_image(source, **options)
    return caught.value


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    """A 1-bit grey PNG of these chunks."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


# ---- upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_gives_the_same_upright_picture(format: str, orientation: int) -> None:
    turned = marked().transpose(TURNS[orientation]) if orientation > 1 else marked()
    opened = open_image(encoded(turned, format, exif=exif(orientation), quality=95))
    assert difference(opened, marked()) < 3


@pytest.mark.parametrize("orientation", [0, 9, 99, 65535])
def test_an_orientation_that_means_nothing_is_left(orientation: int) -> None:
    assert difference(open_image(encoded(marked(), exif=exif(orientation))), marked()) == 0


def test_a_stale_orientation_is_left() -> None:
    """The pixels were turned and the flag was not: EXIF remembers the camera's landscape."""
    camera = {ExifTags.Base.ExifImageWidth: 2576, ExifTags.Base.ExifImageHeight: 1448}
    upright = marked().rotate(90, expand=True)
    opened = open_image(encoded(upright, exif=exif(6, camera)))
    assert difference(opened, upright) == 0


@pytest.mark.parametrize("camera", [(60, 40), (0, 0), (50, 50), ("wide", "high")])
def test_an_orientation_that_may_be_right_is_applied(camera: tuple) -> None:
    sizes = dict(
        zip((ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight), camera, strict=True)
    )
    stored = marked().transpose(TURNS[6])
    if camera == (60, 40):  # the camera's sensor lies across: 60 wide, as the pixels are stored
        stored = marked().rotate(90, expand=True).transpose(TURNS[6])
    opened = open_image(encoded(stored, exif=exif(6, sizes)))
    assert opened.size == (stored.height, stored.width)


def test_a_square_picture_shows_nothing_stale_so_its_orientation_is_applied() -> None:
    camera = {ExifTags.Base.ExifImageWidth: 4000, ExifTags.Base.ExifImageHeight: 3000}
    square = Image.new("RGB", (40, 40), BLUE)
    square.paste(RED, (0, 0, 20, 20))
    opened = open_image(encoded(square.transpose(TURNS[6]), exif=exif(6, camera)))
    assert difference(opened, square) == 0


@pytest.mark.parametrize("name", ["0135.jpg", "0193.jpg"])
def test_the_two_real_pictures_with_a_stale_flag_stay_as_they_are(
    name: str, shared_data: Path
) -> None:
    file = shared_data / "streetview" / "sf_landmarks" / name
    with Image.open(file) as image:
        assert difference(open_image(file), image.convert("RGB")) < 1


# ---- flat, RGB


def _clear(mode: str) -> Image.Image:
    """Left half opaque red or black, right half clear."""
    image = Image.new("RGBA", (20, 10), (*RED, 255))
    image.paste((0, 0, 0, 0), (10, 0, 20, 10))
    return image.convert(mode)


def _palette() -> bytes:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([*RED, 0, 0, 0])
    image.paste(1, (10, 0, 20, 10))
    return encoded(image, transparency=1)


def _colour_key() -> bytes:
    image = Image.new("RGB", (20, 10), RED)
    image.paste((0, 0, 0), (10, 0, 20, 10))
    return encoded(image, transparency=(0, 0, 0))


def _grey_key() -> bytes:
    """A 16-bit grey PNG whose value 7 is transparent; Pillow writes no such chunk."""
    values = np.full((10, 20), 65535, dtype=np.uint16)
    values[:, 10:] = 7
    whole = encoded(Image.fromarray(values))
    key = _chunk(b"tRNS", struct.pack(">H", 7))
    return whole[:33] + key + whole[33:]  # after the signature and IHDR


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (encoded(_clear("RGBA")), RED),
        (encoded(_clear("RGBA"), "WEBP", lossless=True), RED),
        (encoded(_clear("LA")), (76, 76, 76)),  # ITU-R 601: 0.299 · 255
        (_palette(), RED),
        (_colour_key(), RED),
        (_grey_key(), WHITE),
    ],
    ids=["RGBA", "RGBA WebP", "LA", "P with tRNS", "RGB with tRNS", "16-bit grey with tRNS"],
)
def test_what_is_clear_is_laid_on_white(data: bytes, left: tuple[int, int, int]) -> None:
    opened = open_image(data)
    assert opened.mode == "RGB"
    assert opened.getpixel((2, 5)) == left
    assert opened.getpixel((17, 5)) == WHITE


def test_half_clear_is_half_white() -> None:
    opened = open_image(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert opened.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("bits", [4, 8, 10, 12, 16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_deep_greys_are_stretched_by_the_range_they_use(bits: int, format: str) -> None:
    top = 2**bits - 1
    values = np.array([[0, top // 2, top]], dtype=np.uint16)
    opened = np.asarray(open_image(encoded(Image.fromarray(values), format)))
    assert opened[0, :, 0].tolist() == [0, round(255 * (top // 2) / top), 255]


def test_a_range_that_begins_above_black_begins_with_black() -> None:
    values = np.array([[1000, 1500, 2000]], dtype=np.uint16)
    assert np.asarray(open_image(encoded(Image.fromarray(values))))[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_a_dead_pixel_does_not_make_a_deep_picture_black(dtype: type) -> None:
    values = np.tile(np.arange(4096, dtype=dtype), (16, 1))
    values[3, 3], values[5, 5] = 65535, 0
    opened = np.asarray(open_image(encoded(Image.fromarray(values), "TIFF"), max_side=4096))
    assert abs(int(opened[8, 2048, 0]) - 128) <= 1
    assert opened[3, 3, 0] == 255


def test_of_a_large_deep_picture_a_sample_tells_the_range() -> None:
    values = np.tile(np.arange(2048, dtype=np.uint16), (1024, 1))
    values[0, 0] = 65535
    opened = np.asarray(open_image(encoded(Image.fromarray(values))))
    assert abs(int(opened[512, 1024, 0]) - 128) <= 1


def test_a_small_mark_on_an_even_ground_is_seen() -> None:
    values = np.full((100, 100), 300, dtype=np.uint16)
    values[50, 50] = 4095
    opened = open_image(encoded(Image.fromarray(values)))
    assert (opened.getpixel((0, 0)), opened.getpixel((50, 50))) == ((0,) * 3, (255,) * 3)


@pytest.mark.parametrize(
    ("values", "shade"),
    [
        (np.full((4, 4), 65535, dtype=np.uint16), 255),
        (np.full((4, 4), 257 * 128, dtype=np.uint16), 128),
        (np.zeros((4, 4), dtype=np.uint16), 0),
        (np.full((4, 4), -7, dtype=np.int32), 0),
        (np.full((4, 4), 70_000, dtype=np.int32), 255),
        (np.full((4, 4), 1, dtype=np.int32), 0),
        (np.full((4, 4), 0, dtype=np.float32), 0),
        (np.full((4, 4), 0.5, dtype=np.float32), 128),
        (np.full((4, 4), 1, dtype=np.float32), 255),
        (np.full((4, 4), 51, dtype=np.float32), 51),
        (np.full((4, 4), 255, dtype=np.float32), 255),
        (np.full((4, 4), 257 * 12, dtype=np.float32), 12),
        (np.full((4, 4), 1e30, dtype=np.float32), 255),
        (np.full((4, 4), np.inf, dtype=np.float32), 255),
        (np.full((4, 4), -np.inf, dtype=np.float32), 0),
    ],
)
def test_a_deep_picture_of_one_value_has_one_shade(values: np.ndarray, shade: int) -> None:
    opened = open_image(encoded(Image.fromarray(values), "TIFF"))
    assert opened.getextrema() == ((shade, shade),) * 3


def deep_colours(top: int, alpha: bool = False) -> bytes:
    """A PNG of black, red and white of `top`."""
    opaque = [65535] if alpha else []
    return deep_png([[0] * 3 + opaque, [top, 0, 0, *opaque], [top] * 3 + opaque])


def deep_png(pixels: list[list[int]]) -> bytes:
    """A PNG of one row, with 16 bits in each colour, which Pillow does not write."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[len(pixels[0])]
    header = struct.pack(">IIBBBBB", len(pixels), 1, 16, kind, 0, 0, 0)
    data = zlib.compress(b"\0" + np.array(pixels, dtype=">u2").tobytes())
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("top", [4095, 65535])
def test_deep_colours_that_leave_bits_unused_are_not_black(top: int, alpha: bool) -> None:
    opened = np.asarray(open_image(deep_colours(top, alpha)))
    assert opened[0].tolist() == [[0, 0, 0], [255, 0, 0], [255, 255, 255]]


def test_deep_colours_of_one_colour_are_as_dark_as_greys_of_one_value() -> None:
    for pixel in ([3084], [3084, 65535], [3084] * 3, [3084] * 3 + [65535]):
        opened = open_image(deep_png([pixel] * 3))
        assert opened.getextrema() == ((12, 12),) * 3, pixel
    opened = open_image(deep_png([[3084, 65535], [3084, 0], [3084, 65535]]))
    assert np.asarray(opened)[0, :, 0].tolist() == [12, 255, 12]  # a mark on white


def test_deep_colours_of_a_dark_picture_stay_dark() -> None:
    opened = np.asarray(open_image(deep_colours(32767)))
    assert opened[0].tolist() == [[0, 0, 0], [127, 0, 0], [127, 127, 127]]


def test_deeper_greys_are_scaled_by_their_own_range_and_no_number_is_dark() -> None:
    deep = np.array([[-100, 0, 100_000]], dtype=np.int32)
    floats = np.array([[1000, 1500, 2000, np.nan, np.inf, -np.inf]], dtype=np.float32)
    opened = np.asarray(open_image(encoded(Image.fromarray(deep), "TIFF")))
    assert opened[0, :, 0].tolist() == [0, 0, 255]
    opened = np.asarray(open_image(encoded(Image.fromarray(floats), "TIFF")))
    assert opened[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]


def test_a_picture_of_no_number_at_all_is_black() -> None:
    nothing = Image.fromarray(np.full((4, 4), np.nan, dtype=np.float32))
    assert open_image(encoded(nothing, "TIFF")).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
@pytest.mark.parametrize("profile", [b"", b"garbage" * 100])
def test_cmyk_keeps_its_colours_even_with_a_broken_profile(format: str, profile: bytes) -> None:
    image = Image.new("RGB", (32, 32), (200, 30, 40)).convert("CMYK")
    opened = open_image(encoded(image, format, **({"icc_profile": profile} if profile else {})))
    assert difference(opened, Image.new("RGB", (32, 32), (200, 30, 40))) < 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr", "LAB", "HSV"])
def test_other_kinds_of_pixels_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (8, 8), WHITE)
    if mode != "LAB":
        image = image.convert(mode)
    assert open_image(encoded(image, "WEBP" if mode == "HSV" else "TIFF")).mode == "RGB"


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_stands_for_an_animation(format: str) -> None:
    rest = [Image.new("RGB", (30, 30), BLUE), Image.new("RGB", (30, 30), "lime")]
    first = Image.new("RGB", (30, 30), RED)
    opened = open_image(encoded(first, format, save_all=True, append_images=rest))
    assert difference(opened, first) < 3


def test_a_picture_of_several_as_phones_write_them_is_read() -> None:
    pair = encoded(marked(), "MPO", save_all=True, append_images=[marked()], quality=95)
    assert difference(open_image(pair), marked()) < 3


# ---- size


def test_a_large_picture_is_reduced_alike_from_a_file_and_from_bytes(tmp_path: Path) -> None:
    large = Image.effect_noise((5000, 2500), 60).convert("RGB")
    file = tmp_path / "large.jpg"
    large.save(file)
    opened = open_image(file)
    assert opened.size == (MAX_SIDE, MAX_SIDE // 2)
    assert difference(opened, open_image(file.read_bytes())) == 0
    assert open_image(file, max_side=100).size == (100, 50)


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_extreme_shapes_keep_at_least_one_pixel(size: tuple[int, int]) -> None:
    opened = open_image(encoded(Image.new("RGB", size, RED)))
    assert min(opened.size) == 1
    assert opened.getpixel((0, 0)) == RED


def test_shrinking_never_enlarges_and_leaves_its_argument() -> None:
    image = marked()
    assert shrink(image, 100) is image
    assert shrink(image, 30).size == (30, 20)
    assert image.size == (60, 40)


def test_a_bomb_is_refused_by_its_header_with_no_memory_spent() -> None:
    bomb = _bomb()
    assert len(bomb) < 1_000_000
    before = _peak_mebibytes()
    error = refusal(bomb)
    assert error.code == "too_many_pixels"
    assert "900 megapixels" in str(error)
    assert "--max-megapixels" in str(error)
    assert _peak_mebibytes() - before < 20


def test_the_limit_counts_the_pixels_of_the_header() -> None:
    picture = encoded(Image.new("1", (1000, 1001)))
    assert refusal(picture, max_megapixels=1.0).code == "too_many_pixels"
    assert open_image(picture, max_megapixels=1.1).size == (1000, 1001)


def test_a_gif_whose_first_frame_is_larger_than_it_says_counts_as_the_frame() -> None:
    gif = bytearray(encoded(Image.new("P", (4, 4)), "GIF"))
    frame = gif.index(b",")  # the image descriptor: left, top, width, height
    gif[frame + 5 : frame + 9] = struct.pack("<HH", 30_000, 30_000)
    assert refusal(bytes(gif)).code == "too_many_pixels"


def _bomb() -> bytes:
    """30,000 × 30,000 valid pixels in 110 kB."""
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(3751) * 1000) for _ in range(30)]
    return _png(30_000, 30_000, _chunk(b"IDAT", b"".join(rows) + packer.flush()))


def _peak_mebibytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


# ---- what is no picture


def _text_bomb() -> bytes:
    """A PNG of one pixel, with 200 MB of text in 200 kB."""
    packer = zlib.compressobj(9)
    text = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    pixels = _chunk(b"IDAT", zlib.compress(b"\0\0"))
    return _png(1, 1, _chunk(b"zTXt", b"Comment\0\0" + text), pixels)


PSD = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 1, 1, 8, 3) + bytes(20)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"

NO_PICTURES = {
    "empty": (b"", "empty_file"),
    "text": (b"this is no picture\n", "not_an_image"),
    "PDF": (b"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n", "not_an_image"),
    "SVG": (SVG, "not_an_image"),
    "PSD": (PSD, "not_an_image"),
    "EPS": (EPS, "not_an_image"),
    "PPM": (b"P6 1 1 255\n\0\0\0", "not_an_image"),
    "ICO": (b"\0\0\1\0\1\0" + bytes(40), "not_an_image"),
    "ZIP": (b"PK\3\4" + bytes(100), "not_an_image"),
    "JPEG's first bytes": (b"\xff\xd8\xff\xe0", "not_an_image"),
    "half a PNG": (encoded(marked())[:90], "broken_image"),
    "half a JPEG": (encoded(marked().resize((600, 400)), "JPEG")[:3000], "broken_image"),
    "half a WebP": (encoded(marked(), "WEBP")[:60], "broken_image"),
    "half a GIF": (encoded(Image.effect_noise((90, 90), 50), "GIF")[:2000], "broken_image"),
    "half a TIFF": (encoded(marked(), "TIFF")[:2000], "broken_image"),
    "text bomb": (_text_bomb(), "broken_image"),
    "no pixels": (_png(1, 1, _chunk(b"IDAT", b"")), "broken_image"),
    "nothing wide": (_png(0, 5), "not_an_image"),
}


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_gets_a_code_that_stays(kind: str, tmp_path: Path) -> None:
    data, code = NO_PICTURES[kind]
    file = tmp_path / "named.jpg"
    file.write_bytes(data)
    for source, name in ((file, "named.jpg"), (data, "the picture")):
        error = refusal(source)
        assert error.code == code
        assert str(error).startswith(name)
        assert str(tmp_path) not in str(error)


def test_a_document_is_told_how_it_becomes_a_picture(tmp_path: Path) -> None:
    data, _ = NO_PICTURES["PDF"]
    told = {
        "a.jpg": "; call it .pdf",
        "a.PDF": "; sightline pages FILE N writes a page as a picture",
    }
    for name, way in told.items():
        (tmp_path / name).write_bytes(data)
        assert str(refusal(tmp_path / name)).endswith(f"but a PDF{way}")


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_no_words_of_a_decoder_reach_a_message(kind: str) -> None:
    """They have held addresses of memory (CVE-2026-22778)."""
    error = refusal(NO_PICTURES[kind][0])
    told = {
        "empty_file": "the picture has no bytes",
        "not_an_image": "the picture is not a picture of a known format",
        "broken_image": "the picture is damaged: its ",
    }
    assert str(error).startswith(told[error.code])
    if error.__cause__ is not None and str(error.__cause__):
        assert str(error.__cause__) not in str(error)


@pytest.mark.parametrize("options", [{"max_side": 2}, {}])
def test_a_decoder_that_raises_anything_is_a_broken_image(
    options: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise MemoryError("0x7f00deadbeef")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", crash)
    error = refusal(encoded(marked()), **options)
    assert error.code == "broken_image"
    assert "0x7f" not in str(error)


def test_a_disk_that_fails_is_no_broken_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    error = refusal(encoded(marked()))
    assert error.code == "unreadable_file"
    assert str(error) == "the picture cannot be read: Input/output error"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", ["folder", "pipe", "device", "nothing", "loop", "too long", "NUL"])
def test_what_is_no_file_is_refused_without_waiting(make: str, tmp_path: Path) -> None:
    path, code = _no_file(make, tmp_path)
    for look in (open_image, image_format):
        with pytest.raises(SourceError) as caught:
            look(path)
        assert caught.value.code == code


def _no_file(make: str, folder: Path) -> tuple[Path, str]:
    path = folder / "picture.jpg"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    elif make == "device":
        path = Path("/dev/zero")
    elif make == "loop":
        path.symlink_to(path)
    elif make == "too long":
        path = folder / ("x" * 5000 + ".jpg")
    elif make == "NUL":
        path = folder / "a\0.jpg"
    return path, "not_a_file" if make in ("folder", "pipe", "device") else "missing_file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    file = tmp_path / "secret.png"
    marked().save(file)
    file.chmod(0)
    assert refusal(file).code == "unreadable_file"
    file.chmod(0o600)
    tmp_path.chmod(0o600)
    code = refusal(file).code
    tmp_path.chmod(0o700)
    assert code == "unreadable_file"


@pytest.mark.parametrize("gone", [FileNotFoundError, PermissionError])
def test_a_file_that_goes_between_two_looks_is_no_broken_one(
    gone: type[OSError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(*_: object) -> None:
        raise gone

    file = tmp_path / "a.png"
    marked().save(file)
    monkeypatch.setattr("PIL.Image.open", vanish)
    expected = {FileNotFoundError: "missing_file", PermissionError: "unreadable_file"}
    assert refusal(file).code == expected[gone]


@pytest.mark.parametrize(("format", "name"), [("PNG", "a.jpg"), ("JPEG", "a.png"), ("GIF", "a")])
def test_the_content_counts_and_the_name_does_not(format: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(encoded(marked(), format, quality=95))
    assert difference(open_image(file), marked()) < 3
    assert image_format(file) == format


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"PK\3\4" + bytes(1000),
        lambda data: data + b"<script>alert(1)</script>",
        lambda data: data[:2] + b"\xff\xe1\x00\x20Exif\0\0" + b"\xff" * 24 + data[2:],
        lambda data: data[:2] + b"\xff\xe1\x00\x0aExif\0\0II" + data[2:],
    ],
    ids=["a ZIP behind", "HTML behind", "garbage EXIF", "EXIF cut"],
)
def test_what_lies_around_the_picture_does_no_harm(damage: Callable[[bytes], bytes]) -> None:
    data = encoded(marked(), "JPEG", quality=95)
    assert difference(open_image(damage(data)), open_image(data)) == 0
    assert open_with_place(damage(data))[1] is None


# ---- facts


def place(lat: object, lat_ref: object, lon: object, lon_ref: object) -> object:
    gps = {1: lat_ref, 2: lat, 3: lon_ref, 4: lon}
    gps = {tag: value for tag, value in gps.items() if value is not None}
    return open_with_place(encoded(marked(), "JPEG", exif=exif(gps=gps)))[1]


@pytest.mark.parametrize(
    ("references", "signs"),
    [(("N", "E"), (1, 1)), (("S", "W"), (-1, -1)), (("s", "w"), (-1, -1)), ((None, None), (1, 1))],
)
def test_south_and_west_are_negative(references: tuple, signs: tuple[int, int]) -> None:
    """33° 52′ 1.2″ is 33 + 52/60 + 1.2/3600 = 33.867; 70° 40′ is 70.6667."""
    south = (Fraction(33), Fraction(52), Fraction(12, 10))
    west = (Fraction(70), Fraction(40), Fraction(0))
    south, west = ([IFDRational(p.numerator, p.denominator) for p in x] for x in (south, west))
    found = place(south, references[0], west, references[1])
    assert found == pytest.approx((signs[0] * 33.867, signs[1] * 70.66667), abs=1e-5)


@pytest.mark.parametrize(
    "lat",
    [
        (IFDRational(1, 0), IFDRational(0, 0), IFDRational(0, 1)),
        (IFDRational(91, 1), IFDRational(0, 1), IFDRational(0, 1)),
        (IFDRational(1, 1),),
        None,
    ],
    ids=["zero denominators", "beyond the pole", "one number", "none"],
)
def test_what_is_nowhere_on_the_earth_is_no_place(lat: object) -> None:
    east = (IFDRational(1, 1), IFDRational(2, 1), IFDRational(3, 1))
    assert place(lat, "N", east, "E") is None


@pytest.mark.parametrize(
    ("lat", "lon", "valid"),
    [(90, 180, True), (-90, -180, True), (0, 1, True), (0, 0, False), (90.1, 0, False)],
)
def test_zero_zero_stands_for_unknown(lat: float, lon: float, valid: bool) -> None:
    assert (valid_place(lat, lon) == (lat, lon)) is valid


def test_the_format_is_told_without_decoding_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = {format: encoded(marked(), format) for format in ("PNG", "JPEG", "WEBP", "TIFF")}
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    for format, picture in pictures.items():
        assert image_format(picture) == format
    assert image_format(_bomb()) == "PNG"


def test_an_orientation_behind_the_pixels_of_a_png_counts() -> None:
    """The PNG specification (third edition, 11.3.4.5) lets eXIf stand behind IDAT."""
    turned = encoded(marked().transpose(TURNS[6]))
    behind = turned[:-12] + _chunk(b"eXIf", exif(6).tobytes()[6:]) + turned[-12:]
    assert difference(open_image(behind), marked()) == 0


# ---- out again


def test_a_jpeg_made_here_says_nothing_but_its_pixels() -> None:
    gps = {1: "N", 2: (IFDRational(1, 1),) * 3, 3: "E", 4: (IFDRational(1, 1),) * 3}
    told = {"exif": exif(gps=gps), "comment": b"secret", "icc_profile": b"secret" * 9}
    secret = encoded(marked(), "JPEG", **told)
    made = to_jpeg(open_image(secret))
    with Image.open(io.BytesIO(made)) as image:
        assert not image.getexif()
        assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"secret" not in made


def test_a_hash_is_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256 of "abc": FIPS 180-4, example B.1."""
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert content_hash(file) == expected


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="no file"):
        content_hash(tmp_path / "pipe.png")
