"""Budget: what a vision model takes → how much of the evidence it is shown, and how. Pure."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from app.core.errors import QueryError
from app.core.messages import counted

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
    """What a family of models takes.

    `picture_tokens` is for a picture of `side` pixels, `context` the largest that is asked for.
    `thinks` marks models that think unless they are told not to. Of a page, more than `page_side`
    pixels are thrown away; where `token_side` is given, a token is spent on so many pixels squared.
    """

    picture_tokens: int
    pictures: int
    context: int
    side: int
    thinks: bool = False
    page_side: int = 0
    token_side: int = 0

    def page_tokens(self, side: int, shape: tuple[int, int]) -> int:
        """Return what a page of this width and height costs, reduced to this side."""
        if not self.token_side:
            return self.picture_tokens
        scale = min(1.0, side / max(shape))
        return math.prod(math.ceil(length * scale / self.token_side) for length in shape)


# LLaVA 1.6 cuts a picture into squares of 336 pixels, at most 2 × 2, and reads 576 tokens from each
# and from the whole: 2,880, measured on the wire; more than 672 pixels are thrown away.
# It describes only one of several (ollama#8844, #6229). Its 7b is Mistral (32k); larger ones were
# trained at 4k. Llama 3.2 refuses a second picture. Gemma 3 reads 256 tokens from 896 pixels,
# Qwen2.5-VL one from 28 × 28 pixels, Qwen3-VL one from 32 × 32; Ollama asks at least 1,024 of them.
# MiniCPM-V reads 64 from each of at most 10 slices, of 448 pixels, InternVL 256 from each of 12 and
# from the whole (arXiv:2404.16821), however small the picture. Nothing goes above 16k, though the
# models do: the context's memory must fit beside the weights on a desktop's graphics card.
MODEL_LIMITS = {
    "llava": ModelLimits(2880, 1, 8192, 672),
    "llava:13b": ModelLimits(2880, 1, 4096, 672),
    "llava:34b": ModelLimits(2880, 1, 4096, 672),
    "llama3.2-vision": ModelLimits(1601, 1, 8192, 1024),
    "gemma3": ModelLimits(256, 8, 16384, 896),
    "qwen2.5vl": ModelLimits(1369, 6, 16384, 1024, page_side=1536, token_side=28),
    "qwen3-vl": ModelLimits(1024, 8, 16384, 1024, thinks=True, page_side=1536, token_side=32),
    "minicpm-v": ModelLimits(640, 6, 8192, 1024, page_side=1344),
    "minicpm-v4.5": ModelLimits(640, 6, 8192, 1024, page_side=1344),
    "internvl": ModelLimits(3328, 4, 16384, 1024, page_side=1344),
}
"""By how a model's name begins in Ollama; the longest beginning counts."""

HUB_NAMES = {
    "qwen2.5-vl-": "qwen2.5vl",
    "qwen3-vl-": "qwen3-vl",
    "gemma-3-": "gemma3",
    "minicpm-v-": "minicpm-v",
    "internvl": "internvl",
    "llava-v1.6-": "llava:13b",
    "llava-1.5-": "llava:13b",
}
"""The same families by how their names begin where weights are published, and in other servers."""

UNKNOWN_MODEL = ModelLimits(2880, 1, 4096, 672)
"""The least that any of the models above takes."""


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


def limits_of(model: str) -> ModelLimits:
    """Return what a model takes by its name; of an unknown one, little is expected.

    >>> limits_of("gemma3:12b").pictures
    8
    >>> limits_of("OpenGVLab/InternVL3-8B").pictures
    4
    >>> limits_of("someone/new-model") == UNKNOWN_MODEL
    True
    """
    name = model.lower().rpartition("/")[2]
    known = [family for family in MODEL_LIMITS if _is_of(name, family)]
    known += [family for start, family in HUB_NAMES.items() if name.startswith(start)]
    return MODEL_LIMITS[max(known, key=len)] if known else UNKNOWN_MODEL


def _is_of(name: str, family: str) -> bool:
    """Say whether `llava:13b-q4_0` is of `llava:13b`; `llava-phi3` is not of `llava`."""
    return name == family or name.startswith(family + ("-" if ":" in family else ":"))


def estimate_tokens(text: str) -> int:
    """Estimate what a text costs, rather above than below.

    A token is 4 bytes of English and 3 of Chinese (one character) in today's vocabularies; those of
    Qwen and Gemma have one for each digit, which makes a table of numbers dear.

    >>> estimate_tokens("Which of them shows a bridge?"), estimate_tokens("1750")
    (10, 4)
    """
    digits = len(_DIGIT.findall(text))
    return digits + math.ceil((len(text.encode("utf-8", "replace")) - digits) / 3)


