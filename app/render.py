"""Render: values of the line → JSON objects and lines of text. Pure; `cli` prints them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from app.model.messages import counted, decimal, shorten
from app.model.records import document_of

if TYPE_CHECKING:
    from app.answering.answer import Answer
    from app.answering.evidence import Evidence
    from app.assistants.outfit.assembly import Suggestion
    from app.assistants.outfit.complete import Outfit
    from app.retrieval.hits import Hit, SignalScore
    from app.retrieval.retriever import Found
    from app.workspace.doctor import Check
    from app.workspace.facets import Bin, Facet

Json = dict[str, Any]

SKIPS_SHOWN = 20

UNSHOWN_NAMED = 5

VALUE_CHARACTERS = 60
"""Of a field's value; an address of a picture can be ten times that."""

BARS = " ▁▂▃▄▅▆▇█"

PATH_CHARACTERS = 100
"""Of a hit's path. JSON has the whole."""

UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, marks of direction, halves of surrogate pairs, other line ends."""


def printable(text: object) -> str:
    r"""Return text that is safe on a terminal: one line, nothing that moves the cursor or the eye.

    >>> printable("a\x1b[2Jb"), printable("tab\tname")
    ('a\\x1b[2Jb', 'tab\\tname')
    """
    return "".join(
        _escape(char) if unicodedata.category(char) in UNSHOWN else char for char in str(text)
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def shown_path(path: str) -> str:
    """Return a path, safe and on one line; of a long one the middle is left out."""
    return shorten(printable(path), PATH_CHARACTERS)


def report_lines(report: Json) -> Iterator[str]:
    """Yield an ingest's report, skips first."""
    skipped = report["skipped"]
    yield from skip_lines(skipped)
    parts = " + ".join(f"{report[part]} {part}" for part in ("new", "changed", "unchanged"))
    yield (
        f"{report['collection']}: {report['read']} read = {parts} + {len(skipped)} skipped;"
        f" {report['gone']} gone; {report['seconds']:.1f} s"
    )


def skip_lines(skipped: Sequence[Json]) -> Iterator[str]:
    """Yield what was left out and why; of very many the first, and the rest by kinds."""
    for skip in skipped[:SKIPS_SHOWN]:
        yield f"skipped {printable(skip['source'])}: {printable(skip['reason'])} [{skip['code']}]"
    if more := skipped[SKIPS_SHOWN:]:
        kinds = Counter(skip["code"] for skip in more).most_common()
        told = ", ".join(f"{count:,} {code}" for code, count in kinds)
        yield f"… and {len(more):,} more skipped: {told} (all with --json)"


def found_json(query: str, mode: str, found: "Found", elapsed_ms: float) -> Json:
    """Return the result of a search."""
    return {
        "query": query,
        "mode": mode,
        "hits": [hit_json(hit, rank) for rank, hit in enumerate(found.hits, found.start + 1)],
        **({} if found.passing is None else {"passing": found.passing}),
        "notices": [*found.notices, *nearest_notice(found)],
        "elapsed_ms": round(elapsed_ms, 1),
    }


def hit_json(hit: "Hit", rank: int) -> Json:
    """Return one hit."""
    more: Json = {"seen": list(hit.seen), "excerpt": hit.excerpt, "others": list(hit.others)}
    more["gone"] = hit.gone
    return {"rank": rank} | _hit_facts(hit) | {name: value for name, value in more.items() if value}


def _hit_facts(hit: "Hit") -> Json:
    return {
        "record_id": hit.record_id,
        "score": hit.score,
        "source": hit.source,
        "path": hit.path,
        "caption": hit.caption,
        "metadata": hit.metadata,
        "signals": {name: _signal_json(name, said) for name, said in hit.signals.items()},
    }


def _signal_json(name: str, said: "SignalScore") -> Json:
    return {"rank": said.rank, "score" if name == "keywords" else "cosine": said.score}


def nearest_notice(found: "Found") -> list[str]:
    """Say that nothing was found, and what came closest."""
    if found.hits:
        return []
    if found.nearest is None:
        return ["nothing found"]
    cosines = [said.score for name, said in found.nearest.signals.items() if name != "keywords"]
    return [
        f"nothing found: the nearest miss is {found.nearest.record_id}"
        f" with cosine {max(cosines, default=0):.3f}"
    ]


