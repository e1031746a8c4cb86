"""Budget: what a vision model takes → how much of the evidence it is shown, and how."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from app.answering.vision import ModelFacts, VisionModel
from app.model.errors import QueryError
from app.model.messages import counted

ANSWER_TOKENS = 512
"""Room kept for the answer (num_predict): about 350 English words."""

PAGE_LINE_TOKENS = 100
"""More room for each page, where an answer begins with a line for each."""

NOTE_TOKENS = 256
"""Room for what one page that is read by itself gives: five short sentences."""

MARGIN_TOKENS = 128
"""Room for the chat template's own marks, and for a low estimate of the rest."""

SERVER_GUESS_TOKENS = 768
"""What Ollama counts for any picture when it decides which messages to drop. Planning with less
would let it drop the question, silently, although everything fits."""

SMALLEST_CONTEXT = 4096
"""Tokens. Contexts are this times a power of two: another num_ctx makes Ollama reload the model."""

MAX_TILES = 9
"""Pictures on one contact sheet. At 672 pixels, nine leave 224 for each: what CLIP looks at."""


MAX_SENT_SIDE = 1024
"""Pixels of a photograph's long side. Larger ones have run Ollama out of memory (ollama#2543,
#10753, #17804)."""

PAGE_SIDES = (1536, 1280, 1024)
"""Pixels of a page's long side, of which the largest is taken that fits. Type of 9 points on A4 has
an x-height of 8 pixels at the first, and of 5 at the last, below which letters run together."""

PAGE_CHARACTERS = (6000, 3000, 1500, 500, 0)
"""Of a page's text that goes along, of which the most is taken that fits. Half the pages of reports
have no more than 3,000; a page that is full of small type has the first."""

PAGE_NAME_TOKENS = 30

_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model can be given: its context, its pictures, and the tokens that they cost.

    `picture_tokens` is for a picture of `side` pixels, `context` the tokens that it is given, where
    `pictures` are shown at once. Of a page, more than `page_side` pixels are thrown away; where
    `token_side` is given, a token is spent on so many pixels squared. `name` is the model's own,
    and `most` how many pictures the user wants it shown.
    """

    picture_tokens: int
    pictures: int
    side: int
    context: int = 16384
    page_side: int = 0
    token_side: int = 0
    name: str = ""
    most: int | None = None

    def page_tokens(self, side: int, shape: tuple[int, int]) -> int:
        """Return the tokens of a page of this width and height, reduced to this side."""
        if not self.token_side:
            return self.picture_tokens
        scale = min(1.0, side / max(shape))
        return math.prod(math.ceil(length * scale / self.token_side) for length in shape)

    def evidence_at_once(self, *, query_image: bool) -> int:
        """Return how many pieces of evidence it is shown beside a picture that is asked about."""
        return max(1, self.at_once - query_image)

    @property
    def at_once(self) -> int:
        """How many pieces of evidence it is shown, as tiles of a sheet if it sees one picture."""
        return self.most or (self.pictures if self.pictures > 1 else MAX_TILES)


LARGEST_CONTEXT = 16384
"""Tokens that Ollama is asked for at most, though models read more: their memory must fit beside
the weights on a desktop's graphics card. Only a server that has set more aside is given more."""

# No server tells what a picture costs a model. LLaVA 1.6 cuts it into squares of 336 pixels, at
# most 2 x 2, and reads 576 tokens from each and from the whole: 2,880, measured on the wire; more
# than 672 pixels are thrown away. LLaVA 1.5 and its kin read 576 from the whole. Both describe only
# one of several (ollama#8844, #6229). Llama 3.2 refuses a second picture. Gemma 3 reads 256 tokens
# from 896 pixels. Qwen2-VL, Qwen2.5-VL and Mistral Small 3 one from 28 x 28 pixels, Qwen3-VL and
# Qwen3.5 one from 32 x 32, Pixtral one from 16 x 16; Ollama asks Qwen for 1,024 at least. MiniCPM-V
# reads 64 from each of at most 10 slices, of 448 pixels, InternVL 256 from each of 12 and from the
# whole (arXiv:2404.16821), however small the picture; Llama 4 144 from each of 16 and the whole, of
# 336 pixels; Granite Vision 729 from each of 4 of 384 and the whole; Moondream 729.
_LLAVA_1_5 = ModelLimits(576, 1, 672, context=4096)
_LLAVA_1_6 = ModelLimits(2880, 1, 672, context=4096)
_GEMMA = ModelLimits(256, 8, 896)
_BY_28 = ModelLimits(1369, 6, 1024, page_side=1536, token_side=28)
_BY_32 = ModelLimits(1024, 8, 1024, page_side=1536, token_side=32)
_MINICPM = ModelLimits(640, 6, 1024, context=8192, page_side=1344)

