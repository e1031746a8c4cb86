"""Stored paths: what a collection that somebody else wrote says of files is not believed.

On both engines; `server` is qdrant-client's own stand-in.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import ImageNode, TextNode
from PIL import Image

from app.answering.answer import answer
from app.answering.vision import open_model
from app.assistants.outfit.guardrail import Pair, Verdict, check_all
from app.llama.index import open_index
from app.media.images import open_image
from app.media.inside import inside
from app.model.errors import SourceError
from app.model.settings import Settings
from app.retrieval.hits import Hit
from app.retrieval.search import Search, Searcher
from app.store.collection import open_collection
from app.store.engines.connection import Connection
from app.store.payload import point_id
from app.store.stored import StoredRecord
from app.workspace.page_file import write_page
from ingest import ingest
from tests.ollama_double import OllamaDouble
from tests.pdfs import pdf
from tests.qdrant_double import QdrantDouble

# The stand-in has no payload indexes and says so; a real server has them.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture outside of every source."""
    file = tmp_path / "secret.png"
    Image.new("RGB", (32, 32), (1, 2, 3)).save(file)
    return file


@pytest.fixture
def settings(either_engine: Settings, squares: Path) -> Settings:
    """Settings of a home in which `squares` is."""
    ingest(squares, "squares", either_engine, image="palette", text="minilm")
    return either_engine


def rewrite(settings: Settings, of: str, *, node: dict[str, Any], **payload: Any) -> None:
    """Write into a collection what this program never would."""
    with open_collection("squares", settings, purpose="write") as opened:
        (point,) = opened.fetch([point_id(of)]).values()
        content = json.loads(point.payload["_node_content"]) | node
        changed = payload | {"_node_content": json.dumps(content)}
        opened.engine.set_payload(point.id, changed)


def red(settings: Settings) -> Hit:
    with open_collection("squares", settings) as opened:
        (hit,) = Searcher(opened, settings).search(Search("a red square", top_k=1)).hits
    assert hit.record_id == "squares/red.png"
    return hit


