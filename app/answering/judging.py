"""Judging: what a model writes, as it streams → the answer's text, what it rests on, its status."""

from collections.abc import Callable, Sequence
from typing import Literal

from app.answering.bound import BoundText
from app.answering.budget import estimate_tokens
from app.answering.citations import CitedText
from app.answering.evidence import Evidence, unambiguous_pages
from app.answering.manners import (
    is_machine_speech,
    is_refusal,
    loose_citations,
    named_numbers,
    repeats_prompt,
    says_anything,
)
from app.answering.page_lines import without_nothing
from app.answering.vision import Prompt, Reply
from app.answering.vision.spoken import THOUGHT_END

AnswerStatus = Literal[
    "answered", "not_enough_evidence", "model_unavailable", "model_missing", "incomplete"
]

NOT_ANSWERED = "the model says that what it was shown does not answer the question"

WORDLESS = "the model ended without an answer; ask again, or choose another model"

REPEATED = (
    "the model repeated its instructions instead of answering; ask again, or choose another model"
)

UNCITED = "the answer cites none of the pictures, so nothing shows that it is based on them"

OTHER_JSON = "the model wrote JSON that is not an answer; ask again, or choose another model"

UNMARKED = (
    "the model did not mark where its answer begins, so all that it wrote about relevant pages is"
    " shown"
)


class AnswerText:
    """What a model writes, piece by piece → the answer's text, which cites this evidence alone."""

    def __init__(
        self,
        evidence: Sequence[Evidence],
        *,
        marked: bool,
        in_order: bool,
        on_text: Callable[[str], None],
    ) -> None:
        """Listen to an answer from this evidence; for `in_order` see `named_numbers`."""
        numbers = {piece.number for piece in evidence}
        self._evidence = evidence
        self._in_order = in_order
        self.cited = CitedText(numbers, pages=unambiguous_pages(evidence), marked=marked)
        self.bound = BoundText()
        self._on_text = on_text

    def take(self, piece: str) -> None:
        """Take a piece of what the model writes, and pass on the text that can no longer change."""
        thought, ended, rest = piece.rpartition(THOUGHT_END)
        if self.bound.is_json:  # within a string it is a word like any other
            rest = piece
        elif ended:
            self._hand_on(self.cited.add(self.bound.add(thought)))
            self.cited.restart()
            self.bound = BoundText()
        self._hand_on(self.cited.add(self.bound.add(rest)))

    def end(self) -> None:
        """Pass on the remaining text, once the model has finished or broken off.

        Then the text cites at its end what it names in words alone, or its JSON beside it.
        """
        self._hand_on(self.cited.add(self.bound.end()))
        self._hand_on(self.cited.end())
        if self.cited.text and not is_refusal(self.cited.text):
            self._hand_on(self.cited.cite(self._named()))

    def unknown(self) -> set[int]:
        """Return the numbers that the text mentions and that no evidence has."""
        return self._in_words() - {piece.number for piece in self._evidence}

    def _named(self) -> set[int]:
        """Return the evidence that the text mentions without citing it."""
        named = self._in_words() - self.unknown()
        if self.cited.citations:
            return named - self.cited.citations
        named |= {piece.number for piece in self._evidence} & {*self.bound.evidence}
        return named or loose_citations(self.cited.text, self._evidence)

    def _in_words(self) -> set[int]:
        return named_numbers(self.cited.text, self._evidence, in_order=self._in_order)

    def _hand_on(self, piece: str) -> None:
        if piece:
            self._on_text(piece)


def judge(
    reply: Reply, text: AnswerText, evidence: Sequence[Evidence]
) -> tuple[AnswerStatus, set[int], tuple[str, ...]]:
    """Return the status of a reply, the evidence that it cites, and notices of what is wrong.

    What names no evidence is not grounded, however it sounds; unless there is but one piece of it.
    """
    cited = text.cited
    said_nothing = bool(cited.text) and not without_nothing(f"\n{cited.text}").strip()
    citations = cited.citations
    if reply.broke_off:
        return "incomplete", citations, (f"the answer is incomplete: {reply.broke_off}",)
    if cited.not_enough or said_nothing or (cited.nothing and not cited.text):
        return "not_enough_evidence", citations, (NOT_ANSWERED,)
    if not says_anything(cited.text):
        return "incomplete", set(), (WORDLESS,)
    if is_refusal(cited.text):
        return "not_enough_evidence", citations, (NOT_ANSWERED,)
    if text.bound.is_other or is_machine_speech(cited.text):
        return "not_enough_evidence", citations, (OTHER_JSON,)
    if repeats_prompt(cited.text):
        return "not_enough_evidence", citations, (REPEATED,)
    if not citations and len(evidence) > 1:
        return "not_enough_evidence", citations, (UNCITED,)
    citations = citations or {piece.number for piece in evidence}
    return "answered", citations, (UNMARKED,) if cited.awaits_mark else ()


def told_of_unknown(text: AnswerText) -> tuple[str, ...]:
    """Return a notice of evidence that a text mentions and that does not exist."""
    unknown = sorted(text.unknown())
    if not unknown:
        return ()
    return (f"the text cites evidence that does not exist:  {', '.join(map(str, unknown[:5]))}",)


def told_of_dropped(cited: CitedText) -> tuple[str, ...]:
    """Return a notice of removed citations of evidence that does not exist, if any."""
    if not cited.dropped:
        return ()
    return (f"removed {cited.dropped} citation(s) that point at no evidence",)


def told_of_cut_front(prompt: Prompt, reply: Reply) -> tuple[str, ...]:
    """Return a notice if the server read far fewer tokens than were sent: the question is lost.

    It answers 200 all the same (ollama#3839). Words alone are estimated; pictures come on top.
    """
    expected = estimate_tokens(prompt.before + prompt.after)
    if not reply.prompt_tokens or reply.prompt_tokens >= expected / 2:
        return ()
    return (
        f"the server read {reply.prompt_tokens} tokens where at least {expected // 2} were sent: it"
        " dropped the front of the prompt. Raise OLLAMA_CONTEXT_LENGTH, or ask with --max-images 1",
    )
