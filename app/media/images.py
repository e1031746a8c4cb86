"""Pictures: bytes on disk → an upright RGB picture. The only door to Pillow's decoders.

What is ingested and what is asked with both come through `open_image`, so that one picture has one
vector whichever side it stands on.
"""

import io
import math
import stat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError, features

from app.media.pages import PDF_MAGIC, SUFFIX
from app.media.picture_files import MAX_FILE_BYTES
from app.model.errors import SourceError
from app.model.records import Place

FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"),
    *(("AVIF",) if features.check("avif") else ()),
)
"""What is decoded. By content, never by name; the formats of documents and layouts stay out."""

MAX_SIDE = 2048
"""Pixels. Larger pictures are reduced as they are decoded: no embedding here looks at more than
512 pixels and no vision model at more than 1,024, and a batch of pictures then stays under 12 MB
apiece. The same for what is ingested and what is asked with."""

MAX_16_BITS = 65535.0

MAX_FLOATS = (1.0, 255.0, MAX_16_BITS)
"""What programs that write pictures of floats have for white."""

ODD_PERCENT = 0.1
"""Of the pixels of a deep picture, at either end, which may be burnt in or dead."""

SAMPLED_PIXELS = 1_000_000
"""Enough to know the range of 99.8 % of a picture's values by."""


def open_image(
    source: Path | bytes | None, *, max_megapixels: float = 100.0, max_side: int = MAX_SIDE
) -> Image.Image:
    """Open a picture: upright, RGB, at most `max_side` pixels on the long side.

    The first frame of an animation and the first page of a TIFF stand for the file. Transparent
    pixels are laid on white. Greys deeper than 8 bits are stretched by the range that they use: an
    X-ray has 12 bits of its file's 16.
    Raises SourceError with a code: missing_file, not_a_file, unreadable_file, empty_file,
    file_too_large, not_an_image, too_many_pixels, broken_image. Its message begins with the name of
    the file. None is the picture of a record that has none to be opened: no_picture.
    """
    if source is None:
        raise SourceError("no_picture", "it has no picture that may be opened")
    return open_with_place(source, max_megapixels=max_megapixels, max_side=max_side)[0]


def open_with_place(
    source: Path | bytes, *, max_megapixels: float = 100.0, max_side: int = MAX_SIDE
) -> tuple[Image.Image, Place | None]:
    """Open a picture as `open_image` does; also return where its EXIF says that it was taken."""
    with _open_header(source, max_megapixels) as image:
        try:
            image.draft("RGB", (max_side, max_side))  # JPEG only: decodes at 1/2, 1/4, 1/8 size
            is_deep = _is_deep_colour(image)  # before the pixels, which it is no longer told of
            image.load()
            exif = _exif(image)  # after the pixels, behind which a PNG may keep it
            turned = _upright(image, exif)
            upright = _to_rgb(_brightened(turned) if is_deep else turned)
        except Exception as error:  # decoders raise anything from struct.error to MemoryError
            if isinstance(error, OSError) and error.errno:  # the disk's, not the decoder's
                told = f"{_name(source)} cannot be read: {error.strerror}"
                raise SourceError("unreadable_file", told) from error
            raise SourceError(
                "broken_image", f"{_name(source)} is damaged: its pixels cannot be decoded"
            ) from error
        place = _place(_directory(exif, ExifTags.IFD.GPSInfo))
    upright.info.clear()  # Pillow would write the comment of a JPEG into every copy
    return shrink(upright, max_side), place


def image_format(source: Path | bytes) -> str:
    """Return what a picture is, by its content: JPEG, PNG, …; raises as `open_image` does."""
    with _open_header(source, math.inf) as image:
        return str(image.format)


def shrink(image: Image.Image, max_side: int) -> Image.Image:
    """Return the picture with at most `max_side` pixels on its long side; never enlarged."""
    if max(image.size) <= max_side:
        return image
    smaller = image.copy()
    smaller.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return smaller