OUTSIDE = [
    "{secret}",
    "../secret.png",
    "green/../../secret.png",
    "link.png",
    "folder/secret.png",
    "C:\\secret.png",
    "\\\\host\\share\\secret.png",
    "..\\secret.png",
    "green.png\0",
    "x" * 5000,
    "\ud800.png",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_stored_path_out_of_its_source_is_told_and_not_opened(
    path: str, settings: Settings, squares: Path, secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (squares / "link.png").symlink_to(secret)
    (squares / "folder").symlink_to(secret.parent)
    path = path.format(secret=secret)
    if path.isprintable():  # a server's JSON takes no half of a surrogate pair
        rewrite(settings, "squares/red.png", node={"image_path": path}, path=path)
    else:
        rewrite(settings, "squares/red.png", node={"image_path": path})
    hit = red(settings)
    assert hit.file is None
    assert hit.caption == "a red square on a white table"
    (told,) = caplog.messages
    assert told.startswith("the picture of 'squares/red.png' is not opened: ")
    with OllamaDouble(reply="Nothing [1].") as ollama:
        said = answer("Which?", [hit], settings=Settings(ollama=ollama.url))
    assert ollama.requests == []
    assert any("red.png" in notice or "left out" in notice for notice in said.notices)


def test_a_link_to_a_picture_inside_is_opened(settings: Settings, squares: Path) -> None:
    (squares / "linked.png").symlink_to(squares / "red.png")
    rewrite(settings, "squares/red.png", node={"image_path": "linked.png"})
    assert red(settings).file == squares / "linked.png"


@pytest.mark.parametrize(
    "node", [{"image_url": "http://203.0.113.9/a.png"}, {"image": "aGVsbG8=", "metadata": {}}]
)
def test_a_picture_at_an_address_or_inside_the_payload_is_none(
    node: dict[str, Any], settings: Settings, secret: Path
) -> None:
    # LlamaIndex fetches such an address, and without a path opens what `file_path` names.
    more = {"image_path": None, "metadata": {"file_path": str(secret)}}
    rewrite(settings, "squares/red.png", node=node | more)
    hit = red(settings)
    assert hit.file is None


@pytest.mark.parametrize("source", ["", "unknown"])
def test_a_path_of_no_source_is_not_opened(
    source: str,
    settings: Settings,
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(secret.parent)
    for path in (str(secret), secret.name):
        rewrite(settings, "squares/red.png", node={"image_path": path}, source=source, path=path)
        assert red(settings).file is None
    assert len(caplog.messages) == 2


def test_a_root_that_is_no_folder_of_this_machine_is_not_used(
    settings: Settings, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(squares.parent)
    for root in (Path("squares"), squares / ".." / "squares", Path("C:\\squares")):
        with open_collection("squares", settings, purpose="write") as opened:
            entry = opened.manifest.sources["squares"].model_copy(update={"root": root})
            opened.remember(sources={"squares": entry})
        assert red(settings).file is None


def test_a_folder_that_was_replaced_by_a_link_is_still_its_source(
    settings: Settings, squares: Path
) -> None:
    moved = squares.rename(squares.with_name("moved"))
    squares.symlink_to(moved)
    assert red(settings).file == squares / "red.png"


# ---- nodes that a program inserted by their absolute path


def test_an_inserted_picture_is_opened_while_it_is_what_was_inserted(
    settings: Settings, secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = ImageNode(id_="own", image_path=str(secret), text="a note of mine")
    with open_index("squares", settings) as index:
        index.insert_nodes([node])
    with open_collection("squares", settings) as opened:
        (hit,) = Searcher(opened, settings).search(Search("a note of mine", top_k=1)).hits
        assert hit.file == secret
        Image.new("RGB", (32, 32), "white").save(secret)
        (hit,) = Searcher(opened, settings).search(Search("a note of mine", top_k=1)).hits
    assert hit.file is None
    assert caplog.messages == [
        f"the picture of 'own' is not opened: {str(secret)!r} is not what was inserted;"
        " insert it again"
    ]


def test_an_inserted_node_cannot_be_pointed_at_another_file(
    settings: Settings, squares: Path, secret: Path
) -> None:
    node = ImageNode(id_="own", image_path=str(squares / "red.png"), text="a note of mine")
    with open_index("squares", settings) as index:
        index.insert_nodes([node])
    rewrite(settings, "own", node={"image_path": str(secret)}, path=str(secret))
    with open_index("squares", settings) as index:
        (found,) = index.vector_store.get_nodes(["own"])
    assert type(found) is TextNode


def test_a_pipe_is_not_waited_for(settings: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    path = str(tmp_path / "pipe.png")
    rewrite(settings, "squares/red.png", node={"image_path": path}, source="", path=path)
    file = red(settings).file
    assert file is None or file == Path(path)
    with pytest.raises(SourceError):
        open_image(file)


# ---- pages


@pytest.fixture
def shelf(either_engine: Settings, tmp_path: Path) -> Settings:
    """Settings of a home in which a PDF is, as `squares`; another lies beside its folder."""
    (tmp_path / "shelf").mkdir()
    for name in ("shelf/report.pdf", "secret.pdf"):
        (tmp_path / name).write_bytes(pdf(f"what {name} says"))
    ingest(tmp_path / "shelf", "squares", either_engine, image="palette", text="minilm")
    return either_engine


def first(settings: Settings) -> Hit:
    with open_collection("squares", settings) as opened:
        return Searcher(opened, settings).search(Search("what it says", top_k=1)).hits[0]


@pytest.mark.parametrize("path", ["../secret.pdf#page=1", "/etc/passwd#page=1"])
def test_a_page_of_a_document_outside_is_not_drawn(path: str, shelf: Settings) -> None:
    rewrite(
        shelf,
        "shelf/report.pdf#page=1",
        node={"image_path": path},
        path=path,
        content_hash="0" * 64,
        record_id=f"shelf/{path}",
    )
    assert first(shelf).file is None
    with pytest.raises(SourceError, match="leads out of the source's folder"):
        write_page(f"shelf/{path.partition('#')[0]}", 1, shelf, collection="squares", side=64)


@pytest.mark.parametrize("content", ["../../../../secret", "/etc/x", "", "ABC"])
def test_the_picture_of_a_page_lies_in_its_folder_whatever_the_payload_says(
    content: str, shelf: Settings
) -> None:
    rewrite(shelf, "shelf/report.pdf#page=1", node={}, content_hash=content)
    with open_collection("squares", shelf) as opened:
        assert opened.page_picture(content).parent == opened.pages
        file = first(shelf).file
        # On a server a document must be what was ingested, to the byte.
        assert file is None if shelf.qdrant else file and file.parent == opened.pages


def test_a_page_that_is_no_number_is_no_bug(shelf: Settings) -> None:
    rewrite(shelf, "shelf/report.pdf#page=1", node={}, page="1/../..")
    with open_collection("squares", shelf) as opened:
        assert opened.fetch([point_id("shelf/report.pdf#page=1")]) == {}


def test_a_point_of_another_kind_has_words_alone(settings: Settings, secret: Path) -> None:
    content = json.dumps({"id_": "x", "image_resource": {"path": str(secret)}, "text": "x"})
    with open_collection("squares", settings) as opened:
        payload = {"record_id": "x", "_node_type": "Node", "_node_content": content}
        stored = opened.stored(payload | {"captions": ["a red square"]})
        assert stored == StoredRecord("a red square", {})


def test_of_a_server_a_picture_is_opened_only_if_it_is_what_was_ingested(
    qdrant: QdrantDouble, squares: Path, secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(qdrant=qdrant.url)
    ingest(squares, "squares", settings, image="palette", text="minilm")
    assert red(settings).file == squares / "red.png"
    # Whoever can write a payload can write a source's root as well.
    everywhere = {"path": "/", "root": "/", "outfit": None, "unfinished": False}
    Connection(qdrant.url, settings).client.update_collection(
        "squares", metadata={"sightline.source.squares": everywhere}
    )
    path = str(secret).lstrip("/")
    rewrite(settings, "squares/red.png", node={"image_path": path}, path=path)
    assert red(settings).file is None
    assert "is not what was ingested" in caplog.text


# ---- an outfit, and the command line


def test_a_garment_without_a_picture_is_not_sent_to_be_checked() -> None:
    with OllamaDouble() as ollama:
        (verdict,) = check_all(
            Image.new("RGB", (8, 8)),
            [Pair(None, "a red belt")],
            model=open_model(Settings(ollama=ollama.url)),
            max_megapixels=1,
            on_checked=lambda: None,
        )
    assert ollama.requests == []
    assert verdict == Verdict("not_checked", "it has no picture that may be opened")


def test_the_command_line_tells_which_and_why(
    settings: Settings, secret: Path, sightline: Callable[..., Any], tmp_path: Path
) -> None:
    rewrite(settings, "squares/red.png", node={"image_path": str(secret)})
    home = () if settings.qdrant is None else ("--qdrant", settings.qdrant)
    figure = tmp_path / "hits.png"
    ran = sightline("search", "red square", "-c", "squares", "-k", "1", "--figure", figure, *home)
    assert ran.code == 0
    assert "the picture of 'squares/red.png' is not opened" in ran.err
    assert "a red square on a white table" in ran.out
    assert figure.is_file()
    with OllamaDouble(reply="Red [1].") as ollama:
        asked = ("ask", "Which is red?", "-c", "squares", "-k", "1", "--ollama", ollama.url)
        ran = sightline(*asked, "--json", *home)
    assert ollama.requests == []
    assert ran.json["status"] == "not_enough_evidence"
    assert any("squares/red.png" in notice for notice in ran.json["notices"])


@pytest.mark.parametrize("padding", ["", "./", ".//", "./" * 2040, ".//" * 1360])
def test_no_link_leads_out_however_it_is_written(tmp_path: Path, padding: str) -> None:
    """A name that is too long to be looked at opens all the same: `./` is left out."""
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "secret.png").touch()
    (root / "link").symlink_to(other)
    (root / "own").mkdir()
    (root / "home").symlink_to(root / "own")
    with pytest.raises(SourceError):
        inside(root, f"{padding}link/secret.png")
    assert inside(root, "home/a.png") == root / "home/a.png"


def test_what_is_inside(tmp_path: Path) -> None:
    (tmp_path / "a:b.jpg").touch()
    for path in ("a.jpg", "x/y.jpg", "a:b.jpg", "..a/b.jpg", "a..jpg"):
        assert inside(tmp_path, path) == tmp_path / path
    for path in ("", ".", "/a", "..", "a/..", "C:a.jpg", "//host/a"):
        with pytest.raises(SourceError):
            inside(tmp_path, path) if path != "." else inside(tmp_path / "..", path)
