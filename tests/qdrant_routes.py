"""What a Qdrant server does at each of its routes, over the local mode of qdrant-client.

The local mode keeps the points. What it lacks (indexes, strict mode, a cluster's answers) is added
in the words of a real Qdrant 1.18.3; what it refuses is refused in its own words.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import TypeAdapter, ValidationError
from qdrant_client import QdrantClient, models


@dataclass(eq=False)
class Fault(Exception):  # noqa: N818 - a 200 with a login page is no error
    """What is said in place of the result; with no status, what becomes of request or answer."""

    status: int = 0
    error: str = ""
    """In Qdrant's own JSON; `page` is sent as it is."""
    page: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    """Seconds of silence before anything is done."""
    loses: Literal["request", "answer", ""] = ""
    """The connection is closed before the request is acted on, or after."""


@dataclass
class Store:
    """The collections of a server, and what it is set to."""

    version: str = "1.18.3"
    peers: int = 1
    """One is a server without clustering."""
    strict: dict[str, Any] = field(default_factory=dict)
    """A models.StrictModeConfig that holds for every collection; each may have its own too."""
    client: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    """What lies behind; for use while no request is under way."""
    indexes: dict[str, dict[str, models.PayloadFieldSchema]] = field(default_factory=dict)
    """By collection and key."""

    @property
    def local(self) -> Any:
        return self.client._client

    def real(self, name: str) -> str:
        """The collection's own name, where `name` is an alias."""
        name = self.local.aliases.get(name, name)
        if name not in self.local.collections:
            raise Fault(404, f"Not found: Collection `{name}` doesn't exist!")
        return name

    def found(self, name: str) -> Any:
        return self.local.collections[self.real(name)]

    def indexes_of(self, name: str) -> dict[str, models.PayloadFieldSchema]:
        return self.indexes.setdefault(self.real(name), {})

    def limits(self, name: str) -> models.StrictModeConfig:
        own = self.found(name).config.strict_mode_config
        on = own.model_dump(exclude_none=True) if own and own.enabled else {}
        return models.StrictModeConfig(**self.strict | on)


# ---- Collections and aliases


def list_collections(store: Store) -> Any:
    return store.local.get_collections()


def exists(store: Store, name: str) -> Any:
    return models.CollectionExistence(exists=store.local.collection_exists(name))


def describe(store: Store, name: str) -> Any:
    store.found(name)  # which is a 404 for what is not there
    info = store.local.get_collection(name)
    limits = store.limits(name).model_dump(exclude_none=True)
    if limits:
        info.config.strict_mode_config = models.StrictModeConfigOutput(**limits)
    info.payload_schema = {
        key: models.PayloadIndexInfo(data_type=kind_of(schema), points=holding(store, name, key))
        for key, schema in store.indexes_of(name).items()
    }
    return info


def holding(store: Store, name: str, key: str) -> int:
    empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
    return store.local.count(name, models.Filter(must_not=[empty])).count


def create(store: Store, name: str, body: models.CreateCollection) -> bool:
    if name in store.local.collections:
        raise Fault(409, f"Wrong input: Collection `{name}` already exists!")
    if name in store.local.aliases:
        why = "Alias with the same name already exists"
        raise Fault(400, f"Wrong input: Can't create collection with name {name}. {why}")
    store.local.create_collection(name, body.vectors, body.sparse_vectors, body.metadata)
    collection = store.found(name)
    collection.LARGE_DATA_THRESHOLD = sys.maxsize  # above it the local mode warns
    collection.config = body.model_copy(
        update={
            "vectors": collection.config.vectors,
            "metadata": collection.config.metadata or {},
            "shard_number": body.shard_number or store.peers,
            "replication_factor": body.replication_factor or 1,
            "write_consistency_factor": body.write_consistency_factor or 1,
        }
    )
    return True


def update(store: Store, name: str, body: models.UpdateCollection) -> bool:
    config = store.found(name).config
    parts = [(config, body.params)]
    if body.strict_mode_config:
        config.strict_mode_config = config.strict_mode_config or models.StrictModeConfig()
        parts.append((config.strict_mode_config, body.strict_mode_config))
    for part, diff in parts:
        for key, value in diff.model_dump(exclude_none=True).items() if diff else ():
            setattr(part, key, value)
    store.local.update_collection(name, body.sparse_vectors, body.metadata, body.vectors)
    return True