MODEL_FAMILIES = {
    "llava": replace(_LLAVA_1_6, context=8192),  # its 7b is Mistral's; larger ones have 4k
    "llava:13b": _LLAVA_1_6,
    "llava:34b": _LLAVA_1_6,
    "llava-v1.6": _LLAVA_1_6,
    "llava-1.5": _LLAVA_1_5,
    "llava-llama3": _LLAVA_1_5,
    "llava-phi3": _LLAVA_1_5,
    "bakllava": _LLAVA_1_5,
    "moondream": ModelLimits(729, 1, 672, context=2048),
    "llama3.2-vision": ModelLimits(1601, 1, 1024, context=8192),
    "mllama": ModelLimits(1601, 1, 1024, context=8192),  # the same, as a server calls it
    "llama4": ModelLimits(2448, 5, 1024),
    "gemma3": _GEMMA,
    "gemma4": _GEMMA,
    "medgemma": _GEMMA,
    "qwen2-vl": _BY_28,
    "qwen2.5-vl": _BY_28,
    "qwen3-vl": _BY_32,
    "qwen3.5": _BY_32,
    "qwen3.6": _BY_32,
    "mistral-small3": _BY_28,
    "mistral3": _BY_28,
    "ministral-3": _BY_28,
    "pixtral": ModelLimits(4160, 4, 1024, page_side=1024, token_side=16),
    "minicpm-v": _MINICPM,
    "internvl": ModelLimits(3328, 4, 1024, page_side=1344),
    "granite3.2-vision": ModelLimits(3645, 1, 768),
    "granite-vision": ModelLimits(3645, 1, 768),
}
"""By how a model's name begins, in Ollama or where weights are published, or else by what a server
calls its architecture, hyphens and dots aside; the longest beginning counts. `context` is for
servers that do not tell."""

UNKNOWN_MODEL = ModelLimits(1600, 4, 1024, context=8192)
"""Four pictures, if its context holds them: each of 1,024 pixels costs most models less than that.
A server that refuses so many is asked again with fewer, on one sheet."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much evidence is shown, and how.

    The first `evidence` pieces are shown: each as a picture of its own, or, `as_sheet`, as tiles of
    one; or, `one_by_one`, each in a call of its own. `side` is the longest side of what is sent, in
    pixels, `page_characters` how much of a page's text goes along. `notices` say what was left out,
    and what was chosen for pages.
    """

    evidence: int
    as_sheet: bool
    side: int
    num_ctx: int
    num_predict: int = ANSWER_TOKENS
    notices: tuple[str, ...] = ()
    one_by_one: bool = False
    page_characters: int = 0


def limits_of(name: str, facts: ModelFacts | None = None) -> ModelLimits:
    """Return the limits of a model, by its name and by what its server says of it.

    >>> limits_of("gemma3:12b").pictures, limits_of("OpenGVLab/InternVL3-8B").pictures
    (8, 4)
    >>> limits_of("mine", ModelFacts(family="qwen25vl", trained_context=128_000)).context
    16384
    """
    facts = facts or ModelFacts()
    family = _family(name) or _family(facts.family) or UNKNOWN_MODEL
    context = facts.served_context or min(facts.trained_context or family.context, LARGEST_CONTEXT)
    return replace(family, name=name, context=context, most=facts.pictures)


def limits_told(model: VisionModel) -> ModelLimits:
    """Return the limits of a model, asking its server once. Raises as `VisionModel.facts`."""
    return limits_of(model.name, model.facts())


def _family(name: str) -> ModelLimits | None:
    """Return the family of a name: `llava-phi4` is not of `llava`, whose size follows a colon."""
    bare = name.lower().rpartition("/")[2]
    squeezed = _squeezed(bare)
    known = [family for family in MODEL_FAMILIES if squeezed.startswith(_squeezed(family))]
    known = [family for family in known if family != "llava" or bare.partition(":")[0] == family]
    return MODEL_FAMILIES[max(known, key=len)] if known else None


