"""Asked: words of a search → whether they ask what goes with a garment. Pure."""

import re

_WITH = r"(?:go|goes|going|pair|pairs|wear|combine|combines)\s+(?:\w+\s+){0,2}with"
_MATCH = r"match(?:es)?(?:\s+(?:with|to))?(?:\s+(?:this|these|that|those|my|it|a|an)\b.*)?[\s?!.]*$"
_ASKS = re.compile(
    rf"^\W*(?:what|which)\b(?!\s+(?:picture|photo|image|page|record)s?\b).*\b(?:{_WITH}\b|{_MATCH})",
    re.IGNORECASE | re.DOTALL,
)


def asks_what_goes_with(words: str) -> bool:
    """Return whether words ask for the rest of an outfit; a description of clothes does not.

    >>> asks_what_goes_with("which shoes match?"), asks_what_goes_with("a dress with matching bag")
    (True, False)
    """
    return _ASKS.search(words) is not None
