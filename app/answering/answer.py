"""Answer: question and hits → an answer that cites its evidence. The last value on the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from app.answering import prompts
from app.answering.bound import schema_of
from app.answering.budget import (
    MAX_SENT_SIDE,
    PAGE_SIDES,
    Budget,
    ModelLimits,
    estimate_tokens,
    limits_of,
    limits_told,
    plan_budget,
    plan_pages,
    smaller,
)
from app.answering.evidence import Evidence, build_evidence
from app.answering.judging import (
    WORDLESS,
    AnswerStatus,
    AnswerText,
    judge,
    told_of_cut_front,
    told_of_dropped,
    told_of_unknown,
)
from app.answering.reading import take_notes
from app.answering.sheet import QUERY_LABEL, draw_contact_sheet
from app.answering.vision import (
    Prompt,
    PromptTooLargeError,
    SchemaRefusedError,
    VisionModel,
    discard,
    open_model,
)
from app.media.images import open_image, shrink, to_jpeg
from app.model.errors import ModelMissingError, QueryError, ServiceUnavailableError, SourceError
from app.model.messages import counted
from app.model.settings import Settings
from app.retrieval.excerpt import excerpt

if TYPE_CHECKING:
    from PIL import Image

    from app.retrieval.hits import Hit

    _Shown = tuple[tuple[Evidence, Image.Image], ...]

GONE_NAMED = 5
"""Of the pictures that are gone, in a notice."""

BESIDE_A_PICTURE = (
    "with --image the model sees pages as pictures without their text, so small type is lost; leave"
    " out --image to have them read"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer, with the evidence that it was shown, or would have been.

    `answered`: it finished, and cites evidence. `not_enough_evidence`: nothing was found, or the
    model said that it does not suffice, or it cites nothing; what it said is kept. `incomplete`: it
    broke off; `text` is what there was. In the other two there is no text. Every number in square
    brackets in `text` is in `citations`; what it names in words alone, as "the first picture", is
    cited at its end. `dropped_citations` counts those that pointed at nothing
    and were removed. `unshown` was found, but the model was not shown it: its number is 0.
    """

    status: AnswerStatus
    text: str
    citations: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    model: str
    notices: tuple[str, ...] = ()
    dropped_citations: int = 0
    unshown: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Listener:
    """The callbacks that follow an answer while it is made."""

    evidence: Callable[[tuple[Evidence, ...]], None]
    text: Callable[[str], None]
    step: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Material:
    """The evidence to show: opened pictures, best first, and what was found beyond them."""

    question: str
    opened: "tuple[tuple[Evidence, Image.Image], ...]"
    beyond: tuple[Evidence, ...]
    query_image: "Image.Image | None"

    @property
    def pages(self) -> bool:
        """Whether there are pages of documents."""
        return any(piece.page is not None for piece, _ in self.opened)

    @property
    def in_documents(self) -> bool:
        """Whether pages are to be read as text; with a query picture they are shown as pictures."""
        return self.pages and self.query_image is None

    def part(self, text: str, limit: int) -> str:
        """Return the part of a page's text that is sent with its picture."""
        return excerpt(text, self.question, limit)


