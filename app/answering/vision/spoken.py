"""Spoken: a model's words as they stream → without its thoughts and without its template's marks.

A server that has no parser for a model hands on all that it writes: thoughts between tags, tokens
of its chat template, boxes around what it saw. None of that is the answer.
"""

import re

THOUGHT_END = "</think>"
"""What stays in a stream where a thought ends that was not seen to begin, because the template
begins it. What was handed on before it is no answer."""

MAX_BLANKS = 64
"""In a row, of which more are dropped: a server sent 60,000, and patterns look at each again."""

LONGEST_MARK = 300
"""Characters; a box with its numbers."""

_TAGS = "think(?:ing)?|thought|reasoning|reflection|seed:think"
_BOXES = "box|quad|point|bbox"

_CLOSE = re.compile(
    rf"</(?:{_TAGS})>|\[/THINK\]|◁/think▷|<channel\|>"
    r"|<\|channel\|>final\b[^<]{0,60}<\|message\|>",  # gpt-oss
    re.IGNORECASE,
)
_MARK = re.compile(
    # A thought begins: Qwen and DeepSeek, Mistral, Kimi, Gemma 4, gpt-oss.
    rf"(?P<open><(?:{_TAGS})>|\[THINK\]|◁think▷|<\|channel>\s?thought"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<]{0,60}<\|message\|>)"
    rf"|(?P<close>{_CLOSE.pattern})"
    # A turn begins, at the front the model's own.
    r"|(?P<begin><(?:\|im_start\||\|start_header_id\||\|start\||start_of_turn|\|turn)>"
    r"(?:[a-z]{1,20}(?:\n|<\|end_header_id\|>|(?=<\|channel)))?)"
    # The turn ends; what a model writes after that is somebody else's, made up.
    r"|(?P<end><\|(?:im_end|endoftext|eot_id|eom_id|end_of_text|end|return|user)\|>"
    r"|<(?:end_of_turn|eos|turn\|)>|</s>|\[/?INST\])"
    # Places in a picture, and tags around words, of which the words stay.
    rf"|(?P<box><(?P<tag>{_BOXES})>[^<]{{0,200}}</(?P=tag)>"
    r"|<\|(?P<token>box|quad|point|det)_start\|>[^<]{0,200}<\|(?P=token)_end\|>|<loc_?\d{1,4}>"
    rf"|</?(?:ref|answer|response|{_BOXES})>|<\|/?[a-z_]{{1,40}}\|>)",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    rf"(?:<(?:{_BOXES})>[^<]{{0,200}}(?:<[^<>]{{0,10}})?"
    r"|<\|[a-z]{1,10}_start\|>[^<]{0,200}(?:<[^<>]{0,20})?"
    r"|<\|channel\|?>[^<]{0,70}(?:<[^<>]{0,10})?"
    r"|<(?:\|im_start\||\|start_header_id\||\|start\||start_of_turn|\|turn)>[a-z]{0,20}(?:<[^>]{0,20})?"
    r"|<[^<>\s][^<>\n]{0,60}|<|◁[^▷]{0,8}|\[/?[A-Z]{0,5})\Z",
    re.IGNORECASE,
)
"""What the next piece may make a mark of."""

_BLANKS = re.compile(rf"(\s{{{MAX_BLANKS}}})\s+")


class Spoken:
    r"""What a model has said so far, of which only what can no longer change is handed on.

    `thought` tells whether it thought aloud.

    >>> spoken = Spoken()
    >>> spoken.add("<think>Is it [2]? No.</thi") + spoken.add("nk> It is red <box>(1,2)</box>[1].<")
    'It is red [1].'
    >>> spoken.add("|im_end|>\nuser: thanks") + spoken.end()
    ''
    """

    def __init__(self) -> None:
        self.thought = False
        self._held = ""
        self._thinks = False
        self._is_over = False
        self._at_front = True
        self._last = ""

    def add(self, piece: str) -> str:
        """Take a piece; return what of all so far may be shown."""
        self._held += piece
        begins = _BEGINS.search(self._held, max(0, len(self._held) - LONGEST_MARK))
        return self._said(begins.start() if begins else len(self._held))

    def end(self) -> str:
        """Return the rest: nothing comes any more."""
        return self._said(len(self._held))

    def _said(self, settled: int) -> str:
        said, self._held = self._without_marks(self._held[:settled], self._held[settled:])
        if self._at_front:
            said = said.lstrip()
        self._at_front = self._at_front and not said
        said = _BLANKS.sub(r"\1", self._last + said)[len(self._last) :]
        self._last = (self._last + said)[-MAX_BLANKS:]
        return said

    def _without_marks(self, text: str, rest: str) -> tuple[str, str]:
        """Return what of a text is said, and what is to be looked at again with the next piece."""
        said = ""
        while text and not self._is_over:
            mark = (_CLOSE if self._thinks else _MARK).search(text)
            if mark is None:
                if not self._thinks:
                    said += text
                break
            if not self._thinks:
                said += text[: mark.start()]
                said += self._meet(mark, is_front=self._at_front and not said.strip())
            else:
                self._thinks = False
                self._at_front = self._at_front or not said.strip()
            text = text[mark.end() :]
        return said, "" if self._is_over else rest

    def _meet(self, mark: re.Match[str], *, is_front: bool) -> str:
        """Take a mark in; return what stands for it."""
        self._thinks = mark["open"] is not None
        self.thought = self.thought or self._thinks or mark["close"] is not None
        self._is_over = mark["end"] is not None or (mark["begin"] is not None and not is_front)
        return THOUGHT_END if mark["close"] is not None else ""
