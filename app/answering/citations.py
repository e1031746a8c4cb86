"""Citations: a model's text as it streams → the same text, citing only evidence that there is."""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from app.answering.dropped import AFTER, BEFORE, LEAD, LEAD_WORDS, SAID_CHARACTERS, mended
from app.answering.page_lines import LINE_CHARACTERS, find_mark, without_nothing
from app.answering.prompts import ANSWER_MARK, NOT_ENOUGH, NOTHING
from app.answering.vision.spoken import clean

LONGEST_CITATION = 80
"""Characters within brackets; longer ones are text."""

_THING = (
    r"image|picture|photo|evidence|tile|figure|fig\.|number|no\.|source|item|doc(?:ument)?|ref|id"
    "|图片|图像|照片|证据|来源|图"
)
_WORD = rf"(?:(?:{_THING})\s?:?\s?)?[#^]?"  # RAGFlow's prompt has [ID:1], footnotes [^1]
_PAGE = re.compile(
    r"(?:[^\d]{0,60}\b)?(?:pages?|pp?\.)\s?(\d{1,5})(?:\s+of\s.{1,60})?|第\s?(\d{1,5})\s?页"
)
_REFERENCE = re.compile(rf"{_WORD}(\d+)(?:\s*[-–—]\s*{_WORD}(\d+))?", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:[,;&，；、]|\band\b)\s*")
_OPEN, _CLOSE = "[\\[［【]", "[\\]］】]"  # models trained on Chinese cite as 【1】
_INSIDE = rf"[^\[\]［］【】\n]{{1,{LONGEST_CITATION}}}"
_CITED = rf"{_OPEN}{_INSIDE}{_CLOSE}"
_BRACKETS = re.compile(rf"{_OPEN}({_INSIDE}){_CLOSE}")
_BETWEEN = r"[ \t]{0,3}(?:(?:[,;&，、]|,?[ \t]{0,3}\b(?:and|or)\b)[ \t]{0,3})?"
_RUN = rf"{_CITED}(?:{_BETWEEN}{_CITED})*"
_LED_RUN = re.compile(
    rf"{BEFORE}(?:(?P<lead>{LEAD})[ \t]{{1,3}})?(?P<run>{_RUN}){AFTER}", re.IGNORECASE
)
_LEADING = (
    rf"[ \t,;:，&、(（*_]{{0,9}}(?:\b(?:{LEAD_WORDS}|and|or)[ \t]{{1,3}}){{0,7}}"
    r"(?:\b[a-z]{1,12}\.?)?"
)
_OPEN_END = re.compile(
    rf"{_LEADING}(?:{_RUN}[)）*_]{{0,4}}{_LEADING}){{0,3}}(?:{_OPEN}(?:{_INSIDE})?)?\Z",
    re.IGNORECASE,
)
"""What the next piece may add to: a citation, what leads to it, what stands after it."""
_WORDS = (NOT_ENOUGH, NOTHING, ANSWER_MARK)

DRESS = " \n\t*_#`\"'.,:;"
"""What models put around a word that they were told to write."""

_LATER_MARK = re.compile(rf"\n[ \t*_#>]{{0,9}}{ANSWER_MARK}")
"""A mark within a line is what somebody said."""

_FRONT = re.compile(r"\A\s*(?:[*_]{2,}\s+)?")  # **ANSWER:** has its end behind the mark
_TOLD = re.compile(rf"\s*(?:{NOT_ENOUGH}|{NOTHING})")


