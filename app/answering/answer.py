"""Answer: question and hits → an answer that cites its evidence. The last value on the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from app.answering import prompts
from app.answering.budget import Budget, estimate_tokens, pictures_at_most, plan_budget, smaller
from app.answering.citations import CitedText
from app.answering.evidence import Evidence, build_evidence
from app.answering.sheet import QUERY_LABEL, draw_contact_sheet
from app.answering.vision import Prompt, PromptTooLargeError, Reply, VisionModel, open_model
from app.core.errors import ModelMissingError, QueryError, ServiceUnavailableError, SourceError
from app.core.images import open_image, shrink, to_jpeg
from app.core.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

    from app.retrieval.hits import Hit

Status = Literal[
    "answered", "not_enough_evidence", "model_unavailable", "model_missing", "incomplete"
]

MAX_SENT_SIDE = 1024
"""Pixels. Larger pictures have run Ollama out of memory (ollama#2543, #10753, #17804)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, and the evidence that it was shown, or would have been.

    `answered`: it finished, and cites evidence. `not_enough_evidence`: nothing was found, or the
    model said that it does not suffice, or it cites nothing; what it said is kept. `incomplete`: it
    broke off; `text` is what there was. In the other two there is no text. Every number in square
    brackets in `text` is in `citations`; `dropped_citations` counts those that pointed at nothing
    and were removed.
    """

    status: Status
    text: str
    citations: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    model: str
    notices: tuple[str, ...] = ()
    dropped_citations: int = 0


@dataclass(frozen=True, slots=True)
class _Material:
    """What there is to show: opened pictures, best first, and what was found beyond them."""

    question: str
    opened: "tuple[tuple[Evidence, Image.Image], ...]"
    beyond: tuple[Evidence, ...]
    query_image: "Image.Image | None"


def answer(
    question: str,
    hits: "Sequence[Hit]",
    *,
    settings: Settings,
    model: VisionModel | None = None,
    query_image: "Image.Image | None" = None,
    max_images: int | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Answer:
    """Ask a vision model what the hits say to a question.

    `model` is the one that the settings name, unless it is given. `query_image` is the picture that
    the question is about, as `open_image` gives it. `on_text` gets the answer piece by piece; the
    pieces together are the answer's text. Raises QueryError for a question that is empty or too
    long. A model that does not answer is a status, not an error: the evidence is worth showing.
    """
    question = _checked(question)
    model = model or open_model(settings)
    most = pictures_at_most(model.name, query_image=query_image is not None, max_images=max_images)
    found = build_evidence(hits)
    opened, beyond, notices = _open_pictures(found, most, settings)
    if not opened:
        why = "no picture that was found can be opened" if found else "nothing was found"
        return Answer("not_enough_evidence", "", (), (), model.name, (*notices, why))
    material = _Material(question, opened, beyond, query_image)
    budget = _plan(material, model.name, max_images)
    said = _ask(material, budget, model, on_text or _discard)
    return replace(said, notices=(*notices, *budget.notices, *said.notices))


def _checked(question: str) -> str:
    question = question.strip()
    if not question:
        raise QueryError("the question is empty; ask something, as in `sightline ask 'Which …?'`")
    if len(question) > prompts.MAX_QUESTION_CHARS:
        raise QueryError(
            f"the question has {len(question):,} characters; at most"
            f" {prompts.MAX_QUESTION_CHARS:,} fit beside the pictures"
        )
    return question


def _open_pictures(
    found: Sequence[Evidence], most: int, settings: Settings
) -> "tuple[tuple[tuple[Evidence, Image.Image], ...], tuple[Evidence, ...], list[str]]":
    """Open the best pictures that can be, numbered anew; return also the rest, and what failed."""
    opened: list[tuple[Evidence, Image.Image]] = []
    notices: list[str] = []
    for evidence in found:
        if len(opened) == most:
            break
        try:
            picture = open_image(
                evidence.file, max_megapixels=settings.max_megapixels, max_side=MAX_SENT_SIDE
            )
        except SourceError as error:
            notices.append(f"{evidence.source or evidence.record_id} is left out: {error}")
        else:
            opened.append((replace(evidence, number=len(opened) + 1), picture))
    return tuple(opened), tuple(found[len(opened) + len(notices) :]), notices


def _plan(material: _Material, model: str, max_images: int | None) -> Budget:
    candidates = [*(evidence for evidence, _ in material.opened), *material.beyond]
    with_query = material.query_image is not None
    before = prompts.question_words(material.question, query_image=with_query)
    after = prompts.evidence_words([], as_sheet=True, query_image=with_query)
    return plan_budget(
        model,
        evidence_tokens=[estimate_tokens(prompts.describe(piece)) for piece in candidates],
        fixed_tokens=estimate_tokens(before + after),
        query_image=with_query,
        max_images=max_images,
    )


def _ask(
    material: _Material, budget: Budget, model: VisionModel, on_text: Callable[[str], None]
) -> Answer:
    """Ask; once more with less, if the server refuses what should have fitted."""
    try:
        return _ask_once(material, budget, model, on_text)
    except PromptTooLargeError:
        less = smaller(budget, query_image=material.query_image is not None)
    try:
        said = _ask_once(material, less, model, on_text)
    except PromptTooLargeError as error:
        said = _unasked("model_unavailable", material, less, model, str(error))
    return replace(said, notices=(*less.notices, *said.notices))


def _ask_once(
    material: _Material, budget: Budget, model: VisionModel, on_text: Callable[[str], None]
) -> Answer:
    evidence = _shown(material, budget)
    prompt = _prompt(material, budget)
    cited = CitedText({piece.number for piece in evidence})

    def take(piece: str) -> None:
        if shown := cited.add(piece):
            on_text(shown)

    try:
        reply = model.reply(
            prompt, num_ctx=budget.num_ctx, num_predict=budget.num_predict, on_text=take
        )
    except ModelMissingError as error:
        return _unasked("model_missing", material, budget, model, str(error))
    except ServiceUnavailableError as error:
        return _unasked("model_unavailable", material, budget, model, str(error))
    if rest := cited.end():
        on_text(rest)
    status, why = _judge(reply, cited)
    notices = (*why, *_dropped(cited), *_cut_front(prompt, reply))
    citations = tuple(sorted(cited.citations))
    return Answer(status, cited.text, citations, evidence, model.name, notices, cited.dropped)


def _judge(reply: Reply, cited: CitedText) -> tuple[Status, tuple[str, ...]]:
    """Say what a reply is worth, and why. What cites nothing is not grounded, however it sounds."""
    if reply.broke_off:
        return "incomplete", (f"the answer is incomplete: {reply.broke_off}",)
    if cited.not_enough:
        return "not_enough_evidence", ()
    if not cited.text:
        return "incomplete", ("the model finished without a word; ask again, or another model",)
    if not cited.citations:
        return "not_enough_evidence", (
            "the model's text cites none of the pictures: nothing shows that it rests on them",
        )
    return "answered", ()


def _dropped(cited: CitedText) -> tuple[str, ...]:
    if not cited.dropped:
        return ()
    return (f"removed {cited.dropped} citation(s) that point at no evidence",)


def _cut_front(prompt: Prompt, reply: Reply) -> tuple[str, ...]:
    """Notice when the server read far less than it was sent: the front, with the question, is gone.

    It answers 200 all the same (ollama#3839). Words alone are estimated; pictures come on top.
    """
    expected = estimate_tokens(prompt.before + prompt.after)
    if reply.prompt_tokens is None or reply.prompt_tokens >= expected / 2:
        return ()
    return (
        f"the server read {reply.prompt_tokens} tokens where at least {expected // 2} were sent: it"
        " dropped the front of the prompt. Raise OLLAMA_CONTEXT_LENGTH, or ask with --max-images 1",
    )


def _unasked(
    status: Status, material: _Material, budget: Budget, model: VisionModel, why: str
) -> Answer:
    return Answer(status, "", (), _shown(material, budget), model.name, (why,))


def _shown(material: _Material, budget: Budget) -> tuple[Evidence, ...]:
    return tuple(evidence for evidence, _ in material.opened[: budget.evidence])


def _prompt(material: _Material, budget: Budget) -> Prompt:
    with_query = material.query_image is not None
    return Prompt(
        before=prompts.question_words(material.question, query_image=with_query),
        pictures=_pictures(material, budget),
        after=prompts.evidence_words(
            _shown(material, budget), as_sheet=budget.as_sheet, query_image=with_query
        ),
    )


def _pictures(material: _Material, budget: Budget) -> tuple[bytes, ...]:
    """Encode what is sent: the picture that is asked about first, then the evidence in order."""
    tiles = [(QUERY_LABEL, material.query_image)] if material.query_image else []
    tiles += [(f"[{piece.number}]", picture) for piece, picture in material.opened]
    tiles = tiles[: budget.evidence + bool(material.query_image)]
    if budget.as_sheet:
        return (to_jpeg(draw_contact_sheet(tiles, side=budget.side)),)
    return tuple(to_jpeg(shrink(picture, budget.side)) for _, picture in tiles)


def _discard(piece: str) -> None:
    """Show nothing while the answer streams."""
