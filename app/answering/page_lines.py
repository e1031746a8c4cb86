"""Page lines: what a model writes of each of several pages → where its answer begins. Pure.

It was told to write a line for each page and then `ANSWER:` (see `prompts.PAGE_RULES`). Models
dress that mark, leave it out, and say "nothing" in many ways.
"""

import re

from app.answering.prompts import ANSWER_MARK, NOT_ENOUGH, NOTHING

LINE_CHARACTERS = 100
"""A longer line says something of its page, and need not be held back until it ends."""

NOTE_CHARACTERS = 300
"""A longer note says something, and patterns are not tried on it."""

_ANSWER = r"(?i:(?:final[ \t]{1,9})?answer)"
_MARK = re.compile(
    rf"[ \t*_#]{{0,9}}{ANSWER_MARK}"
    rf"|\n[ \t>*_#]{{0,9}}{_ANSWER}[ \t*_]{{0,9}}[:：]"  # **Answer**: or ANSWER :
    rf"|\n[ \t]{{0,9}}(?:[#*_]{{1,9}}[ \t*_]{{0,9}}{_ANSWER}|ANSWER)[ \t*_]{{0,9}}(?=\n)"  # heading
)

_OF = "here|relevant|related|useful|that|which|to|on|about|of|for|in|regarding|bearing"
_NOTHING = re.compile(
    r"[\s:.*_\"'“–—-]*(?:(?:(?:the|this)\s+)?page\s+)?(?:(?:shows?|says?|has|contains?)\s+)?"
    r"(?:nothing|none|n/a|no(?:\s+\w+)?\s+(?:information|mention|content|data|text|facts)|无|没有)"
    # "Nothing but rain" and "none of the 41" do say something.
    rf"(?:\s+(?:{_OF})\b[^\d,;.]*)?[\s.!*_\"'”。]*",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"[\s*_#>•-]*(?:page\s+)?(?:[\[［【][^\[\]［］【】]*\d[^\[\]［］【】]*[\]］】][\s,;&*_]*)+",
    re.IGNORECASE,
)


def find_mark(text: str) -> re.Match[str] | None:
    r"""Return where an answer is marked; a text begins with "\n" where it begins a line.

    >>> [bool(find_mark(text)) for text in ("\n### Answer\n", "so\n**answer:** 4", "No answer: 4")]
    [True, True, False]
    """
    return _MARK.search(text)


def without_nothing(text: str) -> str:
    r"""Return the lines without those that only say that a page has nothing on the question.

    What goes before the first "\n" is the end of a line that was too long to be one.

    >>> without_nothing("\n[1] 41 days\n[2]: nothing.\n**[3]** NOTHING_HERE")
    '\n[1] 41 days'
    """
    first, *lines = text.split("\n")
    return "\n".join([first, *(line for line in lines if not _is_nothing(line))])


def says_nothing(note: str) -> bool:
    """Say whether a model wrote of a page only that it has nothing to do with the question.

    >>> says_nothing("Nothing that bears on the question."), says_nothing("Nothing but rain.")
    (True, False)
    """
    return NOTHING in note or (len(note) <= NOTE_CHARACTERS and bool(_NOTHING.fullmatch(note)))


def _is_nothing(line: str) -> bool:
    numbers = _NUMBERS.match(line) if len(line) <= LINE_CHARACTERS else None
    if not numbers:
        return False
    note = line[numbers.end() :]
    return NOT_ENOUGH in note or says_nothing(note)
