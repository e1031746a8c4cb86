"""The filter language: what each condition means, on both engines, and how mistakes are shown."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import qdrant_edge as edge
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.vector_stores import FilterCondition, MetadataFilter, MetadataFilters
from qdrant_client import QdrantClient, models

from app.filters.compile import compile_filter
from app.filters.conditions import (
    MAX_NESTING,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Exists,
    Ids,
    Near,
    Not,
    OneOf,
    key_of,
)
from app.filters.parse import parse
from app.llama.filters import from_metadata_filters
from app.model.errors import QueryError
from app.model.records import Field
from app.model.words import MAX_WORDS, words_of
from app.store.engines.edge_filters import edge_filter

FIELDS = (
    Field("City", "city", "words"),
    Field("safer", "safer", "number"),
    Field("more beautiful", "more_beautiful", "number"),
    Field("taken", "taken", "time"),
    Field("indoor", "indoor", "boolean"),
    Field("tags", "tags", "words"),
    Field("ключ", "ключ", "words"),
    Field("source", "source_2", "words"),
)


def point(
    caption: str = "",
    place: tuple[float, float] | None = None,
    local: dict[str, str] | None = None,
    **fields: Any,
) -> dict:
    """A payload as it is stored: fields by slug, words beside them, the place, the captions."""
    words = {"caption": words_of(caption)}
    for slug in ("city", "tags", "ключ"):
        value = fields.get(slug)
        if value:
            words[slug] = words_of(value if isinstance(value, str) else " ".join(value))
    payload = {"captions": [caption] if caption else [], "fields": fields, "words": words}
    payload |= {"local_times": local} if local else {}
    if place:
        payload["place"] = {"lat": place[0], "lon": place[1]}
    return payload


# Marina Bay 1.2834, 103.8607 and the Botanic Gardens 1.3138, 103.8159 lie 6.0 km apart.
POINTS: dict[int, dict] = {
    1: point("A bridge over Boat Quay", (1.2834, 103.8607), city="Singapore", safer=5.0),
    2: point("Footbridge, wet road", (1.3138, 103.8159), city="Singapore", safer=4.51),
    3: point("Golden Gate Bridge", (37.8199, -122.4783), city="San Francisco", safer=7.25),
    4: point("wet BRIDGE by a road", (-33.8523, 151.2108), city="Sydney", safer=-1.0),
    5: point("", city="singapore", taken="2010-01-27T14:05:15"),
    6: point("Straße bei Nacht", city="Zürich", taken="2010-01-27T23:59:59.900000+00:00"),
    7: point("新加坡夜市", taken="2010-01-28T00:00:00Z", indoor="false"),
    8: point(
        "the dog's bone",
        taken="2010-01-28T06:30:00+08:00",
        local={"taken": "2010-01-28T06:30:00"},
        indoor="true",
    ),
    9: point(city='a "quoted" \\ name', tags=["red car", "Blue"], ключ="да"),
    10: point(city=None, tags=[], safer=None, taken="2009-12-31"),
    11: point(tags="red car", ключ="нет", more_beautiful=3.0, source_2="archive"),
    12: {"record_id": "streets/12.jpg", "source": "streets", "path": "12.jpg"},
}

EXAMPLES = [
    ('city == "Singapore"', {1, 2}),
    ("CITY == 'singapore'", {5}),
    ('city != "Singapore"', {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
    ('city in ["Sydney", "Zürich", "Atlantis"]', {4, 6}),
    ('City not in ["Singapore", "singapore"]', {3, 4, 6, 7, 8, 9, 10, 11, 12}),
    ("city in []", set()),
    ("city not in []", set(range(1, 13))),
    (r'city == "a \"quoted\" \\ name"', {9}),
    ("city == 'a \"quoted\" \\\\ name'", {9}),
    ("exists(city)", {1, 2, 3, 4, 5, 6, 9}),
    ("not exists(safer)", {5, 6, 7, 8, 9, 10, 11, 12}),
    ("safer == 5", {1}),
    ("safer == 4.51", {2}),
    ("safer > 4.51", {1, 3}),
    ("safer >= 4.51", {1, 2, 3}),
    ("safer < 0", {4}),
    ("safer <= 5", {1, 2, 4}),
    ("safer != 5", {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
    ("not safer < 5", {1, 3, 5, 6, 7, 8, 9, 10, 11, 12}),
    ("safer in [5, -1e0, 99]", {1, 4}),
    ("safer not in [5, -1]", {2, 3, 5, 6, 7, 8, 9, 10, 11, 12}),
    ("`more beautiful` >= 3", {11}),
    ("more_beautiful == 3", {11}),
    ("More  beautiful == 3 and exists(more beautiful)", {11}),
    ("more beautiful not in [4]", set(range(1, 13))),
    ("`MORE BEAUTIFUL` < 3", set()),
    ('tags == "red car"', {9, 11}),
    ('tags == "Blue"', {9}),
    ("exists(tags)", {9, 11}),
    ('tags.contains("RED")', {9, 11}),
    ('ключ == "да"', {9}),
    ('КЛЮЧ.contains("НЕТ")', {11}),
    ("indoor == true", {8}),
    ("indoor != true", {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12}),
    ("indoor in [true, FALSE]", {7, 8}),
    ('caption.contains("bridge")', {1, 3, 4}),
    ('caption.contains("road, wet")', {2, 4}),
    ('caption.contains("strasse")', {6}),
    ('caption.contains("夜市")', {7}),
    ('caption.contains("dog")', set()),
    ('caption.contains("dog’s")', {8}),
    ('caption == "Golden Gate Bridge"', {3}),
    ("exists(caption)", {1, 2, 3, 4, 6, 7, 8}),
    ("lat < 0", {4}),
    ("lon >= 103.8159 and lon <= 103.8607", {1, 2}),
    ("exists(lat)", {1, 2, 3, 4}),
    ("near(1.2834, 103.8607, 5)", {1}),
    ("near(1.2834, 103.8607, 7)", {1, 2}),
    ("not near(0, 0, 20100)", {5, 6, 7, 8, 9, 10, 11, 12}),
    ('record_id == "streets/12.jpg"', {12}),
    ('source == "streets"', {12}),
    ('path == "12.jpg"', {12}),
    ('path not in ["12.jpg"]', set(range(1, 12))),
    ('`source` == "archive"', {11}),
    # Point 8 was taken on the 28th by its own clock, at 22:30 on the 27th by that of UTC.
    ('taken == "2010-01-27"', {5, 6}),
    ('taken == "2010-01-28"', {7, 8}),
    ('taken != "2010-01-27"', {1, 2, 3, 4, 7, 8, 9, 10, 11, 12}),
    ('taken <= "2010-01-27"', {5, 6, 10}),
    ('taken < "2010-01-27"', {10}),
    ('taken > "2010-01-27"', {7, 8}),
    ('taken > "2010-01-27T23:00Z"', {6, 7}),
    ('taken == "2010-01-28T06:30"', {8}),
    ('taken == "2010-01-27T22:30Z"', {8}),
    ('taken == "2010-01-27T22:30"', set()),
    ('taken >= "2010-01-27"', {5, 6, 7, 8}),
    ('taken == "2010"', {5, 6, 7, 8}),
    ('taken == "2009"', {10}),
    ('taken > "2009-12"', {5, 6, 7, 8}),
    ('taken == "2010-01-27T14"', {5}),
    ('taken >= "2010-01-27T23"', {6, 7, 8}),
    ('taken == "2010-01-27T14:05"', {5}),
    ('taken == "2010-01-27 14:05:15"', {5}),
    ('taken == "2010-01-27T22:05:15+08:00"', {5}),
    ('taken == "2010-01-27T23:59:59.9Z"', {6}),
    ('taken < "2010-01-27T23:59:59.9"', {5, 10}),
    ('taken < "2010-01-27T23:59:59.9Z"', {5, 8, 10}),
    ('taken in ["2009", "2010-01-28"]', {7, 8, 10}),
    ("taken < today", {5, 6, 7, 8, 10}),
    ("taken < NOW - 7days and taken < tomorrow", {5, 6, 7, 8, 10}),
    ("taken in [yesterday, today + 1 week]", set()),
    # Each letter with its accent is one character, or a letter and a mark.
    ('city == "Zu\u0308rich"', {6}),
    ('city in ["Zu\u0308rich", "Sydney"]', {4, 6}),
    ('taken <= "9999"', {5, 6, 7, 8, 10}),
    ("exists(taken)", {5, 6, 7, 8, 10}),
    ('safer >= 5 or safer < 0 and city == "Sydney"', {1, 3, 4}),
    ('(safer >= 5 or safer < 0) and city == "Sydney"', {4}),
    ('NOT city == "Sydney" And exists(safer)', {1, 2, 3}),
    ("not not safer > 5", {3}),
    (
        'city == "Singapore" and safer >= 5 and not (safer < 3 or caption.contains("wet"))',
        {1},
    ),
]


class Engines:
    """Points in a real Edge shard and in qdrant-client's own store."""

    def __init__(self, folder: str, points: dict[int, dict] = POINTS) -> None:
        spaces = {"image": edge.EdgeVectorParams(size=2, distance=edge.Distance.Cosine)}
        self.shard = edge.EdgeShard.create(folder, edge.EdgeConfig(vectors=spaces))
        ids = {number: str(UUID(int=number)) for number in points}
        on_edge = [edge.Point(id=ids[n], vector={}, payload=load) for n, load in points.items()]
        self.shard.update(edge.UpdateOperation.upsert_points(on_edge))
        self.client = QdrantClient(":memory:")
        params = models.VectorParams(size=2, distance=models.Distance.COSINE)
        self.client.create_collection("c", vectors_config={"image": params})
        self.client.upsert(
            "c",
            [models.PointStruct(id=ids[n], vector={}, payload=load) for n, load in points.items()],
        )

    def index(self, key: str, kind: edge.PayloadSchemaType) -> None:
        self.shard.update(edge.UpdateOperation.create_field_index(key, kind))

    def on_edge(self, condition: Condition) -> set[int]:
        wanted = edge_filter(compile_filter(condition))
        rows, _ = self.shard.scroll(edge.ScrollRequest(filter=wanted, limit=100))
        return {UUID(str(row.id)).int for row in rows}

    def on_client(self, condition: Condition) -> set[int]:
        wanted = models.Filter.model_validate(compile_filter(condition))
        rows, _ = self.client.scroll("c", scroll_filter=wanted, limit=100)
        return {UUID(str(row.id)).int for row in rows}


