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
    VectorStoreQueryMode,
)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from PIL import Image
from qdrant_client import QdrantClient

from app.core import keywords
from app.core.collection import create_collection, open_collection
from app.core.errors import (
    CollectionBusyError,
    CollectionError,
    CollectionMissingError,
    QueryError,
    SourceError,
)
from app.core.index import CollectionIndex, open_index
from app.core.manifest import Manifest
from app.core.models import Models
from app.core.settings import Settings
from ingest import ingest
from tests.conftest import COLOURS

# The stand-in has no payload indexes and says so; a real server has them.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

CAPTION = "a {} square on a white table"


@pytest.fixture(params=["edge", "server"])
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a new home, on either engine."""
    if request.param == "edge":
        return Settings()
    client = QdrantClient(":memory:")
    monkeypatch.setattr("app.core.engines.server.connect", lambda *_: client)
    return Settings(qdrant="http://127.0.0.1:9")


@pytest.fixture
def on_edge(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a new home with the embedded engine, where the engine plays no part."""
    return Settings()


def empty(settings: Settings, image: str = "palette") -> None:
    """Make the collection `squares` with nothing in it."""
    models = Models(image, "minilm", settings).fingerprint()
    manifest = Manifest(
        image=models[0],
        text=models[1],
        keywords=f"bm25:{keywords.LANGUAGE}",
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
    from app.core.index_nodes import id_of

    every = ["image", "text", "keywords"]
    return list(index.vector_store.client.fetch([id_of(n) for n in node_ids], vectors=every).values())


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
