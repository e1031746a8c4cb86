"""Citations: a model's text as it streams → the same text, citing only evidence that there is."""

import re
from collections.abc import Set as AbstractSet

from app.answering.prompts import ANSWER_MARK, NOT_ENOUGH

LONGEST_CITATION = 80
"""Characters within brackets; longer ones are text."""

_WORD = r"(?:(?:image|picture|photo|evidence|tile|figure|fig\.|number|no\.)\s*)?#?"
_REFERENCE = re.compile(rf"{_WORD}(\d+)(?:\s*[-–—]\s*{_WORD}(\d+))?", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:[,;&]|\band\b)\s*")
_INSIDE = rf"[^\[\]\n]{{1,{LONGEST_CITATION}}}"
_BRACKETS = re.compile(rf"\[({_INSIDE})\]")
_RUN = re.compile(rf"([ \t]{{0,8}})((?:\[{_INSIDE}\])+)")
_OPEN_END = re.compile(rf"(?:\[{_INSIDE}\])*(?:\[(?:{_INSIDE})?)?\Z")
_WORDS = (NOT_ENOUGH, ANSWER_MARK)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """Return what a model wrote without characters that steer a terminal."""
    return _UNPRINTABLE.sub("", text)


class CitedText:
    """The text so far, of which only what can no longer change has been handed on.

    Citations are written `[1]` or `[1, 2]` and have numbers of `evidence`; `[Image 1]` and `[1-3]`
    are read as such. Others are removed and counted in `dropped`. A word that says the evidence is
    not enough is taken out and remembered. So are characters that steer a terminal. Of a text that
    says first what each page shows, `text` and all that is counted is what follows `ANSWER:`.

    >>> text = CitedText({1, 2})
    >>> text.add("Two are red [1-2, 7")
    'Two are red'
    >>> text.add("], and one is blue [9].") + text.end()
    ' [1, 2], and one is blue.'
    >>> sorted(text.citations), text.dropped
    ([1, 2], 2)
    """

    def __init__(self, evidence: AbstractSet[int]) -> None:
        self.text = ""
        self.citations: set[int] = set()
        self.dropped = 0
        self.not_enough = False
        self._evidence = evidence
        self._held = ""
        self._before_text: str | None = None

    def add(self, piece: str) -> str:
        """Take a piece of the model's text; return what may be shown of all so far."""
        self._held += clean(piece)
        settled = _settled(self._held)
        ready, self._held = self._held[:settled], self._held[settled:]
        return self._hand_on(ready)

    def end(self) -> str:
        """Return the rest: the model has finished, or broke off."""
        ready, self._held = self._held.rstrip(), ""
        return self._hand_on(ready)

    def _hand_on(self, ready: str) -> str:
        before, mark, after = ready.rpartition(ANSWER_MARK)
        if not mark:
            return self._take(ready)
        shown = f"{self._take(before)}{mark} "
        self.text, self.citations, self.not_enough = "", set(), False
        self._before_text = " \n\t*"  # some models write the mark in bold
        return shown + self._take(after)

    def _take(self, ready: str) -> str:
        if NOT_ENOUGH in ready:
            self.not_enough = True
            ready = ready.replace(NOT_ENOUGH, "")
        shown = _RUN.sub(self._checked_run, ready)
        if not self.text:
            shown = shown.lstrip(" \n\t.,:;*\"'`" if self.not_enough else self._before_text)
        self.text += shown
        return shown

    def _checked_run(self, run: re.Match[str]) -> str:
        """Return brackets that follow each other, and the space before them if any are left."""
        left = _BRACKETS.sub(self._checked, run[2])
        return run[1] + left if left else ""

    def _checked(self, brackets: re.Match[str]) -> str:
        """Return brackets with what they rightly cite; unchanged when they are no citation."""
        parts = _SEPARATOR.split(brackets[1].strip())
        references = [match for part in parts if (match := _REFERENCE.fullmatch(part))]
        if len(references) < len(parts):
            return brackets.group()
        cited: set[int] = set()
        for reference in references:
            first = int(reference[1])
            numbers = range(first, int(reference[2] or first) + 1)
            right = {number for number in self._evidence if number in numbers}
            cited |= right
            self.dropped += not right
        self.citations |= cited
        return f"[{', '.join(map(str, sorted(cited)))}]" if cited else ""


def _settled(text: str) -> int:
    """Return how much of a text no later piece can change: not open brackets, nor half a word."""
    tail = max(0, len(text) - 3 * LONGEST_CITATION)  # enough for three citations in a row
    brackets = _OPEN_END.search(text, tail)
    end = brackets.start() if brackets else len(text)
    beginnings = (word[:length] for word in _WORDS for length in range(len(word) - 1, 0, -1))
    end -= max((len(part) for part in beginnings if text.endswith(part, 0, end)), default=0)
    return len(text[:end].rstrip())