KINDS = {
    "words": edge.PayloadSchemaType.Keyword,
    "boolean": edge.PayloadSchemaType.Keyword,
    "number": edge.PayloadSchemaType.Float,
    "time": edge.PayloadSchemaType.Datetime,
}


@pytest.fixture(scope="module", params=["unindexed", "indexed"])
def engines(request, tmp_path_factory) -> Engines:
    both = Engines(str(tmp_path_factory.mktemp("shard")))
    if request.param == "indexed":
        for field in FIELDS:
            both.index(key_of("fields", field.slug), KINDS[field.type])
            if field.type == "words":
                both.index(key_of("words", field.slug), KINDS["words"])
        for key in ("record_id", "source", "path", "captions", "words.caption"):
            both.index(key, KINDS["words"])
        for key in ("place.lat", "place.lon"):
            both.index(key, KINDS["number"])
        both.index("place", edge.PayloadSchemaType.Geo)
    return both


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_a_filter_means_the_same_on_both_engines(engines, text, expected):
    condition = parse(text, FIELDS)
    assert engines.on_edge(condition) == expected
    assert engines.on_client(condition) == expected


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("near(90, 0, 1)", {1}),
        ("near(90, -120, 100)", {1, 2}),
        ("near(89.5, 170, 60)", {1, 2}),  # the pole is 55.6 km away
        ("near(89.5, 170, 50)", {2}),
        ("near(89.5, 0, 50)", set()),
        ("near(-90, 0, 1)", {3}),
        ("not near(-90, 0, 1)", {1, 2, 4}),
        ("near(0, 0, 20100)", {1, 2, 3, 4}),
        ("near(90, 0, 1) and near(-90, 0, 1)", set()),
    ],
)
def test_a_pole_has_every_longitude(tmp_path, text, expected, indexed):
    places = {1: (90.0, 45.0), 2: (89.5, 180.0), 3: (-90.0, -180.0), 4: (0.0, 1.0)}
    both = Engines(str(tmp_path), {n: point("", place) for n, place in places.items()})
    if indexed:
        both.index("place", edge.PayloadSchemaType.Geo)
        both.index("place.lat", edge.PayloadSchemaType.Float)
    assert both.on_edge(parse(text, FIELDS)) == expected
    assert both.on_client(parse(text, FIELDS)) == expected


