"""The double's second door: the same requests in gRPC, for a client with prefer_grpc.

Each call becomes the REST request that asks the same, so keys, faults and the log of requests hold
for both. A connection cannot be closed under a single call: what is lost is UNAVAILABLE here.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import grpc
from pydantic_core import to_jsonable_python
from qdrant_client import grpc as calls
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from tests.qdrant_routes import Fault

Convert = Callable[[Any], Any]

CODES = {
    0: grpc.StatusCode.UNAVAILABLE,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
}


def serve(ask: Callable[..., Any], port: int) -> tuple[grpc.Server, int]:
    """A running server for which `ask` answers, and its port."""
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)])
    for add, base, table in SERVICES:
        methods = {name: staticmethod(method(ask, *row)) for name, row in table.items()}
        add(type("OurServicer", (base,), methods)(), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def method(ask: Callable[..., Any], route: str, respond: Convert) -> Callable[..., Any]:
    verb, path = route.split()

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        key = dict(context.invocation_metadata()).get("api-key")
        names = [getattr(request, field, "") for field in ("collection_name", "field_name")]
        where = path.format(*(quote(name, safe="") for name in names))
        try:
            body = None if verb in ("GET", "DELETE") else body_of(request)
            return respond(ask(verb, where, body, key))
        except Fault as fault:
            context.set_trailing_metadata(tuple(fault.headers.items()))
            code = CODES.get(fault.status, grpc.StatusCode.UNKNOWN)
            context.abort(code, fault.error or fault.page or "Socket closed")

    return answer


# ---- Requests


def each(convert: Convert) -> Convert:
    return lambda values: [convert(value) for value in values]


def plain(value: Any) -> Any:
    return value


def points_of(points: Any) -> Any:
    """Points of an upsert, or of new vectors."""
    kinds = {
        calls.PointStruct: GrpcToRest.convert_point_struct,
        calls.PointVectors: GrpcToRest.convert_point_vectors,
    }
    return [kinds[type(point)](point) for point in points]


def kind_of_index(field_type: int) -> str:
    return str(calls.FieldType.Name(field_type)).removeprefix("FieldType").lower()


FIELDS: dict[str, tuple[str, Convert]] = {
    "actions": ("actions", each(GrpcToRest.convert_alias_operations)),
    "exact": ("exact", plain),
    "field_index_params": ("field_schema", GrpcToRest.convert_payload_schema_params),
    "field_name": ("field_name", plain),
    "field_type": ("field_schema", kind_of_index),
    "filter": ("filter", GrpcToRest.convert_filter),
    "ids": ("ids", each(GrpcToRest.convert_point_id)),
    "key": ("key", plain),
    "limit": ("limit", plain),
    "metadata": ("metadata", GrpcToRest.convert_payload),
    "offset": ("offset", GrpcToRest.convert_point_id),
    "on_disk_payload": ("on_disk_payload", plain),
    "order_by": ("order_by", GrpcToRest.convert_order_by),
    "payload": ("payload", GrpcToRest.convert_payload),
    "points": ("points", points_of),
    "query_points": ("searches", each(GrpcToRest.convert_query_points)),
    "replication_factor": ("replication_factor", plain),
    "shard_number": ("shard_number", plain),
    "sparse_vectors_config": ("sparse_vectors", GrpcToRest.convert_sparse_vector_config),
    "strict_mode_config": ("strict_mode_config", GrpcToRest.convert_strict_mode_config),
    "update_filter": ("update_filter", GrpcToRest.convert_filter),
    "update_mode": ("update_mode", GrpcToRest.convert_update_mode),
    "vectors_config": ("vectors", GrpcToRest.convert_vectors_config),
    "with_payload": ("with_payload", GrpcToRest.convert_with_payload_selector),
    "with_vectors": ("with_vector", GrpcToRest.convert_with_vectors_selector),
    "write_consistency_factor": ("write_consistency_factor", plain),
}
"""By a field of a call: its name in REST, and how its value becomes REST's."""


def body_of(request: Any) -> Any:
    """The body that a REST request would have."""
    if isinstance(request, calls.QueryPoints):
        return as_json(GrpcToRest.convert_query_points(request))
    if isinstance(request, calls.UpdateCollection):
        return as_json(GrpcToRest.convert_update_collection(request))
    body: dict[str, Any] = {}
    for field, value in request.ListFields():  # those that are set
        if isinstance(value, calls.PointsSelector):
            body |= as_json(GrpcToRest.convert_points_selector(value))
        elif field.name in FIELDS:
            name, convert = FIELDS[field.name]
            body[name] = as_json(convert(value))
    return body


