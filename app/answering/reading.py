"""Reading: pages, one call each → what each gives, for a model that sees one picture at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.answering import prompts
from app.answering.budget import NOTE_TOKENS, Budget
from app.answering.evidence import Evidence
from app.answering.page_lines import says_nothing
from app.answering.vision import Prompt, VisionModel, discard
from app.media.images import shrink, to_jpeg

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes of the relevant pages, with notices for the person who asked.

    `silent` says that the model wrote nothing at all, of no page.
    """

    taken: tuple[tuple[Evidence, str], ...]
    notices: tuple[str, ...]
    silent: bool = False


def take_notes(
    question: str,
    pages: "Sequence[tuple[Evidence, Image.Image]]",
    budget: Budget,
    model: VisionModel,
    on_step: Callable[[str], None],
) -> Notes:
    """Show a model one page after another, and keep what it notes about the question.

    `on_step` is told before each. Raises as `VisionModel.reply`; a page that the model breaks off
    at is kept as far as it came, with a notice.
    """
    taken, notices, silent = [], [], True
    for number, (page, picture) in enumerate(pages, start=1):
        on_step(f"reading {page.name} ({number} of {len(pages)})")
        reply = model.reply(
            _prompt(question, page, picture, budget.side),
            num_ctx=budget.num_ctx,
            num_predict=NOTE_TOKENS,
            on_text=discard,
        )
        if reply.broke_off:
            notices.append(f"{page.name} was read in part: {reply.broke_off}")
        note = reply.text.strip()
        silent = silent and not note
        if note and not says_nothing(note):
            taken.append((page, note))
    return Notes(tuple(taken), tuple(notices), silent)


def _prompt(question: str, page: Evidence, picture: "Image.Image", side: int) -> Prompt:
    return Prompt(
        before=prompts.question_words(question, query_image=False),
        pictures=(to_jpeg(shrink(picture, side)),),
        after=prompts.page_words(question, page),
    )
