"""The index's engines ask the model that the settings name, or that they are given; no other.

LlamaIndex's own ask OpenAI where none is named, and its Settings for all that is left out.
"""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_index.core
import pytest
from llama_index.core import Settings as Globals
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, LLMMetadata
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.llms import MockLLM
from llama_index.core.schema import Document, ImageNode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
from PIL import Image
from pydantic import BaseModel, Field

import app
from app.encoders import TextEmbedding, load_text_embedding
from app.llama import HitRetriever
from app.llama.index import CollectionIndex
from app.llama.vision import VisionLLM
from app.model.errors import ModelMissingError, QueryError, ServiceUnavailableError
from app.model.settings import Settings
from app.retrieval.modes import mode_names
from app.store.payload import point_id
from ingest import ingest
from tests.conftest import COLOURS, make_squares
from tests.ollama_double import OllamaDouble
from tests.openai_double import OpenAIDouble
from tests.pdfs import pdf

QUESTION = "Which square is red?"


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIDouble]:
    """What stands for OpenAI, with a key in the environment. It must hear nothing."""
    with OpenAIDouble(models=("gpt-3.5-turbo", "gpt-4.1", "text-embedding-ada-002")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-only")
        monkeypatch.setenv("OPENAI_API_BASE", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server
    assert server.requests == []


@pytest.fixture(autouse=True)
def _no_globals(openai: OpenAIDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of LlamaIndex's Settings is looked at, nor its tokenizer used."""

    def refuse(name: str) -> property:
        def look(_: object) -> None:
            raise AssertionError(f"a look at Settings.{name}")

        return property(look)

    for name, value in vars(type(Globals)).items():
        if isinstance(value, property):
            monkeypatch.setattr(type(Globals), name, refuse(name))

    def tokenizer(_: str) -> list[int]:
        raise AssertionError("a use of the global tokenizer")

    monkeypatch.setattr(llama_index.core, "global_tokenizer", tokenizer)


@pytest.fixture
def ollama() -> Iterator[OllamaDouble]:
    with OllamaDouble(reply="The first one.", models=("gemma3:latest", "llava:latest")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_minilm() -> TextEmbedding:
    return load_text_embedding("minilm", Settings())


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the squares, and the home that they were ingested into."""
    folder = tmp_path_factory.mktemp("ingested")
    squares = make_squares(folder / "squares", COLOURS)
    ingest(squares, "squares", Settings(home=folder / "home"), image="palette", text="minilm")
    return folder


@pytest.fixture
def squares(ingested: Path) -> Path:
    return ingested / "squares"


@pytest.fixture
def settings(
    ingested: Path,
    tmp_path: Path,
    ollama: OllamaDouble,
    shared_minilm: TextEmbedding,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings of a home of the test's own. Loading the text embedding takes as long as a test."""
    monkeypatch.setattr("app.store.models.load_text_embedding", lambda *_: shared_minilm)
    home = tmp_path / "home"
    shutil.copytree(ingested / "home", home)
    return Settings(home=home, ollama=ollama.url, model="gemma3")


@pytest.fixture
def index(settings: Settings) -> Iterator[CollectionIndex]:
    with app.open_index("squares", settings) as index:
        yield index


def colours(request: Any) -> list[tuple[int, ...]]:
    return [picture.convert("RGB").resize((1, 1)).getpixel((0, 0)) for picture in request.pictures]


def is_red(colour: tuple[int, ...]) -> bool:
    return colour[0] > 200 and colour[1] < 60


# ---- a search of ours, as a retriever of LlamaIndex's


@pytest.mark.parametrize("mode", mode_names())
def test_every_mode_is_a_llama_index_retriever_sync_and_async(
    mode: str, settings: Settings, squares: Path
) -> None:
    bundle = QueryBundle("a red square on a white table", image_path=str(squares / "red.png"))
    with app.open_collection("squares", settings) as collection:
        searcher = app.Searcher(collection, settings)
        retriever = HitRetriever(searcher, app.Search(mode=mode, top_k=2))
        hits = retriever.retrieve(bundle)
        again = asyncio.run(retriever.aretrieve(bundle))
    assert all(isinstance(hit, NodeWithScore) for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[0].node.ref_doc_id == "squares/red.png"
    assert hits[0].node.metadata["shade"] == "red"
    assert Path(hits[0].node.image_path).is_file()
    assert [hit.node.node_id for hit in again] == [hit.node.node_id for hit in hits]
    assert bundle.embedding is None  # LlamaIndex's own leaves a vector of the wrong space there


def test_a_record_is_stored_as_llama_index_would_write_its_node(
    settings: Settings, squares: Path
) -> None:
    with app.open_collection("squares", settings) as collection:
        (point,) = collection.fetch([point_id("squares/red.png")]).values()
        node = metadata_dict_to_node(point.payload)
    assert isinstance(node, ImageNode)
    assert node.get_content() == "a red square on a white table"
    assert node.image_path == "red.png"
    written = node_to_metadata_dict(node)
    kept = ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")
    assert {key: written[key] for key in kept} == {key: point.payload[key] for key in kept}


# ---- a query


def require_shown(request: Any) -> None:
    """Two pictures, the red one first, each with its caption and metadata, and the question."""
    assert len(request.pictures) == 2
    assert is_red(colours(request)[0])
    first, second = request.text.split("Picture 2:")
    assert "Picture 1:" in first
    for part in ("a red square on a white table", "brightness: 1.5", "shade: red"):
        assert part in first
    assert "square on a white table" in second
    assert QUESTION in second


def test_a_query_shows_the_model_pictures_captions_and_metadata(
    index: CollectionIndex, ollama: OllamaDouble
) -> None:
    engine = index.as_query_engine(similarity_top_k=2, image_similarity_top_k=2)
    said = engine.query(QUESTION)
    assert str(said) == "The first one."
    assert said.source_nodes[0].node.get_content() == "a red square on a white table"
    (request,) = ollama.requests
    assert request.body["model"] == "gemma3"
    require_shown(request)


def test_a_query_can_be_streamed_and_awaited(index: CollectionIndex, ollama: OllamaDouble) -> None:
    streamed = index.as_query_engine(streaming=True).query(QUESTION)
    pieces = list(streamed.response_gen)
    assert ("".join(pieces), len(pieces) > 1) == ("The first one.", True)

    async def story() -> None:
        assert str(await index.as_query_engine().aquery(QUESTION)) == "The first one."
        streamed = await index.as_query_engine(streaming=True).aquery(QUESTION)
        assert "".join([piece async for piece in streamed.async_response_gen()]) == "The first one."

    asyncio.run(story())
    assert len(ollama.requests) == 3
    for request in ollama.requests:
        require_shown(request)


def test_a_citation_of_nothing_is_taken_out_of_an_answer(
    index: CollectionIndex, ollama: OllamaDouble
) -> None:
    from llama_index.core import PromptTemplate

    ollama.reply = "It is the first one [1], as shown in [9]."
    left = "It is the first one [1]."
    engine, streaming = index.as_query_engine(), index.as_query_engine(streaming=True)
    assert str(engine.query(QUESTION)) == left
    assert "".join(streaming.query(QUESTION).response_gen) == left

    async def story() -> None:
        assert str(await engine.aquery(QUESTION)) == left
        streamed = await streaming.aquery(QUESTION)
        assert "".join([piece async for piece in streamed.async_response_gen()]) == left

    asyncio.run(story())
    template = PromptTemplate("{context_str}\nWhich years? {query_str}")
    own = index.as_query_engine(text_qa_template=template)
    assert str(own.query(QUESTION)) == ollama.reply


class Seen(BaseModel):
    colour: str


def test_a_query_can_fill_in_a_form(index: CollectionIndex, ollama: OllamaDouble) -> None:
    ollama.reply = '{"colour": "red"}'
    engine = index.as_query_engine(output_cls=Seen)
    assert engine.query(QUESTION).response == Seen(colour="red")
    assert asyncio.run(engine.aquery(QUESTION)).response == Seen(colour="red")
    for request in ollama.requests:
        require_shown(request)
        assert request.schema["properties"].keys() == {"colour"}


def test_a_model_that_sees_one_picture_is_given_a_sheet(
    settings: Settings, ollama: OllamaDouble
) -> None:
    llava = settings.model_copy(update={"model": "llava"})
    with app.open_index("squares", llava) as index:
        index.as_query_engine(similarity_top_k=3).query(QUESTION)
    (request,) = ollama.requests
    assert len(request.pictures) == 1
    assert "tile [n] shows picture n" in request.text
    assert "Picture 3:" in request.text


def test_a_server_of_openai_s_protocol_is_asked_where_the_settings_name_it(
    settings: Settings, ollama: OllamaDouble
) -> None:
    with OpenAIDouble(models=("gemma3",)) as server:
        other = settings.model_copy(update={"vision_url": server.url})
        with app.open_index("squares", other) as index:
            index.as_query_engine().query(QUESTION)
    require_shown(server.requests[0])
    assert ollama.requests == []


def test_what_a_caption_says_is_no_template(index: CollectionIndex, ollama: OllamaDouble) -> None:
    said = 'a {red} <content>{"type": "image_url"}</content> {{ query_str }} {% raw %}'
    index.insert_nodes([TextNode(id_="odd", text=said)])
    index.as_query_engine(similarity_top_k=9).query(QUESTION)
    ollama.reply = '{"colour": "red"}'
    index.as_query_engine(similarity_top_k=9, output_cls=Seen).query(QUESTION)
    for request in ollama.requests:
        assert said in request.text


def test_a_template_of_one_s_own(index: CollectionIndex, ollama: OllamaDouble) -> None:
    from llama_index.core import PromptTemplate

    template = PromptTemplate("Shown: {context_str}\nIn one word: {query_str}")
    engine = index.as_query_engine(text_qa_template=template)
    engine.query(QUESTION)
    assert f"In one word: {QUESTION}" in ollama.requests[0].text
    key = "response_synthesizer:text_qa_template"
    engine.update_prompts({key: PromptTemplate("Now: {context_str} {query_str}")})
    engine.query(QUESTION)
    assert "Now: " in ollama.requests[1].text


def test_a_picture_that_is_gone_is_left_out_and_its_caption_not(
    index: CollectionIndex, ollama: OllamaDouble, squares: Path, caplog: pytest.LogCaptureFixture
) -> None:
    red = (squares / "red.png").rename(squares / "gone.png")
    index.as_query_engine(similarity_top_k=3).query(QUESTION)  # it comes last of the three
    red.rename(squares / "red.png")
    (request,) = ollama.requests
    assert not any(map(is_red, colours(request)))
    assert "a red square on a white table" in request.text
    assert any("red.png is not there" in told for told in caplog.messages)


def test_a_picture_stands_upright_and_is_reduced(
    index: CollectionIndex, ollama: OllamaDouble, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    Image.new("RGB", (3000, 1500), "red").save(tmp_path / "photo.JPG", exif=exif)
    index.insert_nodes([ImageNode(id_="p", text=QUESTION, image_path=str(tmp_path / "photo.JPG"))])
    index.as_query_engine(similarity_top_k=1).query(QUESTION)
    (picture,) = ollama.requests[0].pictures
    assert picture.size == (448, 896)


def test_a_page_is_shown_with_its_words(
    settings: Settings, ollama: OllamaDouble, tmp_path: Path
) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("what a report says of lamps"))
    ingest(tmp_path / "report.pdf", "squares", settings)
    with app.open_index("squares", settings) as index:
        index.as_query_engine(similarity_top_k=1).query("lamps in a report")
    (request,) = ollama.requests
    assert len(request.pictures) == 1
    assert "what a report says of lamps" in request.text


# ---- what goes wrong


def test_no_model_that_answers_is_told_as_ask_tells_it(settings: Settings) -> None:
    for changed, error, says in (
        ({"ollama": "http://127.0.0.1:9"}, ServiceUnavailableError, "Ollama does not answer"),
        ({"model": "absent"}, ModelMissingError, "ollama pull absent"),
    ):
        with app.open_index("squares", settings.model_copy(update=changed)) as index:
            for engine in (index.as_query_engine(), index.as_chat_engine()):
                ask = engine.query if hasattr(engine, "query") else engine.chat
                with pytest.raises(error, match=says):
                    ask(QUESTION)


def test_an_answer_that_breaks_off_is_told(
    index: CollectionIndex, ollama: OllamaDouble, caplog: pytest.LogCaptureFixture
) -> None:
    ollama._left = ["cut"]
    assert "The first one.".startswith(str(index.as_query_engine().query(QUESTION)))
    assert any("is incomplete" in told for told in caplog.messages)


def test_more_than_a_model_takes_is_refused_with_what_to_do(
    index: CollectionIndex, ollama: OllamaDouble
) -> None:
    llm = VisionLLM(Settings(ollama=ollama.url, model="gemma3"))
    picture = ImageBlock(image=_jpeg())
    with pytest.raises(QueryError, match="similarity_top_k"):
        llm.chat([ChatMessage(role="user", blocks=[picture] * 9)])
    with pytest.raises(QueryError, match="similarity_top_k"):
        llm.complete("words " * 30_000)
    assert ollama.requests == []


def test_a_picture_at_an_address_is_not_fetched(ollama: OllamaDouble) -> None:
    llm = VisionLLM(Settings(ollama=ollama.url, model="gemma3"))
    with pytest.raises(QueryError, match="not fetched"):
        llm.chat([ChatMessage(blocks=[ImageBlock(url="http://203.0.113.9/a.png")])])


def _jpeg() -> bytes:
    from app.media.images import to_jpeg

    return base64.b64encode(to_jpeg(Image.new("RGB", (8, 8))))


# ---- another model


class Seer(MockLLM):
    """A model of the caller's own."""

    asked: list[Any] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True)

    def chat(self, messages: Any, **_: Any) -> ChatResponse:
        self.asked.append(messages)
        return ChatResponse(message=ChatMessage(role="assistant", content="Seen."))


def test_a_model_that_only_completes_texts_gets_the_texts(settings: Settings) -> None:
    # LlamaIndex's multi-modal synthesis refuses it.
    callbacks = CallbackManager()
    callbacks.handlers = []
    own = MockLLM(callback_manager=callbacks)  # says what it is asked
    with app.open_index("squares", settings) as index:
        said = str(index.as_query_engine(llm=own).query(QUESTION))
        assert "a red square on a white table" in said
        assert QUESTION in said
        stream = index.as_query_engine(llm=own, streaming=True).query(QUESTION)
        assert QUESTION in str(stream)


def test_a_model_that_is_given_is_the_one_that_is_asked(
    settings: Settings, ollama: OllamaDouble
) -> None:
    callbacks = CallbackManager()
    callbacks.handlers = []
    own = Seer(callback_manager=callbacks)
    with app.open_index("squares", settings) as index:
        assert str(index.as_query_engine(llm=own).query(QUESTION)) == "Seen."
        assert str(index.as_chat_engine(llm=own).chat(QUESTION)) == "Seen."
    assert own.callback_manager is callbacks
    ((message,), _) = own.asked
    kinds = [block.block_type for block in message.blocks]
    assert kinds == ["image", "image", "text"]
    assert ollama.requests == []


def test_an_option_that_is_not_known_is_refused(index: CollectionIndex) -> None:
    with pytest.raises(QueryError, match="response_mode"):
        index.as_query_engine(response_mode="refine")


@pytest.mark.parametrize("name", ["from_documents", "from_vector_store"])
def test_an_index_is_opened_and_not_made(name: str) -> None:
    with pytest.raises(QueryError, match="open_index"):
        getattr(CollectionIndex, name)([Document(text="words")])


# ---- chats


@pytest.mark.parametrize(
    "mode",
    [ChatMode.BEST, ChatMode.CONTEXT, ChatMode.CONDENSE_PLUS_CONTEXT, ChatMode.CONDENSE_QUESTION],
)
def test_a_chat_shows_the_model_what_each_message_finds(
    mode: ChatMode, index: CollectionIndex, ollama: OllamaDouble
) -> None:
    chat = index.as_chat_engine(mode, similarity_top_k=2)
    assert str(chat.chat(QUESTION)) == "The first one."
    require_shown(ollama.requests[-1])
    assert "".join(chat.stream_chat("And which is blue?").response_gen) == "The first one."
    assert ollama.requests[-1].pictures
    assert QUESTION in "".join(request.text for request in ollama.requests[1:])  # what was said

    async def story() -> None:
        assert str(await index.as_chat_engine(mode).achat(QUESTION)) == "The first one."

    asyncio.run(story())


def test_a_chat_without_a_search(index: CollectionIndex, ollama: OllamaDouble) -> None:
    chat = index.as_chat_engine(ChatMode.SIMPLE, system_prompt="Be brief.")
    assert str(chat.chat(QUESTION)) == "The first one."
    (request,) = ollama.requests
    assert not request.pictures
    assert "Be brief." in request.text
    with pytest.raises(QueryError, match="react"):
        index.as_chat_engine(ChatMode.REACT)


# ---- what is written and found


def test_writing_and_finding_look_at_no_global_setting_either(
    index: CollectionIndex, squares: Path
) -> None:
    document = Document(id_="d", text="a note on squares")
    index.insert(document)
    index.update_ref_doc(document)
    assert index.refresh_ref_docs([document]) == [False]
    index.insert_nodes([ImageNode(id_="i", image_path=str(squares / "red.png"))])
    index.as_retriever().retrieve("a note")
    index.as_retriever().image_to_image_retrieve(str(squares / "red.png"))
    index.delete_ref_doc("d")
    index.delete_nodes(["i"])

    async def story() -> None:
        await index.ainsert(document)
        await index.as_retriever().aretrieve("a note")
        await index.adelete_ref_doc("d")

    asyncio.run(story())


def test_what_listens_to_the_whole_process_hears_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ollama: OllamaDouble
) -> None:
    heard: list[object] = []

    class Listener(TokenCountingHandler):
        def on_event_start(self, *arguments: Any, **_: Any) -> str:
            heard.append(arguments)
            return ""

    listener = Listener(tokenizer=str.split)
    monkeypatch.setattr(llama_index.core, "global_handler", listener)
    monkeypatch.setattr(Globals, "_callback_manager", CallbackManager())
    with app.open_index("squares", settings) as index:
        index.insert(Document(id_="d", text="a note"))
        index.as_query_engine().query(QUESTION)
        index.as_chat_engine().chat(QUESTION)
    assert heard == []
    assert len(ollama.requests) == 2
