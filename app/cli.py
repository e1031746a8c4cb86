"""The command line: reads input, calls one function, shows the result. The only place that prints.

Nothing heavy is imported before a command needs it: `--help` answers at once.
"""

import io
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from app.core.errors import CollectionError, QueryError, SettingsError, SightlineError
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
    Near,
    Qdrant,
    TopK,
    Unlike,
    Weight,
    Where,
    path_of,
)

if TYPE_CHECKING:
    from app.answering.answer import Answer
    from app.core.settings import Settings
    from app.retrieval.retriever import Found
    from app.retrieval.search import Search
    from ingest.pipeline import Watch

app = typer.Typer(
    name="sightline",
    help="Ask grounded questions of image collections, and see the pictures the answer rests on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_MODEL = 3
"""Evidence is shown, but the model is unavailable, missing, or broke off."""
EXIT_INTERRUPTED = 130

USAGE_ERROR: type = typer.BadParameter.__mro__[1]
"""UsageError. Typer brings a click of its own, of which it gives out only some names."""

BATCH_SIZE = 64
"""Queries of `--batch` that are embedded together."""


@app.command("ingest")
def ingest_command(
    path: Annotated[
        Path,
        typer.Argument(
            parser=path_of, metavar="PATH", help="A metadata file, a picture, or a folder."
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
    offline: Annotated[
        bool, typer.Option("--offline", help="palette and minilm: no network, no download.")
    ] = False,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of this source within the collection.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the collection again from all its sources.")
    ] = False,
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="Remove even more than a fifth.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Make the first skipped row or picture an error.")
    ] = False,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
    device: Device = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Bring a collection in step with pictures and metadata on disk."""
    from app.render import report_lines
    from ingest.pipeline import OFFLINE_IMAGE, OFFLINE_TEXT, ingest

    if offline and (image or text):
        raise SettingsError("--offline chooses both embeddings; leave out --image and --text")
    if offline:
        image, text = OFFLINE_IMAGE, OFFLINE_TEXT
    settings = _settings(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    with _watching() as watch:
        report = ingest(
            path,
            collection,
            settings,
            image=image,
            text=text,
            label=label,
            rebuild=rebuild,
            allow_removals=allow_removals,
            strict=strict,
            watch=watch,
        )
    counts = asdict(report)
    interrupted = counts.pop("interrupted")
    _show(counts) if json_ else _lines(report_lines(counts))
    if interrupted:
        _notice("interrupted: what is in stays; the same command goes on from here")
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
    """Find pictures by words, by a picture, by both, or by a filter alone."""
    from app.render import found_json, found_lines, nearest_notice

    settings = _settings(home=home, qdrant=qdrant, device=device, max_megapixels=max_megapixels)
    search = _search(words, image, mode, where, near, like, unlike, top_k, min_score, weight)
    if batch is not None:
        _search_batch(batch, collection, search, settings)
        return
    started = time.perf_counter()
    found = _found(collection, search, settings)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if figure is not None:
        _write_sheet(figure, words or str(image or where or near or ""), found, image)
    if json_:
        shown = found_json(words, search.chosen_mode, found, elapsed_ms)
        _show(shown | {"notices": [*shown["notices"], *_heard.texts]})
    else:
        _notices([*found.notices, *nearest_notice(found)])
        _lines(found_lines(found))


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
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Vision model. [SIGHTLINE_MODEL]")
    ] = None,
    ollama: Annotated[
        str | None, typer.Option(metavar="URL", help="Ollama server. [SIGHTLINE_OLLAMA]")
    ] = None,
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
    """Ask a vision model on your machine; the answer cites the pictures it rests on."""
    from app.answering.answer import answer
    from app.core.images import open_image
    from app.render import answer_json

    settings = _settings(
        home=home,
        qdrant=qdrant,
        device=device,
        max_megapixels=max_megapixels,
        model=model,
        ollama=ollama,
    )
    if not question.strip():
        raise QueryError("the question is empty")
    search = _search(question, image, mode, where, near, like, unlike, top_k, min_score, weight)
    started = time.perf_counter()
    found = _found(collection, search, settings)
    said = answer(
        question,
        found.hits,
        settings=settings,
        query_image=open_image(image, max_megapixels=settings.max_megapixels) if image else None,
        max_images=max_images,
        on_text=None if json_ else _stream,
    )
    elapsed_ms = (time.perf_counter() - started) * 1000
    if figure is not None:
        _write_sheet(figure, question, found, image)
    if json_:
        shown = answer_json(said, elapsed_ms)
        _show(shown | {"notices": [*found.notices, *shown["notices"], *_heard.texts]})
    else:
        _show_answer(said, found)
    if said.status in ("model_unavailable", "model_missing", "incomplete"):
        raise typer.Exit(EXIT_NO_MODEL)


@app.command("collections")
def collections_command(json_: Json = False, home: Home = None, qdrant: Qdrant = None) -> None:
    """List the collections."""
    from app.core.collection import collection_names, find_manifest

    settings = _settings(home=home, qdrant=qdrant)
    names = collection_names(settings)
    records: dict[str, int] = {}
    for name in names:
        try:
            manifest = find_manifest(name, settings)
        except CollectionError as error:  # a damaged one hides none of the others
            _notice(str(error))
        else:
            records |= {name: manifest.points} if manifest else {}
    if json_:
        _show({"collections": [{"name": n, "records": count} for n, count in records.items()]})
        return
    _lines(f"{name}  {count} records" for name, count in records.items())
    if not names:
        _notice("no collections yet; make one: sightline ingest PATH --collection NAME")


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
    _show(description) if json_ else _lines(description_lines(description))


@app.command("remove")
def remove_command(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Delete a collection; pictures and metadata on disk stay as they are."""
    from app.core.collection import remove_collection

    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal to ask on, say --yes", param_hint="--yes")
    if not yes and not typer.confirm(f"Delete collection {name!r}?", err=True):
        raise typer.Exit(EXIT_ERROR)
    remove_collection(name, _settings(home=home, qdrant=qdrant))
    _notice(f"removed {name}")


@app.command("doctor")
def doctor_command(
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Vision model to look at.")
    ] = None,
    ollama: Annotated[str | None, typer.Option(metavar="URL", help="Ollama server.")] = None,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Check engine, disk, models and the vision model; say what to do where something is amiss."""
    from app.doctor import diagnose
    from app.render import check_lines

    settings = _settings(home=home, qdrant=qdrant, model=model, ollama=ollama)
    checks = diagnose(settings)
    if json_:
        _show({"checks": [asdict(check) for check in checks]})
    else:
        _lines(check_lines(checks))
    if any(check.status == "problem" for check in checks):
        raise typer.Exit(EXIT_ERROR)


def main() -> None:
    """Run the command line; every failure becomes one message and an exit code."""
    _prepare()
    try:
        code = app(prog_name="sightline", standalone_mode=False)
        sys.stdout.flush()
    except SightlineError as error:
        _fail(error.code, str(error))
    except typer.Abort:
        _fail("interrupted", "interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of the pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_ERROR
    except OSError as error:  # of the disk or of a folder's permissions, wherever it comes up
        _fail("system", f"the system refuses: {error}")
    except Exception as error:  # noqa: BLE001 - the last resort: a bug gets a line, not a traceback
        if isinstance(error, USAGE_ERROR):
            _fail_usage(error)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        _fail("bug", f"this is a bug in sightline ({type(error).__name__} at {place}): {error}")
    raise SystemExit(code)


def _prepare() -> None:
    """See to it that what libraries say stays off the terminal, and what this program says not."""
    warnings.simplefilter("ignore")
    logging.basicConfig(handlers=[logging.NullHandler()])
    logging.getLogger("app").addHandler(_heard)
    _heard.texts.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8


class _Heard(logging.Handler):
    """Log lines of this program: notices as they come, and in `texts` for --json."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line, and keep it."""
        self.texts.append(record.getMessage())
        _notice(self.texts[-1])


_heard = _Heard()


def _fail_usage(error: Any) -> NoReturn:  # noqa: ANN401 - typer's own UsageError
    """Say what of the command line was not understood, with how it is used."""
    if "--json" not in sys.argv:
        error.show()
        raise SystemExit(EXIT_USAGE)
    _fail("usage", error.format_message(), EXIT_USAGE)


def _fail(code: str, message: str, exit_code: int = EXIT_ERROR) -> NoReturn:
    if "--json" in sys.argv:
        _show({"error": {"code": code, "message": message}})
    else:
        _notice(f"error: {message}")
    raise SystemExit(exit_code)


def _settings(**given: object) -> "Settings":
    """Settings from the environment, with what was given on the command line on top."""
    from pydantic import ValidationError

    from app.core.settings import Settings

    try:
        return Settings.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _search(
    words: str,
    image: Path | None,
    mode: str | None,
    where: str | None,
    near: str | None,
    like: list[str] | None,
    unlike: list[str] | None,
    top_k: int,
    min_score: float | None,
    weight: list[str] | None,
) -> "Search":
    from app.batch import require_unicode
    from app.retrieval.search import Search

    require_unicode(words, "the words")
    return Search(
        words=words,
        image=image,
        mode=mode,
        where=where,
        near=_near(near.split(",")) if near else None,
        like=tuple(like or ()),
        unlike=tuple(unlike or ()),
        top_k=top_k,
        min_score=min_score,
        weights=_weights(weight or []),
    )


def _near(parts: list[Any]) -> tuple[float, float, float]:
    try:
        lat, lon, km = (float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise QueryError(f"near takes LAT,LON,KM, not {parts!r}") from error
    return lat, lon, km


def _weights(pairs: list[str]) -> dict[str, float]:
    weights = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError as error:
            raise QueryError(f"--weight takes SIGNAL=NUMBER, not {pair!r}") from error
    return weights


def _found(collection: str, search: "Search", settings: "Settings") -> "Found":
    from app.core.collection import open_collection
    from app.retrieval.search import Searcher

    with open_collection(collection, settings) as opened:
        return Searcher(opened, settings).search(search)


def _search_batch(file: Path, collection: str, base: "Search", settings: "Settings") -> None:
    """Answer each line of a file on a line of its own; a bad one gets its error."""
    from app.batch import answer_batch

    for line in answer_batch(file, collection, base, settings, size=BATCH_SIZE):
        _show(line)


def _write_sheet(file: Path, title: str, found: "Found", image: Path | None) -> None:
    from app.figures import result_sheet, write_figure

    write_figure(result_sheet(title, found.hits, query_image=image), file)
    _notice(f"wrote {file}")


def _show_answer(said: "Answer", found: "Found") -> None:
    from app.render import evidence_lines, shown

    print()
    _notices([*found.notices, *said.notices])
    _lines(evidence_lines(said.evidence, said.citations))
    print(f"status: {said.status}; model: {shown(said.model)}")


@contextmanager
def _watching() -> "Iterator[Watch]":
    """A progress bar on stderr, with a rate and an end; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from ingest.pipeline import Watch

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("pictures", total=None, rate="")
        started = time.monotonic()

        def tell(done: int, total: int) -> None:
            rate = f"{done / max(time.monotonic() - started, 1e-6):.0f}/s"
            progress.update(task, completed=done, total=total, rate=rate)

        yield Watch(progress=tell, notice=_notice)


def _stream(text: str) -> None:
    from app.render import shown

    # Line ends are the model's own; everything else that could move the cursor is made visible.
    print("\n".join(shown(line) for line in text.split("\n")), end="", flush=True)


def _show(value: dict[str, Any]) -> None:
    # ASCII: safe on every terminal and in every encoding, also with halves of surrogate pairs.
    print(json.dumps(value, allow_nan=False), flush=True)


def _lines(lines: Any) -> None:  # noqa: ANN401 - any iterable of strings
    for line in lines:
        print(line)


def _notices(texts: list[str]) -> None:
    for text in texts:
        _notice(text)


def _notice(text: str) -> None:
    from app.render import shown

    print("\n".join(shown(line) for line in text.split("\n")), file=sys.stderr)


if __name__ == "__main__":
    main()
