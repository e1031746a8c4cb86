"""Batch: a file of queries, one JSON object a line → one JSON object back for each, in order."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from app.model.errors import QueryError, SightlineError, SourceError
from app.render import found_json
from app.retrieval.search import Search
from app.workspace import Workspace

KEYS = frozenset({"id", "words", "image", "where", "near", "sort", "mode", "top_k", "from"})

Parsed = tuple[Any, Search | SightlineError]
"""The query's id and the query, or what is wrong with it."""


def answer_batch(
    file: Path, collection: str, base: Search, workspace: Workspace, *, size: int = 64
) -> Iterator[dict[str, Any]]:
    """Yield a result, or an error, for each line; `size` queries are embedded together.

    What a line leaves out is as in `base`; its id is its number then, and null where it cannot be
    read. Raises SourceError when there is no such file.
    """
    try:
        lines = file.open(
            encoding="utf-8", errors="surrogateescape"
        )  # a bad line is told by itself
    except OSError as error:
        raise SourceError("missing_file", f"{file} cannot be read: {error.strerror}") from error
    with lines:
        numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
        while chunk := list(islice(numbered, size)):
            parsed = [_parsed(number, line, base) for number, line in chunk]
            yield from _answered(workspace, collection, parsed)


def _answered(
    workspace: Workspace, collection: str, chunk: Sequence[Parsed]
) -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    searches = [search for _, search in chunk if isinstance(search, Search)]
    results = iter(workspace.search_many(collection, searches))
    answers = [
        (id_, search, next(results) if isinstance(search, Search) else search)
        for id_, search in chunk
    ]
    each_ms = (time.perf_counter() - started) * 1000 / len(chunk)
    for id_, search, result in answers:
        if isinstance(result, SightlineError):
            yield {"id": id_, "error": {"code": result.code, "message": str(result)}}
        elif isinstance(search, Search):
            yield {"id": id_, **found_json(search.words, search.chosen_mode, result, each_ms)}


def _parsed(number: int, line: str, base: Search) -> Parsed:
    try:
        query = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return None, QueryError(f"line {number} is not a JSON object: {error}")
    if not isinstance(query, dict):
        return None, QueryError(f"line {number} is not a JSON object")
    id_ = query.get("id", number)
    if not isinstance(id_, str | int):
        return None, QueryError(f"line {number}: id takes a string or a whole number")
    try:
        return id_, _search(query, base)
    except QueryError as error:
        return id_, error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _search(query: dict[str, Any], base: Search) -> Search:
    if unknown := query.keys() - KEYS:
        raise QueryError(
            f"unknown key {sorted(unknown)[0][:80]!r}; the keys are {', '.join(sorted(KEYS))}"
        )
    given = {key: value for key, value in query.items() if key != "id" and value is not None}
    for key in ("words", "image", "where", "sort", "mode"):
        if not isinstance(given.get(key, ""), str):
            raise QueryError(f"{key} takes a string, not {_json(given[key])}")
    for key in ("top_k", "from"):
        if type(given.get(key, 1)) is not int:
            raise QueryError(f"{key} takes a whole number, not {_json(given[key])}")
    if "from" in given:
        given["start"] = given.pop("from")
    if "near" in given:
        given["near"] = _near(given["near"])
    if "image" in given:
        given["image"] = Path(given["image"])
    return replace(base, **given)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def _near(value: object) -> tuple[float, float, float]:
    match value:
        case [int() | float() as lat, int() | float() as lon, int() | float() as km]:
            with suppress(OverflowError):  # an integer beyond any float
                return float(lat), float(lon), float(km)
    raise QueryError(f"near takes [lat, lon, km], not {_json(value)}")