def drop(store: Store, name: str) -> bool:
    store.indexes.pop(name, None)
    return store.local.delete_collection(name)


def list_aliases(store: Store, *name: str) -> Any:
    found = store.local.get_aliases().aliases
    ours = [one for one in found if one.collection_name in name or not name]
    return models.CollectionsAliasesResponse(aliases=ours)


def change_aliases(store: Store, body: models.ChangeAliasesOperation) -> bool:
    for action in body.actions:
        if isinstance(action, models.CreateAliasOperation):
            made = action.create_alias
            if made.alias_name in store.local.collections:
                raise Fault(409, f"Wrong input: Collection `{made.alias_name}` already exists!")
            if made.collection_name not in store.local.collections:
                raise Fault(404, f"Not found: Collection `{made.collection_name}` doesn't exist!")
    return store.local.update_collection_aliases(body.actions)


def add_index(store: Store, name: str, body: models.CreateFieldIndex) -> Any:
    # The local mode keeps none but those of texts, which it needs, and warns of all others.
    store.found(name).create_payload_index(body.field_name, body.field_schema)
    store.indexes_of(name)[body.field_name] = body.field_schema
    return done(store)


def drop_index(store: Store, name: str, key: str) -> Any:
    store.found(name).delete_payload_index(key)
    store.indexes_of(name).pop(key, None)
    return done(store)


def kind_of(schema: Any) -> str:
    return str(getattr(schema, "type", schema).value)


def done(store: Store, *_: object) -> Any:
    return models.UpdateResult(operation_id=1, status="completed")


# ---- Points


def upsert(store: Store, name: str, body: Any) -> Any:
    points = body.batch if isinstance(body, models.PointsBatch) else body.points
    store.found(name).upsert(points, body.update_filter, body.update_mode)
    return done(store)


def retrieve(store: Store, name: str, body: models.PointRequest) -> Any:
    return store.found(name).retrieve(
        body.ids, shown(body.with_payload), shown(body.with_vector, False)
    )


def scroll(store: Store, name: str, body: models.ScrollRequest) -> Any:
    limit = 10 if body.limit is None else body.limit
    check_read(store, name, body.filter, limit)
    key = getattr(body.order_by, "key", body.order_by)
    if key and not indexed(store, name, key, ("integer", "float", "datetime")):
        told = f"No range index for `order_by` key: `{key}`. Please create one to use `order_by`."
        raise Fault(400, f"Wrong input: {told} {INDEXING} support Range conditions")
    points, offset = store.local.scroll(
        name,
        body.filter,
        limit,
        body.order_by,
        body.offset,
        shown(body.with_payload),
        shown(body.with_vector, False),
    )
    return models.ScrollResult(points=points, next_page_offset=offset)


def count(store: Store, name: str, body: models.CountRequest) -> Any:
    check_read(store, name, body.filter, exact=body.exact is not False)
    return store.found(name).count(body.filter)


def facet(store: Store, name: str, body: models.FacetRequest) -> Any:
    check_read(store, name, body.filter, body.limit, exact=bool(body.exact))
    if not indexed(store, name, body.key, ("keyword", "integer", "bool", "uuid")):
        told = f"`{body.key}`. Please create one to facet on this field."
        why = f"No appropriate index for faceting: {told} {INDEXING} support Match conditions"
        raise Fault(400, f"Wrong input: {why}")
    return store.local.facet(name, body.key, body.filter, body.limit or 10)


def query_batch(store: Store, name: str, body: models.QueryRequestBatch) -> Any:
    rows = store.found(name).multivectors
    for one in body.searches:
        params = one.params or models.SearchParams()
        for stage in stages(one):
            check_read(store, name, stage.filter, stage.limit, exact=bool(params.exact))
            stage.query = as_rows(stage.query) if stage.using in rows else stage.query
        one.params = models.SearchParams(idf=params.idf)  # of all others the local mode warns
        one.with_payload = shown(one.with_payload, False)
    return store.local.query_batch_points(name, body.searches)


def query(store: Store, name: str, body: models.QueryRequest) -> Any:
    return query_batch(store, name, models.QueryRequestBatch(searches=[body]))[0]


def stages(one: Any) -> Iterator[Any]:
    """A query and all its prefetches."""
    yield one
    inner = one.prefetch or []
    for prefetch in inner if isinstance(inner, list) else [inner]:
        yield from stages(prefetch)


