"""The command line: reads input, calls one function, shows the result.

Nothing heavy is imported before a command needs it: `--help` answers at once.
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.errors import CollectionError, QueryError, SettingsError
from app.core.pages import SIDE
from app.options import (
    Collection,
    Device,
    Figure,
    Home,
    Image,
    Json,
    Like,
    MaxMegapixels,
    MinScore,
    Mode,
    Model,
    Near,
    Neighbours,
    Ollama,
    Per,
    Qdrant,
    TopK,
    Unlike,
    VisionUrl,
    Weight,
    Where,
    path_of,
)
from app.terminal import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_NO_MODEL,
    heard,
    lines,
    notice,
    notices,
    run,
    show,
    stream,
    watching,
)

if TYPE_CHECKING:
    from app.core.settings import Settings
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search

app = typer.Typer(
    name="sightline",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        lines([f"sightline {version('sightline')}"])
        raise typer.Exit


@app.callback()
def main_command(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Ask grounded questions of pictures and PDFs, and see what the answer rests on."""


@app.command("ingest")
def ingest_command(
    path: Annotated[
        Path,
        typer.Argument(
            parser=path_of, metavar="PATH", help="A folder, a metadata file, a picture or a PDF."
        ),
    ],
    collection: Collection,
    image: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Image embedding: clip[:CHECKPOINT] or palette."),
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
        bool, typer.Option("--offline", help="palette and minilm: no network, no download.")
    ] = False,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of this source within the collection.")
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Make it again from all its sources; with --ocr if it was."),
    ] = False,
    allow_removals: Annotated[
        bool,
        typer.Option("--allow-removals", help="Even if over a fifth of records or captions go."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Make the first skipped row or picture an error.")
    ] = False,
    ocr: Annotated[
        bool,
        typer.Option(
            "--ocr", help="Read pages of PDFs that have no text layer, seconds each; not pictures."
        ),
    ] = False,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
    device: Device = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Bring a collection in step with pictures, PDFs and metadata on disk."""
    from app.render import report_lines
    from ingest.pipeline import OFFLINE_IMAGE, OFFLINE_TEXT, ingest

    if offline and (image or text):
        raise SettingsError("--offline chooses the embeddings; leave out --image and --text")
    if offline:
        image, text = OFFLINE_IMAGE, OFFLINE_TEXT
    settings = _settings(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    with watching() as watch:
        report = ingest(
            path,
            collection,
            settings,
            image=image,
            text=text,
            page=page,
            label=label,
            rebuild=rebuild,
            allow_removals=allow_removals,
            strict=strict,
            ocr=ocr,
            watch=watch,
        )
    counts = asdict(report)
    interrupted = counts.pop("interrupted")
    show(counts) if json_ else lines(report_lines(counts))
    if interrupted:
        notice("what is in stays; the same command goes on from here")
        raise typer.Exit(EXIT_INTERRUPTED)


@app.command("search")
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
    batch: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="Many queries, one JSON object a line."),
    ] = None,
    figure: Figure = None,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
    device: Device = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Find pictures and pages by words, by a picture, by both, or by a filter alone."""
    from app.batch import answer_batch
    from app.core.messages import counted
    from app.render import found_json, found_lines, nearest_notice
    from app.retrieval.search import Search

    settings = _settings(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
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
    )
    if batch is not None:
        if words or image or figure:
            raise QueryError("--batch has words and pictures of its own, and draws no figure")
        failed = []
        for line in answer_batch(batch, collection, search, settings):
            show(line)
            failed.append("error" in line)
        if any(failed):
            notice(f"{sum(failed):,} of {counted(len(failed), 'query', 'queries')} failed")
        return
    _check_target(figure)
    started = time.perf_counter()
    found = _found(collection, search, settings)
    elapsed_ms = (time.perf_counter() - started) * 1000
    _write_sheet(figure, search, found)
    if json_:
        shown = found_json(words, search.chosen_mode, found, elapsed_ms)
        show(shown | {"notices": [*shown["notices"], *heard()]})
    else:
        notices([*found.notices, *nearest_notice(found)])
        lines(found_lines(found))


@app.command("ask")
def ask_command(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: Collection,
    image: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="A picture that the question is about."),
    ] = None,
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
    model: Model = None,
    ollama: Ollama = None,
    vision_url: VisionUrl = None,
    max_images: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Show the model at most so many pictures."),
    ] = None,
    figure: Figure = None,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
    device: Device = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Ask a vision model on your machine; the answer cites the pictures and pages it rests on."""
    from app.answering.answer import answer
    from app.core.images import open_image
    from app.render import answer_json, answer_lines
    from app.retrieval.search import Search

    settings = _settings(
        home=home,
        qdrant=qdrant,
        device=device,
        max_megapixels=max_megapixels,
        model=model,
        ollama=ollama,
        vision_url=vision_url,
    )
    if not question.strip():
        raise QueryError("the question is empty")
    _check_target(figure)
    search = Search(
        words=question,
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

    def tell(piece: str) -> None:
        pieces.append(piece)
        stream(piece)

    started = time.perf_counter()
    found = _found(collection, search, settings)
    said = answer(
        question,
        found.hits,
        settings=settings,
        query_image=open_image(image, max_megapixels=settings.max_megapixels) if image else None,
        max_images=max_images,
        on_text=None if json_ else tell,
        on_step=notice,
    )
    elapsed_ms = (time.perf_counter() - started) * 1000
    _write_sheet(figure, search, found)
    if json_:
        shown = answer_json(said, elapsed_ms)
        show(shown | {"notices": [*found.notices, *shown["notices"], *heard()]})
    else:
        stream("\n" if pieces else "")
        notices([*found.notices, *said.notices])
        lines(answer_lines(said))
    if said.status in ("model_unavailable", "model_missing", "incomplete"):
        raise typer.Exit(EXIT_NO_MODEL)


@app.command("pages")
def pages_command(
    document: Annotated[
        str, typer.Argument(help="A PDF, or a page as an answer names it: report.pdf#page=3.")
    ],
    page: Annotated[int | None, typer.Argument(metavar="N", min=1, help="Page, from 1.")] = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Only documents of this one."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="FILE", help="PNG or JPEG. Default: document-N.png."),
    ] = None,
    side: Annotated[
        int, typer.Option(min=64, max=8192, metavar="PIXELS", help="Long side of the picture.")
    ] = SIDE,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Write a page of a document as a picture, to look a citation up."""
    from app.page_file import write_page

    settings = _settings(home=home, qdrant=qdrant)
    file = write_page(document, page, settings, collection=collection, out=out, side=side)
    show({"file": str(file)}) if json_ else notice(f"wrote {file}")