def to_jpeg(image: Image.Image, *, quality: int = 90) -> bytes:
    """Encode an RGB picture as JPEG, with no metadata."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def to_webp(image: Image.Image, *, quality: int = 80) -> bytes:
    """Encode an RGB picture as WebP, with no metadata; 640 by 480 pixels take 13 ms."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def _name(source: Path | bytes) -> str:
    return source.name if isinstance(source, Path) else "the picture"


def _open_header(source: Path | bytes, max_megapixels: float) -> Image.Image:
    """Open without decoding, after every check that needs no pixels."""
    name = _name(source)
    size = _file_size(source) if isinstance(source, Path) else len(source)
    if size == 0:
        raise SourceError("empty_file", f"{name} has no bytes")
    if size > MAX_FILE_BYTES:
        raise SourceError("file_too_large", f"{name} has {size:,} bytes, over {MAX_FILE_BYTES:,}")
    # Pillow warns at 89 and refuses at 179 megapixels; the limit here is the caller's, just below.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(source if isinstance(source, Path) else io.BytesIO(source), "r", FORMATS)
    except UnidentifiedImageError as error:
        told = f"{name} is not a picture of a known format"
        raise SourceError("not_an_image", f"{told}{_what_it_is(source)}") from error
    except PermissionError as error:
        raise SourceError("unreadable_file", f"{name} may not be read") from error
    except FileNotFoundError as error:  # it was there a moment ago
        raise SourceError("missing_file", f"{name} is not there") from error
    except Exception as error:  # as above: any decoder, any exception
        raise SourceError(
            "broken_image", f"{name} is damaged: its header cannot be read"
        ) from error
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        image.close()
        raise SourceError(
            "too_many_pixels",
            f"{name} has {megapixels:,.0f} megapixels, over the limit of {max_megapixels:g};"
            " raise it with --max-megapixels",
        )
    return image


def _file_size(file: Path) -> int:
    """Return the size of a file; a pipe or a device is none, and opening one could wait forever."""
    try:
        status = file.stat()
    except PermissionError as error:
        raise SourceError("unreadable_file", f"{file.name} may not be read") from error
    except (OSError, ValueError) as error:  # too long a name, a loop of links, a NUL
        raise SourceError("missing_file", f"{file.name} is not there") from error
    if not stat.S_ISREG(status.st_mode):
        raise SourceError("not_a_file", f"{file.name} is not a file")
    return status.st_size


def _what_it_is(source: Path | bytes) -> str:
    """Return what to do about a PDF that is named like a picture; "" for anything else."""
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as stream:
            is_pdf = stream.read(len(PDF_MAGIC)) == PDF_MAGIC
    except OSError:  # it was there a moment ago
        is_pdf = False
    is_called_so = isinstance(source, Path) and source.suffix.lower() == SUFFIX
    way = "sightline pages FILE N writes a page as a picture" if is_called_so else "call it .pdf"
    return f", but a PDF; {way}" if is_pdf else ""


def _exif(image: Image.Image) -> Image.Exif:
    try:
        # Not a PNG's own method: it decodes all pixels to look for EXIF behind them (Pillow 13).
        return Image.Image.getexif(image)
    except Exception:  # noqa: BLE001 - a garbage EXIF block is a picture without EXIF
        return Image.Exif()


def _directory(exif: Image.Exif, tag: int) -> dict[int, Any]:
    try:
        return exif.get_ifd(tag)
    except Exception:  # noqa: BLE001 - as above
        return {}


