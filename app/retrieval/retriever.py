"""Retriever: what is asked → signals → candidates → one ranking of hits. What all modes share.

Every signal goes out in one batch under one filter; every candidate then gets its score under every
signal, and `fuse` joins them.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from app.filters.conditions import AllOf, Condition, Exists, Ids
from app.model.errors import QueryError
from app.model.messages import counted
from app.model.points import Point, ScoredId
from app.retrieval.codes import are_numbers, codes_in, having, is_called, number_had
from app.retrieval.documents import DOCUMENT, beside, column_to_group_by, grouped
from app.retrieval.excerpt import excerpt
from app.retrieval.explain import answers, misspelt, shadowed, told_of_null_island
from app.retrieval.fusion import SignalScores, fuse
from app.retrieval.gone import told_of_gone
from app.retrieval.hits import Hit, SignalScore
from app.retrieval.order import first_passing, sort_of
from app.retrieval.signals import Asked, Signal, Signals
from app.retrieval.weights import weights_of
from app.store.collection import Collection
from app.store.gone import GONE_CANDIDATES, is_gone, outside_dead_sources
from app.store.models import QueryVectors, VectorsAsked
from app.store.payload import file_state

CANDIDATES = 100
"""Of each signal, at the least; every one of them then gets its score under every signal."""

TIED_FACTOR = 3
"""More are asked for, where the last that is wanted scores as the next does."""

MAX_TIED = 10_000
"""So many of one score are put in order of their ids, to be the same on every page; of more the
engine picks any."""

GROUP_CANDIDATES = 500
"""The same where only the best of each group is wanted: a long document must not fill the list."""

OTHERS_SHOWN = 5
"""Of a group, after its best."""

EXCERPT_CHARACTERS = 200
"""As many as a caption has: two lines of a terminal."""

MAX_NEIGHBOURS = 10
"""Pages before and after one; more is a document, and no model reads that many."""

MAX_WORDS_CHARACTERS = 10_000
"""Of a question. No embedding reads past its first few hundred words."""

MAX_TOP_K = 10_000

MAX_WEIGHT = 1000

SORTED_AND_RANKED = (
    "a search by words or a picture is ranked by them: leave --sort out, or ask with a filter, such"
    " as --where 'caption.contains(\"red car\")'"
)

TEXT_SPACES = {"text", "keywords"}
"""Where what is said of records is searched, and not what they show."""

ONLY_AWAY = "all that is asked pushes away (--unlike, negative weights): say too what to search for"


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; when none reaches the threshold, `nearest` is the best of those below.

    `start` of them were left out before these. `passing` is how many records pass the filter; None
    where there was no filter.
    """

    hits: list[Hit]
    notices: list[str] = field(default_factory=list)
    nearest: Hit | None = None
    start: int = 0
    passing: int | None = None


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Point ids, best first, with the score of each and what the signals say of it.

    `nearest` is the best of those below the threshold, where none reaches it.
    """

    ids: list[str]
    scores: Mapping[str, float] = field(default_factory=dict)
    said: Mapping[str, dict[str, SignalScore]] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()


_Rank = Callable[[Condition | None, int], _Ranking]
"""A filter, and how many candidates of each signal at the least → what passes it, ranked."""


class CollectionRetriever(ABC):
    """Searches an open collection, one search at a time. A mode says which signals a query gives.

    `app.llama.HitRetriever` makes a retriever of LlamaIndex's of it.
    """

    mode: str

    def __init__(
        self,
        collection: Collection,
        vectors: QueryVectors,
        *,
        top_k: int = 5,
        where: Condition | None = None,
        min_score: float | None = None,
        weights: Mapping[str, float] | None = None,
        per: str | None = None,
        neighbours: int = 0,
        sort: str | None = None,
        start: int = 0,
    ) -> None:
        if not 1 <= top_k <= MAX_TOP_K:
            raise QueryError(f"top_k is {top_k}; it can be 1 to {MAX_TOP_K:,}")
        if not 0 <= start <= MAX_TOP_K - top_k:
            raise QueryError(
                f"--from is {start}; with top_k {top_k} it can be 0 to {MAX_TOP_K - top_k:,}"
            )
        if min_score is not None and not -1 <= min_score <= 1:
            raise QueryError(f"min_score is {min_score:g}; a cosine is from -1 to 1")
        for name, weight in (weights or {}).items():
            if not abs(weight) <= MAX_WEIGHT:
                raise QueryError(
                    f"the weight of {name} is {weight:g}; it can be up to {MAX_WEIGHT}"
                )
        if not 0 <= neighbours <= MAX_NEIGHBOURS:
            raise QueryError(f"neighbours is {neighbours}; it can be 0 to {MAX_NEIGHBOURS}")
        self._per = column_to_group_by(per, collection.fields) if per else None
        self._sort = sort_of(sort, collection.fields) if sort else None
        self._neighbours = neighbours
        self._collection = collection
        self._vectors = vectors
        self._start = start
        self._wanted = start + top_k
        self._where = where
        self._min_score = min_score
        self._weights = {**weights_of(collection.manifest), **(weights or {})}
        self._too_many_tied = False
        self._gone: dict[str, bool] = {}

    @abstractmethod
    def gather(self, asked: Asked, signals: Signals) -> None:
        """Add the signals of this mode. Raises QueryError when too little is asked."""

    def search(self, asked: Asked) -> Found:
        """Return the records that answer best, with notices for the person who asked."""
        _check(asked, is_sorted=self._sort is not None)
        self._too_many_tied, self._gone = False, {}
        signals = Signals(self._vectors, self._weights)
        self.gather(asked, signals)
        signals.add_examples(asked.like, "like")
        signals.add_examples(asked.unlike, "unlike")
        if not signals.found:
            return self._passing(asked)
        where = _both(self._where, asked.where)
        codes = codes_in(asked.words)
        ranked, number, hits = self._ranked(self._ranks(signals.found, codes), where)
        notices = signals.notices
        if not number:
            notices = self._why_nothing(where, signals.found, notices)
        notices = [*notices, *self._beyond(number), *self._told_of_ties()]
        nearest = self._hits(*self._fetched(dict.fromkeys(ranked.nearest, ())), ranked, where)
        hits += self._beside(hits)
        if asked.words:
            hits = [_with_excerpt(hit, asked.words) for hit in hits]
        told = [*told_of_null_island(where), *told_of_gone(hits, self._collection)]
        told += self._told_of_silent_pages(hits) if asked.words else []
        if codes and hits and not self._start and not any("code" in hit.signals for hit in hits):
            told.append(f"none has {' or '.join(codes)}: what follows is only like the words")
        passing = None if self._where is None else self._collection.count(self._where)
        nearest_miss = next(iter(nearest), None)
        return Found(hits, [*notices, *told], nearest_miss, start=self._start, passing=passing)

    def note(self, asked: Asked, wanted: VectorsAsked) -> None:
        """Note what `search` will want embedded, so that many queries can be embedded together."""
        _check(asked, is_sorted=self._sort is not None)
        signals = Signals(wanted, self._weights)
        self.gather(asked, signals)
        signals.add_examples((*asked.like, *asked.unlike), "like")

    def _ranked(self, rank: _Rank, where: Condition | None) -> tuple[_Ranking, int, list[Hit]]:
        """Rank; return also how many hits there are, and those from `start` on.

        Those whose pictures are gone come after the others.
        Files are looked for of the best alone. Only if some of them are gone, more candidates are
        looked at, without the sources that are gone as a whole: their records are last of all.
        """
        ranked = rank(where, 0)
        best, points = self._fetched(self._best(ranked.ids))
        if not any(self._is_gone(point) for point in points.values()):
            return ranked, len(best), self._hits(self._page(best), points, ranked, where)
        there = _both(where, outside_dead_sources(self._collection))
        number = max(GROUP_CANDIDATES if self._per else GONE_CANDIDATES, 2 * self._wanted)
        wider = rank(there, number)
        ids = dict.fromkeys((*self._with_pictures(wider.ids[:number]), *ranked.ids))
        merged = _Ranking(
            list(ids), {**ranked.scores, **wider.scores}, {**ranked.said, **wider.said}
        )
        best, points = self._fetched(self._best(merged.ids))
        order = sorted(best, key=lambda id_: self._is_gone(points[id_]))  # else as they were
        page = self._page({id_: best[id_] for id_ in order})
        return merged, len(best), self._hits(page, points, merged, where)

    def _fetched(
        self, best: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, Sequence[str]], dict[str, Point]]:
        """Return what of the best is there, with its points."""
        points = self._collection.fetch([*best]) if best else {}
        return {id_: others for id_, others in best.items() if id_ in points}, points

    def _page(self, best: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
        return dict(islice(best.items(), self._start, None))

    def _is_gone(self, point: Point) -> bool:
        """Whether its picture is; of each point the disk is asked once in a search, .2 ms."""
        if point.id not in self._gone:
            self._gone[point.id] = is_gone(point.payload, self._collection)
        return self._gone[point.id]

    def _with_pictures(self, ids: Sequence[str]) -> list[str]:
        """Return those whose pictures are not gone; of groups all, else as many as are wanted."""
        wanted = len(ids) if self._per else self._wanted
        found: list[str] = []
        for start in range(0, len(ids), wanted):
            if len(found) < wanted:
                some = ids[start : start + wanted]
                points = self._collection.fetch(some)
                found += [id_ for id_ in some if id_ in points and not self._is_gone(points[id_])]
        return found

    def _rank(self, signals: Sequence[Signal], where: Condition | None, at_least: int) -> _Ranking:
        """Rank by one signal at once, by several in steps of ever more candidates.

        More candidates can bring one that belongs before those of earlier pages. So each step only
        goes on after the first half of the one before: every page is then of one order, though the
        score may rise where a step begins.
        """
        least = max(GROUP_CANDIDATES if self._per else 0, at_least)
        if len(signals) == 1:
            return self._ranked_among(signals, where, max(self._wanted, least))
        number = max(CANDIDATES, least)
        ranked = self._ranked_among(signals, where, number)
        while number < 2 * self._wanted and len(ranked.ids) > number // 2:
            first = ranked.ids[: number // 2]
            number *= 2
            more = self._ranked_among(signals, where, number)
            ranked = _Ranking(
                list(dict.fromkeys((*first, *more.ids))),
                {**more.scores, **ranked.scores},
                {**more.said, **ranked.said},
            )
        return ranked

    def _ranked_among(
        self, signals: Sequence[Signal], where: Condition | None, limit: int
    ) -> _Ranking:
        """Rank so many candidates of each signal, and give each its score under every signal."""
        lists = self._lists(signals, limit, where)
        candidates = {hit.id: None for hits in lists.values() for hit in hits}
        scores = self._all_scores(signals, lists, list(candidates))
        fused = fuse(
            [SignalScores(s.weight, scores[s.name], s.is_relative, s.background) for s in signals],
            candidates,
        )
        ranks = {
            name: {hit.id: rank for rank, hit in enumerate(hits, 1)} for name, hits in lists.items()
        }
        said = {
            id_: {
                signal.name: SignalScore(ranks.get(signal.name, {}).get(id_), score)
                for signal in signals
                if (score := scores[signal.name].get(id_)) is not None
            }
            for id_ in candidates
        }
        order = sorted(candidates, key=lambda id_: (-fused[id_], id_))
        finding = {signal.name for signal in signals if signal.weight > 0}
        kept = [id_ for id_ in order if self._reaches(said[id_], finding)]
        return _Ranking(kept, fused, said, () if kept else tuple(order[:1]))

    def _ranks(self, signals: Sequence[Signal], codes: Sequence[str]) -> _Rank:
        """Return what ranks by signals; records that have a code as it was asked for come first."""
        rank = partial(self._rank, signals)
        if not codes:
            return rank

        def codes_first(where: Condition | None, at_least: int) -> _Ranking:
            usual = rank(where, at_least)
            likely = self._likely(where, codes)
            ranked = rank(likely, max(at_least, CANDIDATES))
            ids = dict.fromkeys(ranked.ids)  # one without a caption has no score, but the code
            ids |= dict.fromkeys(id_ for id_, _ in self._collection.first(likely, CANDIDATES))
            points = self._collection.fetch([*ids]) if ids else {}
            had = {
                id_: number_had(point.payload, codes) / len(codes) for id_, point in points.items()
            }
            least = max(self._min_score or 0, sys.float_info.min)
            exact = sorted((id_ for id_ in ids if had.get(id_, 0) >= least), key=lambda i: -had[i])
            merged = list(dict.fromkeys((*exact, *usual.ids)))
            said = {**ranked.said, **usual.said}
            said |= {
                id_: {"code": SignalScore(rank, had[id_]), **said.get(id_, {})}
                for rank, id_ in enumerate(exact, 1)
            }
            scores = {**ranked.scores, **usual.scores, **{id_: had[id_] for id_ in exact}}
            return _Ranking(merged, scores, said, () if exact else usual.nearest)

        return codes_first

    def _likely(self, where: Condition | None, codes: Sequence[str]) -> Condition | None:
        """Return what passes records that may have a code.

        Of a number that no column has, those whose picture is called so: all paths are read for
        that, .4 s at 50,000 records.
        """
        likely = _both(where, having(codes, self._collection.fields))
        if not are_numbers(codes) or self._collection.count(likely):
            return likely
        paths = self._collection.first(where, None, keys=("record_id", "path"))
        return Ids(tuple(id_ for id_, at in paths if is_called(at.get("path", ""), codes)))

    def _lists(
        self, signals: Sequence[Signal], limit: int, where: Condition | None
    ) -> dict[str, list[ScoredId]]:
        """What each signal finds by itself; one that pushes away finds nothing."""
        finding = [signal for signal in signals if signal.weight > 0]
        if not finding:
            raise QueryError(ONLY_AWAY)
        lists = self._asked_for(finding, limit, where, spare=1)
        size = limit + 1
        while size < MAX_TIED and (cut := [s for s in finding if _is_cut(lists[s.name], limit)]):
            cut = [signal for signal in cut if len(lists[signal.name]) >= size]
            if not cut:
                break
            size = min(TIED_FACTOR * size, MAX_TIED)
            lists |= self._asked_for(cut, limit, where, spare=size - limit)
        self._too_many_tied |= any(
            len(hits) >= MAX_TIED and _is_cut(hits, limit) for hits in lists.values()
        )
        return {name: hits[:limit] for name, hits in lists.items()}

    def _asked_for(
        self, signals: Sequence[Signal], limit: int, where: Condition | None, *, spare: int
    ) -> dict[str, list[ScoredId]]:
        queries = [signal.query for signal in signals]
        found = self._collection.search(queries, limit=limit, where=where, spare=spare)
        return {
            signal.name: sorted(signal.scaled(hits), key=lambda hit: (-hit.score, hit.id))
            for signal, hits in zip(signals, found, strict=True)
        }

    def _all_scores(
        self,
        signals: Sequence[Signal],
        lists: Mapping[str, Sequence[ScoredId]],
        candidates: Sequence[str],
    ) -> dict[str, dict[str, float]]:
        """Every candidate's score under every signal, where the record has that space."""
        scores = {
            signal.name: {hit.id: hit.score for hit in lists.get(signal.name, ())}
            for signal in signals
        }
        short = [s for s in signals if len(scores[s.name]) < len(candidates)]
        if candidates and short:
            rest = self._collection.search(
                [s.query._replace(among=_without(candidates, scores[s.name])) for s in short],
                limit=len(candidates),
            )
            for signal, hits in zip(short, rest, strict=True):
                scores[signal.name] |= {hit.id: hit.score for hit in signal.scaled(hits)}
        return scores

    def _reaches(self, said: Mapping[str, SignalScore], finding: Container[str]) -> bool:
        """Whether a cosine is high enough; those of signals that push away do not count."""
        if self._min_score is None:
            return True
        return any(
            signal.score >= self._min_score
            for name, signal in said.items()
            if name != "keywords" and name in finding
        )

    def _passing(self, asked: Asked) -> Found:
        """Nothing to rank by: what passes the filter, in the order that was asked for."""
        if asked.words.strip() or asked.picture is not None:
            raise QueryError("nothing can be ranked: all that this query gives has weight 0")
        where = _both(self._where, asked.where)
        if where is None and self._sort is None:
            raise QueryError("nothing is asked: give words, a picture (--image) or a filter")
        passing, order = self._collection.count(where), ""

        def first(where: Condition | None, at_least: int) -> _Ranking:
            nonlocal order
            limit = passing if self._per else max(self._wanted, at_least)
            ids, order = first_passing(self._collection, where, self._sort, limit, passing=passing)
            return _Ranking(ids)

        _, number, hits = self._ranked(first, where)
        notices = [*self._beyond(number), *told_of_null_island(where)]
        if not number:
            notices = [*self._why_nothing(where), *notices]
        per = f"one for each {self._per}, " if self._per else ""
        more = [_told_of_more(passing, self._start, len(hits), f"{per}{order}")]
        notices = [*(more if passing > len(hits) > 0 else []), *notices]
        told = told_of_gone(hits, self._collection)
        return Found(hits, [*notices, *told], start=self._start, passing=passing)

    def _told_of_ties(self) -> list[str]:
        if not (self._start and self._too_many_tied):
            return []
        return [
            f"more than {MAX_TIED:,} records score the same: one page of them may repeat what"
            " another has, and miss some"
        ]

    def _told_of_silent_pages(self, hits: Sequence[Hit]) -> list[str]:
        """Say that pages were found by their pictures, where no model for pages read those."""
        is_silent = hits and all(hit.page and not hit.text for hit in hits)
        if self._collection.manifest.page or not is_silent:
            return []
        return [f"found by what is seen on them alone: {self._remedy()}"]

    def _beyond(self, number: int) -> list[str]:
        """Say that there are hits, but none after as many as are left out."""
        if not 0 < number <= self._start:
            return []
        return [f"there are {counted(number, 'hit')}, and none from {self._start} on"]

    def _why_nothing(
        self,
        where: Condition | None,
        signals: Sequence[Signal] = (),
        notices: Sequence[str] = (),
    ) -> list[str]:
        """Say why these signals found nothing."""
        of_texts = all(signal.space in TEXT_SPACES for signal in signals)
        if not self._collection.count():
            return [f"collection {self._collection.name!r} is empty: ingest something first"]
        if where is not None and not self._collection.count(where):
            hints = (*misspelt(where, self._collection), *shadowed(where, self._collection))
            return ["no record passes the filter", *hints]
        spoken = Exists("words.caption")
        if of_texts and not self._collection.count(AllOf((where, spoken)) if where else spoken):
            which = "that passes the filter " if where else ""
            return [f"no record {which}has a caption, so words find nothing: {self._remedy()}"]
        return list(notices)

    def _remedy(self) -> str:
        """What to do about records that say nothing."""
        if self._collection.count(Exists("page")):
            if any(file_state(payload).unread for _, payload in self._collection.ledger()):
                return "these pages say nothing that can be read; ingest them again with --ocr"
            return "these pages say nothing, and OCR found nothing on them"
        models = self._vectors.models
        if models.reads_words:
            return f"leave out --mode text, and {models.image_name} looks for them on the pictures"
        return (
            "give the pictures captions (captions in dataset.toml names their column), or ingest"
            " again with --rebuild --offline, and words are looked for on the pictures themselves"
        )

    def _best(self, ids: Sequence[str]) -> dict[str, Sequence[str]]:
        """The first of the ranked records, or of each group the first, with the others' paths."""
        if self._per is None:
            return dict.fromkeys(ids[: self._wanted], ())
        payloads = {id_: point.payload for id_, point in self._collection.fetch(ids).items()}
        groups = grouped((id_ for id_ in ids if id_ in payloads), payloads, self._per)
        return {
            best: [_called(payloads[id_]) for id_ in others[:OTHERS_SHOWN]]
            for best, others in islice(groups.items(), self._wanted)
        }

    def _beside(self, hits: Sequence[Hit]) -> list[Hit]:
        """The pages beside those that were found; nothing scored them."""
        pages = [(hit.record_id, hit.page) for hit in hits if hit.page is not None]
        ids = beside(pages, self._neighbours) if self._neighbours else []
        return self._hits(*self._fetched(dict.fromkeys(ids, ())), _Ranking([]), None)

    def _hits(
        self,
        best: Mapping[str, Sequence[str]],
        points: Mapping[str, Point],
        ranked: _Ranking,
        where: Condition | None,
    ) -> list[Hit]:
        payloads = [points[id_].payload for id_ in best]
        also = [self._sort.column.slug] if self._sort else []
        also += [self._per] if self._per and self._per != DOCUMENT else []  # its name says that
        asked = answers(where, self._collection, payloads, also=also)
        return [
            self._hit(
                points[id_],
                ranked.scores.get(id_),
                ranked.said.get(id_, {}),
                has,
                others,
            )
            for (id_, others), has in zip(best.items(), asked, strict=True)
        ]

    def _hit(
        self,
        point: Point,
        score: float | None,
        said: dict[str, SignalScore],
        has: dict[str, Any],
        others: Sequence[str],
    ) -> Hit:
        payload = point.payload
        label = payload.get("source", "")
        entry = self._collection.manifest.sources.get(label)
        stored = self._collection.stored(payload)  # a page that was lost is drawn again by this
        return Hit(
            id=point.id,
            text=stored.text,
            metadata=stored.metadata,
            file=stored.picture,
            scales=entry.scales if entry else {},
            gone=self._is_gone(point),
            score=score,
            record_id=payload["record_id"],
            path=payload.get("path", ""),
            source=label,
            captions=tuple(payload.get("captions", ())),
            seen=tuple(payload.get("seen", ())),
            signals=said,
            answers=has,
            page=payload.get("page"),
            others=tuple(others),
        )