def as_rows(query: Any) -> Any:
    """A server takes one row for a space of rows, the local mode a list of them."""
    if isinstance(query, models.NearestQuery):
        return models.NearestQuery(nearest=as_rows(query.nearest))
    return [query] if isinstance(query, list) and isinstance(query[0], float) else query


def shown(selector: Any, default: bool = True) -> Any:
    return default if selector is None else selector


def delete(store: Store, name: str, body: Any) -> Any:
    check_update(store, name, body)
    return done(store, store.found(name).delete(selected(body)))


def set_payload(store: Store, name: str, body: models.SetPayload) -> Any:
    check_update(store, name, body)
    return done(store, store.found(name).set_payload(body.payload, selected(body), body.key))


def update_vectors(store: Store, name: str, body: models.UpdateVectors) -> Any:
    return done(store, store.found(name).update_vectors(body.points, body.update_filter))


def delete_vectors(store: Store, name: str, body: models.DeleteVectors) -> Any:
    return done(store, store.found(name).delete_vectors(body.vector, selected(body)))


def selected(body: Any) -> Any:
    """The ids or the filter, whichever the request has."""
    ids = getattr(body, "points", None)
    return body.filter if ids is None else ids


# ---- Strict mode

INDEXING = (
    "Check https://qdrant.tech/documentation/concepts/indexing/#payload-index"
    " to see which payload schemas"
)


def indexed(store: Store, name: str, key: str, kinds: tuple[str, ...] = ()) -> bool:
    schema = store.indexes_of(name).get(key)
    return schema is not None and (not kinds or kind_of(schema) in kinds)


def check_read(
    store: Store,
    name: str,
    filter: models.Filter | None,
    limit: int | None = None,
    *,
    exact: bool = False,
) -> None:
    limits = store.limits(name)
    most = limits.max_query_limit
    if most is not None and (limit or 0) > most:
        advice = f'Help: Reduce the "limit" parameter to or below {most}.'
        raise Fault(400, f'Bad request: Limit exceeded {limit} > {most} for "limit". {advice}')
    if exact and limits.search_allow_exact is False:
        raise Fault(400, "Bad request: Exact search disabled!. Help: Set exact=false.")
    if limits.unindexed_filtering_retrieve is False:
        check_indexed(store, name, filter)


def check_update(store: Store, name: str, body: Any) -> None:
    if store.limits(name).unindexed_filtering_update is False:
        check_indexed(store, name, getattr(body, "filter", None))


def check_indexed(store: Store, name: str, filter: models.Filter | None) -> None:
    for key, kinds in conditions(filter):
        if not indexed(store, name, key, kinds):
            told = f'"{key}" of one of the following types: [{", ".join(kinds)}]'
            advice = "Help: Create an index for this key or use a different filter."
            raise Fault(400, f"Bad request: Index required but not found for {told}. {advice}")


