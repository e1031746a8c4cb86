"""Export: writes records as a table, or with their pictures as a folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import (
    DeviceOption,
    HomeOption,
    ImageOption,
    JsonOption,
    LikeOption,
    MaxMegapixelsOption,
    MinScoreOption,
    ModeOption,
    NearOption,
    PerOption,
    QdrantOption,
    SortOption,
    UnlikeOption,
    WeightOption,
    WhereOption,
    path_of,
    settings_of,
)
from app.cli.terminal import notice, notices, show

TOP_K = 5
"""Hits, as of a search."""


def export_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    out: Annotated[
        Path,
        typer.Argument(
            parser=path_of, metavar="OUT", help="A .csv, .jsonl or .zip, or a new folder."
        ),
    ],
    words: Annotated[str, typer.Argument(help="Only what is found by these.")] = "",
    image: ImageOption = None,
    mode: ModeOption = None,
    where: WhereOption = None,
    near: NearOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            "-k",
            min=1,
            max=10_000,
            metavar="N",
            help="Hits of a search: 5 if it is ranked, all if it is sorted.",
        ),
    ] = None,
    min_score: MinScoreOption = None,
    weight: WeightOption = None,
    per: PerOption = None,
    sort: SortOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file, or a folder that is an export.")
    ] = False,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
    device: DeviceOption = None,
    max_megapixels: MaxMegapixelsOption = None,
) -> None:
    """Write all that passes a filter, or the hits of a search, to a file or a folder."""
    from app.model.errors import SettingsError
    from app.model.messages import counted
    from app.render import skip_lines
    from app.retrieval.retriever import MAX_TOP_K
    from app.retrieval.search import Search
    from app.workspace import Workspace

    search = Search(
        words=words,
        image=image,
        mode=mode,
        where=where,
        near=near,
        like=tuple(like or ()),
        unlike=tuple(unlike or ()),
        top_k=top_k or (MAX_TOP_K if sort else TOP_K),
        min_score=min_score,
        weights=dict(weight or ()),
        per=per,
        sort=sort,
    )
    if top_k and not search.is_listed:
        raise SettingsError(
            "-k counts the hits of words, a picture or --sort; what passes a filter is written"
            " whole: leave -k out, or add --sort COLUMN"
        )
    settings = settings_of(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    with Workspace(settings, on_step=None if json_ else notice) as workspace:
        exported = workspace.export(name, out, search, force=force)
    skipped = [asdict(skip) for skip in exported.skipped]
    if json_:
        show({"path": str(out), "records": exported.records, "skipped": skipped})
    else:
        notices(skip_lines(skipped))
        more = "" if top_k or exported.records != search.top_k else ", the best; -k N writes more"
        notice(f"wrote {out}: {counted(exported.records, 'record')}{more}")
