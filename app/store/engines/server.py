"""Server: a Qdrant server or cluster over qdrant-client, with the same points as Edge.

Only calls that Qdrant 1.16 has. A collection is kept under a name of its own, `streets@1`, and
people know it by an alias, `streets`. One that replaces it is built beside it, `streets@2`, and
takes its place when the alias is switched: one request, before which the old one is whole, after
which the new one is. What a killed run left beside it goes with the next that writes.

The manifest is the collection's own metadata. Writers on several machines each change keys of their
own: an update merges keys, and replaces the value of each.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from qdrant_client import QdrantClient, models

from app.filters.compile import FilterJson
from app.model.errors import (
    CollectionError,
    CollectionForeignError,
    ServiceUnavailableError,
    SightlineError,
)
from app.model.points import FirstStage, Point, Query, ScoredId, Vector
from app.store.engines import (
    SCROLL_SIZE,
    STRANGERS,
    IndexKind,
    Placement,
    Spaces,
    narrowed,
)
from app.store.engines.connection import Connection, MissingError, is_overload
from app.store.engines.lease import EVERYTHING, Lease
from app.store.engines.lock import Purpose, refuse_second
from app.store.engines.metadata import (
    GENERATION,
    MANIFEST_KEY,
    READY_KEY,
    is_of,
    keys_of,
    manifest_of,
    number_of,
)

logger = logging.getLogger(__name__)

MAX_BATCH_BYTES = 4_000_000
"""JSON of one upsert: Qdrant advises under 5 MB; time-outs on large ones are the common report."""

AliasChange = models.CreateAliasOperation | models.DeleteAliasOperation


class ServerEngine:
    """One collection of a server."""

    is_shared = True

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        purpose: Purpose,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> None:
        self._connection = connection
        self._ask = connection.ask
        self._ask_fast = connection.ask_fast
        self._name = name
        self._at = self._leased_at = name
        self._beside: str | None = None
        self._replaces = False
        self._is_old_form = False
        self._purpose: Purpose = purpose
        self._shards, self._replicas = shards, replicas
        self._limits = models.StrictModeConfigOutput()
        self._lease = Lease(
            name,
            read=lambda: self._metadata_of(self._leased_at),
            write=lambda metadata: self._write(self._leased_at, metadata),
        )

    @property
    def client(self) -> QdrantClient:
        """The client, for those who want Qdrant itself."""
        return self._connection.client

    def create(
        self,
        spaces: Spaces,
        indexes: Mapping[str, IndexKind],
        manifest: dict[str, Any],
        *,
        replace: bool = False,
    ) -> None:
        self._replaces = self._is_there(or_damaged=replace)
        if self._replaces and not replace:
            refuse_second(self._name, self._name)
        if self._replaces:
            self._lease.take(EVERYTHING)
        target = self._target()
        base, left = self._generations(target)
        for name in () if self._replaces else left:
            self._lease.refuse_living(partial(self._metadata_of, name))
        self._sweep(left)
        made = f"{base}@{1 + max(map(number_of, [*left, target]))}"
        self._make(made, spaces, keys_of(manifest) | self._lease.first_note(EVERYTHING))
        self._beside = self._at = made
        if not self._replaces:
            self._leased_at = made
            self._lease.begin(EVERYTHING)
        self.read_manifest()  # and the limits that the server set for it
        for key, kind in indexes.items():
            self.add_index(key, kind)

    def _is_there(self, *, or_damaged: bool) -> bool:
        """Whether a collection of ours has the name; one that is damaged counts if told to."""
        try:
            return self.read_manifest() is not None
        except CollectionForeignError:
            raise
        except CollectionError:
            if or_damaged:
                return True
            raise

    def publish(self) -> None:
        if self._beside is None:
            return
        self._lease.require()
        new, aliases = self._beside, self._aliases()
        old = aliases.get(self._name, self._name)
        names = {name for name, of in aliases.items() if of == old} | {self._name}
        if self._replaces and old == self._name:  # it has the name itself, from before the aliases
            self._write(new, {READY_KEY: self._name})
        self._beside = None  # from here on it stays, whatever of this can still be done
        if self._replaces and old == self._name:
            self._ask(partial(_delete, old))
            aliases = {}
        known = [_unnamed(name) for name in names if name in aliases]
        switch: list[AliasChange] = [*known, *(_named(name, new) for name in names)]
        self._switch(switch)
        self._at = self._leased_at = self._name
        if not self._replaces:
            self._lease.narrow()
        elif old != self._name:
            self._ask(partial(_delete, old))

    def open(self) -> None:
        """Nothing to do: a server is open."""

    def hold(self, source: str) -> None:
        self._lease.take(source)
        if self._beside is None:  # nobody makes it again, or it could not be held
            with suppress(ServiceUnavailableError):  # a key for one collection alone
                self._sweep(self._generations(self._target())[1])

    @property
    def is_wanted(self) -> bool:
        return False

    def require_free(self) -> None:
        """Readers and writers share a server."""

    def close(self) -> None:
        self._lease.release()
        if self._beside is not None:  # it was not to be: what it should replace stays
            with suppress(SightlineError):  # a server that is gone: it goes with the next one made
                self._ask(partial(_delete, self._beside))
            self._beside, self._at, self._leased_at = None, self._name, self._name
        self._connection.close()

    def drop(self) -> None:
        self.read_manifest()  # which refuses what is not ours
        target = self._target()
        if (found := GENERATION.fullmatch(target)) and found["name"] != self._name:
            raise CollectionError(
                f"{self._name!r} is another name of collection {found['name']!r}; remove that, or"
                f" the alias {self._name!r} on the server itself"
            )
        self._lease.take(EVERYTHING)
        left = self._generations(target)[1]
        self._ask(partial(_delete, target))
        self._sweep(left)
        self._lease.release()

    def read_manifest(self) -> dict[str, Any] | None:
        info = self._info()
        if info is None:
            return None
        metadata = info.config.metadata or {}
        if not metadata.get(MANIFEST_KEY):
            raise CollectionForeignError(
                f"{self._name!r} on {self._connection.url} is not a collection of Sightline's: it"
                f" has {_described(info)} and no manifest, so another program made it. It is left"
                " as it is; choose another --collection NAME"
            )
        limits = info.config.strict_mode_config
        self._limits = limits if limits and limits.enabled else models.StrictModeConfigOutput()
        manifest = manifest_of(metadata)
        self._is_old_form = "sources" in metadata[MANIFEST_KEY]
        return manifest

    def change_manifest(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._lease.require()
        old, new = ({} if self._is_old_form else keys_of(before)), keys_of(after)
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        gone = dict.fromkeys(keys_of(before).keys() - new.keys())
        if changed or gone:
            self._write(self._at, changed | gone)
            self._is_old_form = False

    def add_index(self, key: str, kind: IndexKind) -> None:
        self._lease.require()
        schema = models.PayloadSchemaType(kind)
        self._ask(lambda client: client.create_payload_index(self._at, key, schema))

    def indexed(self) -> set[str]:
        info = self._info()
        return set(info.payload_schema) if info else set()

    def upsert(self, points: Sequence[Point]) -> None:
        self._lease.require()
        native = [
            models.PointStruct(
                id=point.id,
                vector={space: _native(vector) for space, vector in point.vectors.items()},
                payload=point.payload,
            )
            for point in points
        ]
        for batch in _batches(native, self._limits.upsert_max_batchsize or len(native)):
            self._upsert_or_halve(batch)

    def set_payload(self, id_: str, payload: dict[str, Any]) -> None:
        self._lease.require()
        self._ask(lambda client: client.set_payload(self._at, payload, points=[id_]))

    def delete(self, ids: Sequence[str]) -> None:
        self._lease.require()
        if ids:
            selector = models.PointIdsList(points=list(ids))
            self._ask(lambda client: client.delete(self._at, selector))

    def search(
        self, queries: Sequence[Query], *, limit: int, filter: FilterJson | None
    ) -> list[list[ScoredId]]:
        limit = min(limit, self._limits.max_query_limit or limit)
        native = [_native_filter(narrowed(filter, query)) for query in queries]
        requests = [
            models.QueryRequest(
                query=_native(query.vector),
                using=query.space,
                prefetch=_prefetch(query.first, passing) if query.first else None,
                limit=limit,
                filter=passing,
            )
            for query, passing in zip(queries, native, strict=True)
        ]
        found: list[list[ScoredId]] = []
        size = self._limits.search_max_batchsize or len(requests)
        for start in range(0, len(requests), size):
            batch = requests[start : start + size]
            search = partial(QdrantClient.query_batch_points, collection_name=self._at)
            results = self._ask_fast(partial(search, requests=batch))
            found += [list(self._scored(one.points)) for one in results]
        return found

    def _scored(self, points: Sequence[models.ScoredPoint]) -> Iterator[ScoredId]:
        """Yield what was found; a number for an id, as no record of ours has, is a stranger's."""
        for point in points:
            if isinstance(point.id, int):
                logger.warning(STRANGERS, self._name)
            else:
                yield ScoredId(str(point.id), point.score)

    def fetch(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Point]:
        found = self._ask_fast(
            lambda client: client.retrieve(
                self._at, list(ids), with_payload=True, with_vectors=list(vectors) or False
            )
        )
        return [Point(str(point.id), _plain(point.vector), point.payload or {}) for point in found]

    def scroll(
        self, keys: Sequence[str], filter: FilterJson | None = None, *, size: int = SCROLL_SIZE
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        native, offset = _native_filter(filter), None
        while True:
            points, offset = self._ask_fast(
                partial(
                    QdrantClient.scroll,
                    collection_name=self._at,
                    scroll_filter=native,
                    limit=min(size, self._limits.max_query_limit or size),
                    offset=offset,
                    with_payload=list(keys) or False,
                )
            )
            for point in points:
                is_stranger = isinstance(point.id, int)
                yield str(point.id), {} if is_stranger else point.payload or {}
            if offset is None:
                return

    def count(self, filter: FilterJson | None = None) -> int:
        native, exact = _native_filter(filter), self._may_be_exact
        return self._ask(
            lambda client: client.count(self._at, count_filter=native, exact=exact)
        ).count

    def commonest(
        self, key: str, limit: int, filter: FilterJson | None = None
    ) -> list[tuple[str, int]]:
        native, exact = _native_filter(filter), self._may_be_exact
        response = self._ask(
            lambda client: client.facet(
                self._at, key=key, facet_filter=native, limit=limit, exact=exact
            )
        )
        return [(str(hit.value), hit.count) for hit in response.hits]

    def ordered(
        self, key: str, limit: int, filter: FilterJson | None = None, *, descending: bool = False
    ) -> list[tuple[str, dict[str, Any]]]:
        direction = models.Direction.DESC if descending else models.Direction.ASC
        points, _ = self._ask(
            partial(
                QdrantClient.scroll,
                collection_name=self._at,
                scroll_filter=_native_filter(filter),
                limit=min(limit, self._limits.max_query_limit or limit),
                order_by=models.OrderBy(key=key, direction=direction),
            )
        )
        return [(str(point.id), point.payload or {}) for point in points]

    def optimise(self) -> None:
        """Nothing to do: a server optimises by itself, in the background."""

    def compact(self, spaces: Spaces, indexes: Mapping[str, IndexKind]) -> None:
        """Nothing to do: a server sees to that itself."""

    def size_bytes(self) -> int | None:
        return None

    def placement(self) -> Placement | None:
        info = self._info()
        if info is None:
            return None
        shards = info.config.params.shard_number or 1
        return Placement(shards, _replicas(info), _nodes(self._connection))

    @property
    def _may_be_exact(self) -> bool:
        """Whether counts may be exact; strict mode can forbid it, and they are estimates then."""
        return self._limits.search_allow_exact is not False

    def _make(self, name: str, spaces: Spaces, metadata: dict[str, Any]) -> None:
        """Make a collection that is ours from its first moment.

        Raises CollectionBusyError when another was first.
        """
        info = self._info() if self._replaces else None
        shards, replicas = self._shards, self._replicas
        if info is not None:
            shards = shards or info.config.params.shard_number
            replicas = replicas or info.config.params.replication_factor
        create = partial(
            QdrantClient.create_collection,
            collection_name=name,
            vectors_config=_vectors(spaces),
            sparse_vectors_config={
                space: models.SparseVectorParams(modifier=models.Modifier.IDF)
                for space in spaces.sparse
            },
            shard_number=shards,
            replication_factor=replicas,
            metadata=metadata,
        )
        try:
            self._ask(create)
        except CollectionError:
            try:
                there = self._metadata_of(name)
            except MissingError:
                there = {}
            if not there:
                raise
            if not self._lease.owns(there):  # else the answer to our own request was lost
                refuse_second(self._name, there)

    def _info(self) -> models.CollectionInfo | None:
        """Look at the collection; None when there is none of this name."""
        try:
            return self._ask(lambda client: client.get_collection(self._at))
        except MissingError:
            return self._adopted()

    def _adopted(self) -> models.CollectionInfo | None:
        """Give the name to a finished collection whose writer was killed before it could."""
        if self._at != self._name:
            return None
        for name in self._generations(self._name)[1]:
            if READY_KEY in self._metadata_of(name):
                self._at = name
                if self._purpose == "write":
                    self._switch([_named(self._name, name)])
                    self._at = self._name
                return self._ask(lambda client: client.get_collection(self._at))
        return None

    def _metadata_of(self, name: str) -> dict[str, Any]:
        return self._ask(lambda client: client.get_collection(name)).config.metadata or {}

    def _write(self, name: str, metadata: dict[str, Any]) -> None:
        self._ask(lambda client: client.update_collection(name, metadata=metadata))

    def _sweep(self, left: Sequence[str]) -> None:
        """Remove generations that killed runs left."""
        for name in left:
            self._ask(partial(_delete, name))

    def _switch(self, aliases: list[AliasChange]) -> None:
        self._ask(lambda client: client.update_collection_aliases(aliases))

    def _aliases(self) -> dict[str, str]:
        """Return the collection of each alias; none if the API key may not list them."""
        try:
            found = self._ask(QdrantClient.get_aliases)
        except ServiceUnavailableError:  # a key for one collection alone
            return {}
        return {alias.alias_name: alias.collection_name for alias in found.aliases}

    def _target(self) -> str:
        """Return the collection that the name stands for on the server: itself, if not an alias."""
        return self._aliases().get(self._name, self._name)

    def _generations(self, target: str) -> tuple[str, list[str]]:
        """Return the base name of this collection's generations, and those without an alias."""
        found = GENERATION.fullmatch(target)
        base = found["name"] if found else self._name
        named = {*self._aliases().values(), target}
        every = (entry.name for entry in self._ask(QdrantClient.get_collections).collections)
        mine = [name for name in every if name not in named and is_of(base, name)]
        return base, [name for name in mine if MANIFEST_KEY in self._metadata_of(name)]

    def _upsert_or_halve(self, points: list[models.PointStruct]) -> None:
        try:
            self._ask_fast(lambda client: client.upsert(self._at, points, wait=True))
        except ServiceUnavailableError as error:
            if len(points) == 1 or not is_overload(error.__cause__):
                raise
            middle = len(points) // 2
            self._upsert_or_halve(points[:middle])
            self._upsert_or_halve(points[middle:])


def _batches(points: Sequence[models.PointStruct], most: int) -> Iterator[list[models.PointStruct]]:
    """Divide points by how many and how many bytes may go at once."""
    batch: list[models.PointStruct] = []
    size = 0
    for point in points:
        bytes_ = len(point.model_dump_json())
        if len(batch) == most or (batch and size + bytes_ > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(point)
        size += bytes_
    if batch:
        yield batch


def _vectors(spaces: Spaces) -> dict[str, models.VectorParams]:
    best_row = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    cosine = models.Distance.COSINE
    dense = {
        name: models.VectorParams(size=size, distance=cosine) for name, size in spaces.dense.items()
    }
    rows = {
        name: models.VectorParams(size=size, distance=cosine, multivector_config=best_row)
        for name, size in spaces.rows.items()
    }
    late = {name: _late(size, best_row) for name, size in spaces.late.items()}
    return dense | rows | late


def _late(size: int, best_row: models.MultiVectorConfig) -> models.VectorParams:
    """With no graph: one over hundreds of rows a point takes long to build, and can miss some."""
    return models.VectorParams(
        size=size,
        distance=models.Distance.DOT,
        multivector_config=best_row,
        datatype=models.Datatype.FLOAT16,
        hnsw_config=models.HnswConfigDiff(m=0),
        on_disk=True,
    )


def _prefetch(first: FirstStage, filter: models.Filter | None) -> models.Prefetch:
    """Filtered too: what does not pass must not take the place of what does."""
    return models.Prefetch(
        query=_native(first.vector), using=first.space, limit=first.limit, filter=filter
    )


def _native_filter(filter: FilterJson | None) -> models.Filter | None:
    return None if filter is None else models.Filter.model_validate(filter)


def _native(vector: Vector) -> Any:  # noqa: ANN401 - one of the client's vector types
    if isinstance(vector, tuple):
        return models.SparseVector(indices=vector[0], values=vector[1])
    return vector


def _plain(vectors: Any) -> dict[str, Vector]:  # noqa: ANN401 - a dict, a list or None
    return {
        name: (vector.indices, vector.values) if isinstance(vector, models.SparseVector) else vector
        for name, vector in (vectors or {}).items()
    }


def names_on_server(connection: Connection) -> list[str]:
    """Return the collections of a server that Sightline made, by the names people know."""
    found = connection.ask(QdrantClient.get_aliases).aliases
    known: dict[str, list[str]] = {}
    for alias in found:
        known.setdefault(alias.collection_name, []).append(alias.alias_name)
    every = [entry.name for entry in connection.ask(QdrantClient.get_collections).collections]
    names: list[str] = []
    for name in every:
        metadata = connection.ask(partial(QdrantClient.get_collection, collection_name=name))
        ours = metadata.config.metadata or {}
        if MANIFEST_KEY not in ours:
            continue
        is_generation = GENERATION.fullmatch(name) is not None
        ready = [ours[READY_KEY]] if READY_KEY in ours and ours[READY_KEY] not in every else []
        names += known.get(name) or ready or ([] if is_generation else [name])
    return sorted(names)


def single_copies(connection: Connection) -> list[str]:
    """Return the collections of ours that a cluster keeps only once; none of a single node."""
    if _nodes(connection) == 1:
        return []
    return [
        name
        for name in names_on_server(connection)
        if _replicas(connection.ask(partial(QdrantClient.get_collection, collection_name=name))) < 2
    ]


def _nodes(connection: Connection) -> int:
    status = connection.ask(QdrantClient.cluster_status)
    return len(getattr(status, "peers", None) or {}) or 1


def _replicas(info: models.CollectionInfo) -> int:
    return info.config.params.replication_factor or 1


def _described(info: models.CollectionInfo) -> str:
    vectors = info.config.params.vectors
    names = ", ".join(vectors) if isinstance(vectors, dict) else ""
    return f"{info.points_count or 0:,} points{f' with vectors {names}' if names else ''}"


def _delete(name: str, client: QdrantClient) -> bool:
    return client.delete_collection(name)


def _named(alias: str, collection: str) -> models.CreateAliasOperation:
    made = models.CreateAlias(alias_name=alias, collection_name=collection)
    return models.CreateAliasOperation(create_alias=made)


def _unnamed(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
