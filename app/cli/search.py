"""Search: finds pictures and pages."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli.drawing import require_target, write_drawn
from app.cli.options import (
    Collection,
    Device,
    Figure,
    Force,
    From,
    Home,
    Image,
    Json,
    Like,
    MaxMegapixels,
    MinScore,
    Mode,
    Near,
    Neighbours,
    Per,
    Qdrant,
    Sort,
    TopK,
    Unlike,
    Weight,
    Where,
    path_of,
    settings_of,
)
from app.cli.terminal import EXIT_ERROR, heard, lines, notice, notices, show
from app.model.errors import QueryError


def search_command(
    collection: Collection,
    words: Annotated[str, typer.Argument(help="What to look for.")] = "",
    image: Image = None,
    mode: Mode = None,
    where: Where = None,
    near: Near = None,
    like: Like = None,
    unlike: Unlike = None,
    top_k: TopK = 5,
    min_score: MinScore = None,
    weight: Weight = None,
    per: Per = None,
    neighbours: Neighbours = 0,
    sort: Sort = None,
    from_: From = 0,
    batch: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="Many queries, one JSON object a line."),
    ] = None,
    figure: Figure = None,
    force: Force = False,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
    device: Device = None,
    max_megapixels: MaxMegapixels = None,
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