def _squeezed(name: str) -> str:
    """Return a name without what is written in several ways: `qwen2.5-vl`, `qwen25vl`."""
    return re.sub(r"[-_.:]", "", name)


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, rather too high than too low.

    A token is 4 bytes of English and 3 of Chinese (one character) in today's vocabularies; those of
    Qwen and Gemma have one for each digit, which makes a table of numbers dear.

    >>> estimate_tokens("Which of them shows a bridge?"), estimate_tokens("1750")
    (10, 4)
    """
    digits = len(_DIGIT.findall(text))
    return digits + math.ceil((len(text.encode("utf-8", "replace")) - digits) / 3)


def plan_budget(
    limits: ModelLimits,
    *,
    evidence_tokens: Sequence[int],
    fixed_tokens: int,
    query_image: bool = False,
    answer_tokens: int = ANSWER_TOKENS,
) -> Budget:
    """Choose how much of the evidence, best first, a model is shown.

    `evidence_tokens` estimates the words beside each picture, `fixed_tokens` all other words;
    `answer_tokens` is the room that is kept for the answer.
    Raises QueryError when not even one picture fits beside the question.
    """
    most = limits.evidence_at_once(query_image=query_image)
    for count in range(min(most, len(evidence_tokens)), 0, -1):
        as_sheet = limits.pictures == 1 and count + query_image > 1
        sent = 1 if as_sheet else count + query_image
        needed = (
            sent * max(limits.picture_tokens, SERVER_GUESS_TOKENS)
            + fixed_tokens
            + sum(evidence_tokens[:count])
            + answer_tokens
            + MARGIN_TOKENS
        )
        if needed <= limits.context:
            left_out = _left_out(limits, count, len(evidence_tokens), most)
            context = _context(needed, limits)
            return Budget(count, as_sheet, limits.side, context, answer_tokens, left_out)
    raise _too_long(limits)


def _too_long(limits: ModelLimits) -> QueryError:
    if limits.picture_tokens + ANSWER_TOKENS + MARGIN_TOKENS > limits.context:
        return QueryError(
            f"{limits.name} is given {limits.context:,} tokens, and a picture takes"
            f" {limits.picture_tokens:,} of them; raise --context, or choose another --model"
        )
    return QueryError(
        f"the question is too long for {limits.name}, which is given {limits.context:,} tokens with"
        " one picture; shorten it, raise --context, or choose a model with a larger one (qwen3-vl)"
    )


def plan_pages(
    limits: ModelLimits,
    *,
    shapes: Sequence[tuple[int, int]],
    texts: Sequence[str],
    cut: Callable[[str, int], str],
    found: int,
    fixed_tokens: int,
) -> Budget:
    """Choose how many pages, best first, a model is shown, how large, and with how much text.

    `shapes` are widths and heights as rendered, `texts` what the pages say, of which `cut` gives
    what goes along within a limit; `found` counts also those that were not opened. As many pages as
    there can be, then as much text, then as large as fits; fewer pages only where they would be too
    small to read. Raises QueryError when not even one fits beside the question.
    """
    most = limits.at_once
    sides = PAGE_SIDES if limits.token_side else (limits.page_side or limits.side,)
    counts = range(min(most, len(shapes)), 0, -1)
    words = {
        limit: [estimate_tokens(cut(text, limit)) for text in texts] for limit in PAGE_CHARACTERS
    }
    for count, characters, side in product(counts, PAGE_CHARACTERS, sides):
        costs = [
            max(limits.page_tokens(side, shape), SERVER_GUESS_TOKENS) + tokens + PAGE_NAME_TOKENS
            for shape, tokens in zip(shapes[:count], words[characters], strict=False)
        ]
        one_by_one = limits.pictures == 1 and count > 1
        predict = ANSWER_TOKENS + (0 if one_by_one or count == 1 else count * PAGE_LINE_TOKENS)
        needed = fixed_tokens + MARGIN_TOKENS
        needed += _one_by_one(costs) if one_by_one else sum(costs) + predict
        if needed <= limits.context:
            left_out = _left_out(limits, count, found, most, "pages")
            return Budget(
                count,
                as_sheet=False,
                side=side,
                num_ctx=_context(needed, limits),
                num_predict=predict,
                notices=(*left_out, _chosen(limits.name, count, side, one_by_one)),
                one_by_one=one_by_one,
                page_characters=characters,
            )
    raise _too_long(limits)


def _one_by_one(costs: Sequence[int]) -> int:
    """The larger of the two kinds of call: one that reads a page, and the one that joins them."""
    joining = len(costs) * (NOTE_TOKENS + PAGE_NAME_TOKENS) + ANSWER_TOKENS
    return max(max(costs) + NOTE_TOKENS, joining)


def _chosen(model: str, count: int, side: int, one_by_one: bool) -> str:
    how = " one by one" if one_by_one else ""
    small = "" if side >= min(PAGE_SIDES) else ": small type is lost (qwen2.5vl reads 1,536)"
    return f"{model} reads {counted(count, 'page')}{how}, {side:,} pixels high or wide{small}"


def smaller(budget: Budget, *, query_image: bool) -> Budget:
    """Return a smaller budget, for when a server refuses a prompt as too large.

    Half the evidence on one sheet; what was one picture already is also made half as large, which
    takes LLaVA 1.6 from 2,880 to 576 tokens. Of a page, half the text. Pages that are read one by
    one stay as many as they are.
    """
    evidence = budget.evidence if budget.one_by_one else max(1, budget.evidence // 2)
    was_one = budget.as_sheet or budget.one_by_one or budget.evidence + query_image == 1
    return replace(
        budget,
        evidence=evidence,
        as_sheet=evidence + query_image > 1 and not budget.one_by_one,
        side=budget.side // 2 if was_one else budget.side,
        page_characters=budget.page_characters // 2,
        notices=(
            "the model refused a page and was asked again with smaller ones"
            if budget.one_by_one
            else f"the model refused {budget.evidence} pictures and was asked again with the best"
            f" {evidence}, smaller",
        ),
    )


def _context(needed: int, limits: ModelLimits) -> int:
    context = SMALLEST_CONTEXT
    while context < needed:
        context *= 2
    return min(context, limits.context)


def _left_out(
    limits: ModelLimits, count: int, found: int, most: int, what: str = "pictures"
) -> tuple[str, ...]:
    if count == found:
        return ()
    if count < most:
        why = f"more do not fit into the context that {limits.name} is given"
    elif limits.most is not None:
        why = "as many as were asked for"
    else:
        why = f"{limits.name} is shown no more at once"
    return (f"the model sees the best {count} of {found} {what} found: {why}",)