@app.command("collections")
def collections_command(json_: Json = False, home: Home = None, qdrant: Qdrant = None) -> None:
    """List the collections."""
    from app.core.collection import collection_names, find_manifest
    from app.core.messages import counted

    settings = _settings(home=home, qdrant=qdrant)
    names = collection_names(settings)
    records: dict[str, int] = {}
    for name in names:
        try:
            manifest = find_manifest(name, settings)
        except CollectionError as error:  # a damaged one hides none of the others
            notice(str(error))
        else:
            records |= {name: manifest.points} if manifest else {}
    if json_:
        show({"collections": [{"name": n, "records": count} for n, count in records.items()]})
        return
    lines(f"{name}  {counted(count, 'record')}" for name, count in records.items())
    if not names:
        notice("no collections yet; make one: sightline ingest PATH --collection NAME")


@app.command("info")
def info_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Show what is in a collection: counts, sources, models, weights, fields, disk."""
    from app.core.collection import open_collection
    from app.describe import describe, description_lines

    with open_collection(name, _settings(home=home, qdrant=qdrant)) as collection:
        description = describe(collection)
    show(description) if json_ else lines(description_lines(description))


@app.command("remove")
def remove_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    source: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Only this source of it; see `info`.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Delete a collection, or a source of it; pictures and metadata on disk stay as they are."""
    from app.core.collection import open_collection, remove_collection
    from app.core.messages import counted

    what = f"collection {name!r}" if source is None else f"source {source!r} of {name!r}"
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal to ask on, say --yes", param_hint="--yes")
    if not yes and not typer.confirm(f"Delete {what}?", err=True):
        raise typer.Exit(EXIT_ERROR)
    settings = _settings(home=home, qdrant=qdrant)
    if source is None:
        remove_collection(name, settings)
        notice(f"removed {name}")
        return
    with open_collection(name, settings, purpose="write") as collection:
        notice(f"removed {counted(collection.forget(source), 'record')} of {what}")


@app.command("doctor")
def doctor_command(
    model: Model = None,
    ollama: Ollama = None,
    vision_url: VisionUrl = None,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Check engine, disk, models and the vision model; say what to do where something is amiss."""
    from app.doctor import diagnose
    from app.render import check_lines

    settings = _settings(
        home=home, qdrant=qdrant, model=model, ollama=ollama, vision_url=vision_url
    )
    checks = diagnose(settings)
    if json_:
        show({"checks": [asdict(check) for check in checks]})
    else:
        lines(check_lines(checks))
    if any(check.status == "problem" for check in checks):
        raise typer.Exit(EXIT_ERROR)


def _settings(**given: object) -> "Settings":
    """Settings from the environment, with what was given on the command line on top."""
    from pydantic import ValidationError

    from app.core.settings import Settings

    if given.get("ollama") and not given.get("vision_url"):
        given["vision_url"] = ""  # what is typed counts for more than the environment
    try:
        return Settings.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _found(collection: str, search: "Search", settings: "Settings") -> "Found":
    from app.core.collection import open_collection
    from app.retrieval.search import Searcher

    with open_collection(collection, settings) as opened:
        return Searcher(opened, settings).search(search)


def _check_target(figure: Path | None) -> None:
    """Refuse a file that cannot be written before a search is run for it."""
    if figure is not None:
        from app.figures import check_target

        check_target(figure)


def _write_sheet(file: Path | None, search: "Search", found: "Found") -> None:
    if file is None:
        return
    from app.figures import result_sheet, write_figure

    picture = search.image.name if search.image else ""
    asked = search.words or picture or (_place(search) if search.near else "")
    title = " · ".join(part for part in (asked, search.where) if part)
    write_figure(result_sheet(title, found.hits, query_image=search.image), file)
    notice(f"wrote {file}")


def _place(search: "Search") -> str:
    lat, lon, km = search.near or (0, 0, 0)
    return f"within {km:g} km of {lat:g}, {lon:g}"


def main() -> None:
    """Run the command line."""
    run(app)


if __name__ == "__main__":
    main()
