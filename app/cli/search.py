"""Search: finds pictures and pages."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli.drawing import require_target, write_drawn
from app.cli.options import (
    CollectionOption,
    DeviceOption,
    FigureOption,
    ForceOption,
    FromOption,
    HomeOption,
    ImageOption,
    JsonOption,
    LikeOption,
    MaxMegapixelsOption,
    MinScoreOption,
    ModeOption,
    NearOption,
    NeighboursOption,
    PerOption,
    QdrantOption,
    SortOption,
    TopKOption,
    UnlikeOption,
    WeightOption,
    WhereOption,
    path_of,
    settings_of,
)
from app.cli.terminal import EXIT_ERROR, heard, lines, notice, notices, show
from app.model.errors import QueryError


def search_command(
    collection: CollectionOption,
    words: Annotated[str, typer.Argument(help="What to look for.")] = "",
    image: ImageOption = None,
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
    sort: SortOption = None,
    from_: FromOption = 0,
    batch: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="Many queries, one JSON object a line."),
    ] = None,
    figure: FigureOption = None,
    force: ForceOption = False,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
    device: DeviceOption = None,
    max_megapixels: MaxMegapixelsOption = None,
) -> None:
    """Find pictures and pages by words, by a picture, by both, or by a filter alone."""
    from app.cli.batch import answer_batch
    from app.model.messages import counted
    from app.render import found_json, found_lines, nearest_notice
    from app.retrieval.search import Search
    from app.workspace import Workspace

    settings = settings_of(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    search = Search(
        words=words,
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
        sort=sort,
        start=from_,
    )
    if batch is not None:
        if words or image or figure:
            raise QueryError("--batch has words and pictures of its own, and draws no figure")
        failed = []
        with Workspace(settings) as workspace:
            for line in answer_batch(batch, collection, search, workspace):
                show(line)
                failed.append("error" in line)
        if any(failed):
            notice(f"{sum(failed):,} of {counted(len(failed), 'query', 'queries')} failed")
            raise typer.Exit(EXIT_ERROR)
        return
    require_target(figure, force=force)
    started = time.perf_counter()
    with Workspace(settings, on_step=None if json_ else notice) as workspace:
        found = workspace.search(collection, search)
    elapsed_ms = (time.perf_counter() - started) * 1000
    write_drawn(figure, lambda figures: figures.result_sheet(search, found), force=force)
    if json_:
        shown = found_json(words, search.chosen_mode, found, elapsed_ms)
        show(shown | {"notices": [*shown["notices"], *heard()]})
    else:
        notices([*found.notices, *nearest_notice(found)])
        lines(found_lines(found))