def answer(
    question: str,
    hits: "Sequence[Hit]",
    *,
    settings: Settings,
    model: VisionModel | None = None,
    query_image: "Image.Image | None" = None,
    on_evidence: Callable[[tuple[Evidence, ...]], None] | None = None,
    on_text: Callable[[str], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Answer:
    """Answer a question with a vision model, from what the hits show and say.

    `model` is the one that the settings name, unless it is given. `query_image` is the picture that
    the question is about, as `open_image` gives it. `on_evidence` gets what the model is shown,
    with the numbers that the answer cites, before its first word; again if its server refuses so
    much. `on_text` gets the answer piece by piece; the pieces together are the answer's text; of
    pages, what each shows comes before it. `on_step` is told of each page that is read by itself.
    Raises QueryError for a question that is empty or too long. A model that does not answer is a
    status, not an error: the evidence is worth showing.
    """
    question = _checked(question)
    model = model or open_model(settings)
    limits, refused = _limits(model)
    found = build_evidence(hits)
    if query_image is not None:  # beside it pages are pictures like any other
        found = [replace(piece, text="") for piece in found]
    most = limits.evidence_at_once(query_image=query_image is not None)
    opened, beyond, notices = _open_pictures(found, most, settings)
    if not opened:
        why = "no picture that was found can be opened" if found else "nothing was found"
        unshown = tuple(replace(piece, number=0) for piece in found)
        every = (*notices, why)
        return Answer("not_enough_evidence", "", (), (), model.name, every, unshown=unshown)
    material = _Material(question, opened, beyond, query_image)
    if material.pages and not material.in_documents:
        notices = [*notices, BESIDE_A_PICTURE]
    budget = _plan(material, limits)
    listener = _Listener(on_evidence or _ignore, on_text or discard, on_step or discard)
    if refused is None:
        said = _ask(material, budget, model, listener)
    else:
        said = _unasked(_status_of(refused), material, budget, model, str(refused))
    return replace(
        said,
        notices=(*notices, *budget.notices, *said.notices),
        unshown=_unshown(found, said.evidence),
    )


def _ignore(_evidence: tuple[Evidence, ...]) -> None:
    """Do nothing: the callback where nobody listens."""


def _limits(model: VisionModel) -> tuple[ModelLimits, ServiceUnavailableError | None]:
    """Return the model's limits, and why it cannot be asked, if it cannot."""
    try:
        return limits_told(model), None
    except ServiceUnavailableError as error:
        return limits_of(model.name), error


def _status_of(error: ServiceUnavailableError) -> AnswerStatus:
    return "model_missing" if isinstance(error, ModelMissingError) else "model_unavailable"


def _unshown(found: Sequence[Evidence], shown: Sequence[Evidence]) -> tuple[Evidence, ...]:
    ids = {piece.record_id for piece in shown}
    return tuple(replace(piece, number=0) for piece in found if piece.record_id not in ids)


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
    """Open the best pictures and number them again; also return the others and what failed."""
    opened: list[tuple[Evidence, Image.Image]] = []
    notices: list[str] = []
    gone: list[str] = []
    for evidence in found:
        if len(opened) == most:
            break
        name = evidence.name or evidence.record_id
        try:
            picture = open_image(
                evidence.file,
                max_megapixels=settings.max_megapixels,
                max_side=MAX_SENT_SIDE if evidence.page is None else max(PAGE_SIDES),
            )
        except SourceError as error:
            if error.code == "missing_file":
                gone.append(name)
            else:
                notices.append(f"{name} is left out: {error}")
        else:
            opened.append((replace(evidence, number=len(opened) + 1), picture))
    beyond = found[len(opened) + len(notices) + len(gone) :]
    return tuple(opened), tuple(beyond), [*_told_of_gone(gone), *notices]


def _told_of_gone(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    some = ", ".join(names[:GONE_NAMED]) + (", …" if len(names) > GONE_NAMED else "")
    return [
        f"{counted(len(names), 'picture')} left out, not on this machine any more: {some}. Bring"
        " the disk or folder back, or ingest it from its new place with --label and the name of"
        " its source"
    ]


def _plan(material: _Material, limits: ModelLimits) -> Budget:
    if material.in_documents:
        return _plan_pages(material, limits)
    candidates = [*(evidence for evidence, _ in material.opened), *material.beyond]
    with_query = material.query_image is not None
    before = prompts.question_words(material.question, query_image=with_query)
    after = prompts.evidence_words(material.question, [], as_sheet=True, query_image=with_query)
    return plan_budget(
        limits,
        evidence_tokens=[estimate_tokens(prompts.evidence_text(piece)) for piece in candidates],
        fixed_tokens=estimate_tokens(before + after),
        query_image=with_query,
    )


def _plan_pages(material: _Material, limits: ModelLimits) -> Budget:
    before = prompts.question_words(material.question, query_image=False)
    after = prompts.PAGE_RULES + prompts.again(material.question)
    return plan_pages(
        limits,
        shapes=[picture.size for _, picture in material.opened],
        texts=[piece.text for piece, _ in material.opened],
        cut=material.part,
        found=len(material.opened) + len(material.beyond),
        fixed_tokens=estimate_tokens(before + after),
    )


def _ask(material: _Material, budget: Budget, model: VisionModel, listener: _Listener) -> Answer:
    """Ask the model, and once more with less if the server refuses the prompt as too large."""
    try:
        return _ask_once(material, budget, model, listener)
    except PromptTooLargeError:
        less = smaller(budget, query_image=material.query_image is not None)
    try:
        said = _ask_once(material, less, model, listener)
    except PromptTooLargeError as error:
        said = _unasked("model_unavailable", material, less, model, str(error))
    return replace(said, notices=(*less.notices, *said.notices))


def _ask_once(
    material: _Material, budget: Budget, model: VisionModel, listener: _Listener
) -> Answer:
    shown = _shown(material, budget)
    pieces = _pieces(shown)
    listener.evidence(pieces)
    try:
        if budget.one_by_one:
            said = _read_by_page(material, shown, budget, model, listener)
        else:
            prompt = _prompt(material, shown, budget)
            in_order = material.query_image is None
            said = _answered(prompt, pieces, budget, model, listener, in_order=in_order)
    except ServiceUnavailableError as error:
        return _unasked(_status_of(error), material, budget, model, str(error))
    return replace(said, notices=(*_cut_texts(material, shown), *said.notices))


def _read_by_page(
    material: _Material,
    shown: "_Shown",
    budget: Budget,
    model: VisionModel,
    listener: _Listener,
) -> Answer:
    """Let the model take notes of each page, then answer from all the notes."""
    notes = take_notes(material.question, shown, budget, model, listener.step)
    if notes.silent:
        why = (*notes.notices, WORDLESS)
        return Answer("incomplete", "", (), _pieces(shown), model.name, why)
    if not notes.taken:
        why = (*notes.notices, "no page that was found is relevant to the question")
        return Answer("not_enough_evidence", "", (), _pieces(shown), model.name, why)
    before = prompts.question_words(material.question, query_image=False)
    after = prompts.note_words(material.question, notes.taken)
    giving = tuple(page for page, _ in notes.taken)
    schema = schema_of([page.number for page in giving])
    said = _answered(Prompt(before, (), after, schema=schema), giving, budget, model, listener)
    return replace(said, evidence=_pieces(shown), notices=(*notes.notices, *said.notices))


def _cut_texts(material: _Material, shown: "_Shown") -> tuple[str, ...]:
    """Return a notice of how many pages were sent without all of their text."""
    whole = {piece.record_id: piece.text for piece, _ in material.opened}
    cut = [piece.text for piece, _ in shown if piece.text != whole[piece.record_id]]
    silent = cut.count("")
    told = (
        (len(cut) - silent, "only the most relevant part of the text was sent"),
        (silent, "the text was not sent: it does not fit beside the pictures"),
    )
    return tuple(f"of {counted(count, 'page')} {what}" for count, what in told if count)


def _answered(
    prompt: Prompt,
    evidence: tuple[Evidence, ...],
    budget: Budget,
    model: VisionModel,
    listener: _Listener,
    *,
    in_order: bool = True,
) -> Answer:
    """Ask the model, and keep only citations of this evidence in the answer."""
    text = AnswerText(
        evidence, marked=prompt.schema is None, in_order=in_order, on_text=listener.text
    )
    ask = partial(
        model.reply, num_ctx=budget.num_ctx, num_predict=budget.num_predict, on_text=text.take
    )
    try:
        reply = ask(prompt)
    except SchemaRefusedError:
        reply = ask(replace(prompt, schema=None))
    text.end()
    cited = text.cited
    status, citations, why = judge(reply, text, evidence)
    notices = (
        *why,
        *told_of_dropped(cited),
        *told_of_unknown(text),
        *told_of_cut_front(prompt, reply),
    )
    return Answer(
        status, cited.text, tuple(sorted(citations)), evidence, model.name, notices, cited.dropped
    )


def _unasked(
    status: AnswerStatus, material: _Material, budget: Budget, model: VisionModel, why: str
) -> Answer:
    return Answer(status, "", (), _pieces(_shown(material, budget)), model.name, (why,))


def _pieces(shown: "_Shown") -> tuple[Evidence, ...]:
    return tuple(piece for piece, _ in shown)


def _shown(material: _Material, budget: Budget) -> "_Shown":
    """The best of what was opened; pages in the order of their documents, numbered in it."""
    best = material.opened[: budget.evidence]
    if not material.in_documents:
        return best
    documents = list(dict.fromkeys(piece.document for piece, _ in best))
    ordered = sorted(best, key=lambda it: (documents.index(it[0].document), it[0].page or 0))
    limit = budget.page_characters
    return tuple(
        (replace(piece, number=n, text=material.part(piece.text, limit)), picture)
        for n, (piece, picture) in enumerate(ordered, start=1)
    )


def _prompt(material: _Material, shown: "_Shown", budget: Budget) -> Prompt:
    with_query = material.query_image is not None
    pieces = _pieces(shown)
    marked = prompts.wants_mark(pieces)
    return Prompt(
        before=prompts.question_words(material.question, query_image=with_query),
        pictures=_pictures(material, shown, budget),
        after=prompts.evidence_words(
            material.question, pieces, as_sheet=budget.as_sheet, query_image=with_query
        ),
        labels=() if budget.as_sheet else tuple(label for label, _ in _tiles(material, shown)),
        schema=None if marked else schema_of([piece.number for piece in pieces]),
    )


def _pictures(material: _Material, shown: "_Shown", budget: Budget) -> tuple[bytes, ...]:
    """Encode what is sent: the picture that is asked about first, then the evidence in order."""
    tiles = _tiles(material, shown)
    if budget.as_sheet:
        return (to_jpeg(draw_contact_sheet(tiles, side=budget.side)),)
    return tuple(to_jpeg(shrink(picture, budget.side)) for _, picture in tiles)


def _tiles(material: _Material, shown: "_Shown") -> "list[tuple[str, Image.Image]]":
    asked = [(QUERY_LABEL, material.query_image)] if material.query_image else []
    return [*asked, *((f"[{piece.number}]", picture) for piece, picture in shown)]