class CitedText:
    """The text so far, of which only what can no longer change has been handed on.

    Citations are written `[1]` or `[1, 2]` and have numbers of `evidence`; `[Image 1]`, `[1-3]` and
    【1】 are read as such, and `[page 9]` by the `pages` of the evidence. Others are removed, with
    what is of no use without them (see dropped.py), and counted in `dropped`. A word that says the
    evidence is not enough is taken out and remembered.
    So are characters that steer a terminal.

    A `marked` text says first what each page shows, and `text` and all that is counted is what
    follows `ANSWER:`. Lines of pages that show `nothing` are left out. Where the text ends while it
    `awaits_mark`, all that is left is the answer.

    >>> text = CitedText({1, 2})
    >>> text.add("Two are red [1-2, 7")
    'Two are red'
    >>> text.add("], and one is blue [9].") + text.end()
    ' [1, 2], and one is blue.'
    >>> sorted(text.citations), text.dropped
    ([1, 2], 2)
    """

    def __init__(
        self,
        evidence: AbstractSet[int],
        *,
        pages: Mapping[int, int] | None = None,
        marked: bool = False,
    ) -> None:
        self._evidence = evidence
        self._pages = pages or {}
        self._is_marked = marked
        self.dropped = 0
        self.text = self._mark = ""
        self.restart()

    def restart(self) -> None:
        """Start again, because all text so far was a thought."""
        self._begin_answer()
        self.awaits_mark = self._is_marked
        self._held = "\n" if self._is_marked else ""  # what begins a line follows "\n"

    def cite(self, numbers: Iterable[int]) -> str:
        """Add citations of evidence at the end, and return them as they are written."""
        right = sorted(self._evidence & set(numbers))
        written = f" [{', '.join(map(str, right))}]" if right else ""
        self.text += written
        self.citations |= set(right)
        return written

    def add(self, piece: str) -> str:
        """Take a piece of the model's text; return what may be shown of all so far."""
        self._held += clean(piece)  # again: what JSON writes as escapes has come to be text
        return self._hand_on(ended=False)

    def end(self) -> str:
        """Return the remaining text, once the model has finished or broken off."""
        self._held = self._held.rstrip()
        return self._hand_on(ended=True)

    def _hand_on(self, *, ended: bool) -> str:
        shown = self._page_lines(ended=ended) if self.awaits_mark else ""
        return shown if self.awaits_mark else shown + self._answer(ended=ended)

    def _page_lines(self, *, ended: bool) -> str:
        """Return whole lines of what goes before the mark; what follows it is held."""
        mark = find_mark(f"{self._held}\n" if ended else self._held)
        if mark:
            lines, self._held = self._held[: mark.start()], self._held[mark.end() :]
        else:
            lines = self._release(len(self._held) if ended else _settled_lines(self._held))
        kept = without_nothing(lines)
        self.nothing |= kept != lines
        shown = self._take(kept.rstrip())
        if mark:
            self._begin_answer()
        return shown

    def _answer(self, *, ended: bool) -> str:
        ready = self._release(len(self._held) if ended else _settled(self._held))
        line = "" if self.text and not self.text.endswith("\n") else "\n"  # begins here, or not
        marks = list(_LATER_MARK.finditer(line + ready))
        shown, after = "", ready
        if marks:
            before, after = (line + ready)[: marks[-1].start()], (line + ready)[marks[-1].end() :]
            shown = self._take(before[len(line) :].rstrip(" \n\t*_#"))
            self._begin_answer()
        is_dress = len(after) < LONGEST_CITATION and not after.strip(DRESS)
        if is_dress and not (self.text or ended):  # of a word that is not to be shown?
            self._held = after + self._held
            return shown
        return shown + self._take(after)

    def _begin_answer(self) -> None:
        """Drop what came before a mark. The mark is passed on before the first word after it."""
        if self.text:
            self._mark = f"\n{ANSWER_MARK} "
        self.text = ""
        self.citations: set[int] = set()
        self.not_enough = self.nothing = self.awaits_mark = False

    def _release(self, count: int) -> str:
        ready, self._held = self._held[:count], self._held[count:]
        return ready

    def _take(self, ready: str) -> str:
        self.not_enough |= NOT_ENOUGH in ready
        self.nothing |= NOTHING in ready
        shown = self._checked_runs(_TOLD.sub("", ready))
        if not self.text:
            told = self.not_enough or NOTHING in ready
            shown = shown.lstrip(DRESS) if told else _FRONT.sub("", shown)
            shown = shown if shown.strip(DRESS) else ""
        self.text += shown
        if shown:
            shown, self._mark = self._mark + shown, ""
        return shown

    def _checked_runs(self, ready: str) -> str:
        """Return the text with its valid citations; sentences stay whole without the others."""
        shown: list[str] = []
        place = 0
        while run := _LED_RUN.search(ready, place):
            shown.append(ready[place : run.start()])
            left = self._checked_run(run)
            place = run.end("run")
            if left:
                shown += [ready[run.start() : run.start("run")], left]
                continue
            said = ready[max(0, run.start() - SAID_CHARACTERS) : run.start()]
            stead, following = mended(run, (self.text[-SAID_CHARACTERS:] + said)[-SAID_CHARACTERS:])
            place = run.end("after")
            shown.append(stead)
            if following != (run["next"] or ""):
                shown.append(following)
                place = run.end()
        return "".join([*shown, ready[place:]])

    def _checked_run(self, led: re.Match[str]) -> str:
        """Return brackets that follow each other, with what joins those that are left.

        A comma before a word stays: "[1], [9] then" may be two statements.
        """
        run, left, joint, place = led["run"], "", "", 0
        for brackets in _BRACKETS.finditer(run):
            before, place = run[place : brackets.start()], brackets.end()
            if checked := self._checked(brackets):
                left += (before if left else "") + checked
                joint = ""
            else:
                joint = joint or before
        goes_on = not led["after"].strip() and (led["next"] or "").isalpha()
        return left + joint.rstrip() if left and goes_on and joint.strip() in (",", ";") else left

    def _checked(self, brackets: re.Match[str]) -> str:
        """Return brackets with their valid citations; unchanged when they are not a citation."""
        if page := _PAGE.fullmatch(brackets[1].strip()):
            number = self._pages.get(int(page[1] or page[2]))
            if number is not None:
                self.citations.add(number)
                return f"[{number}]"
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
            self.dropped += not right or int(reference[2] or first) not in self._evidence
        self.citations |= cited
        return f"[{', '.join(map(str, sorted(cited)))}]" if cited else ""


def _settled_lines(text: str) -> int:
    """Return how much of a text is whole lines; of one that goes on for long, what is settled."""
    line = text.rfind("\n")
    if line < 0 or len(text) - line - 1 > LINE_CHARACTERS:
        return _settled(text)
    return len(text[:line].rstrip())


def _settled(text: str) -> int:
    """Return how much of a text no later piece can change: not open brackets, nor half a word."""
    tail = max(0, len(text) - 4 * LONGEST_CITATION)  # three citations in a row, and their lead
    brackets = _OPEN_END.search(text, tail)
    end = brackets.start() if brackets else len(text)
    beginnings = (word[:length] for word in _WORDS for length in range(len(word) - 1, 0, -1))
    end -= max((len(part) for part in beginnings if text.endswith(part, 0, end)), default=0)
    return len(text[:end].rstrip())
