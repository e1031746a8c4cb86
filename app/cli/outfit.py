"""Outfit: finds what goes with a garment in a catalogue."""

import time
from typing import Annotated

import typer

from app.cli.drawing import require_target, write_drawn
from app.cli.options import (
    CollectionOption,
    ContextOption,
    DeviceOption,
    FigureOption,
    ForceOption,
    HomeOption,
    JsonOption,
    MaxMegapixelsOption,
    ModelOption,
    OllamaOption,
    QdrantOption,
    VisionUrlOption,
    settings_of,
)
from app.cli.terminal import EXIT_NO_MODEL, heard, lines, notice, notices, show
from app.model.garments import SLOTS, Slot


class Slots(tuple[Slot, ...]):
    """Places in an outfit, in their order."""

    __slots__ = ()


def _slots(text: str) -> Slots:
    named = [part.strip().lower() for part in text.split(",") if part.strip()]
    if odd := [name for name in named if name not in SLOTS]:
        raise typer.BadParameter(f"there is no slot {odd[0]!r}; the slots are {', '.join(SLOTS)}")
    if not named:
        raise typer.BadParameter(f"it takes some of {', '.join(SLOTS)}")
    return Slots(slot for slot in SLOTS if slot in named)


def outfit_command(
    picture: Annotated[
        str, typer.Argument(help="The garment: a picture, or a record id of the collection.")
    ],
    collection: CollectionOption,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="women|men|…",
            help="Whom it is for. Default: as its record or the model says.",
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="What it is, as the catalogue says. Default: the same."),
    ] = None,
    slots: Annotated[
        Slots | None,
        typer.Option(parser=_slots, metavar="SLOT,…", help=f"What to fill: {', '.join(SLOTS)}."),
    ] = None,
    per_slot: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Suggestions for each slot at most.")
    ] = 1,
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Filter, e.g. 'season == \"Summer\" and price < 50'."),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="COSINE",
            help="Least cosine of a find with its title; without a model, with the picture.",
        ),
    ] = None,
    model: ModelOption = None,
    ollama: OllamaOption = None,
    vision_url: VisionUrlOption = None,
    context: ContextOption = None,
    figure: FigureOption = None,
    force: ForceOption = False,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
    device: DeviceOption = None,
    max_megapixels: MaxMegapixelsOption = None,
) -> None:
    """Complete an outfit: what goes with a garment, each match looked at by a vision model."""
    from app.render import outfit_json, outfit_lines, outfit_notices
    from app.workspace import Workspace

    settings = settings_of(
        home=home,
        qdrant=qdrant,
        device=device,
        max_megapixels=max_megapixels,
        model=model,
        ollama=ollama,
        vision_url=vision_url,
        context=context,
    )
    require_target(figure, force=force)
    started = time.perf_counter()
    with Workspace(settings, on_step=notice) as workspace:
        outfit = workspace.outfit(
            *(collection, picture),
            audience=for_,
            category=category,
            slots=slots,
            per_slot=per_slot,
            where=where,
            min_score=min_score,
        )
    elapsed_ms = (time.perf_counter() - started) * 1000
    write_drawn(figure, lambda figures: figures.outfit_board(outfit), force=force)
    if json_:
        shown = outfit_json(outfit, elapsed_ms)
        show(shown | {"notices": [*shown["notices"], *heard()]})
    else:
        notices(outfit_notices(outfit))
        lines(outfit_lines(outfit))
    if outfit.unavailable or outfit.status in ("not_checked", "partly_checked"):
        raise typer.Exit(EXIT_NO_MODEL)
