"""The index: what LlamaIndex promises of a multi-modal index, kept by one collection.

On both engines; `server` is qdrant-client's own stand-in.
"""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from PIL import Image
from qdrant_client import QdrantClient

from app.encoders import TextEmbedding, bm25, load_text_embedding
from app.llama.index import CollectionIndex, open_index
from app.model.errors import (
    CollectionBusyError,
    CollectionError,
    CollectionMissingError,
    QueryError,
    SourceError,
)
from app.model.points import Query
from app.model.settings import Settings
from app.store.collection import create_collection, open_collection
from app.store.manifest import Manifest
from app.store.models import Models
from ingest import ingest
from tests.conftest import COLOURS
from tests.qdrant_double import QdrantDouble

CAPTION = "a {} square on a white table"

HOW = (FilterCondition.AND, FilterCondition.OR, FilterCondition.NOT)

PENGUINS = "penguins huddle together to keep warm"


@pytest.fixture
def settings(either_engine: Settings) -> Settings:
    return either_engine


@pytest.fixture(autouse=True)
def _load_once(monkeypatch: pytest.MonkeyPatch, shared_minilm: Any) -> None:
    """One copy of the text embedding serves every test: loading it takes as long as ten tests."""
    monkeypatch.setattr("app.store.models.load_text_embedding", lambda *_: shared_minilm)


@pytest.fixture(scope="module")
def shared_minilm() -> TextEmbedding:
    return load_text_embedding("minilm", Settings())


def empty(settings: Settings, image: str = "palette") -> None:
    """Make the collection `squares` with nothing in it."""
    models = Models(image, "minilm", settings).fingerprint()
    manifest = Manifest(
        image=models[0],
        text=models[1],
        keywords=f"bm25:{bm25.LANGUAGE}",
        average_length=5.0,
    )
    create_collection("squares", manifest, settings).close()


@pytest.fixture
def index(settings: Settings) -> Iterator[CollectionIndex]:
    """An index over an empty collection."""
    empty(settings)
    with open_index("squares", settings) as index:
        yield index


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, str]:
    """Paths of three colour squares, by colour."""
    paths = {}
    for name, colour in COLOURS.items():
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (64, 64), colour).save(path)
        paths[name] = str(path)
    return paths


def nodes_of(pictures: dict[str, str], **metadata: Any) -> list[ImageNode]:
    return [
        ImageNode(id_=name, image_path=path, text=CAPTION.format(name), metadata=metadata)
        for name, path in pictures.items()
    ]


def ids(found: list[NodeWithScore]) -> list[str]:
    return [hit.node.node_id for hit in found]


def stored(index: CollectionIndex) -> dict[str, BaseNode]:
    return {node.node_id: node for node in index.vector_store.get_nodes()}


def spaces(index: CollectionIndex, node_id: str) -> set[str]:
    """Which vectors a node has."""
    (point,) = points(index, node_id)
    return set(point.vectors)


def points(index: CollectionIndex, *node_ids: str) -> list[Any]:
    from app.llama.inserted import id_of

    every = ["image", "text", "keywords"]
    return list(
        index.vector_store.client.fetch([id_of(n) for n in node_ids], vectors=every).values()
    )


# ---- what is inserted comes back