def _with_excerpt(hit: Hit, words: str) -> Hit:
    if hit.page is None:
        return hit
    return replace(hit, excerpt=excerpt(hit.text, words, EXCERPT_CHARACTERS))


def _without(candidates: Sequence[str], scored: Container[str]) -> tuple[str, ...]:
    return tuple(id_ for id_ in candidates if id_ not in scored)


def _is_cut(hits: Sequence[ScoredId], limit: int) -> bool:
    """Whether the engine may have more that score as the last of the best `limit` does.

    It returns any of those, so which of them come first by their ids is not known yet.
    """
    return len(hits) > limit and hits[-1].score == hits[limit - 1].score


def _called(payload: Mapping[str, Any]) -> str:
    """Return the path of a record; of words alone, which have none, the record id."""
    return str(payload["path"] or payload["record_id"])


def _told_of_more(passing: int, start: int, shown: int, order: str) -> str:
    first = f"number {start + 1:,}" if start else "the first"
    several = f"{start + 1:,} to {start + shown:,}" if start else f"the first {shown:,}"
    which = f"this is {first}" if shown == 1 else f"these are {several}"
    return f"{passing:,} pass; {which}, {order}"


def _both(one: Condition | None, other: Condition | None) -> Condition | None:
    return AllOf((one, other)) if one is not None and other is not None else one or other


def _check(asked: Asked, *, is_sorted: bool) -> None:
    examples = [each.name for each in (*asked.like, *asked.unlike) if each.picture is None]
    for text in (asked.words, *examples):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise QueryError(f"{text[:80]!r} is not valid Unicode") from error
    if len(asked.words) > MAX_WORDS_CHARACTERS:
        raise QueryError(
            f"the words have {len(asked.words):,} characters; at most {MAX_WORDS_CHARACTERS:,}"
            " can be asked with"
        )
    if is_sorted and (asked.words.strip() or asked.picture or asked.like or asked.unlike):
        raise QueryError(SORTED_AND_RANKED)  # before a model is loaded for it
    if asked.unlike and not (asked.words.strip() or asked.picture or asked.like):
        raise QueryError(ONLY_AWAY)  # before a model is loaded for it
