"""Spoken: a model's words as they stream → without its thoughts and without its template's marks.

A server that has no parser for a model hands on all that it writes: thoughts between tags, tokens
of its chat template, boxes around what it saw. None of that is the answer. Nor are characters that
steer a terminal.
"""

import re

THOUGHT_END = "</think>"
"""What stays in a stream where a thought ends that was not seen to begin, because the template
begins it. What was handed on before it is no answer."""

MAX_BLANKS = 64
"""In a row, of which more are dropped: a server sent 60,000, and patterns look at each again."""

LONGEST_MARK = 300
"""Characters; a box with its numbers."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_TAGS = (
    r"(?:seed:)?(?:think|thinking|thought|thoughts|reason|reasoning|reflection|analysis|scratchpad"
    r"|inner_monologue|thinking_process)\s{0,3}"
)
_BOXES = "box|quad|point|bbox"
_BAR = "[|｜]"  # DeepSeek's tokens have a wide one
_TOKEN = rf"<{_BAR}[^|｜<>\n]{{1,40}}{_BAR}>"

_CLOSE = re.compile(
    rf"</{_TAGS}>|\[/THINK\]|◁/think▷|<channel\|>|<unused95>|<\|/?END_THINKING\|>"
    r"|<\|end_of_thought\|>|<\|/thinking\|>|assistantfinal"  # the last of gpt-oss without tokens
    r"|<\|channel\|>final\b[^<]{0,60}<\|message\|>",
    re.IGNORECASE,
)
_MARK = re.compile(
    # A thought begins: Qwen and DeepSeek, Mistral, Kimi, Gemma 4, MedGemma, Cohere, gpt-oss.
    rf"(?P<open><{_TAGS}>|\[THINK\]|◁think▷|<\|channel>\s?thought|<unused94>|<\|START_THINKING\|>"
    r"|<\|begin_of_thought\|>|<\|thinking\|>"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<]{0,60}<\|message\|>)"
    rf"|(?P<close>{_CLOSE.pattern})"
    # A turn begins, at the front the model's own.
    r"|(?P<begin><(?:\|im_start\||\|start_header_id\||\|start\||start_of_turn|\|turn)>"
    r"(?:[a-z]{1,20}(?:\n|<\|end_header_id\|>|(?=<\|channel)))?)"
    # The turn ends; what a model writes after that is somebody else's, made up.
    r"|(?P<end><\|(?:im_end|endoftext|eot_id|eom_id|end_of_text|end|return|user)\|>"
    rf"|<{_BAR}end▁of▁sentence{_BAR}>|\[\|(?:User|Human)\|\]"
    r"|<(?:end_of_turn|end_of_utterance|eos|turn\|)>|</s>|\[/?INST\])"
    # Places in a picture, and tags and tokens around words, of which the words stay.
    rf"|(?P<box><(?P<tag>{_BOXES})>[^<]{{0,200}}</(?P=tag)>"
    r"|<\|(?P<token>box|quad|point|det)_start\|>[^<]{0,200}<\|(?P=token)_end\|>|<loc_?\d{1,4}>"
    rf"|</?(?:ref|answer|response|{_BOXES})>|{_TOKEN}|\[\|[A-Za-z]{{1,20}}\|\]"
    r"|<(?:s|bos|pad|unk|mask|image|image_soft_token|start_of_image|end_of_image"
    r"|fake_token_around_image|unused\d{1,3}|0x[0-9A-F]{2})>)",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    rf"(?:<(?:{_BOXES})>[^<]{{0,200}}(?:<[^<>]{{0,10}})?"
    r"|<\|[a-z]{1,10}_start\|>[^<]{0,200}(?:<[^<>]{0,20})?"
    r"|<\|channel\|?>[^<]{0,70}(?:<[^<>]{0,10})?"
    r"|<(?:\|im_start\||\|start_header_id\||\|start\||start_of_turn|\|turn)>[a-z]{0,20}(?:<[^>]{0,20})?"
    r"|<[^<>\s][^<>]{0,60}|<|◁[^▷]{0,8}|\[/?[|A-Za-z]{0,24}|assistant(?:f(?:i(?:n(?:a)?)?)?)?)\Z",
    re.IGNORECASE,
)
"""What the next piece may make a mark of."""

_CUT_TOKEN = re.compile(r"<[|｜][^|｜<>\n]{0,40}\Z")

_BLANKS = re.compile(rf"(\s{{{MAX_BLANKS}}})\s+")


def clean(text: str) -> str:
    """Return what a model wrote without characters that steer a terminal."""
    return _UNPRINTABLE.sub("", text)


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
        """Take a piece, and return the text that may now be shown."""
        self._held += clean(piece)
        begins = _BEGINS.search(self._held, max(0, len(self._held) - LONGEST_MARK))
        return self._said(begins.start() if begins else len(self._held))

    def end(self) -> str:
        """Return the remaining text at the end of the stream."""
        self._held = _CUT_TOKEN.sub("", self._held)
        return self._said(len(self._held))

    def _said(self, settled: int) -> str:
        said = self._without_marks(self._held[:settled])
        self._held = "" if self._is_over else self._held[settled:]
        if self._at_front:
            said = said.lstrip()
        self._at_front = self._at_front and not said
        said = _BLANKS.sub(r"\1", self._last + said)[len(self._last) :]
        self._last = (self._last + said)[-MAX_BLANKS:]
        return said

    def _without_marks(self, text: str) -> str:
        """Return a text without a template's marks and without thoughts."""
        said: list[str] = []
        place, is_front = 0, self._at_front
        while place < len(text) and not self._is_over:
            # The first end counts: a thought that only speaks of a tag would hide the answer else.
            mark = (_CLOSE if self._thinks else _MARK).search(text, place)
            if not self._thinks:
                said.append(text[place : mark.start() if mark else len(text)])
                is_front = is_front and not said[-1].strip()
            if mark is None:
                break
            if self._thinks:
                self._thinks = False
            else:
                said.append(self._meet(mark, is_front=is_front))
            place = mark.end()
        return "".join(said)

    def _meet(self, mark: re.Match[str], *, is_front: bool) -> str:
        """Handle a template's mark, and return the text that replaces it."""
        self._thinks = mark["open"] is not None
        self.thought = self.thought or self._thinks or mark["close"] is not None
        self._is_over = mark["end"] is not None or (mark["begin"] is not None and not is_front)
        return THOUGHT_END if mark["close"] is not None else ""