def _upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    """Apply the EXIF orientation, unless the pixels were turned already and the flag is stale.

    Some programs turn the pixels and leave the flag. Then the size that EXIF records (the camera's)
    lies across the size of the pixels, although an orientation of 5 to 8 says it should not.
    """
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    if orientation not in range(2, 9):
        return image
    if orientation >= 5:
        camera = _directory(exif, ExifTags.IFD.Exif)
        width = camera.get(ExifTags.Base.ExifImageWidth, 0)
        height = camera.get(ExifTags.Base.ExifImageHeight, 0)
        known = isinstance(width, int) and isinstance(height, int) and width != height
        square = image.width == image.height  # cropped since: nothing shows which way it was turned
        if known and not square and (width > height) != (image.width > image.height):
            return image
    return ImageOps.exif_transpose(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = _scale_to_8_bits(image)
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    """Return a deep grey picture in 8 bits, stretched by the range that its values use.

    One of one value uses none: that is a share of white, which is 65,535, or for floats the first
    of 1, 255 and 65,535 that is no less; what is beyond either end is black or white.
    What is no number is shown as the darkest, infinity as the brightest, and the one transparent
    value of a PNG as white.
    """
    values = np.array(image, dtype=np.float64)
    white = (values == image.info.get("transparency")) | (values == math.inf)
    values[white | ~np.isfinite(values)] = np.nan
    low, high = _used_range(values)
    if low == high:
        whites = MAX_FLOATS if image.mode == "F" else (MAX_16_BITS,)
        low, high = 0.0, next((most for most in whites if high <= most), MAX_16_BITS)
    np.nan_to_num(values, copy=False, nan=low)
    values -= low
    values *= 255.0 / (high - low)
    values[white] = 255.0
    return Image.fromarray(values.clip(0, 255, out=values).round().astype(np.uint8))


def _used_range(values: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[float, float]:
    """Return the range of most values, so that a dead pixel or a burnt-in mark does not count."""
    sample = values.ravel()
    if sample.size > SAMPLED_PIXELS:  # to sort 100 million takes 10 s
        sample = sample[np.random.default_rng(0).integers(0, sample.size, SAMPLED_PIXELS)]
    if (sample := sample[~np.isnan(sample)]).size:
        low = float(np.percentile(sample, ODD_PERCENT, method="lower"))
        high = float(np.percentile(sample, 100 - ODD_PERCENT, method="higher"))
        if low < high:
            return low, high
    least, most = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return (0.0, 0.0) if np.isnan(least) else (float(least), float(most))


def _is_deep_colour(image: Image.Image) -> bool:
    """Tell whether a file holds colours of 16 bits, of which Pillow reads the upper 8."""
    tiles: Any = getattr(image, "tile", ())  # of the base class it is not said
    return image.mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile[3]) for tile in tiles)


def _brightened(image: Image.Image) -> Image.Image:
    """Stretch colours of 12 bits in a file of 16, whose upper 8 are all but black.

    Only where the upper two bits are unused: other pictures are as dark as they were meant. So is
    one of one colour, which as a grey would not be stretched either.
    """
    values = np.array(image)
    colours = values[..., : -1 if image.mode in ("RGBA", "LA") else None]
    _, high = _used_range(colours.astype(np.float64))
    if not 0 < high < 64 or (colours == colours[0, 0]).all():
        return image
    colours[:] = (colours * (255.0 / high)).clip(0, 255).round()
    return Image.fromarray(values)


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """Convert by the picture's own colour profile; without a usable one, by plain inversion."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            return _required(
                ImageCms.profileToProfile(
                    image,
                    ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                    ImageCms.createProfile("sRGB"),
                    outputMode="RGB",
                )
            )
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile is no reason to lose the picture
    return image.convert("RGB")


def _required(image: Image.Image | None) -> Image.Image:
    assert image is not None  # profileToProfile returns None only with inPlace=True
    return image


def _place(gps: dict[int, Any]) -> Place | None:
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef), "S")
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef), "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return valid_place(lat, lon)


def valid_place(lat: float, lon: float) -> Place | None:
    """Return the place, or None when it is no point on the earth (0, 0 stands for "unknown")."""
    on_earth = -90 <= lat <= 90 and -180 <= lon <= 180 and (lat, lon) != (0.0, 0.0)
    return Place(lat, lon) if on_earth else None


def _degrees(parts: Any, reference: Any, negative: str) -> float:  # noqa: ANN401 - EXIF holds anything
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    letter = reference.decode("latin-1") if isinstance(reference, bytes) else str(reference)
    return -value if letter.strip().upper().startswith(negative) else value