def test_points_can_be_asked_for_by_id(engines):
    condition = AllOf((Ids((str(UUID(int=3)), str(UUID(int=8)))), parse("safer > 1", FIELDS)))
    assert engines.on_edge(condition) == engines.on_client(condition) == {3}


# ---- against a plain evaluator

TIMES = {5: "2010-01-27T14:05:15", 6: "2010-01-27T23:59:59.9", 7: "2010-01-28"} | {
    8: "2010-01-27T22:30",
    10: "2009-12-31",
}


def truth(condition: Condition, number: int) -> bool:
    """The same question, asked in plain Python of the same twelve points."""
    payload = POINTS[number]
    match condition:
        case AllOf(parts):
            return all(truth(part, number) for part in parts)
        case AnyOf(parts):
            return any(truth(part, number) for part in parts)
        case Not(part):
            return not truth(part, number)
        case Exists(key):
            return values_at(payload, key) != []
        case OneOf(key, values):
            return any(value in values for value in values_at(payload, key))
        case Contains(key, words):
            return set(words) <= set(values_at(payload, key))
        case Near(lat, lon, km):
            place = payload.get("place")
            return bool(place) and distance_km(lat, lon, **place) <= km
        case Ids(ids):
            return str(UUID(int=number)) in ids
        case Compare(key, order, value):
            if isinstance(value, datetime):
                at = TIMES.get(number)
                return bool(at) and ordered(
                    datetime.fromisoformat(at).replace(tzinfo=UTC), order, value
                )
            return any(ordered(stored, order, value) for stored in values_at(payload, key))


