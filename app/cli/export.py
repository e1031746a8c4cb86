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
    TopKOption,
    UnlikeOption,
    WeightOption,
    WhereOption,
    path_of,
    settings_of,
)
from app.cli.terminal import notice, notices, show


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
    top_k: TopKOption = 5,
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
    from app.model.messages import counted
    from app.render import skip_lines
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
        top_k=top_k,
        min_score=min_score,
        weights=dict(weight or ()),
        per=per,
        sort=sort,
    )
    settings = settings_of(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    with Workspace(settings, on_step=None if json_ else notice) as workspace:
        exported = workspace.export(name, out, search, force=force)
    skipped = [asdict(skip) for skip in exported.skipped]
    if json_:
        show({"path": str(out), "records": exported.records, "skipped": skipped})
    else:
        notices(skip_lines(skipped))
        notice(f"wrote {out}: {counted(exported.records, 'record')}")