def pictures_at_most(model: str, *, query_image: bool, max_images: int | None) -> int:
    """Return how many pieces of evidence can be shown at all, whatever is written beside them."""
    if max_images is not None and max_images < 1:
        raise QueryError(f"at most {max_images} pictures leave nothing to answer from; ask for 1")
    limits = limits_of(model)
    slots = (MAX_TILES if limits.pictures == 1 else limits.pictures) - query_image
    return slots if max_images is None else min(slots, max_images)


def plan_budget(
    model: str,
    *,
    evidence_tokens: Sequence[int],
    fixed_tokens: int,
    query_image: bool = False,
    max_images: int | None = None,
    answer_tokens: int = ANSWER_TOKENS,
) -> Budget:
    """Choose how much of the evidence, best first, a model is shown.

    `evidence_tokens` estimates the words beside each picture, `fixed_tokens` all other words;
    `answer_tokens` is the room that is kept for the answer.
    Raises QueryError when not even one picture fits beside the question.
    """
    limits = limits_of(model)
    most = pictures_at_most(model, query_image=query_image, max_images=max_images)
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
            left_out = _left_out(model, count, len(evidence_tokens), most, max_images)
            context = _context(needed)
            return Budget(count, as_sheet, limits.side, context, answer_tokens, left_out)
    raise _too_long(model, limits)


def _too_long(model: str, limits: ModelLimits) -> QueryError:
    return QueryError(
        f"the question is too long for {model}, which is given {limits.context} tokens with one"
        " picture; shorten it, or choose a model with a larger context (qwen3-vl)"
    )


def plan_pages(
    model: str,
    *,
    shapes: Sequence[tuple[int, int]],
    texts: Sequence[str],
    cut: Callable[[str, int], str],
    found: int,
    fixed_tokens: int,
    max_images: int | None = None,
) -> Budget:
    """Choose how many pages, best first, a model is shown, how large, and with how much text.

    `shapes` are widths and heights as rendered, `texts` what the pages say, of which `cut` gives
    what goes along within a limit; `found` counts also those that were not opened. As many pages as
    there can be, then as much text, then as large as fits; fewer pages only where they would be too
    small to read. Raises QueryError when not even one fits beside the question.
    """
    limits = limits_of(model)
    most = pictures_at_most(model, query_image=False, max_images=max_images)
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
            left_out = _left_out(model, count, found, most, max_images, "pages")
            return Budget(
                count,
                as_sheet=False,
                side=side,
                num_ctx=_context(needed),
                num_predict=predict,
                notices=(*left_out, _chosen(model, count, side, one_by_one)),
                one_by_one=one_by_one,
                page_characters=characters,
            )
    raise _too_long(model, limits)


def _one_by_one(costs: Sequence[int]) -> int:
    """The larger of the two kinds of call: one that reads a page, and the one that joins them."""
    joining = len(costs) * (NOTE_TOKENS + PAGE_NAME_TOKENS) + ANSWER_TOKENS
    return max(max(costs) + NOTE_TOKENS, joining)


def _chosen(model: str, count: int, side: int, one_by_one: bool) -> str:
    how = " one by one" if one_by_one else ""
    small = "" if side >= min(PAGE_SIDES) else ": small type is lost (qwen2.5vl reads 1,536)"
    return f"{model} reads {counted(count, 'page')}{how}, {side:,} pixels high or wide{small}"


def smaller(budget: Budget, *, query_image: bool) -> Budget:
    """Return what to try when a server refuses what should have fitted.

    Half the evidence on one sheet; what was one picture already is also made half as large, which
    takes LLaVA 1.6 from 2,880 to 576 tokens. Of a page, half the text.
    """
    evidence = max(1, budget.evidence // 2)
    was_one = budget.as_sheet or budget.one_by_one or budget.evidence + query_image == 1
    return replace(
        budget,
        evidence=evidence,
        as_sheet=evidence + query_image > 1 and not budget.one_by_one,
        side=budget.side // 2 if was_one else budget.side,
        page_characters=budget.page_characters // 2,
        notices=(
            f"the model refused {budget.evidence} pictures and was asked again with the best"
            f" {evidence}, smaller",
        ),
    )


def _context(needed: int) -> int:
    context = SMALLEST_CONTEXT
    while context < needed:
        context *= 2
    return context


def _left_out(
    model: str, count: int, found: int, most: int, max_images: int | None, what: str = "pictures"
) -> tuple[str, ...]:
    if count == found:
        return ()
    if count < most:
        why = f"more do not fit into the context that {model} is given"
    elif count == max_images:
        why = "as many as were asked for"
    else:
        why = f"{model} is shown no more at once"
    return (f"the model sees the best {count} of {found} {what} found: {why}",)
