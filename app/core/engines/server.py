"""Server: a Qdrant server or cluster over qdrant-client, with the same points as Edge.

Only calls that Qdrant 1.16 has. The manifest is the collection's own metadata.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from app.core.engines import (
    FirstStage,
    IndexKind,
    NativeFilter,
    Point,
    Query,
    ScoredId,
    Spaces,
    Vector,
    server_filters,
)
from app.core.engines.lock import Purpose, hold, refuse_second
from app.core.errors import CollectionError, ServiceUnavailableError, SettingsError
from app.core.settings import Settings, is_loopback

T = TypeVar("T")

MAX_BATCH_BYTES = 4_000_000
"""JSON of one upsert: Qdrant advises under 5 MB; time-outs on large ones are the common report."""

ATTEMPTS = 4
"""With back-off between them; qdrant-client itself gives up on a closed port after 0.07 s."""

TIMEOUT_SECONDS = 30

SCROLL_SIZE = 4096

MANIFEST_KEY = "sightline"
"""One key of the collection's metadata, because an update merges keys and replaces values."""


URL = re.compile(r"https?://([^\s/?#\[\]]+|\[[0-9a-fA-F:.]+\](:\d+)?)(/.*)?")


def connect(url: str, settings: Settings) -> QdrantClient:
    """Return a client for `url`; nothing is sent yet. Proxies are not used for loopback.

    Raises SettingsError when it is no URL.
    """
    if not URL.fullmatch(url):
        raise SettingsError(f"{url!r} is no URL of a Qdrant server; one is http://127.0.0.1:6333")
    key = settings.qdrant_api_key
    with warnings.catch_warnings():
        # A key over plain http is what a private network of containers uses; the README says more.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return QdrantClient(
            url=url,
            api_key=key.get_secret_value() if key else None,
            timeout=TIMEOUT_SECONDS,
            check_compatibility=False,
            trust_env=not is_loopback(url),
        )


class ServerEngine:
    """One collection of a server. `lock` is a file that writers on this machine share."""

    filters = server_filters

    def __init__(self, client: QdrantClient, name: str, *, lock: Path, purpose: Purpose) -> None:
        self._client = client
        self._name = name
        self._lock_file = lock
        self._purpose: Purpose = purpose
        self._held = ExitStack()
        self._locked = False

    @property
    def client(self) -> QdrantClient:
        """The client, for those who want Qdrant itself."""
        return self._client

    def create(
        self,
        spaces: Spaces,
        indexes: Mapping[str, IndexKind],
        manifest: dict[str, Any],
        *,
        replace: bool = False,
    ) -> None:
        self._hold()
        if not replace:
            refuse_second(self._name, self.read_manifest())
        ask(lambda: self._client.delete_collection(self._name))
        # The manifest goes in last: a collection without one counts as none.
        ask(
            lambda: self._client.create_collection(
                self._name,
                vectors_config=_vectors(spaces),
                sparse_vectors_config={
                    name: models.SparseVectorParams(modifier=models.Modifier.IDF)
                    for name in spaces.sparse
                },
            )
        )
        for key, kind in indexes.items():
            self.add_index(key, kind)
        self.write_manifest(manifest)

    def open(self) -> None:
        if self._purpose == "write":
            self._hold()

    def require_free(self) -> None:
        """Readers and writers share a server."""

    def close(self) -> None:
        self._held.close()
        self._locked = False

    def drop(self) -> None:
        self._hold()
        ask(lambda: self._client.delete_collection(self._name))
        self.close()

    def read_manifest(self) -> dict[str, Any] | None:
        if not ask(lambda: self._client.collection_exists(self._name)):
            return None
        metadata = ask(lambda: self._client.get_collection(self._name)).config.metadata
        return dict((metadata or {}).get(MANIFEST_KEY) or {}) or None

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        metadata = {MANIFEST_KEY: manifest}
        ask(lambda: self._client.update_collection(self._name, metadata=metadata))

    def add_index(self, key: str, kind: IndexKind) -> None:
        schema = models.PayloadSchemaType(kind)
        ask(lambda: self._client.create_payload_index(self._name, key, schema))

    def upsert(self, points: Sequence[Point]) -> None:
        native = [
            models.PointStruct(
                id=point.id,
                vector={space: _native(vector) for space, vector in point.vectors.items()},
                payload=point.payload,
            )
            for point in points
        ]
        for batch in _by_bytes(native):
            self._upsert_or_halve(batch)

    def set_payload(self, id_: str, payload: dict[str, Any]) -> None:
        ask(lambda: self._client.set_payload(self._name, payload, points=[id_]))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            selector = models.PointIdsList(points=list(ids))
            ask(lambda: self._client.delete(self._name, selector))

    def search(
        self, queries: Sequence[Query], *, limit: int, filter: NativeFilter
    ) -> list[list[ScoredId]]:
        requests = [
            models.QueryRequest(
                query=_native(query.vector),
                using=query.space,
                prefetch=_prefetch(query.first, filter) if query.first else None,
                limit=limit,
                filter=filter,
            )
            for query in queries
        ]
        results = ask(lambda: self._client.query_batch_points(self._name, requests))
        return [[ScoredId(str(hit.id), hit.score) for hit in one.points] for one in results]

    def fetch(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Point]:
        found = ask(
            lambda: self._client.retrieve(
                self._name, list(ids), with_payload=True, with_vectors=list(vectors) or False
            )
        )
        return [Point(str(point.id), _plain(point.vector), point.payload or {}) for point in found]

    def scroll(
        self, keys: Sequence[str], filter: NativeFilter = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        offset = None
        while True:
            page = partial(
                self._client.scroll,
                self._name,
                scroll_filter=filter,
                limit=SCROLL_SIZE,
                offset=offset,
                with_payload=list(keys) or False,
            )
            points, offset = ask(page)
            for point in points:
                yield str(point.id), point.payload or {}
            if offset is None:
                return

    def count(self, filter: NativeFilter = None) -> int:
        return ask(lambda: self._client.count(self._name, count_filter=filter, exact=True)).count

    def commonest(self, key: str, limit: int) -> list[tuple[str, int]]:
        response = ask(lambda: self._client.facet(self._name, key=key, limit=limit, exact=True))
        return [(str(hit.value), hit.count) for hit in response.hits]

    def extremes(self, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        ends: list[dict[str, Any]] = []
        for direction in (models.Direction.ASC, models.Direction.DESC):
            order = models.OrderBy(key=key, direction=direction)
            points, _ = ask(partial(self._client.scroll, self._name, limit=1, order_by=order))
            ends += [point.payload or {} for point in points]
        return (ends[0], ends[1]) if len(ends) == 2 else None

    def optimise(self) -> None:
        """Nothing to do: a server optimises by itself, in the background."""

    def size_bytes(self) -> int | None:
        return None

    def _hold(self) -> None:
        if not self._locked:
            self._held.enter_context(
                hold(self._lock_file, self._purpose, f"collection {self._name!r}")
            )
            self._locked = True

    def _upsert_or_halve(self, points: list[models.PointStruct]) -> None:
        try:
            ask(lambda: self._client.upsert(self._name, points, wait=True))
        except ServiceUnavailableError as error:
            if len(points) == 1 or not isinstance(error.__cause__, ResponseHandlingException):
                raise
            middle = len(points) // 2
            self._upsert_or_halve(points[:middle])
            self._upsert_or_halve(points[middle:])


def ask(call: Callable[[], T]) -> T:
    """Call the server, again with back-off when it is briefly away, and translate errors."""
    try:
        for attempt in Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=4),
            reraise=True,
        ):
            with attempt:
                return call()
    except ResponseHandlingException as error:
        raise ServiceUnavailableError(
            f"the Qdrant server does not answer ({error}); is it running?"
            " `docker run -p 127.0.0.1:6333:6333 qdrant/qdrant` starts one; without --qdrant the"
            " embedded engine is used"
        ) from error
    except UnexpectedResponse as error:
        if error.status_code in (401, 403):
            raise ServiceUnavailableError(
                "the Qdrant server refuses the API key; set SIGHTLINE_QDRANT_API_KEY"
            ) from error
        raise CollectionError(f"the Qdrant server refused: {_reason(error)}") from error
    raise AssertionError("Retrying either returns or raises")


