"""OCR: the picture of a page → its words in reading order. RapidOCR, with the models of its wheel.

Those read Chinese, Japanese, Greek and every language in Latin letters; no Cyrillic, Korean, Arabic
or Hebrew. Nothing is fetched: the models are named by their files, and it starts only with them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from app.model.errors import SettingsError

if TYPE_CHECKING:
    from PIL import Image

MIN_CONFIDENCE = 0.5
"""Of a line, from 0 to 1. On 13 pages that have a text layer too, the one line below it was wrong;
of the words in the 16 lines from here to .9, three in four are in the layer, above that 98 %."""

SURE = 0.8
"""Mean confidence of a page's letters. Of eleven scans, each turned four ways, those that RapidOCR
had the right way up have .86 or more, and those on their heads .76 or less."""

SIDEWAYS = 1.5
"""How much higher than wide a line is that RapidOCR turns to the left."""

COLUMN_CHARACTERS = 8
"""Of the middle line on either side of a gap: less is a column of a table, which is read by rows.
On those pages 357 of 490 lines follow the line before them in the text layer, 237 as RapidOCR sorts
them; were all gaps cut, tables would fall apart: 15 of 83 follow in one, instead of 58."""

SHORT_SIDE = 736
"""Pixels that RapidOCR enlarges a narrower picture to: of 1 by 1,536 it would make 736 by 1.1
million. So they are padded instead."""

_LINE_END_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")


class Line(NamedTuple):
    """A line that was read, with the pixels that it stands between."""

    words: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0

    @property
    def is_upright(self) -> bool:
        """Whether it is not a line that RapidOCR turns to the left before it is read."""
        return self.bottom - self.top < SIDEWAYS * (self.right - self.left)


def require_ocr() -> None:
    """Raise SettingsError where RapidOCR or its models are not installed."""
    _models()


def read_words(image: "Image.Image") -> str:
    """Return the words in a picture, a line each, in reading order; hyphens at line ends are gone.

    It may lie on its side or stand on its head. A page takes 2 to 12 s of one core, by its number
    of lines, and up to 1.4 GiB of address space; twice the time if it is turned, or hard to read.
    Raises SettingsError when RapidOCR cannot be loaded.
    """
    found = _lines(image)
    if found and not _is_sure(found):
        turned = _lines(image.rotate(270 if _is_sideways(found) else 180, expand=True))
        found = max(found, turned, key=_conviction)  # the first of equals
    if _is_sure(found) and _is_sideways(found):
        found = [_turned(line, image.width) for line in found]
    read = [line for line in found if line.confidence >= MIN_CONFIDENCE]
    return _LINE_END_HYPHEN.sub("", "\n".join(line.words for line in in_reading_order(read)))


def _lines(image: "Image.Image") -> list[Line]:
    """Return all that may be lines, upright or sideways, also those that are hardly read."""
    import numpy as np
    from PIL import Image

    padded = Image.new("RGB", [max(SHORT_SIDE, side) for side in image.size], "white")
    padded.paste(image)
    found = _reader()(np.asarray(padded)[:, :, ::-1])  # as OpenCV has it: blue first
    if not found.txts:
        return []
    read = zip(found.txts, found.boxes, found.scores, strict=True)
    return [
        Line(words, *box.min(axis=0), *box.max(axis=0))._replace(confidence=score)
        for words, box, score in read
    ]


def _conviction(lines: Sequence[Line]) -> float:
    """Return the number of letters that were read, each weighted by its line's confidence."""
    return sum(len(line.words) * line.confidence for line in lines)


def _is_sure(lines: Sequence[Line]) -> bool:
    return _conviction(lines) >= SURE * sum(len(line.words) for line in lines)


def _is_sideways(lines: Sequence[Line]) -> bool:
    """Tell whether most letters are in lines that are much higher than wide."""
    letters = [len(line.words) * (1 if line.is_upright else -1) for line in lines]
    return sum(letters) < 0


def _turned(line: Line, width: int) -> Line:
    """Return where a line is once the page is turned to the left. RapidOCR read it like that."""
    return line._replace(
        left=line.top, right=line.bottom, top=width - line.right, bottom=width - line.left
    )


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Return lines by column, each from top to bottom; lines side by side stay as they were.

    A recursive cut along the widest gap (Nagy and Seth 1984), between columns before between rows.
    """
    ordered: list[Line] = []
    blocks = [list(lines)]
    while blocks:
        block = blocks.pop()
        if parts := _columns(block) or _cut(block, "top", "bottom"):
            blocks += reversed(parts)
        else:
            ordered += block
    return ordered


def _columns(block: Sequence[Line]) -> tuple[list[Line], list[Line]] | None:
    parts = _cut(block, "left", "right")
    if parts and all(median(len(line.words) for line in p) >= COLUMN_CHARACTERS for p in parts):
        return parts
    return None


def _cut(block: Sequence[Line], start: str, end: str) -> tuple[list[Line], list[Line]] | None:
    """Divide lines at the widest gap that none of them reaches into, if there is one."""
    begins, side = attrgetter(start), attrgetter(start, end)
    gap, at = max(_gaps(sorted(map(side, block))), default=(0.0, 0.0))
    if gap <= 0:
        return None
    after = [line for line in block if begins(line) >= at]
    return [line for line in block if begins(line) < at], after


def _gaps(sides: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield how far each line but the first is from all before it, and where it begins."""
    ends = accumulate((end for _, end in sides), max)
    for (start, _), end in zip(sides[1:], ends, strict=False):
        yield start - end, start


@lru_cache(maxsize=1)
def _reader() -> Any:  # noqa: ANN401 - its own types are there only when it is installed
    finder, reader = _models()
    try:
        from rapidocr import RapidOCR

        return RapidOCR(params=_parameters(finder, reader))
    except Exception as error:
        raise SettingsError(
            f"RapidOCR cannot be loaded ({error}). Install it again:"
            " pip install 'rapidocr>=3.10,<4' onnxruntime"
        ) from error


def _parameters(finder: Path, reader: Path) -> dict[str, Any]:
    return {
        "Global.log_level": "critical",
        "Global.text_score": 0.0,  # a page that is turned is told by what is read badly
        # It is the page that is turned; on four upright ones turning lines lost 4 % of the letters.
        "Global.use_cls": False,
        # The decoders are as many as there are cores.
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Det.model_path": str(finder),
        "Rec.model_path": str(reader),
        # Only for a model without letters of its own, which it would then fetch.
        "Rec.rec_keys_path": str(reader),
        # Six lines at a time, as long as the longest, take twice the memory and no less time.
        "Rec.rec_batch_num": 1,
    }


def _models() -> tuple[Path, Path]:
    """Return the files of the models that find lines and read them."""
    package = find_spec("rapidocr")
    if package is None or package.origin is None or find_spec("onnxruntime") is None:
        raise SettingsError(
            "--ocr needs RapidOCR, which is not installed:"
            " pip install 'rapidocr>=3.10,<4' onnxruntime"
        )
    folder = Path(package.origin).parent / "models"
    finder, reader = (sorted(folder.glob(f"*_{part}_*.onnx")) for part in ("det", "rec"))
    if not (finder and reader):
        raise SettingsError(
            f"there are no models of RapidOCR in {folder}, and none are fetched. Install the"
            " version that brings them: pip install 'rapidocr==3.10.0'"
        )
    return finder[0], reader[0]
