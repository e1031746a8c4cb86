"""Ask: finds evidence, and has a vision model answer from it."""

import sys
import time
from dataclasses import replace
from pathlib import Path
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
    LikeOption,
    MaxImagesOption,
    MaxMegapixelsOption,
    MinScoreOption,
    ModelOption,
    ModeOption,
    NearOption,
    NeighboursOption,
    OllamaOption,
    PerOption,
    QdrantOption,
    TopKOption,
    UnlikeOption,
    VisionUrlOption,
    WeightOption,
    WhereOption,
    path_of,
    settings_of,
)
from app.cli.terminal import EXIT_NO_MODEL, heard, lines, notice, notices, show, stream
from app.model.errors import QueryError


def ask_command(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: CollectionOption,
    image: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="A picture that the question is about."),
    ] = None,
    mode: ModeOption = None,
    where: WhereOption = None,
    near: NearOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    top_k: TopKOption = 5,
    min_score: MinScoreOption = None,
    weight: WeightOption = None,
    per: PerOption = None,
    neighbours: NeighboursOption = 0,
    model: ModelOption = None,
    ollama: OllamaOption = None,
    vision_url: VisionUrlOption = None,
    context: ContextOption = None,
    max_images: MaxImagesOption = None,
    figure: FigureOption = None,
    force: ForceOption = False,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
    device: DeviceOption = None,
    max_megapixels: MaxMegapixelsOption = None,
) -> None:
    """Ask a vision model on your machine; the answer cites the pictures and pages it rests on."""
    from app.render import answer_json, answer_lines, nearest_notice
    from app.retrieval.search import Search
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
        max_images=max_images,
    )
    if not question.strip():
        raise QueryError("the question is empty")
    require_target(figure, force=force)
    search = Search(
        image=image,
        mode=mode,
        where=where,
        near=near,
        like=tuple(like or ()),
        unlike=tuple(unlike or ()),
        top_k=top_k,
        min_score=min_score,
        weights=dict(weight or ()),
        per=per,
        neighbours=neighbours,
    )
    pieces: list[str] = []
    is_live = not json_ and sys.stdout.isatty()  # in a pipe nobody sees it grow

    def tell(piece: str) -> None:
        pieces.append(piece)
        stream(piece)

    started = time.perf_counter()
    on_text = tell if is_live else None
    try:
        with Workspace(settings, on_step=notice) as workspace:
            found, said = workspace.ask(collection, question, search, on_text=on_text)
    except KeyboardInterrupt:
        stream("\n" if pieces else "")  # what is said of it begins a line
        raise
    elapsed_ms = (time.perf_counter() - started) * 1000
    if not found.hits:  # what a search says of that tells the nearest miss, too
        said = replace(said, notices=tuple(nearest_notice(found)))
    if not json_:
        stream("\n" if pieces else f"{said.text}\n" if said.text else "")
    write_drawn(
        figure, lambda figures: figures.answer_sheet(question, said, search, found), force=force
    )
    if json_:
        shown = answer_json(said, elapsed_ms)
        show(shown | {"notices": [*found.notices, *shown["notices"], *heard()]})
    else:
        notices([*found.notices, *said.notices])
        lines(answer_lines(said))
    if said.status in ("model_unavailable", "model_missing", "incomplete"):
        raise typer.Exit(EXIT_NO_MODEL)
