"""Excerpt: a text and the words of a question → the part that bears most on them. Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from app.encoders.bm25 import embed_query
from app.model.words import characters_apart

ELLIPSIS = "…"
"""Stands where something was left out."""

NEAR_CHARACTERS = 80
"""How far a part is moved, or cut short, to begin and end with a sentence; a quarter of a short."""

_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)]))\s+(?![\da-z])|(?<=[。！？])|\n+")
"""What stands between two sentences, but not within "Fig. 3"; nothing in Chinese."""


class _Found(NamedTuple):
    """Where a term stands in a text: a stem, or two that follow each other."""

    start: int
    end: int
    term: tuple[int, ...]


def excerpt(text: str, words: str, limit: int) -> str:
    """Return the part of a text that is most relevant to some words, up to `limit` characters.

    The one with most distinct words of a question, compared by their stems: the rarer in this text
    the more one counts, and two that stand together count again. It begins and ends with a word,
    or a sentence where one is near; where no word occurs it is the beginning.

    >>> excerpt("It was dry. Rain fell on 41 days. Then it snowed.", "raining days", 32)
    '… Rain fell on 41 days. …'
    """
    if len(text) <= limit:
        return text
    room = limit - 2 * len(f"{ELLIPSIS} ")
    if room < 1:
        return ELLIPSIS[:limit]
    near = min(room // 4, NEAR_CHARACTERS)
    first, last = _best(_found(text, words), room * 3 // 4)  # the rest is for what stands around
    start = _start(text, first, last, room, near)
    end = _end(text, max(last, start + 1), start + room, near)
    before, after = f"{ELLIPSIS} " if start else "", f" {ELLIPSIS}" if end < len(text) else ""
    return f"{before}{text[start:end].strip()}{after}"


def _found(text: str, words: str) -> list[_Found]:
    """Return where the terms of a question stand, in order of both start and end."""
    asked = [stem for _, _, stem in _stems(words) if stem]
    singles, pairs = set(asked), set(pairwise(asked))
    found: list[_Found] = []
    before, before_start = 0, 0
    for start, end, stem in _stems(text):
        if (before, stem) in pairs:
            found.append(_Found(before_start, end, (before, stem)))
        if stem in singles:
            found.append(_Found(start, end, (stem,)))
        if stem:  # a word that does not count keeps no two apart
            before, before_start = stem, start
    return found


def _stems(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield where each word begins and ends, and what its stem is known by; 0 is a stop word."""
    for match in _WORD.finditer(text):
        start = match.start()
        for word in characters_apart(match.group()).split():
            yield start, start + len(word), _stem(word)
            start += len(word)


@lru_cache(maxsize=10_000)
def _stem(word: str) -> int:
    sparse = embed_query(word)
    return sparse[0][0] if sparse else 0


def _best(found: Sequence[_Found], room: int) -> tuple[int, int]:
    """Return where the best run of terms that fits begins and ends; at 0 where there is none."""
    counts = Counter(term for _, _, term in found)
    # Whole numbers, for sums that add and subtract them must come out the same.
    weights = {term: round(100 * math.log2(1 + len(found) / n)) for term, n in counts.items()}
    inside: Counter[tuple[int, ...]] = Counter()
    best, most, weight, left = (0, 0), (0, 0), 0, 0
    for right, (_, end, term) in enumerate(found):
        weight += weights[term] * (not inside[term])
        inside[term] += 1
        while left < right and end - found[left].start > room:
            gone = found[left].term
            inside[gone] -= 1
            weight -= weights[gone] * (not inside[gone])
            left += 1
        if (weight, right - left) > most:
            best, most = (found[left].start, end), (weight, right - left)
    return best


def _start(text: str, first: int, last: int, room: int, near: int) -> int:
    """Return where to begin: with some of what goes before what was found, and more after it."""
    lowest = max(0, last - room)
    wanted = min(first - (room - (last - first)) // 3, len(text) - room)
    wanted = min(max(wanted, lowest), first)
    if lowest == 0 and wanted <= near:
        return 0
    least, most = max(lowest, wanted - near), min(first, wanted + near)
    sentences = [gap.end() for gap in _SENTENCE.finditer(text, least, most)]
    if sentences:
        return min(sentences, key=lambda place: abs(place - wanted))
    return next((at for at in range(wanted, most + 1) if _between_words(text, at)), wanted)


def _end(text: str, least: int, most: int, near: int) -> int:
    """Return where to end, after what was found."""
    if most >= len(text):
        return len(text)
    least = max(least, most - near)
    sentences = [gap.start() for gap in _SENTENCE.finditer(text, least, most + 1)]
    if sentences:
        return sentences[-1]
    return next((at for at in range(most, least - 1, -1) if _between_words(text, at)), most)


def _between_words(text: str, at: int) -> bool:
    pair = text[at - 1 : at + 1]
    return not (pair.isalnum() and characters_apart(pair) == pair)
