"""Slots: what a shop calls a garment → where it is worn; what it calls people → who they are.

And what it calls a colour → whether that goes with any other. All are tables in garments.toml.
"""

import re
import tomllib
from collections import ChainMap
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from app.model.garments import Slot

EVERYONE = "everyone"
ADULTS = "adults"

_ALSO_FOR = {"girls": "children", "boys": "children", "children": "children"}
"""Who else is meant by what suits these; of all others it is adults."""

_ASIDE = re.compile(r"\s(?:for|with|in)\s|,", re.IGNORECASE)


def slot_of(name: str, said: Mapping[str, str] | None = None) -> Slot | str:
    """Return where a garment of this name is worn, "none" for what is no garment, "" if not known.

    The end of a name counts, or what stands before "for", "with" or "in". `said` has more names.

    >>> slot_of("Casual Shoes"), slot_of("Women's navy T-Shirts"), slot_of("Perfume and Body Mist")
    ('shoes', 'top', 'none')
    >>> slot_of("dress shoes in brown"), slot_of("a watch with a blue dial"), slot_of("Gadget")
    ('shoes', 'accessory', '')
    """
    known = ChainMap(dict(said or {}), _known("slots"))
    for part in (name, _ASIDE.split(name)[0]):
        words = singular(part).split()
        endings = (" ".join(words[start:]) for start in range(len(words)))
        if found := next((known[ending] for ending in endings if ending in known), ""):
            return found
    return ""


def audience_of(name: str) -> str:
    """Return who is meant, by a name or the words in it; "" for what is not known.

    It is women, men, girls, boys, adults, children or everyone. One word for a child is enough for
    no adult to be meant.

    >>> audience_of("Women's"), audience_of("Unisex"), audience_of("Petite")
    ('women', 'adults', '')
    >>> audience_of("Adults-Men"), audience_of("Kids-Boys"), audience_of("Kids Unisex")
    ('men', 'boys', 'children')
    """
    known = _known("audiences")
    if found := known.get(singular(name)):
        return found
    meant = {known.get(singular(word), "") for word in re.findall(r"[^\W_]+", name)}
    if young := meant & {*_ALSO_FOR}:
        exact = young - {"children"}
        return exact.pop() if len(exact) == 1 else "children"
    grown = meant & {"women", "men"}
    return grown.pop() if len(grown) == 1 else ADULTS if grown or ADULTS in meant else ""


def suited_by(meant: str) -> set[str]:
    """Return whose garments these people can wear: adults no child's, and children no adult's.

    What is for everyone suits all; what is unisex is for adults.

    >>> sorted(suited_by("women")), sorted(suited_by("girls"))
    (['adults', 'everyone', 'women'], ['children', 'everyone', 'girls'])
    """
    return {meant, EVERYONE, _ALSO_FOR.get(meant, ADULTS)} - {""}


def is_neutral(colour: str) -> bool:
    """Say whether a colour goes with any other; the end of its name counts.

    >>> is_neutral("Off White"), is_neutral("Navy Blue"), is_neutral("Blue")
    (True, True, False)
    """
    words = singular(colour).split()
    return any(" ".join(words[start:]) in _known("colours") for start in range(len(words)))


def singular(name: str) -> str:
    """Return a name in small letters, its last word without the ending of a plural.

    >>> singular("Flip-Flops"), singular("Dresses"), singular("Dress")
    ('flip flop', 'dress', 'dress')
    """
    # "t-shirt" and "tshirt" are one word, "flip-flop" and "flip flop" are two
    folded = re.sub(r"\bt[\s-]?shirt", "tshirt", name.casefold().replace("'", ""))
    words = re.findall(r"[^\W_]+", folded)
    if words:
        words[-1] = re.sub(r"(?<=ss|sh|ch)es$|(?<=x)es$|(?<!s)s$", "", words[-1])
    return " ".join(words)


@cache
def _known(table: str) -> dict[str, str]:
    """Return the names of a table, each with what it stands for."""
    return {singular(name): key for key, names in _tables()[table].items() for name in names}


@cache
def _tables() -> Mapping[str, Any]:
    text = (files(__package__) / "garments.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
