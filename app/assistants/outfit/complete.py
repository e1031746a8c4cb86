"""Complete: a garment, as a picture or a record → what goes with it, each match checked.

A model says what the garment is and what would go with it; the collection is searched for that;
the model looks at each find beside the garment. Where it names nothing, or there is no model, what
the catalogue says of the garment and then its looks are all there is to go by, unchecked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.answering.vision import VisionModel, discard, open_model
from app.assistants.outfit.analysis import Analysis, analyse
from app.assistants.outfit.assembly import (
    Judge,
    Judged,
    Suggestion,
    assemble,
    covered_by,
    free_slots,
)
from app.assistants.outfit.candidates import Candidate, Finds, Wish, by_looks, by_titles
from app.assistants.outfit.catalogue import Catalogue, read_catalogue
from app.assistants.outfit.facts import facts_of
from app.assistants.outfit.guardrail import Pair, Verdict, check_all
from app.assistants.outfit.worn import Worn, find_worn
from app.encoders import spec_of
from app.filters.conditions import AllOf, Compare, Condition, Not
from app.media.images import open_image
from app.model.errors import AnswerError, QueryError, ServiceUnavailableError
from app.model.garments import SLOTS, Slot
from app.model.settings import Settings
from app.retrieval.search import Search, Searcher
from app.store.collection import Collection
from app.store.models import Tell

if TYPE_CHECKING:
    from PIL import Image

MAX_PER_SLOT = 100
"""Four times as many are looked at by a model, a few seconds each."""

OutfitStatus = Literal["checked", "partly_checked", "not_checked", "nothing_found"]


@dataclass(frozen=True, slots=True)
class Outfit:
    """What goes with a garment, as many suggestions a slot as were asked for at most.

    `suggestions` fit, or were not checked; what a model refused is in `refused` alone. `empty` are
    the slots that have nothing, each with the reason. `unavailable` says why `model` gave no
    analysis, or is ""; `unusable` that it did answer, but with nothing that can be used.
    """

    worn: Worn
    analysis: Analysis
    suggestions: tuple[Suggestion, ...]
    refused: tuple[Suggestion, ...]
    empty: Mapping[Slot, str]
    model: str
    unavailable: str = ""
    notices: tuple[str, ...] = ()
    unusable: bool = False

    @property
    def status(self) -> OutfitStatus:
        """How much of what is suggested a model has looked at."""
        checked = [each.verdict.status == "fits" for each in self.suggestions]
        if not checked:
            return "not_checked" if self.unavailable else "nothing_found"
        if all(checked):
            return "checked"
        return "partly_checked" if any(checked) else "not_checked"


def complete_outfit(
    garment: str | Path,
    collection: Collection,
    settings: Settings,
    *,
    audience: str | None = None,
    category: str | None = None,
    slots: Sequence[Slot] | None = None,
    per_slot: int = 1,
    where: str | None = None,
    min_score: float | None = None,
    model: VisionModel | None = None,
    searcher: Searcher | None = None,
    on_step: Tell = discard,
) -> Outfit:
    """Find what goes with a garment, a picture's path or a record id.

    `audience` and `category` are whom it is for and what it is; left out, its record says so, or
    else the model. `slots` are those to be filled; left out, those that the garment leaves free,
    with a dress or with separates. `min_score` is the cosine that a find has with its title at the
    least; left out, the text embedding's own. `searcher` is one over the collection; left out, one
    is made. `on_step` is told what goes on. Raises QueryError,
    SourceError for the picture. That no model answers, or none that can say what the picture shows,
    is no error: see Outfit.
    """
    if not 1 <= per_slot <= MAX_PER_SLOT:
        raise QueryError(f"per_slot is {per_slot}; it can be 1 to {MAX_PER_SLOT}")
    if odd := [slot for slot in slots or () if slot not in SLOTS]:
        raise QueryError(f"there is no slot {odd[0]!r}; the slots are {', '.join(SLOTS)}")
    catalogue = read_catalogue(collection)
    searcher = searcher or Searcher(collection, settings, on_load=on_step)
    searcher.check(Search(where=where, min_score=min_score))
    worn = find_worn(garment, searcher, catalogue, category=category, audience=audience)
    picture = open_image(worn.picture, max_megapixels=settings.max_megapixels)
    collection.release()  # models take their time, and nobody should wait for the collection
    model = model or open_model(settings)
    on_step(f"asking {model.name} what it is, and what would go with it")
    analysis, failed = _analysis(picture, worn, catalogue, slots, model, searcher)
    unavailable = str(failed or "")
    wish = Wish(
        catalogue,
        slots or free_slots(analysis.category, catalogue),
        where,
        _leaving_out(analysis, worn, catalogue),
        min_score,
        spec_of(collection.manifest.text.name).related,
        per_slot,
    )
    on_step("searching the collection")
    facts = facts_of(catalogue, worn.said, analysis.audience)
    if unavailable:
        finds, judge = by_looks(searcher, wish, worn.picture, facts), _judge_nothing(unavailable)
    else:
        finds = by_titles(searcher, analysis.items, wish, worn.picture, facts)
        unnamed = _unnamed(finds, model)
        judge = _judge_named(_judge(picture, model, settings, on_step), unnamed)
    collection.release()
    either = slots is None
    judged = assemble(finds.by_slot, judge, per_slot=per_slot, either=either)
    return Outfit(
        worn,
        analysis,
        judged.suggestions,
        judged.refused,
        _empty(wish, judged, finds, either=either),
        model.name,
        unavailable,
        (*analysis.notices, *_unplaced(catalogue), *finds.notices),
        unusable=isinstance(failed, AnswerError),
    )


def _analysis(
    picture: "Image.Image",
    worn: Worn,
    catalogue: Catalogue,
    slots: Sequence[Slot] | None,
    model: VisionModel,
    searcher: Searcher,
) -> tuple[Analysis, ServiceUnavailableError | AnswerError | None]:
    """Return what is known of the garment, and why no model was used, if none was."""
    wanted = slots or free_slots(worn.category, catalogue)
    known, likeness = Analysis(worn.category, worn.audience), _likeness(searcher)
    try:
        said = analyse(picture, catalogue, wanted, known, model=model, likeness=likeness)
    except (ServiceUnavailableError, AnswerError) as error:
        return _settled(Analysis(None, None), worn, catalogue, model.name), error
    return _settled(said, worn, catalogue, model.name), None


def _settled(said: Analysis, worn: Worn, catalogue: Catalogue, model: str) -> Analysis:
    """Return the analysis, in which wearer and catalogue overrule the model."""
    known = (("category", worn.category), ("audience", worn.audience))
    told = [
        f"{model} takes it for {seen!r}, but its record or you say {value!r}, which counts"
        for part, value in known
        if value and (seen := getattr(said, part)) not in (None, value)
    ]
    category, audience = worn.category or said.category, worn.audience or said.audience
    if category is None:
        told.append("it is not known what it is, so every slot is filled; say it with --category")
    if audience is None and catalogue.audience:
        told.append(
            "it is not known whom it is for, so garments for all were taken; say it with --for"
        )
    return Analysis(category, audience, said.items, (*said.notices, *told))


def _leaving_out(analysis: Analysis, worn: Worn, catalogue: Catalogue) -> Condition:
    """Return a filter that leaves out the garment, others of its type, and those for others."""
    parts: list[Condition] = []
    if worn.record:
        parts.append(Not(Compare("record_id", "==", worn.record.record_id)))
    if analysis.category:
        parts.append(Not(catalogue.among([analysis.category])))
    if analysis.audience and (suiting := catalogue.suiting(analysis.audience)):
        parts.append(suiting)
    return AllOf(tuple(parts))


def _likeness(searcher: Searcher) -> Callable[[str, Sequence[str]], list[float]]:
    def likeness(text: str, others: Sequence[str]) -> list[float]:
        searcher.vectors.prepare(captions=[text, *others])
        own = searcher.vectors.caption(text)
        return [sum(map(mul, own, searcher.vectors.caption(other))) for other in others]

    return likeness


def _judge(picture: "Image.Image", model: VisionModel, settings: Settings, on_step: Tell) -> Judge:
    done = 0

    def judge(candidates: Sequence[Candidate]) -> list[Verdict]:
        nonlocal done
        total = done + len(candidates)

        def step() -> None:
            nonlocal done
            done += 1
            on_step(f"checked {done} of {total}")

        pairs = [Pair(each.hit.file, each.hit.caption) for each in candidates]
        megapixels = settings.max_megapixels
        return check_all(picture, pairs, model=model, max_megapixels=megapixels, on_checked=step)

    return judge


def _unnamed(finds: Finds, model: VisionModel) -> Verdict:
    """Return the verdict on finds that no title of the model led to."""
    slots = [slot for slot, some in finds.by_slot.items() if not some[0].title]
    detail = f"{model.name} named nothing for {', '.join(slots)}; those were found without it"
    return Verdict("not_checked", "the model named nothing for this slot", detail)


def _judge_named(judge: Judge, unnamed: Verdict) -> Judge:
    """Judge only the finds that a title led to."""

    def judge_named(candidates: Sequence[Candidate]) -> list[Verdict]:
        named = [each for each in candidates if each.title]
        verdicts = iter(judge(named) if named else ())
        return [next(verdicts) if each.title else unnamed for each in candidates]

    return judge_named


def _judge_nothing(why: str) -> Judge:
    return lambda candidates: [Verdict("not_checked", why) for _ in candidates]


def _empty(wish: Wish, judged: Judged, finds: Finds, *, either: bool) -> dict[Slot, str]:
    """Return the slots that have nothing, but for what a dress stands for, each with the reason."""
    covered = judged.slots
    if either:
        covered = {other for slot in covered for other in covered_by(slot)}

    def reason(slot: Slot) -> str:
        refused = sum(each.slot == slot for each in judged.refused)
        if not wish.catalogue.types_of([slot]):
            return "the catalogue has nothing that is worn there"
        if refused:
            return f"{refused} refused"
        if slot in finds.gone:
            return "the pictures of what was found for it are gone"
        if slot in finds.barred:
            passes = f" passes {wish.where}" if wish.where else ""
            return f"nothing that may be suggested{passes}"
        return "nothing that passes is near enough"

    return {slot: reason(slot) for slot in wish.slots if slot not in covered}


def _unplaced(catalogue: Catalogue) -> list[str]:
    """Return a notice of article types of which it is not known where they are worn."""
    if not catalogue.unknown:
        return []
    some = ", ".join(catalogue.unknown[:5]) + (", …" if len(catalogue.unknown) > 5 else "")
    return [
        f"never suggested, because no table says where they are worn: {some}. Say it in slots under"
        " [outfit] in dataset.toml, and ingest again"
    ]