def conditions(filter: models.Filter | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each key of a filter with the kinds of index that serve it; none: any will do."""
    clauses = (filter.must, filter.should, filter.must_not) if filter else ()
    for clause in clauses:
        for one in clause if isinstance(clause, list) else [clause] if clause else []:
            if isinstance(one, models.Filter):
                yield from conditions(one)
            elif isinstance(one, models.FieldCondition):
                yield one.key, kinds_for(one)
            elif isinstance(one, models.IsEmptyCondition):
                yield one.is_empty.key, ()
            elif isinstance(one, models.IsNullCondition):
                yield one.is_null.key, ()


def kinds_for(condition: models.FieldCondition) -> tuple[str, ...]:
    if condition.range is not None:
        dates = isinstance(condition.range, models.DatetimeRange)
        return ("datetime",) if dates else ("integer", "float")
    asked = condition.match.model_dump(exclude_none=True) if condition.match else {}
    for word, value in asked.items():
        if word.startswith("text") or word == "phrase":
            return ("text",)
        first = value[0] if isinstance(value, list) else value
        return ({bool: "bool", int: "integer"}.get(type(first), "keyword"),)
    return ()


# ---- The server as such


def root(store: Store) -> Any:
    return {"title": "qdrant - vector search engine", "version": store.version}


def ready(store: Store) -> Any:
    raise Fault(200, page="all shards are ready")


def healthy(store: Store) -> Any:
    raise Fault(200, page="healthz check passed")


def cluster(store: Store) -> Any:
    if store.peers == 1:
        return {"status": "disabled"}
    numbers = range(1, store.peers + 1)
    return {
        "status": "enabled",
        "peer_id": 1,
        "peers": {str(number): {"uri": f"http://qdrant-{number}:6335/"} for number in numbers},
        "raft_info": {"term": 1, "commit": 9, "pending_operations": 0, "leader": 1}
        | {"role": "Leader", "is_voter": True},
        "consensus_thread_status": {
            "consensus_thread_status": "working",
            "last_update": "2026-11-30T12:00:00Z",
        },
        "message_send_failures": {},
    }


def shards(store: Store, name: str) -> Any:
    """Replica r of shard s lies on peer (s + r) mod peers; we are the first."""
    config, points = store.found(name).config, store.found(name).count().count
    copies = [
        (shard, (shard + replica) % store.peers + 1)
        for shard in range(config.shard_number or 1)
        for replica in range(min(config.replication_factor or 1, store.peers))
    ]
    live = models.ReplicaState.ACTIVE
    local = [
        models.LocalShardInfo(shard_id=s, points_count=points, state=live)
        for s, p in copies
        if p == 1
    ]
    remote = [models.RemoteShardInfo(shard_id=s, peer_id=p, state=live) for s, p in copies if p > 1]
    return models.CollectionClusterInfo(
        peer_id=1,
        shard_count=config.shard_number or 1,
        local_shards=local,
        remote_shards=remote,
        shard_transfers=[],
    )


OPEN = ("/", "/readyz", "/healthz")
"""What needs no key."""

Operation = tuple[Callable[..., Any], Any]
"""A function, and the kind of its body."""

READS: dict[str, Operation] = {
    "GET /": (root, None),
    "GET /readyz": (ready, None),
    "GET /healthz": (healthy, None),
    "GET /cluster": (cluster, None),
    "GET /aliases": (list_aliases, None),
    "GET /collections": (list_collections, None),
    "GET /collections/{}": (describe, None),
    "GET /collections/{}/exists": (exists, None),
    "GET /collections/{}/aliases": (list_aliases, None),
    "GET /collections/{}/cluster": (shards, None),
    "POST /collections/{}/facet": (facet, models.FacetRequest),
    "POST /collections/{}/points": (retrieve, models.PointRequest),
    "POST /collections/{}/points/scroll": (scroll, models.ScrollRequest),
    "POST /collections/{}/points/count": (count, models.CountRequest),
    "POST /collections/{}/points/query": (query, models.QueryRequest),
    "POST /collections/{}/points/query/batch": (query_batch, models.QueryRequestBatch),
}

WRITES: dict[str, Operation] = {
    "PUT /collections/{}": (create, models.CreateCollection),
    "PATCH /collections/{}": (update, models.UpdateCollection),
    "DELETE /collections/{}": (drop, None),
    "POST /collections/aliases": (change_aliases, models.ChangeAliasesOperation),
    "PUT /collections/{}/index": (add_index, models.CreateFieldIndex),
    "DELETE /collections/{}/index/{}": (drop_index, None),
    "PUT /collections/{}/points": (upsert, models.PointInsertOperations),
    "POST /collections/{}/points/delete": (delete, models.PointsSelector),
    "POST /collections/{}/points/payload": (set_payload, models.SetPayload),
    "PUT /collections/{}/points/vectors": (update_vectors, models.UpdateVectors),
    "POST /collections/{}/points/vectors/delete": (delete_vectors, models.DeleteVectors),
}


def route(method: str, path: str) -> tuple[Operation, list[str], bool]:
    """The operation, the names in the path, and whether it writes."""
    for table in (READS, WRITES):
        for pattern, operation in table.items():
            asked = re.fullmatch(pattern.replace("{}", "([^/]+)"), f"{method} {path}")
            if asked:
                return operation, [unquote(name) for name in asked.groups()], table is WRITES
    raise Fault(404)


def act(store: Store, operation: Operation, names: list[str], body: Any) -> Any:
    """The result of an operation; raises Fault where a server refuses it."""
    function, kind = operation
    try:
        bodies = [adapter(kind).validate_python(body)] if kind else []
        return function(store, *names, *bodies)
    except ValidationError as error:
        raise Fault(400, f"Format error in JSON body: {error}") from error
    except KeyError as error:
        raise Fault(404, f"Not found: No point with id {error.args[0]} found") from error
    except ValueError as error:
        raise Fault(400, f"Wrong input: {error}") from error


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
