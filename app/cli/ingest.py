"""Ingest: brings a collection in step with what lies on disk."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import (
    CollectionOption,
    DeviceOption,
    HomeOption,
    JsonOption,
    MaxMegapixelsOption,
    QdrantOption,
    path_of,
    settings_of,
)
from app.cli.terminal import EXIT_INTERRUPTED, lines, notice, show, watching


def ingest_command(
    path: Annotated[
        Path,
        typer.Argument(
            parser=path_of, metavar="PATH", help="A folder, a metadata file, a picture or a PDF."
        ),
    ],
    collection: CollectionOption,
    image: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Image embedding: clip[:CHECKPOINT], lite0 or palette."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Text embedding: sentence[:CHECKPOINT] or minilm."),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Late-interaction embedding of pages: colpali[:CHECKPOINT]."
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="lite0 and minilm: no network, no download.")
    ] = False,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of this source within the collection.")
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Build it again from all its sources; add --ocr if it was used."
        ),
    ] = False,
    allow_removals: Annotated[
        bool,
        typer.Option(
            "--allow-removals", help="Allow over a fifth of the records or captions to go."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row or picture that is skipped.")
    ] = False,
    ocr: Annotated[
        bool,
        typer.Option(
            "--ocr",
            help="Read pages of PDFs that have too little text, seconds each; not pictures.",
        ),
    ] = False,
    shards: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="On a server: shards of a new collection."),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="On a cluster: copies of each shard."),
    ] = None,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
    device: DeviceOption = None,
    max_megapixels: MaxMegapixelsOption = None,
) -> None:
    """Bring a collection in step with pictures, PDFs and metadata on disk."""
    settings = settings_of(
        home=home,
        qdrant=qdrant,
        qdrant_shards=shards,
        qdrant_replicas=replicas,
        device=device,
        max_megapixels=max_megapixels,
    )
    with watching() as watch:
        from app.render import report_lines
        from app.workspace import Workspace

        report = Workspace(settings).ingest(
            *(path, collection),
            image=image,
            text=text,
            page=page,
            label=label,
            rebuild=rebuild,
            allow_removals=allow_removals,
            strict=strict,
            ocr=ocr,
            offline=offline,
            watch=watch,
        )
    counts = asdict(report)
    interrupted = counts.pop("interrupted")
    show(counts) if json_ else lines(report_lines(counts))
    if interrupted:
        is_in = report.new or report.changed or report.gone
        notice(
            "what is stored stays; run the same command to go on from here"
            if is_in and not rebuild
            else "nothing was changed; run the same command to begin again"
        )
        raise typer.Exit(EXIT_INTERRUPTED)
