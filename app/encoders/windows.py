"""Windows: a text and where its tokens are → parts of it that a model reads whole."""

from collections.abc import Sequence

WINDOW_TOKENS, OVERLAP_TOKENS = 128, 32
"""Of a page's text, for MiniLM: R@5 .486 for questions over 275 pages; 254 and 64 give .439, 64
and 16 .520 but with keywords less than 128 do (.555, .562)."""

MAX_TEXT_CHARACTERS = 20_000
"""More is cut before tokenising, which is linear in it: ten times what 512 tokens can hold."""


def text_of(text: str) -> str:
    """Return a text of bounded length that every tokenizer takes.

    Half a surrogate pair, as broken JSON holds, is no text to a tokenizer.
    """
    return text[:MAX_TEXT_CHARACTERS].encode("utf-8", "replace").decode()


def parts_of(text: str, offsets: Sequence[tuple[int, int]], *, longest: int) -> list[str]:
    """Return overlapping parts of a text, of at most `longest` of the tokens at these offsets.

    >>> text = "a" * 200
    >>> [len(part) for part in parts_of(text, [(n, n + 1) for n in range(200)], longest=500)]
    [128, 104]
    """
    size = min(WINDOW_TOKENS, longest)
    starts = range(0, max(1, len(offsets) - OVERLAP_TOKENS), size - OVERLAP_TOKENS)
    parts = [offsets[start : start + size] for start in starts]
    return [text[part[0][0] : part[-1][1]] for part in parts if part]