def found_lines(found: "Found") -> Iterator[str]:
    """Yield the hits, each with why it is there."""
    times = Counter(hit.path for hit in found.hits)
    for rank, hit in enumerate(found.hits, found.start + 1):
        score = "     " if hit.score is None else f"{hit.score:.3f}"
        name = hit.path if hit.path and times[hit.path] == 1 else hit.record_id
        yield f"{rank:>3}  {score}  {shown_path(name)}{'  (gone)' if hit.gone else ''}"
        if hit.snippet:
            yield f"            {printable(hit.snippet)}"
        elif hit.seen:
            yield f"            perhaps {printable(', '.join(hit.seen))}"
        if hit.others:
            yield f"            also {', '.join(map(shown_path, hit.others))}"
        if why := [*_scores(hit.signals), *answer_texts(hit.answers), *_beside(hit, found.hits)]:
            yield f"            {'  '.join(why)}"


def _scores(signals: Mapping[str, "SignalScore"]) -> Iterator[str]:
    for name, said in signals.items():
        yield f"{printable(name)} {said.score:.3f}" + (f" (#{said.rank})" if said.rank else "")


def _beside(hit: "Hit", hits: "Sequence[Hit]") -> Iterator[str]:
    """Return whose neighbour a page is that was not scored itself."""
    if hit.page is None or hit.score is not None:
        return
    document = document_of(hit.record_id, hit.page)
    found = {
        abs(each.page - hit.page): each
        for each in reversed(hits)
        if each.page is not None and each.score is not None
        if document_of(each.record_id, each.page) == document
    }
    if found:
        yield f"beside {shown_path(found[min(found)].path)}"