def test_a_picture_with_words_is_found_by_words_and_by_a_picture(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    retriever = index.as_retriever(similarity_top_k=1, image_similarity_top_k=2)
    assert ids(retriever.retrieve("green square")) == ["green"]
    first, _ = found = retriever.image_to_image_retrieve(pictures["red"])
    assert len(found) == 2
    assert (first.node.node_id, first.score) == ("red", pytest.approx(1.0, abs=1e-3))
    assert spaces(index, "red") == {"image", "text", "keywords"}


def test_a_node_comes_back_as_it_went_in(index: CollectionIndex, pictures: dict[str, str]) -> None:
    metadata = {"more beautiful": 6.5, "city": "Zürich", "framed": True, "tags": ["a", "b"]}
    metadata |= {"nothing": None, "_node_content": "x", "doc_id": "mine", "size": {"deep": [1, 2]}}
    node = ImageNode(
        id_="red",
        image_path=pictures["red"],
        text="crimson 'red' {braces}",
        metadata=metadata,
        excluded_llm_metadata_keys=["framed"],
    )
    index.insert_nodes([node])
    back = stored(index)["red"]
    assert isinstance(back, ImageNode)
    assert (back.text, back.metadata, back.image_path) == (node.text, metadata, pictures["red"])
    assert (back.image_mimetype, back.excluded_llm_metadata_keys) == ("image/png", ["framed"])


def test_any_node_id_will_do(index: CollectionIndex) -> None:
    for id_ in ("7f0e4a0e-7f4b-4f57-9f5b-3e1b0c2f6a11", "a street/1.jpg", "42"):
        index.insert_nodes([TextNode(id_=id_, text="a bridge")])
        (hit,) = index.as_retriever().retrieve("a bridge")
        assert hit.node.node_id == id_
        assert [node.node_id for node in index.vector_store.get_nodes([id_])] == [id_]
        index.delete_nodes([id_])
        assert stored(index) == {}


UUID = "d41d8cd9-8f00-b204-e980-0998ecf8427e"
SPELLINGS = [UUID, UUID.replace("-", ""), UUID.upper(), f"{{{UUID}}}", f"urn:uuid:{UUID}"]


def test_each_spelling_of_a_uuid_is_an_id_of_its_own(index: CollectionIndex) -> None:
    some = [Document(id_=id_, text=f"text of {id_}") for id_ in SPELLINGS]
    assert index.refresh_ref_docs(some) == [True] * 5
    assert index.refresh_ref_docs(some) == [False] * 5
    assert {id_: node.get_content() for id_, node in stored(index).items()} == {
        id_: f"text of {id_}" for id_ in SPELLINGS
    }
    index.delete_nodes([SPELLINGS[1]])
    index.delete_ref_doc(SPELLINGS[2])
    assert stored(index).keys() == {*SPELLINGS} - {*SPELLINGS[1:3]}


def insert_as_before(index: CollectionIndex, document: Document) -> None:
    """Store a document as when any spelling of a UUID was the point's id."""
    with pytest.MonkeyPatch.context() as before:
        before.setattr("app.llama.inserted.id_of", lambda node_id: str(uuid.UUID(node_id)))
        before.setattr("app.llama.index.left_behind", lambda _: None)
        index.insert(document)


@pytest.mark.parametrize("way", ["insert", "update_ref_doc", "refresh_ref_docs"])
def test_what_was_stored_under_another_spelling_is_found_and_replaced(
    index: CollectionIndex, way: str
) -> None:
    odd = SPELLINGS[1]
    insert_as_before(index, Document(id_=odd, text="old"))
    assert [node.node_id for node in index.vector_store.get_nodes([odd])] == [odd]
    assert index.vector_store.get_nodes(SPELLINGS[2:]) == []
    new = Document(id_=odd, text="new")
    getattr(index, way)([new] if way == "refresh_ref_docs" else new)
    assert [node.get_content() for node in index.vector_store.get_nodes()] == ["new"]
    index.insert(Document(id_=UUID, text="the usual"))
    assert stored(index).keys() == {odd, UUID}
    index.delete_nodes([odd])
    assert stored(index).keys() == {UUID}


def test_what_was_stored_under_another_spelling_is_deleted(index: CollectionIndex) -> None:
    insert_as_before(index, Document(id_=SPELLINGS[1], text="old"))
    index.delete_nodes([SPELLINGS[2], UUID.replace("d", "e")])
    assert stored(index).keys() == {SPELLINGS[1]}
    index.delete_nodes([SPELLINGS[1]])
    assert stored(index) == {}


def test_a_document_stays_one_node_however_long(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    long = "a long street with many shops and trees. " * 80
    document = ImageDocument(id_="guide", text=long, image_path=pictures["red"])
    index.insert(document)
    index.insert(Document(id_="note", text="only words", metadata={"by": "Ann"}))
    assert spaces(index, "guide") == {"image", "text", "keywords"}
    assert spaces(index, "note") == {"text", "keywords"}
    found = stored(index)
    assert found.keys() == {"guide", "note"}
    assert isinstance(found["guide"], ImageNode)
    assert (found["guide"].text, found["guide"].image_path) == (long, pictures["red"])
    assert (type(found["note"]), found["note"].metadata) == (TextNode, {"by": "Ann"})


@pytest.mark.parametrize("insert", ["insert", "insert_nodes", "refresh_ref_docs"])
def test_a_long_text_is_found_by_its_end(index: CollectionIndex, insert: str) -> None:
    # LlamaIndex embeds the first 256 tokens of a node with this model.
    filler = "The committee met on Tuesday and approved the minutes of the last session. " * 25
    index.insert(Document(id_="cats", text="Cats are small animals that live in houses."))
    long = Document(id_="long", text=f"{filler}{PENGUINS}.")
    getattr(index, insert)(long if insert == "insert" else [long])
    (hit,) = index.as_retriever(similarity_top_k=1).retrieve("how do penguins survive the cold?")
    assert hit.node.node_id == "long"
    (point,) = points(index, "long")
    assert len(point.vectors["text"]) > 2


def test_a_text_of_more_vectors_than_a_point_can_hold_is_refused(
    index: CollectionIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.llama.index.MAX_ROW_NUMBERS", 384 * 3)
    long = TextNode(id_="long", text="a street with many shops and trees. " * 100)
    with pytest.raises(SourceError, match=r"'long' has 3,600 characters.*SentenceSplitter"):
        index.insert_nodes([TextNode(id_="short", text="fine"), long])
    assert stored(index) == {}


def test_batches_hold_so_many_nodes_and_rows(
    index: CollectionIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.llama.index.NODE_BATCH", 2)
    monkeypatch.setattr("app.llama.index.BATCH_ROWS", 3)
    long = "a street with many shops and trees. " * 40
    index.insert_nodes([TextNode(id_=n, text=long if n in "bd" else f"word {n}") for n in "abcde"])
    assert stored(index).keys() == set("abcde")
    for word in "ace":
        assert ids(index.as_retriever(similarity_top_k=1).retrieve(f"word {word}")) == [word]
    assert len(points(index, "b")[0].vectors["text"]) > 2


def test_a_picture_without_words_is_indexed(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    # LlamaIndex's own index leaves it out when it is built, with a print.
    index.insert_nodes([ImageNode(id_="bare", image_path=pictures["blue"])])
    index.insert(ImageDocument(id_="bare too", image_path=pictures["red"]))
    assert spaces(index, "bare") == spaces(index, "bare too") == {"image"}
    retriever = index.as_retriever(image_similarity_top_k=1)
    assert ids(retriever.image_to_image_retrieve(pictures["blue"])) == ["bare"]


def test_an_insert_of_words_alone_does_not_blind_it_to_pictures(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    # LlamaIndex's own index then takes the image store for empty.
    index.insert_nodes(nodes_of(pictures))
    index.insert_nodes([TextNode(id_="note", text="a note on squares")])
    index.insert_nodes([ImageNode(id_="bare", image_path=pictures["blue"])])
    retriever = index.as_retriever(similarity_top_k=9, image_similarity_top_k=9)
    assert len(retriever.image_to_image_retrieve(pictures["red"])) == 4
    assert len(retriever.retrieve("square")) == 4


def test_a_node_with_words_alone_has_no_place_among_pictures(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes([*nodes_of(pictures), TextNode(id_="note", text="a note")])
    found = index.as_retriever(image_similarity_top_k=9).image_to_image_retrieve(pictures["red"])
    assert set(ids(found)) == set(pictures)


def test_the_same_node_again_replaces_itself(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures, score=1.0))
    index.insert_nodes([ImageNode(id_="red", image_path=pictures["blue"])])
    assert len(stored(index)) == 3
    assert spaces(index, "red") == {"image"}
    assert "score" not in stored(index)["red"].metadata


def test_a_caller_s_node_stays_as_it_was(index: CollectionIndex, pictures: dict[str, str]) -> None:
    (node,) = nodes_of({"red": pictures["red"]})
    before = node.model_copy(deep=True)
    index.insert_nodes([node])
    assert node == before


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (ImageNode(id_="n", image="aGVsbG8=", text="words"), "'n' has its picture in itself"),
        (ImageNode(id_="n", image_url="http://example.org/a.png"), "'n' has its picture in itself"),
        (
            ImageNode(id_="n", image_path="/nowhere/a.png", text="words"),
            r"'n'.*a\.png, is not a file",
        ),
        (TextNode(id_="n", text="words", metadata={"x": object()}), "metadata of node 'n'"),
        (TextNode(id_="n", text="half \ud800"), "'n' holds what is not valid Unicode"),
        (TextNode(id_="n", text="words", metadata={"x": "\ud800"}), "'n' holds what is not valid"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_named(
    index: CollectionIndex, node: TextNode, says: str
) -> None:
    with pytest.raises(SourceError, match=says):
        index.insert_nodes([TextNode(id_="good", text="fine"), node])
    assert stored(index) == {}


def test_a_broken_picture_is_refused_and_nothing_of_its_batch_is_stored(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    Path(pictures["blue"]).write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"blue\.png"):
        index.insert_nodes(nodes_of(pictures))
    assert stored(index) == {}


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_empty_documents_are_kept_among_others_and_told(
    index: CollectionIndex, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    # LlamaIndex embeds "", and then finds such a document by any words.
    some = [Document(id_="1", text="one"), Document(id_="2", text=text, metadata={"by": "Ann"})]
    some.append(Document(id_="3", text="three"))
    assert index.refresh_ref_docs(some) == [True, True, True]
    assert "1 of 3 nodes, '2' first, have neither words nor a picture" in caplog.text
    assert index.refresh_ref_docs(some) == [False, False, False]
    assert stored(index).keys() == {"1", "2", "3"}
    assert stored(index)["2"].get_content() == text
    assert set(ids(index.as_retriever(similarity_top_k=9).retrieve("one"))) == {"1", "3"}
    by_ann = MetadataFilters(filters=[where("by", "==", "Ann")])
    assert [node.node_id for node in index.vector_store.get_nodes(filters=by_ann)] == ["2"]
    index.insert_nodes([TextNode(id_="4", text=text), TextNode(id_="5", text="five")])
    index.insert(Document(id_="6", text=text))
    asyncio.run(index.ainsert(Document(id_="7", text=text)))
    assert len(stored(index)) == 7
    index.delete_ref_doc("2")
    assert "2" not in stored(index)


def test_an_empty_node_is_no_trouble_to_a_search(settings: Settings) -> None:
    from app.retrieval.search import Search, Searcher

    empty(settings)
    with open_index("squares", settings) as index:
        index.insert_nodes([TextNode(id_="bare", text="", metadata={"by": "Ann"})])
        index.insert_nodes([TextNode(id_="boats", text="a note on boats")])
    with open_collection("squares", settings) as opened:
        searcher = Searcher(opened, settings)
        found = searcher.search(Search("boats")).hits
        by_ann = searcher.search(Search(where='by == "Ann"')).hits
    assert [hit.record_id for hit in found] == ["boats"]
    assert [(hit.record_id, hit.captions) for hit in by_ann] == [("bare", ())]


def test_a_document_that_was_emptied_is_no_longer_found(index: CollectionIndex) -> None:
    index.refresh_ref_docs([Document(id_="1", text="one"), Document(id_="2", text="two")])
    changed = [Document(id_="1", text="one"), Document(id_="2", text="")]
    assert index.refresh_ref_docs(changed) == [False, True]
    assert ids(index.as_retriever(similarity_top_k=9).retrieve("two")) == ["1"]


def test_a_document_that_comes_twice_in_a_refresh_is_written_once(index: CollectionIndex) -> None:
    one, uno = Document(id_="1", text="one"), Document(id_="1", text="uno")
    assert index.refresh_ref_docs([one, one, uno]) == [True, False, True]
    assert stored(index)["1"].get_content() == "uno"


# ---- nodes that bring an embedding


def vector_of(index: CollectionIndex, words: str) -> list[float]:
    return index._embed_model.get_text_embedding(words)


@pytest.mark.parametrize("length", [1.0, 7.5])
@pytest.mark.parametrize("node", [TextNode(id_="n", text="zzz"), Document(id_="n", text="zzz")])
def test_a_node_is_found_by_the_embedding_that_it_brings(
    index: CollectionIndex, node: BaseNode, length: float
) -> None:
    index.insert_nodes([TextNode(id_="other", text="cats live in houses")])
    vector = [length * number for number in vector_of(index, PENGUINS)]
    index.insert_nodes([node.model_copy(update={"embedding": vector})])
    (hit,) = index.as_retriever(similarity_top_k=1).retrieve(PENGUINS)
    assert (hit.node.node_id, hit.score) == ("n", pytest.approx(1.0, abs=1e-3))
    assert spaces(index, "n") == {"text", "keywords"}


def test_words_need_not_be_there_beside_an_embedding(index: CollectionIndex) -> None:
    index.insert_nodes([TextNode(id_="n", text="", embedding=vector_of(index, PENGUINS))])
    assert ids(index.as_retriever().retrieve(PENGUINS)) == ["n"]


def test_of_a_picture_the_embedding_is_that_of_its_pixels(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    blue = index.image_embed_model.get_image_embedding(pictures["blue"])
    node = ImageNode(
        id_="red",
        text="a red square",
        image_path=pictures["red"],
        embedding=blue,
        text_embedding=vector_of(index, PENGUINS),
    )
    index.insert_nodes([*nodes_of({"green": pictures["green"]}), node])
    retriever = index.as_retriever(similarity_top_k=1, image_similarity_top_k=1)
    assert ids(retriever.image_to_image_retrieve(pictures["blue"])) == ["red"]
    assert ids(retriever.retrieve(PENGUINS)) == ["red"]
    assert ids(retriever.image_to_image_retrieve(pictures["green"])) == ["green"]
    assert "text_embedding" not in str(points(index, "red")[0].payload).replace(
        '"text_embedding": null', ""
    )


@pytest.mark.parametrize(
    "vector", [[1.0, 0.0], [0.0] * 384, [float("nan")] * 384, [float("inf")] + [0.0] * 383]
)
def test_an_embedding_that_does_not_fit_is_refused_and_named(
    index: CollectionIndex, vector: list[float]
) -> None:
    odd = TextNode(id_="odd", text="words", embedding=vector)
    with pytest.raises(SourceError, match=r"'odd' has an embedding.*384.*None"):
        index.insert_nodes([TextNode(id_="good", text="fine"), odd])
    assert stored(index) == {}


def test_a_view_does_not_write(index: CollectionIndex) -> None:
    with pytest.raises(CollectionError, match="insert_nodes"):
        index.vector_store.add([TextNode(text="half a record")])


# ---- updates, refreshes and deletes reach every space


def test_an_update_replaces_a_document_in_every_space(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert(ImageDocument(id_="d", text="a red square", image_path=pictures["red"]))
    (before,) = points(index, "d")
    index.update_ref_doc(ImageDocument(id_="d", text="blue now", image_path=pictures["blue"]))
    (after,) = points(index, "d")
    for space in ("image", "text", "keywords"):
        assert after.vectors[space] != before.vectors[space]
    index.update_ref_doc(Document(id_="d", text="words alone"))
    assert spaces(index, "d") == {"text", "keywords"}
    assert len(stored(index)) == 1


def test_an_update_takes_every_node_that_the_document_had(index: CollectionIndex) -> None:
    of_d = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
    parts = [TextNode(id_=f"part {n}", text=f"part {n}", relationships=of_d) for n in range(3)]
    index.insert_nodes([*parts, TextNode(id_="other", text="another")])
    index.update_ref_doc(Document(id_="d", text="whole"))
    assert stored(index).keys() == {"d", "other"}


def test_an_update_that_fails_keeps_what_there_was(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    # LlamaIndex deletes first, and embeds after.
    document = ImageDocument(id_="d", text="a red square", image_path=pictures["red"])
    index.insert(document)
    Path(pictures["red"]).unlink()
    with pytest.raises(SourceError, match=r"red\.png"):
        index.update_ref_doc(document)
    assert stored(index)["d"].get_content() == "a red square"


def documents(pictures: dict[str, str]) -> list[Document]:
    bare = {"score": 1}
    return [
        ImageDocument(id_="red", text="a red square", image_path=pictures["red"], metadata=bare),
        ImageDocument(id_="blue", image_path=pictures["blue"]),
        Document(id_="note", text="a note", metadata={"by": "Ann"}),
    ]


def test_a_refresh_writes_what_is_new_or_changed_and_embeds_nothing_else(
    settings: Settings, pictures: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(settings)
    with open_index("squares", settings) as index:
        assert index.refresh_ref_docs(documents(pictures)) == [True, True, True]
    with monkeypatch.context() as no_models, open_index("squares", settings) as index:
        no_models.setattr("app.store.models.load_image_embedding", None)
        no_models.setattr("app.store.models.load_text_embedding", None)
        assert index.refresh_ref_docs(documents(pictures)) == [False, False, False]
    with open_index("squares", settings) as index:
        Image.new("RGB", (64, 64), "orange").save(pictures["blue"])  # other bytes, same path
        changed = documents(pictures)
        changed[0].metadata["score"] = 2
        assert index.refresh_ref_docs(changed) == [True, True, False]
        changed[2] = Document(id_="note", text="another note", metadata={"by": "Ann"})
        assert index.refresh_ref_docs(changed) == [False, False, True]
        assert len(stored(index)) == 3
        assert stored(index)["red"].metadata == {"score": 2}
        retriever = index.as_retriever(image_similarity_top_k=1)
        (orange,) = retriever.image_to_image_retrieve(pictures["blue"])
        assert (orange.node.node_id, orange.score) == ("blue", pytest.approx(1.0, abs=1e-3))


def test_a_picture_that_moved_is_refreshed_though_its_bytes_are_the_same(
    index: CollectionIndex, pictures: dict[str, str], tmp_path: Path
) -> None:
    index.refresh_ref_docs([ImageDocument(id_="d", image_path=pictures["red"])])
    moved = Path(pictures["red"]).rename(tmp_path / "moved.png")
    assert index.refresh_ref_docs([ImageDocument(id_="d", image_path=str(moved))]) == [True]
    assert [n.image_path for n in stored(index).values()] == [str(moved)]  # type: ignore[attr-defined]


def test_a_refresh_knows_what_was_inserted(index: CollectionIndex) -> None:
    document = Document(id_="d", text="words", metadata={"a": 1})
    index.insert(document)
    assert index.refresh_ref_docs([document]) == [False]


def test_a_document_is_deleted_from_every_space(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    index.delete_ref_doc("red", delete_from_docstore=True)
    index.delete_ref_doc("never there")
    assert stored(index).keys() == {"green", "blue"}
    retriever = index.as_retriever(similarity_top_k=9, image_similarity_top_k=9)
    assert set(ids(retriever.retrieve("red square"))) == {"green", "blue"}
    assert set(ids(retriever.image_to_image_retrieve(pictures["red"]))) == {"green", "blue"}


def test_nodes_are_deleted_from_every_space(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    index.delete_nodes(["red", "never there"])
    index.image_vector_store.delete_nodes(["blue"])  # either view takes the whole record
    assert stored(index).keys() == {"green"}


def test_a_delete_that_names_nothing_deletes_nothing(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    # LlamaIndex's QdrantVectorStore then deletes everything.
    index.insert_nodes(nodes_of(pictures))
    index.delete_nodes([])
    index.vector_store.delete_nodes()
    index.vector_store.delete_nodes(filters=MetadataFilters(filters=[]))
    assert len(stored(index)) == 3


def test_nodes_are_deleted_by_filter(index: CollectionIndex, pictures: dict[str, str]) -> None:
    index.insert_nodes([n for i, n in enumerate(nodes_of(pictures)) if not n.metadata.update(n=i)])
    low = MetadataFilters(filters=[where("n", "<", 2)])
    index.vector_store.delete_nodes(["red", "blue"], low)  # what fits both
    assert stored(index).keys() == {"green", "blue"}


def test_a_filter_without_a_condition_deletes_nothing(index: CollectionIndex) -> None:
    index.insert_nodes([TextNode(id_="n", text="words")])
    nothing = MetadataFilters(filters=[MetadataFilters(filters=[MetadataFilters(filters=[])])])
    index.vector_store.delete_nodes(filters=nothing)
    assert stored(index).keys() == {"n"}


def test_a_filter_that_holds_of_anything_deletes_nothing(index: CollectionIndex) -> None:
    never = MetadataFilters(filters=[where("by", "in", [])])
    empty = MetadataFilters(filters=[MetadataFilters(filters=[])], condition=FilterCondition.NOT)
    parts = [
        *(where("by", operator, []) for operator in ("all", "nin", "in", "any")),
        *(where("by", operator, text) for operator in ("nin", "in") for text in ("", " , ")),
        *(MetadataFilters(filters=[part], condition=how) for part in (never, empty) for how in HOW),
    ]
    index.insert_nodes(
        [TextNode(id_=name, text="words", metadata={"by": name}) for name in ("Ann", "Ben")]
    )
    for part in parts:
        for how in HOW:
            said = MetadataFilters(filters=[part], condition=how)
            index.vector_store.delete_nodes(filters=said)
            index.vector_store.delete_nodes([], said)
            assert stored(index).keys() == {"Ann", "Ben"}, said
    for part in parts:
        either = MetadataFilters(filters=[part, where("by", "==", "Ann")], condition=HOW[1])
        index.vector_store.delete_nodes(filters=either)
        assert "Ben" in stored(index), either


def test_a_clear_takes_all_and_the_index_goes_on(
    squares: Path, settings: Settings, pictures: dict[str, str]
) -> None:
    bring(squares, settings)
    with open_index("squares", settings) as index:
        index.insert_nodes(nodes_of(pictures))
        index.vector_store.clear()
        assert stored(index) == {}
        assert index.as_retriever().retrieve("a square") == []
        index.insert_nodes([TextNode(id_="n", text="words")])
        assert stored(index).keys() == {"n"}
        asyncio.run(index.image_vector_store.aclear())
    assert bring(squares, settings) == (3, 0, 0, 0)


def test_all_of_it_can_be_deleted_and_the_collection_opened_again(
    settings: Settings, pictures: dict[str, str]
) -> None:
    empty(settings)
    with open_index("squares", settings) as index:
        index.insert_nodes(nodes_of(pictures))
    index = open_index("squares", settings)
    index.delete_nodes(list(pictures))
    index._collection.close()  # as if killed here: the count is not noted
    with open_collection("squares", settings) as opened:
        assert opened.count() == 0


# ---- the async twins


def test_the_async_twins_do_the_same(index: CollectionIndex, pictures: dict[str, str]) -> None:
    async def story() -> None:
        await index.ainsert_nodes(nodes_of(pictures))
        await index.ainsert(Document(id_="note", text="a note"))
        await index.adelete_nodes(["green"])
        await index.adelete_ref_doc("blue")
        assert stored(index).keys() == {"red", "note"}
        await index.aupdate_ref_doc(Document(id_="note", text="another note"))
        assert stored(index)["note"].get_content() == "another note"
        assert await index.arefresh_ref_docs(documents(pictures)) == [True, True, True]
        assert await index.arefresh_ref_docs(documents(pictures)) == [False, False, False]
        retriever = index.as_retriever(similarity_top_k=1, image_similarity_top_k=1)
        assert ids(await retriever.aretrieve("red square")) == ["red"]
        assert await retriever.atext_to_image_retrieve("red square") == []
        assert ids(await retriever.aimage_to_image_retrieve(pictures["blue"])) == ["blue"]

    asyncio.run(story())


def test_async_inserts_at_the_same_time_lose_no_field(index: CollectionIndex) -> None:
    async def story() -> None:
        nodes = [TextNode(id_=f"{n}", text="words", metadata={f"field {n}": n}) for n in range(8)]
        await asyncio.gather(*(index.ainsert_nodes([node]) for node in nodes))

    asyncio.run(story())
    for number in range(8):
        one = MetadataFilters(filters=[where(f"field {number}", "==", number)])
        assert [n.node_id for n in index.vector_store.get_nodes(filters=one)] == [str(number)]


# ---- retrieval


def where(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, operator=FilterOperator(operator), value=value)


def test_a_caller_s_query_stays_as_it_was(index: CollectionIndex, pictures: dict[str, str]) -> None:
    # LlamaIndex leaves the vector of one space in it, and searches the other space with that.
    index.insert_nodes(nodes_of(pictures))
    retriever = index.as_retriever(similarity_top_k=1, image_similarity_top_k=1)
    bundle = QueryBundle("a green square", image_path=pictures["blue"])
    assert ids(retriever.image_to_image_retrieve(bundle)) == ["blue"]
    assert ids(retriever.text_retrieve(bundle)) == ["green"]
    assert ids(retriever.retrieve(bundle)) == ["green"]
    asyncio.run(retriever.aretrieve(bundle))
    assert bundle == QueryBundle("a green square", image_path=pictures["blue"])


def test_custom_strings_of_a_query_are_what_is_embedded(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    bundle = QueryBundle("never read", custom_embedding_strs=["a green square"])
    assert ids(index.as_retriever(similarity_top_k=1).retrieve(bundle)) == ["green"]


def test_words_find_no_picture_where_the_model_cannot_read(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    assert index.as_retriever().text_to_image_retrieve("a green square") == []


@pytest.mark.torch
def test_words_find_pictures_where_the_model_can_read(
    settings: Settings, pictures: dict[str, str], tmp_path: Path
) -> None:
    from tests.checkpoints import save_clip

    save_clip(tmp_path / "tiny-clip")
    empty(settings, f"clip:{tmp_path / 'tiny-clip'}")
    with open_index("squares", settings) as index:
        index.insert_nodes([*nodes_of(pictures), TextNode(id_="note", text="a green square")])
        retriever = index.as_retriever(similarity_top_k=1, image_similarity_top_k=2)
        by_words = retriever.text_to_image_retrieve("a green square")
        assert len(by_words) == 2
        assert ids(retriever.retrieve("a green square")) == ["note", *ids(by_words)]
        assert ids(asyncio.run(retriever.aretrieve("a green square"))) == ["note", *ids(by_words)]


def test_a_query_without_what_it_needs_is_refused(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    retriever = index.as_retriever()
    with pytest.raises(QueryError, match="no words"):
        retriever.retrieve(QueryBundle(" ", image_path=pictures["red"]))
    with pytest.raises(QueryError, match="no picture"):
        retriever.image_to_image_retrieve(QueryBundle("words"))
    with pytest.raises(SourceError, match=r"gone\.png"):
        retriever.image_to_image_retrieve("gone.png")
    with pytest.raises(QueryError, match="hybrid"):
        index.as_retriever(vector_store_query_mode="hybrid").retrieve("words")
    with pytest.raises(QueryError, match="by vector"):
        index.vector_store.query(VectorStoreQuery(mode=VectorStoreQueryMode.DEFAULT))
    with pytest.raises(QueryError, match="not in mode 'mmr'"):
        index.vector_store.query(VectorStoreQuery([1.0] * 384, mode="mmr"))  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="-1 nodes"):
        index.as_retriever(similarity_top_k=-1).retrieve("words")
    with pytest.raises(QueryError, match="qdrant_filters; a view takes `where`"):
        index.as_retriever(vector_store_kwargs={"qdrant_filters": None}).retrieve("words")


@pytest.mark.parametrize("vector", [[1.0, 0.0], [float("nan")] * 384])
def test_a_query_with_a_vector_that_does_not_fit_is_refused(
    index: CollectionIndex, vector: list[float]
) -> None:
    with pytest.raises(QueryError, match=r"minilm.*384"):
        index.as_retriever().retrieve(QueryBundle("words", embedding=vector))


def test_a_query_may_bring_its_vector(index: CollectionIndex, pictures: dict[str, str]) -> None:
    index.insert_nodes([*nodes_of(pictures), TextNode(id_="p", text=PENGUINS)])
    retriever = index.as_retriever(similarity_top_k=1)
    for words in ("", "a green square"):
        bundle = QueryBundle(words, embedding=vector_of(index, PENGUINS))
        assert ids(retriever.retrieve(bundle)) == ids(retriever.text_retrieve(bundle)) == ["p"]
        assert ids(asyncio.run(retriever.aretrieve(bundle))) == ["p"]


@pytest.mark.parametrize("name", ["doc_ids", "node_ids"])
def test_an_empty_list_of_what_may_be_found_is_refused(index: CollectionIndex, name: str) -> None:
    # LlamaIndex's own stores take it for no list at all.
    with pytest.raises(QueryError, match=f"{name} is empty"):
        index.as_retriever(**{name: []})


def test_an_index_node_leads_to_what_it_stands_for(index: CollectionIndex) -> None:
    inner = TextNode(id_="inner", text="the whole chapter")
    plain = IndexNode(id_="plain", text="a summary of boats", index_id="boats")
    index.insert_nodes([plain, IndexNode(id_="x", text=PENGUINS, index_id="p", obj=inner)])
    retriever = index.as_retriever(similarity_top_k=1)
    (hit,) = retriever.retrieve("boats")
    assert isinstance(hit.node, IndexNode)
    assert (hit.node.node_id, hit.node.index_id) == ("plain", "boats")
    assert ids(retriever.retrieve(PENGUINS)) == ["inner"]
    chapters = index.as_retriever(node_ids=["plain"])  # what no JSON holds is kept in the index
    index.insert_nodes([IndexNode(id_="y", text="cats and dogs", index_id="q", obj=chapters)])
    assert ids(retriever.retrieve("cats and dogs")) == ["plain"]


def test_none_of_one_kind_can_be_asked_for(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(nodes_of(pictures))
    assert index.as_retriever(similarity_top_k=0).retrieve("a square") == []


FILTERS = [
    (MetadataFilters(filters=[where("more beautiful", "==", 2.0)]), {"green"}),
    (MetadataFilters(filters=[where("more beautiful", ">", 1)]), {"green", "blue"}),
    (MetadataFilters(filters=[where("more_beautiful", "<=", 2)]), {"red", "green"}),
    (MetadataFilters(filters=[where("the shade", "in", ["red", "blue"])]), {"red", "blue"}),
    (MetadataFilters(filters=[where("the shade", "!=", "red")]), {"green", "blue"}),
    (MetadataFilters(filters=[where("framed", "==", "true")]), {"red"}),
    (MetadataFilters(filters=[where("taken", ">=", "2020-01-02")]), {"green", "blue"}),
    (MetadataFilters(filters=[where("the shade", "in", "red, blue")]), {"red", "blue"}),
    (MetadataFilters(filters=[where("the shade", "nin", "red,blue")]), {"green"}),
    (MetadataFilters(filters=[where("creation_date", "<", "2024-01-03")]), {"red", "green"}),
    (MetadataFilters(filters=[where("creation_date", "==", "2024-01-02")]), {"green"}),
    (
        MetadataFilters(filters=[where("creation_date", "in", "2024-01-02,2024-01-03")]),
        {"green", "blue"},
    ),
    (MetadataFilters(filters=[where("creation_date", "text_match", "2024-01-01")]), {"red"}),
    (MetadataFilters(filters=[where("serial", "text_match", "99")]), {"blue"}),
    (MetadataFilters(filters=[where("doc_id", "==", "red")]), {"red"}),
    (MetadataFilters(filters=[where("ref_doc_id", "!=", "red")]), {"green", "blue"}),
    (MetadataFilters(filters=[where("document_id", "in", ["red", "blue"])]), {"red", "blue"}),
    (
        MetadataFilters(
            filters=[MetadataFilters(filters=[]), where("the shade", "==", "red")],
            condition=FilterCondition.OR,
        ),
        {"red"},
    ),
    (
        MetadataFilters(
            filters=[
                where("more beautiful", ">", 2.5),
                MetadataFilters(
                    filters=[where("the shade", "==", "red"), where("framed", "==", "true")]
                ),
            ],
            condition=FilterCondition.OR,
        ),
        {"red", "blue"},
    ),
]


def scored(pictures: dict[str, str]) -> list[ImageNode]:
    nodes = nodes_of(pictures)
    for number, node in enumerate(nodes, 1):
        node.metadata = {
            "more beautiful": float(number),
            "the shade": node.node_id,
            "framed": number == 1,
            "taken": datetime(2020, 1, number, tzinfo=UTC),
            "creation_date": f"2024-01-0{number}",  # as LlamaIndex's readers have it
            "serial": f"2024-01-0{number}" if number < 3 else "2024-01-99",  # words: not all times
            "lat": 1.0 + number,
            "lon": 103.8,
        }
    return nodes


def test_metadata_filters_hold_for_both_spaces(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(scored(pictures))
    for filters, passes in FILTERS:
        some = index.as_retriever(filters=filters, similarity_top_k=9, image_similarity_top_k=9)
        assert set(ids(some.retrieve("a square"))) == passes, filters
        assert set(ids(some.image_to_image_retrieve(pictures["red"]))) == passes, filters


EXPRESSIONS = {
    "near(2, 103.8, 150)": {"red", "green"},  # a degree of latitude is 111 km
    "lat > 2.5 and `more beautiful` < 3": {"green"},
    'caption.contains("GREEN square")': {"green"},
    'taken == "2020-01-03"': {"blue"},
    'record_id == "red"': {"red"},
}


def test_a_filter_may_be_written_as_on_the_command_line(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(scored(pictures))
    for expression, passes in EXPRESSIONS.items():
        where = {"where": expression}
        retriever = index.as_retriever(vector_store_kwargs=where, similarity_top_k=9)
        assert set(ids(retriever.retrieve("a square"))) == passes, expression


def test_filters_of_all_kinds_add_up(index: CollectionIndex, pictures: dict[str, str]) -> None:
    index.insert_nodes(scored(pictures))
    retriever = index.as_retriever(
        similarity_top_k=9,
        doc_ids=["red", "green"],
        node_ids=["green", "blue"],
        filters=MetadataFilters(filters=[where("more beautiful", ">", 0)]),
        vector_store_kwargs={"where": "lat > 0"},
    )
    assert ids(retriever.retrieve("a square")) == ["green"]


def test_an_unknown_field_in_a_filter_is_refused_with_those_there_are(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(scored(pictures))
    wrong = MetadataFilters(filters=[where("beauty", "==", 2.0)])
    with pytest.raises(QueryError, match="more_beautiful"):
        index.as_retriever(filters=wrong).retrieve("a square")


def test_a_value_of_another_type_is_kept_and_left_out_of_filters(index: CollectionIndex) -> None:
    index.insert_nodes([TextNode(id_="one", text="one", metadata={"n": 1})])
    odd = [("words", "1"), ("nan", float("nan")), ("huge", 10**400), ("list", [1])]
    index.insert_nodes([TextNode(id_=id_, text=id_, metadata={"n": n}) for id_, n in odd])
    low = MetadataFilters(filters=[where("n", "<", 5)])
    assert [node.node_id for node in index.vector_store.get_nodes(filters=low)] == ["one"]
    assert stored(index)["words"].metadata == {"n": "1"}


def test_a_node_that_was_read_can_be_changed_and_written_back(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes(scored(pictures))
    node = stored(index)["red"]
    node.metadata["the shade"] = "crimson"
    index.insert_nodes([node])
    kwargs = {"where": '`the shade` == "crimson" and taken == "2020-01-01" and lat == 2'}
    retriever = index.as_retriever(vector_store_kwargs=kwargs)
    assert ids(retriever.retrieve("a square")) == ["red"]


# ---- pictures that are gone


def test_what_is_gone_comes_after_the_rest(
    index: CollectionIndex, pictures: dict[str, str]
) -> None:
    index.insert_nodes([*nodes_of(pictures), TextNode(id_="note", text="a red note")])
    Path(pictures["red"]).unlink()
    retriever = index.as_retriever(similarity_top_k=4, image_similarity_top_k=3)
    found = retriever.retrieve("a red square on a white table")
    assert ids(found)[-1] == "red"
    assert found[-1].score > found[0].score
    by_picture = retriever.image_to_image_retrieve(pictures["green"])
    assert ids(by_picture)[0] == "green"
    assert ids(by_picture)[-1] == "red"
    for top_k in (1, 2, 3):
        some = index.as_retriever(similarity_top_k=top_k)
        assert "red" not in ids(some.retrieve("a red square on a white table"))
    Path(pictures["green"]).unlink()
    Path(pictures["blue"]).unlink()
    assert ids(retriever.retrieve("a red square on a white table"))[:2] == ["note", "red"]


def test_a_source_that_is_gone_does_not_fill_the_places_of_others(
    squares: Path, settings: Settings, pictures: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.llama.views.GONE_CANDIDATES", 1)
    bring(squares, settings)
    squares.rename(squares.with_name("elsewhere"))
    with open_index("squares", settings) as index:
        index.insert_nodes(nodes_of({"inserted": pictures["red"]}))
        (hit,) = index.as_retriever(similarity_top_k=1).retrieve("a red square on a white table")
        assert hit.node.node_id == "inserted"
        everything = index.as_retriever(similarity_top_k=9).retrieve("a red square")
        assert ids(everything)[0] == "inserted"
        assert len(everything) == 4


# ---- beside ingests


def bring(path: Path, settings: Settings) -> tuple[int, int, int, int]:
    report = ingest(path, "squares", settings, image="palette", text="minilm")
    return report.new, report.changed, report.unchanged, report.gone


def test_what_was_ingested_is_there_and_an_ingest_leaves_what_was_inserted(
    squares: Path, settings: Settings, pictures: dict[str, str]
) -> None:
    assert bring(squares, settings) == (3, 0, 0, 0)
    with open_index("squares", settings) as index:
        (hit,) = index.as_retriever(similarity_top_k=1).retrieve("a green square")
        assert hit.node.metadata["shade"] == "green"
        assert hit.node.image_path == str(squares / "green.png")
        index.insert_nodes([*nodes_of({"inserted": pictures["red"]}, shade="red", depth=2.5)])
    assert bring(squares, settings) == (0, 0, 3, 0)
    metadata = squares / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"shade"', '"material": "oak", "shade"'))
    assert bring(squares, settings) == (0, 3, 0, 0)
    with open_index("squares", settings) as index:
        assert len(stored(index)) == 4
        both = {"where": 'material == "oak" or depth > 2'}
        assert (
            len(index.as_retriever(similarity_top_k=9, vector_store_kwargs=both).retrieve("a")) == 4
        )
        index.delete_ref_doc("squares/red.png")
        assert len(stored(index)) == 3


def test_an_ingest_takes_a_field_of_the_index_as_it_is_typed(
    squares: Path, settings: Settings
) -> None:
    empty(settings)
    with open_index("squares", settings) as index:
        index.insert_nodes([TextNode(id_="note", text="a note", metadata={"brightness": 1})])
    assert bring(squares, settings) == (3, 0, 0, 0)
    with open_index("squares", settings) as index:
        bright = {"where": "brightness > 1"}
        retriever = index.as_retriever(similarity_top_k=9, vector_store_kwargs=bright)
        assert len(retriever.retrieve("a square")) == 3


def test_words_alone_can_be_searched_for_from_the_command_line_too(
    settings: Settings, pictures: dict[str, str]
) -> None:
    from app.retrieval.search import Search, Searcher

    empty(settings)
    with open_index("squares", settings) as index:
        index.insert_nodes([*nodes_of(pictures), TextNode(id_="note", text="a note on boats")])
    with open_collection("squares", settings) as opened:
        found = Searcher(opened, settings).search(Search("boats", top_k=1))
    assert [hit.record_id for hit in found.hits] == ["note"]


# ---- opening and closing


def test_an_index_needs_a_collection(settings: Settings) -> None:
    with pytest.raises(CollectionMissingError, match="sightline ingest PATH --collection squares"):
        open_index("squares", settings)


def test_one_index_at_a_time_writes(index: CollectionIndex, settings: Settings) -> None:
    with pytest.raises(CollectionBusyError):
        open_index("squares", settings)


# ---- LlamaIndex's own store reads what is written here


def test_llamaindex_s_own_store_reads_either_space(
    qdrant: QdrantDouble, squares: Path, pictures: dict[str, str]
) -> None:
    client = QdrantClient(url=qdrant.url, check_compatibility=False)
    settings = Settings(qdrant=qdrant.url)
    bring(squares, settings)
    with open_index("squares", settings) as index:
        index.insert_nodes([ImageNode(id_=str(uuid.uuid4()), image_path=pictures["red"])])
        words = index._embed_model.get_query_embedding("a green square")
        picture = index.image_embed_model.get_image_embedding(pictures["blue"])
    text = QdrantVectorStore("squares", client, dense_vector_name="text")
    image = QdrantVectorStore("squares", client, dense_vector_name="image")

    by_words = text.query(VectorStoreQuery(query_embedding=words, similarity_top_k=9))
    assert by_words.nodes[0].get_content() == "a green square on a white table"
    assert len(by_words.nodes) == 3
    by_picture = image.query(VectorStoreQuery(query_embedding=picture, similarity_top_k=9))
    assert len(by_picture.nodes) == 4
    first = by_picture.nodes[0]
    assert isinstance(first, ImageNode)
    assert by_picture.similarities[0] == pytest.approx(1.0, abs=1e-3)
    assert (first.image_path, first.metadata["shade"]) == ("blue.png", "blue")

    for filters, shades in (
        ([where("fields.brightness", ">", 2.0)], {"green", "blue"}),
        ([where("brightness", ">", 2.0)], {"green", "blue"}),
        ([where("shade", "==", "red")], {"red"}),
        ([where("shade", "in", ["red", "blue"]), where("brightness", ">=", 4.5)], {"blue"}),
    ):
        query = VectorStoreQuery(
            query_embedding=words, similarity_top_k=9, filters=MetadataFilters(filters=filters)
        )
        assert {node.metadata["shade"] for node in text.query(query).nodes} == shades
    (node,) = image.get_nodes([first.node_id])
    assert node.metadata == first.metadata


def test_qdrant_s_engine_takes_one_vector_for_a_space_of_rows(squares: Path) -> None:
    settings = Settings()
    bring(squares, settings)
    with open_index("squares", settings) as index:
        words = index._embed_model.get_query_embedding("a green square")
        engine = index._collection.engine
        one, row = engine.search(
            [Query("text", words), Query("text", [words])], limit=3, filter=None
        )
    assert one == row
