"""Messages: pieces that several of them have in common."""

from collections.abc import Iterable
from difflib import get_close_matches


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun in singular or plural.

    >>> counted(1, "row"), counted(2000, "row"), counted(2, "query", "queries")
    ('1 row', '2,000 rows', '2 queries')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" for an unknown name that is close to a known one, else "".

    >>> did_you_mean("titel", ["Title", "score"]), did_you_mean("x", ["Title"])
    ("; did you mean 'Title'?", '')
    """
    folded = {other.casefold(): other for other in known}
    close = get_close_matches(name.casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def decimal(value: float) -> str:
    """Return a number in figures, with up to six decimals and no exponent: degrees to .1 m.

    >>> decimal(103.792352), decimal(0.00001), decimal(5.0), decimal(-1e-9)
    ('103.792352', '0.00001', '5', '0')
    """
    return f"{round(value, 6) + 0.0:.6f}".rstrip("0").rstrip(".")


def shorten(text: str, characters: int) -> str:
    """Return text of at most so many characters: of what is too long, the middle is left out.

    >>> shorten("holiday/2019/lisbon/IMG_0001.jpg", 20), shorten("a.jpg", 20)
    ('holiday/2…G_0001.jpg', 'a.jpg')
    """
    if len(text) <= characters:
        return text
    end = characters // 2
    return f"{text[: characters - 1 - end]}…{text[-end:]}"
