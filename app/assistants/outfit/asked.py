"""Asked: a search → whether its words ask what goes with a garment, and what finds that."""

import re
from shlex import quote
from typing import TYPE_CHECKING

from app.model.errors import QueryError

if TYPE_CHECKING:
    from app.retrieval.search import Search
    from app.store.collection import Collection

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


def told_of_outfit(search: "Search", collection: "Collection") -> list[str]:
    """Say that another command finds what goes with a garment, in a collection of garments."""
    if not asks_what_goes_with(search.words):
        return []
    from app.assistants.outfit.catalogue import read_catalogue

    try:
        read_catalogue(collection)
    except QueryError:  # it holds no garments, or none of its columns says so
        return []
    garment = quote(str(search.image)) if search.image else "PICTURE"
    return [
        "a search finds what is like its words; what goes with a garment is found by: sightline"
        f" outfit {garment} --collection {collection.name}"
    ]