def values_at(payload: dict, key: str) -> list:
    value: Any = payload
    for name in key.replace('"', "").split("."):
        value = value.get(name, {}) if isinstance(value, dict) else {}
    if isinstance(value, list):
        return value
    return [] if value is None or value == {} else [value]


def ordered(stored: Any, order: str, value: Any) -> bool:
    return (
        {
            "==": stored == value,
            "<": stored < value,
            "<=": stored <= value,
            ">": stored > value,
            ">=": stored >= value,
        }[order]
        if type(stored) is type(value)
        else False
    )


def distance_km(lat1: float, lon1: float, lat: float, lon: float) -> float:
    one, two, across = map(math.radians, (lat1, lat, lon - lon1))
    half = (
        math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(across / 2) ** 2
    )
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


ORDERS = st.sampled_from(["==", "<", "<=", ">", ">="])
SAFER = st.one_of(st.sampled_from([5.0, 4.51, 7.25, -1.0]), st.floats(-2, 8))
DAYS = st.integers(0, 40 * 24 * 60).map(
    lambda minutes: datetime(2009, 12, 20, tzinfo=UTC) + timedelta(minutes=minutes)
)
CITIES = st.sampled_from(["Singapore", "singapore", "Sydney", "Zürich", "nowhere"])
LEAVES = st.one_of(
    st.builds(Compare, st.just("fields.safer"), ORDERS, SAFER),
    st.builds(Compare, st.just("place.lat"), ORDERS, st.floats(-90, 90)),
    st.builds(Compare, st.just("fields.taken"), ORDERS, DAYS),
    st.builds(Compare, st.just("fields.city"), st.just("=="), CITIES),
    st.builds(OneOf, st.just("fields.city"), st.lists(CITIES, max_size=3).map(tuple)),
    st.builds(
        Contains,
        st.just("words.caption"),
        st.lists(st.sampled_from(["bridge", "wet", "road"]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Exists, st.sampled_from(["fields.city", "fields.tags", "captions", "place.lon"])),
    st.builds(Near, st.floats(-80, 80), st.floats(-180, 180), st.floats(1, 19_000)),
    st.builds(Ids, st.lists(st.sampled_from([str(UUID(int=n)) for n in POINTS])).map(tuple)),
)
TREES = st.recursive(
    LEAVES,
    lambda part: st.one_of(
        st.builds(Not, part),
        st.builds(AllOf, st.lists(part, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(part, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(TREES)
def test_any_tree_of_conditions_means_what_it_says(engines, condition):
    expected = {number for number in POINTS if truth(condition, number)}
    assert engines.on_edge(condition) == expected
    assert engines.on_client(condition) == expected


# ---- mistakes


def mistake(text: str) -> str:
    with pytest.raises(QueryError) as caught:
        parse(text, FIELDS)
    return str(caught.value)


def test_an_unknown_field_is_shown_with_a_caret_and_the_fields_that_exist():
    assert mistake('city == "Sydney" and safr >= 5').splitlines() == [
        "no field is called safr",
        '    city == "Sydney" and safr >= 5',
        "                         ^^^^",
        "fields: safer (number), city (words), more_beautiful (number), taken (time), "
        "indoor (boolean), tags (words), ключ (words), source_2 (words), lat (number), "
        "lon (number), caption (words), seen (words), record_id (words), source (words), "
        "path (words)",
    ]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('safer >= "5"', '"5"', "safer holds numbers"),
        ("city == 5", "5", "city holds words"),
        ('city > "a"', '"a"', "compare it with == or !="),
        ('indoor == "true"', '"true"', "write true or false, without quotes"),
        ("taken > 2010", "2010", "taken holds times"),
        ('taken == "last week"', '"last week"', "taken holds times"),
        ('taken == "2010-02-30"', '"2010-02-30"', "is not a time"),
        ('safer in [1, "2"]', '"2"', "safer holds numbers"),
        ("safer == 1e999", "1e999", "not a number"),
        ('safer.contains("x")', '"x"', "compared as a whole"),
        ('city.contains("?!")', '"?!"', "at least one word"),
        ("near(91, 0, 1)", "near(91, 0, 1)", "latitude -90 to 90"),
        ("near(0, 0, 0)", "near(0, 0, 0)", "above 0 km"),
        ("`` > 89", "``", "the name of a field is missing"),
        ("exists(``)", "``", "the name of a field is missing"),
    ],
)
def test_what_does_not_go_together_is_pointed_at(text, place, said):
    first, shown, carets, *_ = mistake(text).splitlines()
    assert said in first
    assert shown.strip() == text
    assert shown[carets.index("^") : len(carets)] == place


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ('safer == "5"', "safer == 5"),
        ('more beautiful >= "-2.5"', "more_beautiful >= -2.5"),
        ('safer != "high"', "safer != 4.5"),
        ("safer in [true]", "safer == 4.5"),
        ('indoor == "true"', "indoor == true"),
        ('indoor != "No"', "indoor != false"),
        ("indoor == 0", "indoor == false"),
        ("indoor > 1", "indoor == true"),
        ("city == 2012", 'city == "2012"'),
        ("city != 1000000", 'city != "1000000"'),
        ("city < false", 'city == "false"'),
        ("ключ == today", 'ключ == "Singapore"'),
        ("taken > 2010", 'taken > "2010"'),
        ('taken > "last week"', "taken > now - 7 days"),
        ("taken > last week", "taken > now - 7 days"),
        ("taken in [last]", "taken == now - 7 days"),
        ("indoor != no", "indoor != false"),
        ("safer > high", "safer > 4.5"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_expression_that_works(text, works):
    said = mistake(text).splitlines()[0]
    assert said.endswith(f": {works}")
    parse(works, FIELDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the filter is empty"),
        ('city = "x"', "write =="),
        ('city == "x" && safer > 1', "write and"),
        ('city == "x" || safer > 1', "write or"),
        ('!(city == "x")', "write not"),
        ('{"must": []}', "JSON, not a filter"),
        ("city == Singapore", 'words need quotes: "Singapore"'),
        ("city == street_a.jpg and safer > 5", 'words need quotes: "street_a.jpg"'),
        ('city == "x', "no closing quote"),
        ("city == “x”", "straight quote"),
        (r'city == "C:\Users"', "write \\\\ for a backslash"),
        ("safer == nan", "expected a value"),
        ("1 < safer", "expected the name of a field"),
        ("safer > 1 < 3", "expected and, or, or the end"),
        ("(safer > 1", "expected )"),
        ("safer > 1)", "expected and, or, or the end"),
        ("more wonderful > 1", "no field is called more"),
        ("safer", "expected ==, !="),
        ("safer not > 3", "expected ==, !="),
        ('city in "Sydney"', "expected ["),
        ("safer in [1 2]", "expected ,"),
        ('caption.like("x")', "only contains"),
        ("near(1, 2)", "expected ,"),
        ("exists()", "expected the name of a field"),
        ("and", "expected the name of a field"),
        ("not", "expected the name of a field"),
        ("city == '\udcff'", "not valid Unicode"),
    ],
)
def test_what_is_not_the_language_is_refused_with_what_to_write(text, said):
    assert said in mistake(text)


def test_the_caret_stands_right_below_wide_signs_and_control_signs_are_not_printed():
    _, shown, carets = mistake("city == '夜市' and\nx\x07x == 1").splitlines()
    assert shown == "    city == '夜市' and x\N{REPLACEMENT CHARACTER}x == 1"
    assert carets == " " * (4 + len("city == '夜市' and x") + 2) + "^"


def test_a_mistake_far_into_a_long_filter_is_shown_with_its_surroundings_only():
    text = " or ".join(["safer > 1"] * 100) + " or wrong == 1"
    _, shown, carets, _ = mistake(text).split("\n", 3)
    assert shown.startswith("    …")
    assert len(shown) < 130
    assert shown[carets.index("^") : len(carets)] == "wrong"


def test_a_filter_of_absurd_size_is_refused():
    assert "256 conditions" in mistake(" or ".join(["safer > 1"] * 257))
    assert "10,000 characters" in mistake("safer > 1 or " * 10_000)
    assert f"{MAX_NESTING} deep" in mistake("(" * 100 + "safer > 1" + ")" * 100)
    assert f"{MAX_NESTING} deep" in mistake("not " * 100 + "safer > 1")


@pytest.mark.parametrize("deep", ["safer > 1", 'taken == "2010"'])
def test_the_deepest_filter_that_is_allowed_is_json_that_a_server_reads(deep):
    for _ in range(MAX_NESTING):
        deep = f"lat > 0 or lon > 0 and ({deep})"
    text = json.dumps(compile_filter(parse(deep, FIELDS)))
    depth = deepest = 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, depth)
    assert deepest <= 120  # serde_json, which Qdrant reads with, stops at 128


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("safer citynoexr()[]'\"`\\=<>!&,.0129-", max_size=60))
def test_no_text_whatever_ends_in_anything_but_a_condition_or_a_query_error(text):
    try:
        parse(text, FIELDS)
    except QueryError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


# ---- words


def test_words_are_whole_distinct_and_folded():
    assert words_of("A dog’s DOG's dog, 2 cars_x—wet-road") == [
        "a", "dog's", "dog", "2", "cars", "x", "wet", "road",
    ]  # fmt: skip
    assert words_of("Straße STRASSE") == ["strasse"]
    assert words_of("cafe\u0301 café") == ["café"]
    assert words_of("東京タワーTokyo서울") == ["東", "京", "タ", "ワ", "ー", "tokyo", "서", "울"]
    assert words_of(" ?! ") == []
    assert len(words_of(" ".join(map(str, range(5_000))))) == MAX_WORDS


# ---- LlamaIndex's filters


def one(key: str, operator: str, value: Any) -> Condition:
    return from_metadata_filters(
        MetadataFilters(filters=[MetadataFilter(key=key, operator=operator, value=value)]), FIELDS
    )


@pytest.mark.parametrize(
    ("key", "operator", "value", "same_as"),
    [
        ("City", "==", "Sydney", 'city == "Sydney"'),
        ("city", "!=", "Sydney", 'city != "Sydney"'),
        ("safer", ">", 5, "safer > 5"),
        ("safer", "<", 5.5, "safer < 5.5"),
        ("safer", ">=", 5, "safer >= 5"),
        ("safer", "<=", 5, "safer <= 5"),
        ("more beautiful", "==", 3, "more_beautiful == 3"),
        ("taken", "<=", "2010-01-27", 'taken <= "2010-01-27"'),
        ("indoor", "==", "true", "indoor == true"),
        ("city", "in", ["Sydney", "Zürich"], 'city in ["Sydney", "Zürich"]'),
        ("city", "nin", ["Sydney"], 'city not in ["Sydney"]'),
        ("safer", "in", [1, 5], "safer in [1, 5]"),
        ("tags", "any", ["Blue", "x"], 'tags in ["Blue", "x"]'),
        ("tags", "all", ["Blue", "red car"], 'tags == "Blue" and tags == "red car"'),
        ("tags", "contains", "red car", 'tags == "red car"'),
        ("caption", "text_match", "Wet road", 'caption.contains("wet road")'),
        ("caption", "text_match_insensitive", "wet", 'caption.contains("wet")'),
        ("city", "is_empty", None, "not exists(city)"),
    ],
)
def test_a_llama_index_filter_means_the_same_as_its_text(engines, key, operator, value, same_as):
    found = engines.on_edge(one(key, operator, value))
    assert found == engines.on_edge(parse(same_as, FIELDS))
    assert found == engines.on_client(one(key, operator, value))


def test_llama_index_filters_nest():
    sydney = MetadataFilter(key="city", value="Sydney")
    safe = MetadataFilter(key="safer", operator=">", value=5)
    either = MetadataFilters(filters=[sydney, safe], condition=FilterCondition.OR)
    neither = MetadataFilters(filters=[sydney, safe], condition=FilterCondition.NOT)
    both = MetadataFilters(filters=[either, safe, neither])
    city, safer = parse('city == "Sydney"', FIELDS), parse("safer > 5", FIELDS)
    expected = AllOf((AnyOf((city, safer)), safer, Not(AnyOf((city, safer)))))
    assert from_metadata_filters(both, FIELDS) == expected


def test_no_llama_index_filters_pass_everything(engines):
    for condition in FilterCondition.AND, FilterCondition.OR:
        nothing = MetadataFilters(filters=[], condition=condition)
        assert engines.on_edge(from_metadata_filters(nothing, FIELDS)) == set(POINTS)


@pytest.mark.parametrize(
    ("key", "operator", "value", "said"),
    [
        ("safr", "==", 1, "fields: safer (number)"),
        ("", ">", 89, "the name of a field is missing"),
        ("safer", "==", "high", "safer holds numbers"),
        ("safer", "<", float("nan"), "not a number"),
        ("safer", "==", None, "takes one value"),
        ("city", "==", ["a"], "takes one value"),
        ("city", ">", "a", "compare it with == or !="),
        ("indoor", "==", "yes", "write true or false"),
    ],
)
def test_a_llama_index_filter_that_the_fields_do_not_allow_is_refused(key, operator, value, said):
    with pytest.raises(QueryError) as caught:
        one(key, operator, value)
    assert said in str(caught.value)
    assert "fields: " in str(caught.value)