def _reason(error: UnexpectedResponse) -> str:
    """Return what Qdrant says; anything else, such as a web page, is not from one."""
    try:
        return str(json.loads(error.content)["status"]["error"])
    except (ValueError, TypeError, KeyError):
        return f"HTTP {error.status_code}, not in Qdrant's words. Check --qdrant URL"


def _is_passing(error: BaseException) -> bool:
    """Whether another attempt may work: no answer, too many requests, or a server in trouble."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code == 429 or (error.status_code or 0) >= 500
    return isinstance(error, ResponseHandlingException)


def _by_bytes(points: Sequence[models.PointStruct]) -> Iterator[list[models.PointStruct]]:
    batch: list[models.PointStruct] = []
    size = 0
    for point in points:
        bytes_ = len(point.model_dump_json())
        if batch and size + bytes_ > MAX_BATCH_BYTES:
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


def _prefetch(first: FirstStage, filter: NativeFilter) -> models.Prefetch:
    """Filtered too: what does not pass must not take the place of what does."""
    return models.Prefetch(
        query=_native(first.vector), using=first.space, limit=first.limit, filter=filter
    )


def _native(vector: Vector) -> Any:  # noqa: ANN401 - one of the client's vector types
    if isinstance(vector, tuple):
        return models.SparseVector(indices=vector[0], values=vector[1])
    return vector


def _plain(vectors: Any) -> dict[str, Vector]:  # noqa: ANN401 - a dict, a list or None
    return {
        name: (vector.indices, vector.values) if isinstance(vector, models.SparseVector) else vector
        for name, vector in (vectors or {}).items()
    }


def collection_names(url: str, settings: Settings) -> list[str]:
    """Return the collections of a server that Sightline made."""
    client = connect(url, settings)
    names = [entry.name for entry in ask(client.get_collections).collections]
    return sorted(name for name in names if _has_manifest(client, name))


def _has_manifest(client: QdrantClient, name: str) -> bool:
    return MANIFEST_KEY in (ask(lambda: client.get_collection(name)).config.metadata or {})
