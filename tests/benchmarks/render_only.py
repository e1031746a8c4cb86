"""Render only: page → JPEG on all cores; nothing read of its words, planned or stored.

The workers of this yardstick import this file, so it imports no more than that takes. Ours import
it too: there, `decode_freely` decodes for an image embedding that costs nothing.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pypdfium2

from app.media.page_pictures import as_kept
from app.media.pages import PAGE_SIDE
from app.model.cores import usable_cores

CHUNK = 8


def jpeg_bytes(number: int, file: Path) -> int:
    """Draw a page and encode it; only its size goes back."""
    page = opened(file)[number]
    picture = page.render(scale=PAGE_SIDE / max(page.get_size())).to_pil().convert("RGB")
    page.close()
    return len(as_kept(picture))


@lru_cache(maxsize=1)
def opened(file: Path) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(file)


def render_only(file: Path, pages: int) -> list[int]:
    """The least that an ingest of these pages can do; the processes start and end with it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=spawn) as pool:
        return list(pool.map(partial(jpeg_bytes, file=file), range(pages), chunksize=CHUNK))


def decode_freely(chunk: Any, _embedding: str, *rest: Any) -> Any:
    """Decode as workers do, with the vectors made here, as palette's are, but of nothing."""
    from ingest import decode

    decode._loaded = lambda *_: Nothing()
    return decode._decode_chunk(chunk, "palette", *rest)


class Nothing:
    """An image embedding that does not look."""

    def embed_images(self, images: Any) -> Any:
        import numpy as np

        return np.full((len(images), 512), 512**-0.5, dtype=np.float32)
