"""The double against what a real Qdrant 1.18.3 answered, asked by the real client."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from tests.qdrant_double import (
    BAD_GATEWAY,
    LOGIN_PAGE,
    LOST_ANSWER,
    LOST_REQUEST,
    Fault,
    QdrantDouble,
    in_turn,
    limited,
)
from tests.qdrant_grpc import CODES

VECTORS = {"image": models.VectorParams(size=2, distance=models.Distance.COSINE)}
POINTS = [
    models.PointStruct(id=1, vector={"image": [1, 0]}, payload={"city": "Ghent", "page": 3}),
    models.PointStruct(id=2, vector={"image": [0, 1]}, payload={"city": "Bonn", "page": 4}),
]
GHENT = models.Filter(
    must=[models.FieldCondition(key="city", match=models.MatchValue(value="Ghent"))]
)
NOPE = models.Filter(must=[models.FieldCondition(key="nope", match=models.MatchValue(value=1))])


def client_of(
    double: QdrantDouble, key: str | None = None, *, prefer_grpc: bool = False, timeout: int = 5
) -> QdrantClient:
    return QdrantClient(
        url=double.url,
        grpc_port=double.grpc_port or 9,
        prefer_grpc=prefer_grpc,
        headers={"api-key": key} if key else None,  # as an argument it warns of plain HTTP
        timeout=timeout,
        check_compatibility=False,
    )


def fill(client: QdrantClient) -> QdrantClient:
    client.create_collection("streets", vectors_config=VECTORS, metadata={"ours": {"a": 1}})
    client.upsert("streets", POINTS)
    return client


@pytest.fixture
def qdrant() -> Iterator[QdrantDouble]:
    with QdrantDouble(grpc_port=0) as double:
        yield double


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, qdrant: QdrantDouble) -> QdrantClient:
    return fill(client_of(qdrant, prefer_grpc=request.param == "grpc"))


@pytest.fixture
def rest(qdrant: QdrantDouble) -> QdrantClient:
    return fill(client_of(qdrant))


def refusal(call: Callable[[], Any]) -> tuple[int | None, str]:
    """Status and text of what the server says no to."""
    with pytest.raises((UnexpectedResponse, grpc.RpcError)) as told:
        call()
    error: Any = told.value
    if isinstance(error, UnexpectedResponse):
        return error.status_code, error.structured()["status"]["error"]
    statuses = {code: status for status, code in CODES.items()}
    return statuses[error.code()], error.details()


# ---- Points, by either door


def test_what_is_written_is_found(client: QdrantClient) -> None:
    (nearest,) = client.query_points("streets", [1.0, 0.1], using="image", limit=1).points
    assert (nearest.id, round(nearest.score, 3), nearest.payload) == (1, 0.995, POINTS[0].payload)
    assert client.count("streets", GHENT).count == 1
    client.set_payload("streets", {"page": None, "size": 9}, points=[2])
    client.update_vectors("streets", [models.PointVectors(id=2, vector={"image": [1, 0]})])
    (second,) = client.retrieve("streets", [2, 9], with_vectors=True)
    assert (second.payload, second.vector) == ({"city": "Bonn", "size": 9}, {"image": [1, 0]})
    client.delete("streets", [1])
    points, offset = client.scroll("streets")
    assert ([point.id for point in points], offset) == ([2], None)


def test_a_page_of_points_says_where_the_next_begins(client: QdrantClient) -> None:
    _, offset = client.scroll("streets", limit=1)
    points, end = client.scroll("streets", limit=1, offset=offset)
    assert ([point.id for point in points], end) == ([2], None)


def test_the_second_writer_of_an_id_changes_nothing_and_is_not_told(client: QdrantClient) -> None:
    late = models.PointStruct(id=1, vector={}, payload={"city": "Oslo"})
    client.upsert("streets", [late], update_mode=models.UpdateMode.INSERT_ONLY)
    assert client.retrieve("streets", [1])[0].payload == POINTS[0].payload


def test_order_and_facets_want_an_index(client: QdrantClient) -> None:
    status, told = refusal(lambda: client.scroll("streets", order_by="page"))
    assert (status, told[:49]) == (400, "Wrong input: No range index for `order_by` key: `")
    status, told = refusal(lambda: client.facet("streets", "city"))
    assert (status, told[:49]) == (400, "Wrong input: No appropriate index for faceting: `")
    client.create_payload_index("streets", "page", models.PayloadSchemaType.INTEGER)
    client.create_payload_index("streets", "city", models.PayloadSchemaType.KEYWORD)
    last = models.OrderBy(key="page", direction=models.Direction.DESC)
    assert [point.id for point in client.scroll("streets", order_by=last)[0]] == [2, 1]
    assert [hit.value for hit in client.facet("streets", "city").hits] == ["Bonn", "Ghent"]
    schema = client.get_collection("streets").payload_schema
    assert {key: (info.data_type, info.points) for key, info in schema.items()} == {
        "page": ("integer", 2),
        "city": ("keyword", 2),
    }
    client.delete_payload_index("streets", "city")
    assert list(client.get_collection("streets").payload_schema) == ["page"]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_collection("lanes"),
        lambda client: client.count("lanes"),
        lambda client: client.upsert("lanes", POINTS),
        lambda client: client.update_collection("lanes", metadata={}),
        lambda client: client.create_payload_index("lanes", "city", "keyword"),
    ],
)
def test_what_is_not_there_is_404(
    client: QdrantClient, call: Callable[[QdrantClient], object]
) -> None:
    assert refusal(lambda: call(client)) == (404, "Not found: Collection `lanes` doesn't exist!")


# ---- Collections and aliases


def test_creating_what_exists_is_409(client: QdrantClient) -> None:
    told = (409, "Wrong input: Collection `streets` already exists!")
    assert refusal(lambda: client.create_collection("streets", vectors_config=VECTORS)) == told
    assert client.count("streets").count == 2


def test_of_many_who_create_at_once_one_does(qdrant: QdrantDouble) -> None:
    made = []

    def create() -> None:
        try:
            made.append(client_of(qdrant).create_collection("lease", vectors_config={}))
        except UnexpectedResponse as error:
            made.append(error.status_code)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [True] + [409] * 7


def test_metadata_merge_by_key(client: QdrantClient) -> None:
    client.update_collection("streets", metadata={"theirs": 2})
    client.update_collection("streets", metadata={"ours": {"b": 1}})
    assert client.get_collection("streets").config.metadata == {"ours": {"b": 1}, "theirs": 2}
    client.update_collection("streets", metadata={"theirs": None})
    assert client.get_collection("streets").config.metadata == {"ours": {"b": 1}}


def alias(name: str, collection: str) -> models.CreateAliasOperation:
    made = models.CreateAlias(alias_name=name, collection_name=collection)
    return models.CreateAliasOperation(create_alias=made)


def test_an_alias_is_swapped_in_one_request(client: QdrantClient) -> None:
    client.create_collection("streets-2", vectors_config=VECTORS)
    client.update_collection_aliases([alias("town", "streets")])
    assert client.count("town").count == 2
    assert client.collection_exists("town")
    gone = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="town"))
    client.update_collection_aliases([gone, alias("town", "streets-2")])
    assert client.count("town").count == 0
    (only,) = client.get_aliases().aliases
    assert (only.alias_name, only.collection_name) == ("town", "streets-2")
    assert client.get_collection_aliases("streets").aliases == []
    assert {one.name for one in client.get_collections().collections} == {"streets", "streets-2"}


def test_names_of_aliases_and_collections_do_not_meet(client: QdrantClient) -> None:
    client.update_collection_aliases([alias("town", "streets")])
    status, told = refusal(lambda: client.create_collection("town", vectors_config=VECTORS))
    assert (status, told[:58]) == (
        400,
        "Wrong input: Can't create collection with name town. Alias",
    )
    told = (409, "Wrong input: Collection `streets` already exists!")
    assert refusal(lambda: client.update_collection_aliases([alias("streets", "streets")])) == told


def test_deleting_takes_aliases_along_but_not_through_one(client: QdrantClient) -> None:
    client.update_collection_aliases([alias("town", "streets")])
    assert not client.delete_collection("town")
    assert client.count("streets").count == 2
    assert client.delete_collection("streets")
    assert client.get_aliases().aliases == []
    assert not client.collection_exists("town")


def test_a_cluster_says_its_peers_and_where_the_copies_lie() -> None:
    with QdrantDouble(peers=3) as double:
        client = client_of(double)
        client.create_collection("a", vectors_config=VECTORS, replication_factor=2)
        client.create_collection("b", vectors_config=VECTORS, shard_number=1)
        assert len(client.cluster_status().peers) == 3
        shards = client.collection_cluster_info("a")
        assert (shards.shard_count, len(shards.local_shards), len(shards.remote_shards)) == (
            3,
            2,
            4,
        )
        params = client.get_collection("b").config.params
        assert (params.shard_number, params.replication_factor) == (1, 1)
        more = models.CollectionParamsDiff(replication_factor=3, write_consistency_factor=2)
        client.update_collection("b", collection_params=more)
        params = client.get_collection("b").config.params
        assert (params.replication_factor, params.write_consistency_factor) == (3, 2)


def test_one_node_is_no_cluster(qdrant: QdrantDouble) -> None:
    assert client_of(qdrant).cluster_status().status == "disabled"


# ---- What a server forbids


def test_without_a_key_it_is_401_in_plain_text() -> None:
    with QdrantDouble(api_key="secret") as double:
        for key in (None, "guess"):
            with pytest.raises(UnexpectedResponse) as told:
                client_of(double, key).get_collections()
            assert told.value.status_code == 401
            assert not told.value.content.startswith(b"{")
        assert client_of(double, "secret").get_collections().collections == []
        assert httpx.get(f"{double.url}/readyz").text == "all shards are ready"


def test_a_key_that_reads_does_not_write() -> None:
    with QdrantDouble(api_key="secret", read_only_key="look") as double:
        client_of(double, "secret").create_collection("streets", vectors_config=VECTORS)
        reader = client_of(double, "look")
        assert reader.count("streets").count == 0
        told = (403, "Forbidden: Global manage access is required")
        assert refusal(lambda: reader.delete_collection("streets")) == told
        assert refusal(lambda: reader.upsert("streets", POINTS)) == told


UNINDEXED = (
    'Bad request: Index required but not found for "nope" of one of the following types: [integer].'
    " Help: Create an index for this key or use a different filter."
)
EXACT = "Bad request: Exact search disabled!. Help: Set exact=false."
LONG = (
    'Bad request: Limit exceeded 4096 > 1000 for "limit".'
    ' Help: Reduce the "limit" parameter to or below 1000.'
)


@pytest.mark.parametrize(
    ("strict", "call", "told"),
    [
        ({"max_query_limit": 1000}, lambda c: c.scroll("streets", limit=4096), LONG),
        (
            {"max_query_limit": 1000},
            lambda c: c.query_points("streets", [1.0, 0.0], using="image", limit=4096),
            LONG,
        ),
        ({"search_allow_exact": False}, lambda c: c.count("streets"), EXACT),
        ({"search_allow_exact": False}, lambda c: c.facet("streets", "city", exact=True), EXACT),
        ({"unindexed_filtering_retrieve": False}, lambda c: c.scroll("streets", NOPE), UNINDEXED),
        ({"unindexed_filtering_retrieve": False}, lambda c: c.count("streets", NOPE), UNINDEXED),
        (
            {"unindexed_filtering_retrieve": False},
            lambda c: c.query_points(
                "streets", [1.0, 0.0], using="image", query_filter=models.Filter(should=NOPE)
            ),
            UNINDEXED,
        ),
        ({"unindexed_filtering_update": False}, lambda c: c.delete("streets", NOPE), UNINDEXED),
    ],
)
@pytest.mark.parametrize("where", ["server", "collection"])
def test_strict_mode_refuses(
    client: QdrantClient,
    qdrant: QdrantDouble,
    where: str,
    strict: dict[str, Any],
    call: Callable[[QdrantClient], object],
    told: str,
) -> None:
    if where == "server":
        qdrant.strict = strict
    else:
        own = models.StrictModeConfig(enabled=True, **strict)
        client.update_collection("streets", strict_mode_config=own)
        assert client.get_collection("streets").config.strict_mode_config.enabled
    assert refusal(lambda: call(client)) == (400, told)


def test_strict_mode_lets_the_indexed_the_short_and_the_approximate_pass(
    client: QdrantClient, qdrant: QdrantDouble
) -> None:
    client.create_payload_index("streets", "city", models.PayloadSchemaType.KEYWORD)
    qdrant.strict = {
        "unindexed_filtering_retrieve": False,
        "search_allow_exact": False,
        "max_query_limit": 2,
    }
    assert client.count("streets", GHENT, exact=False).count == 1
    assert [point.id for point in client.scroll("streets", GHENT, limit=2)[0]] == [1]


# ---- Misbehaving


def test_too_many_requests_says_when_to_come_again(
    rest: QdrantClient, qdrant: QdrantDouble
) -> None:
    qdrant.answers = in_turn(limited())
    with pytest.raises(ResourceExhaustedResponse, match="Rate limiting exceeded: ") as told:
        rest.count("streets")
    assert told.value.retry_after_s == 60
    assert rest.count("streets").count == 2


def test_a_proxy_s_page_comes_with_its_status(rest: QdrantClient, qdrant: QdrantDouble) -> None:
    qdrant.answers = in_turn(BAD_GATEWAY, LOGIN_PAGE)
    with pytest.raises(UnexpectedResponse, match="502"):
        rest.count("streets")
    with pytest.raises(ValueError, match="Expecting value"):
        rest.count("streets")


def test_a_lost_request_was_not_acted_on_and_a_lost_answer_was(
    rest: QdrantClient, qdrant: QdrantDouble
) -> None:
    for fault, left in ((LOST_REQUEST, 2), (LOST_ANSWER, 1)):
        qdrant.answers = in_turn(fault)
        with pytest.raises(ResponseHandlingException, match="disconnected"):
            rest.delete("streets", [1])
        assert rest.count("streets").count == left
    assert [path.rpartition("/")[2] for _, path, _ in qdrant.requests[-4:]] == [
        "delete",
        "count",
        "delete",
        "count",
    ]


def test_faults_can_be_chosen_by_request(rest: QdrantClient, qdrant: QdrantDouble) -> None:
    def no_writes_of_bonn(method: str, path: str, body: Any) -> Fault | None:
        return Fault(500, "Service internal error") if "Bonn" in str(body) else None

    qdrant.answers = no_writes_of_bonn
    rest.upsert("streets", POINTS[:1])
    assert refusal(lambda: rest.upsert("streets", POINTS)) == (500, "Service internal error")


def test_a_delay_outlasts_the_client_s_patience_but_not_the_test(qdrant: QdrantDouble) -> None:
    qdrant.answers = in_turn(Fault(delay=600))
    impatient = client_of(qdrant, timeout=1)
    with pytest.raises(ResponseHandlingException, match="timed out"):
        impatient.get_collections()


def test_a_server_can_go_and_come_back(rest: QdrantClient, qdrant: QdrantDouble) -> None:
    qdrant.gone = True
    with pytest.raises(ResponseHandlingException):
        rest.count("streets")
    qdrant.gone = False
    assert rest.count("streets").count == 2


def test_grpc_says_the_same_with_codes_of_its_own() -> None:
    with QdrantDouble(grpc_port=0, api_key="secret", read_only_key="look") as double:
        fill(client_of(double, "secret", prefer_grpc=True))
        reader = client_of(double, "look", prefer_grpc=True)
        assert reader.count("streets").count == 2
        told = (403, "Forbidden: Global manage access is required")
        assert refusal(lambda: reader.delete("streets", [1])) == told
        stranger = client_of(double, prefer_grpc=True)
        assert refusal(lambda: stranger.count("streets"))[0] == 401
        assert stranger.info().version == double.version
        double.answers = in_turn(limited(7), LOST_ANSWER)
        with pytest.raises(ResourceExhaustedResponse, match="Rate limiting") as limit:
            reader.count("streets")
        assert limit.value.retry_after_s == 7
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            reader.count("streets")
        double.gone = True
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            reader.count("streets")


def test_both_doors_log_one_request_the_same(qdrant: QdrantDouble) -> None:
    fill(client_of(qdrant))
    asked = len(qdrant.requests)
    client_of(qdrant, prefer_grpc=True).set_payload("streets", {"size": None}, points=[1])
    client_of(qdrant).set_payload("streets", {"size": None}, points=[1])
    assert qdrant.requests[asked] == qdrant.requests[asked + 1]


def test_one_of_its_own_process_outlives_its_clients() -> None:
    command = [sys.executable, "-m", "tests.qdrant_double", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            first = QdrantClient(url=url, check_compatibility=False)
            first.create_collection("streets", vectors_config=VECTORS)
            first.close()
            assert QdrantClient(url=url, check_compatibility=False).collection_exists("streets")
        finally:
            process.kill()