def as_json(value: Any) -> Any:
    return to_jsonable_python(value, exclude_none=True)


# ---- Answers


def written(result: Any) -> Any:
    return calls.PointsOperationResponse(result=RestToGrpc.convert_update_result(result))


def changed(result: bool) -> Any:
    return calls.CollectionOperationResponse(result=result)


def aliases(result: Any) -> Any:
    found = map(RestToGrpc.convert_alias_description, result.aliases)
    return calls.ListAliasesResponse(aliases=found)


def records(points: Iterable[Any]) -> list[Any]:
    return [RestToGrpc.convert_record(with_payload(point)) for point in points]


def scored(points: Iterable[Any]) -> list[Any]:
    return [RestToGrpc.convert_scored_point(point) for point in points]


def with_payload(point: models.Record) -> models.Record:
    return point.model_copy(update={"payload": point.payload or {}})


def page(result: models.ScrollResult) -> Any:
    following = result.next_page_offset
    offset = None if following is None else RestToGrpc.convert_extended_point_id(following)
    return calls.ScrollResponse(result=records(result.points), next_page_offset=offset)


def batch(results: list[models.QueryResponse]) -> Any:
    found = [calls.BatchResult(result=scored(one.points)) for one in results]
    return calls.QueryBatchResponse(result=found)


def hits(result: models.FacetResponse) -> Any:
    return calls.FacetResponse(hits=map(RestToGrpc.convert_facet_value_hit, result.hits))


def counted(result: models.CountResult) -> Any:
    return calls.CountResponse(result=RestToGrpc.convert_count_result(result))


def described(info: models.CollectionInfo) -> Any:
    return calls.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))


def listed(result: models.CollectionsResponse) -> Any:
    found = map(RestToGrpc.convert_collection_description, result.collections)
    return calls.ListCollectionsResponse(collections=found)


def existing(result: models.CollectionExistence) -> Any:
    return calls.CollectionExistsResponse(result=calls.CollectionExists(exists=result.exists))


POINTS: dict[str, tuple[str, Convert]] = {
    "Upsert": ("PUT /collections/{}/points", written),
    "Delete": ("POST /collections/{}/points/delete", written),
    "SetPayload": ("POST /collections/{}/points/payload", written),
    "UpdateVectors": ("PUT /collections/{}/points/vectors", written),
    "CreateFieldIndex": ("PUT /collections/{}/index", written),
    "DeleteFieldIndex": ("DELETE /collections/{}/index/{}", written),
    "Get": ("POST /collections/{}/points", lambda found: calls.GetResponse(result=records(found))),
    "Scroll": ("POST /collections/{}/points/scroll", page),
    "Count": ("POST /collections/{}/points/count", counted),
    "Facet": ("POST /collections/{}/facet", hits),
    "QueryBatch": ("POST /collections/{}/points/query/batch", batch),
    "Query": (
        "POST /collections/{}/points/query",
        lambda found: calls.QueryResponse(result=scored(found.points)),
    ),
}

COLLECTIONS: dict[str, tuple[str, Convert]] = {
    "Get": ("GET /collections/{}", described),
    "List": ("GET /collections", listed),
    "Create": ("PUT /collections/{}", changed),
    "Update": ("PATCH /collections/{}", changed),
    "Delete": ("DELETE /collections/{}", changed),
    "CollectionExists": ("GET /collections/{}/exists", existing),
    "CollectionClusterInfo": (
        "GET /collections/{}/cluster",
        RestToGrpc.convert_collection_cluster_info,
    ),
    "UpdateAliases": ("POST /collections/aliases", changed),
    "ListAliases": ("GET /aliases", aliases),
    "ListCollectionAliases": ("GET /collections/{}/aliases", aliases),
}

ROOT: dict[str, tuple[str, Convert]] = {
    "HealthCheck": ("GET /", lambda version: calls.HealthCheckReply(**version)),
}

SERVICES = [
    (calls.add_PointsServicer_to_server, calls.PointsServicer, POINTS),
    (calls.add_CollectionsServicer_to_server, calls.CollectionsServicer, COLLECTIONS),
    (calls.add_QdrantServicer_to_server, calls.QdrantServicer, ROOT),
]