def answer_texts(answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of a hit in the columns that the filter names."""
    for name, value in answers.items():
        yield f"{value:.2f} km away" if name == "km" else column_text(name, value)


def column_text(name: str, value: object) -> str:
    """Return a column's name and value; degrees as exactly as they are told apart on the ground.

    >>> column_text("lon", 103.792352), column_text("safer", 5.1532543)
    ('lon 103.792352', 'safer 5.15325')
    """
    if name in ("lat", "lon") and isinstance(value, float):
        return f"{name} {decimal(value)}"
    return f"{printable(name)} {value_text(value)}"


def value_text(value: object) -> str:
    """Return a value of a field as a person writes it, not too long.

    >>> value_text(2010.0), value_text(4.25), value_text(["red", "blue"])
    ('2010', '4.25', 'red, blue')
    """
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return printable(text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…")


def answer_json(answer: "Answer", elapsed_ms: float) -> Json:
    """Return an answer with its evidence."""
    return {
        "status": answer.status,
        "answer": answer.text,
        "citations": list(answer.citations),
        "evidence": [
            _evidence_json(piece) | {"cited": piece.number in answer.citations}
            for piece in answer.evidence
        ],
        "not_shown": [piece.record_id for piece in answer.unshown],
        "model": answer.model,
        "notices": list(answer.notices),
        "elapsed_ms": round(elapsed_ms, 1),
    }


def _evidence_json(evidence: "Evidence") -> Json:
    return {
        "number": evidence.number,
        "record_id": evidence.record_id,
        "source": evidence.source,
        "path": evidence.path,
        "caption": evidence.caption,
        "metadata": dict(evidence.metadata),
    }


def answer_lines(answer: "Answer") -> Iterator[str]:
    """Yield the numbered evidence, what the answer cites marked, and how the answer stands."""
    for each in answer.evidence:
        mark = "*" if each.number in answer.citations else " "
        snippet = f"  {printable(each.snippet)}" if each.snippet else ""
        yield f"{mark} [{each.number}] {shown_path(each.name)}{snippet}"
    if answer.unshown:
        names = ", ".join(shown_path(piece.name) for piece in answer.unshown[:UNSHOWN_NAMED])
        rest = len(answer.unshown) - UNSHOWN_NAMED
        yield f"  found, not shown to the model: {names}" + (
            f", and {rest} more" if rest > 0 else ""
        )
    yield f"status: {answer.status}; model: {printable(answer.model)}"


def outfit_json(outfit: "Outfit", elapsed_ms: float) -> Json:
    """Return an outfit: the analysis, the suggestions, and what was refused."""
    analysis, record = outfit.analysis, outfit.worn.record
    return {
        "garment": outfit.worn.name,
        "record_id": record.record_id if record else None,
        "analysis": {
            "category": analysis.category,
            "audience": analysis.audience,
            "items": list(analysis.items),
        },
        "suggestions": [_suggestion_json(each) for each in outfit.suggestions],
        "refused": [_suggestion_json(each) for each in outfit.refused],
        "empty_slots": dict(outfit.empty),
        "status": outfit.status,
        "model": outfit.model,
        "notices": outfit_notices(outfit),
        "elapsed_ms": round(elapsed_ms, 1),
    }


def _suggestion_json(suggestion: "Suggestion") -> Json:
    return {
        "slot": suggestion.slot,
        "title": suggestion.title,
        "found_by": suggestion.found_by,
        "shared": _shared(suggestion),
        "verdict": suggestion.verdict.status,
        "reason": suggestion.verdict.reason,
    } | _hit_facts(suggestion.hit)


def outfit_lines(outfit: "Outfit") -> Iterator[str]:
    """Yield what the garment is, the suggestions slot by slot, and what was refused and why."""
    analysis = outfit.analysis
    what = [part for part in (analysis.category or "something to wear", analysis.audience) if part]
    yield f"{printable(outfit.worn.name)}: {', '.join(map(printable, what))}"
    if analysis.items:
        yield f"{printable(outfit.model)} named: {'; '.join(map(printable, analysis.items))}"
    for each in outfit.suggestions:
        yield from _suggestion_lines(each)
    for slot, why in outfit.empty.items():
        yield f"{slot:<10}  nothing: {printable(why)}"
    if outfit.refused:
        yield "refused:"
    for each in outfit.refused:
        why = each.verdict.reason or "no reason was given"
        yield f"  {each.slot:<10}  {printable(_called(each))}: {printable(why)}"
    who = why_unchecked(outfit) or f"model: {printable(outfit.model)}"
    yield f"status: {_words(outfit.status)}; {who}"


def why_unchecked(outfit: "Outfit") -> str:
    """Say in a few words what the model did, where it checked nothing; "" where it could."""
    if outfit.unusable:
        return f"{printable(outfit.model)} gave no answer that can be used"
    return "no model took part" if outfit.unavailable else ""


def _suggestion_lines(suggestion: "Suggestion") -> Iterator[str]:
    hit, verdict = suggestion.hit, suggestion.verdict
    score = "     " if hit.score is None else f"{hit.score:.3f}"
    yield f"{suggestion.slot:<10}  {score}  {shown_path(hit.record_id)}  {_words(verdict.status)}"
    yield f"            {printable(_called(suggestion))}"
    if verdict.status != "not_checked" and verdict.reason:
        yield f"            {printable(verdict.reason)}"
    yield f"            {_found_by(suggestion)}  {'  '.join(_scores(hit.signals))}"


def _found_by(suggestion: "Suggestion") -> str:
    """Return what a suggestion was found by: a title, the catalogue and then looks, or looks."""
    if suggestion.title:
        return f"for {printable(suggestion.title)}"
    said = (f"{name} {value}" for name, value in _shared(suggestion).items())
    by = f"goes with it by {printable(', '.join(said))}; " if suggestion.shared else ""
    return f"{by}looks like the picture"


def _shared(suggestion: "Suggestion") -> dict[str, str]:
    """Return its values in the columns that it was found by."""
    said = suggestion.hit.metadata
    return {
        name: ", ".join(value) if isinstance(value := said[name], list) else str(value)
        for name in suggestion.shared
    }


def _words(status: str) -> str:
    return status.replace("_", " ")


def _called(suggestion: "Suggestion") -> str:
    return suggestion.hit.caption or suggestion.hit.record_id


def _unavailable(outfit: "Outfit") -> list[str]:
    """Return why no model was used, and what decided instead."""
    if not outfit.unavailable:
        return []
    by_catalogue = any(each.shared for each in outfit.suggestions)
    what = "what the catalogue says of it, and then its looks," if by_catalogue else "its looks"
    return [f"{outfit.unavailable.rstrip('.')}. So {what} decide, and nothing is checked"]


def outfit_notices(outfit: "Outfit") -> list[str]:
    """Return what a person should know of how an outfit came about."""
    why: dict[str, str] = {}
    for verdict in (each.verdict for each in outfit.suggestions):
        if verdict.status == "not_checked" and not outfit.unavailable:
            why.setdefault(verdict.reason, verdict.detail or verdict.reason)
    told = (f"not checked: {each}" for each in why.values())
    return [*_unavailable(outfit), *outfit.notices, *told]


def facet_json(facet: "Facet") -> Json:
    """Return what a column holds; of its values, or bins, only what it has."""
    known: Json = {"name": facet.name, "filter": facet.slug, "type": facet.type}
    known["records"] = facet.records
    if facet.type in ("words", "boolean"):
        return known | {"values": [each._asdict() for each in facet.values], "more": facet.more}
    ends = {"least": facet.least, "greatest": facet.greatest}
    return known | ends | {"bins": [each._asdict() for each in facet.bins]}


def facet_lines(facets: "Iterable[Facet]") -> Iterator[str]:
    """Yield a line for each column: its commonest values, or its range with a bar for each bin."""
    for facet in facets:
        yield f"{printable(facet.slug)} ({facet.type}): {_held(facet)}"


def _held(facet: "Facet") -> str:
    if facet.values:
        values = ", ".join(f"{value_text(value)} ({count:,})" for value, count in facet.values)
        return f"{values}{', …' if facet.more else ''}"
    if not facet.bins:
        return "no values"
    ends = " to ".join(map(value_text, (facet.least, facet.greatest)))
    return f"{ends}  {_bars(facet.bins)}  {counted(facet.records, 'record')}"


def _bars(bins: "Sequence[Bin]") -> str:
    """Draw a histogram in one line; a bin that has any record is seen."""
    most = max(each.records for each in bins)
    return "".join(BARS[-(-each.records * (len(BARS) - 1) // most)] for each in bins)


def check_lines(checks: "Iterable[Check]") -> Iterator[str]:
    """Yield what the doctor found, each problem with what to do."""
    for check in checks:
        yield f"{check.status:<8} {check.name}: {printable(check.detail)}"
        if check.fix:
            yield f"         → {printable(check.fix)}"


def description_lines(description: Json) -> Iterator[str]:
    """Yield a description as lines."""
    disk = description["disk_mb"]
    yield (
        f"{description['collection']}: {counted(description['records'], 'record')},"
        f" {description['with_captions']:,} with captions,"
        f" {description['with_place']:,} with a place"
        + (f", {disk} MB on disk" if disk is not None else "")
    )
    if description["unfinished"]:
        yield "  not all is in: the last ingest did not finish; run the same command to go on"
    if mute := description["pages_without_words"]:
        yield f"  {counted(mute, 'page')} without words, found by the picture alone"
    if unread := description["pages_unread"]:
        yield (
            f"  {counted(unread, 'page')} with no text layer, or one that says little;"
            " `ingest --ocr` reads what they show"
        )
    if server := description["server"]:
        copies = counted(server["replicas"], "copy", "copies")
        yield (
            f"  server   {counted(server['shards'], 'shard')}, {copies} of each,"
            f" {counted(server['nodes'], 'node')}"
        )
        if server["nodes"] > 1 and server["replicas"] == 1:
            yield (
                "  one copy: while its node is down a shard cannot be read; `ingest --rebuild"
                " --replicas 2` keeps two"
            )
    for label, source in description["sources"].items():
        yield f"  source   {printable(label)}: {source['records']} from {printable(source['path'])}"
        if label in description["gone_sources"]:
            yield (
                "           which is not there on this machine; bring it back, or, from its new"
                f" place: sightline ingest PATH --collection {description['collection']} --label"
                f" {printable(quote(label))}"
            )
    for space, model in description["models"].items():
        yield f"  {space:<8} {printable(model)}"
    weights = "  ".join(f"{name} {weight:g}" for name, weight in description["weights"].items())
    yield f"  weights  {weights} (text is {description['text']})"
    if columns := description["outfit"]:
        told = (f"{part} = {printable(name)}" for part, name in columns.items() if name)
        yield f"  outfit   {', '.join(told)}"
    for field in description["fields"]:
        called = f"{field['filter']} ({field['type']}){_own_name(field)}"
        yield f"  field    {printable(called)}: {_field_values(field)}"


def _own_name(field: Json) -> str:
    """Return a column's own name where filters use another."""
    name = field["name"]
    return "" if name.lower() == field["filter"] else f", your {name!r}"


def _field_values(field: Json) -> str:
    if "range" in field:
        return " to ".join(map(value_text, field["range"])) if field["range"] else "no values"
    counted = (f"{value_text(value)} ({count})" for value, count in field["commonest"].items())
    return ", ".join(counted) or "no values"
