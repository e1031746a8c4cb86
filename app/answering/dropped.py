"""Dropped: a citation that points at nothing → its sentence without it, as a sentence. Pure.

What led to it goes too where that is safe: "as shown in", a comma, brackets around it. Where the
words before may need it ("the car is in"), they stay, and the number alone goes.
"""

import re

_THING = "(?:images?|pictures?|photos?|photographs?|evidence|tiles?|figures?|sources?|items?)"
_SEEN = (
    "shown|seen|depicted|pictured|illustrated|visible|described|mentioned|stated|noted|indicated"
    "|evidenced|supported|confirmed"
)
_IN = "in|on|by|from|at"
LEAD = (
    rf"\b(?:(?P<as>as\s(?:can\sbe\s|is\s|are\s)?)?(?:(?P<seen>{_SEEN})\s)?(?:{_IN})"
    r"|(?P<see>see(?:\salso)?|cf\.)|(?P<by>according\sto|based\son))"
    rf"(?:\s(?:the\s)?{_THING})?"
)
"""Words before a citation that are of no use without one."""

LEAD_WORDS = rf"as|can|be|is|are|{_SEEN}|{_IN}|see|also|cf\.|according|to|based|the|{_THING}"

BEFORE = r"(?P<comma>(?:[ \t]{0,8}[,;，])?)(?P<blank>[ \t]{0,8})(?P<open>[(（*_]{0,4})"
AFTER = (
    r"(?P<close>[)）*_]{0,4})(?P<after>[ \t]{0,8}[,;:，]?[ \t]{0,8})"
    r"(?P<next>[^\W\d_]|[.!?。！？](?!\w))?"
)
"""What stands around a citation and its lead, up to the next letter or the end of the sentence."""

SAID_CHARACTERS = 60
"""Of what was said before, which tell whether a sentence begins, and whether it needs its "in"."""

_BEGINS = re.compile(r"(?:\A|[.!?。！？](?:\s?\[[\d, ]{1,40}\]){0,3}|\n[ \t>#*_-]{0,9})\s{0,9}\Z")
_NEEDS = re.compile(r"\b(?:is|are|was|were|be|been|being|also|only|not|and|or|both)\Z", re.I)


def mended(cited: re.Match[str], said: str) -> tuple[str, str]:
    """Return what replaces a citation of nothing with its surroundings, and the `next` character.

    `cited` has the groups of BEFORE, LEAD and AFTER; `said` is the end of what goes before.
    """
    comma, blank, after = cited["comma"].strip(), cited["blank"], cited["after"]
    opened, closed, following = cited["open"], cited["close"], cited["next"] or ""
    if is_paired := len(opened) == len(closed) > 0:
        opened = closed = ""
    is_first = not comma and bool(_BEGINS.search(said))
    is_apart = is_first or bool(comma or opened) or is_paired
    is_whole = is_first and following in (".", "!", "?", "。", "！", "？")
    if is_whole and said.strip():
        return "", ""
    if kept := cited["lead"] if is_whole else _kept(cited, said, is_apart=is_apart):
        return f"{cited['comma']}{blank}{opened}{kept}{closed}{after}", following
    if opened:
        return f"{cited['comma']}{blank}{opened}", following
    if closed:
        return f"{closed}{after}", following
    if is_first:
        return blank if said and following else "", following.upper()
    return _joined(cited, comma), following


def _kept(cited: re.Match[str], said: str, *, is_apart: bool) -> str:
    """Return what stays of the words that lead to a citation."""
    if not cited["lead"] or is_apart or cited["as"] or cited["by"]:
        return ""
    if cited["see"] or (not cited["seen"] and _NEEDS.search(said)):
        return cited["lead"]
    return cited["seen"] or ""


def _joined(cited: re.Match[str], comma: str) -> str:
    """Return what joins the words before to those after."""
    blank, after, is_word = cited["blank"], cited["after"], (cited["next"] or "").isalpha()
    if comma and after.strip() in (",", ";", "，", ""):  # it was put between, or a part of a list
        return f"{'' if cited['lead'] else cited['comma']}{blank}" if is_word else ""
    return after or (blank if is_word else "")
