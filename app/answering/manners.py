"""Manners: how models name evidence without brackets, refuse, and repeat what they were told. Pure.

They are looked for only in what a model wrote otherwise than it was told to.
"""

import re
from collections.abc import Iterator, Sequence

from app.answering.evidence import Evidence
from app.answering.prompts import AGAIN, EXAMPLE, RULE_LINES

_THING = r"(?:images?|pictures?|photos?|photographs?|evidence|tiles?|figures?|sources?|items?)"
_CHINESE_THING = "(?:图片|图像|照片|证据|来源|图)"
_AND = r"\s{0,3}(?:,|;|&|、|，|\band\b|\bund\b|\bet\b|\by\b)\s{0,3}"
_LIST = rf"\d{{1,3}}(?:{_AND}\d{{1,3}}){{0,20}}"
_NAMED = re.compile(
    rf"\b{_THING}\s{{0,3}}(?:no\.?|number|nr\.?)?\s{{0,3}}#?({_LIST})"
    rf"|{_CHINESE_THING}\s?({_LIST})",
    re.IGNORECASE,
)
_ROUND = re.compile(rf"(?<=[^\n\w])[(（]({_LIST})[)）]")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NTH = rf"(?:{'|'.join(_ORDINALS)})"
_ORDINAL = re.compile(  # "the second figure" may be a person, "the first item" one of a list
    rf"\b({_NTH}(?:{_AND}(?:the\s)?{_NTH}){{0,8}})\s{{1,3}}(?:images?|pictures?|photos?"
    r"|photographs?|tiles?)\b",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(?:\bpages?\s{0,3}|\bpp?\.\s{0,3}|第\s?)(\d{1,5})", re.IGNORECASE)

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s*")
_SORRY = re.compile(
    r"\W{0,5}(?:i\s?[’']?m sorry|i am sorry|i apologi[sz]e|sorry|unfortunately|as an ai"
    r"|i\s(?:can\s?not|can[’']t|could\snot|am\s(?:unable|not\sable)|do\snot|don[’']t)"
    r"|i[’']m\s(?:unable|not\sable)"
    r"|i\s(?:won[’']t|will\snot)|it(?:\sis|[’']s)\s(?:impossible|not\spossible)"
    r"|(?:none|neither)\sof\s(?:the|these|them)\b.{0,40}\b(?:answer|say|tell|mention)"
    r"|je\sne\speux\spas|ich\skann\b.{0,30}\bnicht\b|no\spuedo|non\sposso|não\sposso|не\sмогу"
    r"|(?:very\s)?(?:很?抱歉|对不起|我?无法|我不能)|leider|es tut mir leid|désolé|je suis désolé"
    r"|lo siento|lamento|mi dispiace|desculpe|извините|к сожалению|申し訳)",
    re.IGNORECASE,
)
_SILENT = re.compile(
    r"(?:not enough|insufficient|no (?:relevant |sufficient )?)\s?(?:evidence|information)"
    r"|(?:evidence|pictures?|images?|photos?|pages?|metadata|captions?)\s(?:(?:above|shown|provided"
    r"|given)\s)?(?:do|does)(?:\snot|n[’']t)\s(?:answer|provide|give|contain\s(?:any|enough)"
    r"|say|tell|allow|mention)"
    r"|(?:cannot|can\snot|can[’']t|not\spossible\sto)\s(?:be\s)?(?:answered|determined?|answer)"
    r"|ne\s(?:suffi\w{1,6}|permet\w{0,4})\spas|reich\w{1,3}\b.{0,30}\bnicht|no\s(?:es|son)\ssuficiente"
    r"|证据不足|不足以|无法(?:回答|确定|判断)",
    re.IGNORECASE,
)

_MACHINE = re.compile(
    r"\{\s{0,9}\\?[\"']\w{1,30}\\?[\"']\s{0,9}:|<tool_call>|\[TOOL_CALLS\]|<function", re.IGNORECASE
)

RULE_BEGINNING = 36
"""Characters of a rule that are enough to know it by: a model may break off within one."""

_DESCRIBED = re.compile(r"^\[\d+\] (?:picture|page \d+ of)\b[^\n]{0,400}\n {2}\S", re.MULTILINE)

_CITED = re.compile(r"\[\d")


def is_refusal(text: str) -> bool:
    """Say whether a text only says that its writer cannot or will not answer, with or without [1].

    >>> is_refusal("I'm sorry, I cannot determine this from the pictures [1][2].")
    True
    >>> is_refusal("I'm sorry, there is no tram. A red car is in [1].")
    False
    """
    first, *rest = [part for part in _SENTENCE.split(text.strip()) if part.strip()] or [""]
    told = _SORRY.match(first) or _SILENT.search(first)
    return bool(told) and not any(_CITED.search(part) and says_anything(part) for part in rest)


def says_anything(text: str) -> bool:
    """Tell whether a text has a letter or a digit outside its citations."""
    return any(char.isalnum() for char in re.sub(r"\[[\d, ]{1,80}\]", "", text))


def is_machine_speech(text: str) -> bool:
    """Say whether a text holds an answer as JSON, or calls a tool, instead of saying something.

    >>> is_machine_speech('Here you are: {"answer": "Red"}'), is_machine_speech("null")
    (True, True)
    """
    return bool(_MACHINE.search(text)) or text.strip(" \n`*").lower() in (
        "null",
        "none",
        "{}",
        "[]",
    )


def repeats_prompt(text: str) -> bool:
    """Say whether a text repeats what the model was given: rules, example, or lines of evidence."""
    begun = (line[:RULE_BEGINNING] for line in (*RULE_LINES, EXAMPLE.partition(" [")[0], AGAIN))
    return any(map(text.__contains__, begun)) or bool(_DESCRIBED.search(text))


def loose_citations(text: str, evidence: Sequence[Evidence]) -> set[int]:
    """Return the evidence that a text mentions as "(1) and (5)", by file name or by page.

    That is less sure than `named_numbers`, and counts where nothing else is named. Only such
    numbers count as there is evidence of.
    """
    numbers = {piece.number for piece in evidence}
    listed = () if _has_pages(evidence) else _in_round_brackets(text)
    return {*listed, *_by_name(text, evidence), *_by_page(text, evidence)} & numbers


def named_numbers(text: str, evidence: Sequence[Evidence], *, in_order: bool) -> set[int]:
    """Return the numbers of "Image 1", "图2" and the like, also those that no evidence has.

    "The third picture" is 3 where the pictures are shown `in_order`, and none before them is one
    that is asked about. Of pages there are none: "figure 3" is the report's own.
    """
    if _has_pages(evidence):
        return set()
    return {*_named(text), *(_in_order(text) if in_order else ())}


def _has_pages(evidence: Sequence[Evidence]) -> bool:
    return any(piece.page is not None for piece in evidence)


def _named(text: str) -> Iterator[int]:
    for match in _NAMED.finditer(text):
        yield from _numbers(match[1] or match[2])


def _in_round_brackets(text: str) -> Iterator[int]:
    for match in _ROUND.finditer(text):
        yield from _numbers(match[1])


def _numbers(listed: str) -> Iterator[int]:
    return map(int, re.findall(r"\d+", listed))


def _in_order(text: str) -> Iterator[int]:
    for match in _ORDINAL.finditer(text):
        yield from (_ORDINALS.index(nth) + 1 for nth in re.findall(_NTH, match[1].lower()))


def _by_name(text: str, evidence: Sequence[Evidence]) -> Iterator[int]:
    """Yield pictures whose file is named; of a document that tells no page."""
    folded = text.casefold()
    for piece in evidence:
        name = piece.document.rpartition("/")[2].casefold()
        if piece.page is None and "." in name and name in folded:
            yield piece.number


def _by_page(text: str, evidence: Sequence[Evidence]) -> Iterator[int]:
    """Yield pages by their own number, where it is one page's alone or its document is named."""
    folded = text.casefold()
    for match in _PAGE.finditer(text):
        pages = [piece for piece in evidence if piece.page == int(match[1])]
        named = [piece for piece in pages if piece.document.rpartition("/")[2].casefold() in folded]
        if len(among := named or pages) == 1:
            yield among[0].number
