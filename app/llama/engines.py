"""Index engines: an index's retriever and a model → a query engine or a chat; see `index.py`.

LlamaIndex's own engines, made without the defaults that its factories fill in: whatever is left out
there comes from its global `Settings`, which is a service of somebody else's (OpenAI) until it is
set. Its multi-modal engines give a model neither captions nor metadata; here both go along.
"""

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, ContentBlock, MessageRole, TextBlock
from llama_index.core.callbacks import CallbackManager
from llama_index.core.chat_engine.condense_question import (
    DEFAULT_PROMPT,
    CondenseQuestionChatEngine,
)
from llama_index.core.chat_engine.multi_modal_condense_plus_context import (
    MultiModalCondensePlusContextChatEngine,
)
from llama_index.core.chat_engine.multi_modal_context import MultiModalContextChatEngine
from llama_index.core.chat_engine.simple import SimpleChatEngine
from llama_index.core.chat_engine.types import BaseChatEngine, ChatMode
from llama_index.core.indices.prompt_helper import ChatPromptHelper, PromptHelper
from llama_index.core.llms import LLM
from llama_index.core.llms.llm import (
    astream_chat_response_to_tokens,
    stream_chat_response_to_tokens,
)
from llama_index.core.memory import BaseMemory, ChatMemoryBuffer
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.prompts.default_prompts import DEFAULT_TEXT_QA_PROMPT
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.schema import (
    ImageNode,
    MetadataMode,
    NodeWithScore,
    QueryBundle,
    TextNode,
)
from llama_index.core.types import RESPONSE_TEXT_TYPE
from pydantic import BaseModel

from app.answering.citations import CitedText
from app.model.errors import QueryError

RETRIEVER_OPTIONS = frozenset(
    {
        *("similarity_top_k", "image_similarity_top_k", "vector_store_query_mode", "filters"),
        *("alpha", "node_ids", "doc_ids", "sparse_top_k", "vector_store_kwargs"),
    }
)
"""What an index's engines take for its retriever."""


class Unchecked:
    """A text as it comes."""

    def add(self, piece: str) -> str:
        """Return the piece."""
        return piece

    def end(self) -> str:
        """Return nothing: there is no rest."""
        return ""


def words(text: str) -> list[str]:
    """Count tokens roughly. LlamaIndex's own tokenizer is OpenAI's, and may be fetched."""
    return text.split()


class ShowAll(BaseSynthesizer):
    """Shows a model every node at once, captions, metadata and pictures, and asks.

    LlamaIndex's own writes what is in a caption into a template of its own language first, where a
    caption could name a file to be read, and may ask once for each picture.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        callback_manager: CallbackManager,
        streaming: bool = False,
        output_cls: type[BaseModel] | None = None,
        text_qa_template: BasePromptTemplate | None = None,
    ) -> None:
        super().__init__(
            llm=llm,
            callback_manager=callback_manager,
            prompt_helper=PromptHelper(tokenizer=words),
            chat_prompt_helper=ChatPromptHelper(tokenizer=words),
            streaming=streaming,
            output_cls=output_cls,
            multimodal=llm.metadata.is_chat_model,  # one that completes texts gets the texts
        )
        self._template = text_qa_template or DEFAULT_TEXT_QA_PROMPT

    def _get_prompts(self) -> dict[str, BasePromptTemplate]:
        return {"text_qa_template": self._template}

    def _update_prompts(self, prompts: dict[str, BasePromptTemplate]) -> None:
        self._template = prompts.get("text_qa_template", self._template)

    def get_response_from_messages(
        self, query_str: str, message_chunks: Sequence[ChatMessage], **_: Any
    ) -> RESPONSE_TEXT_TYPE:
        """Return the model's answer, or a stream of it."""
        asked = self._asked(query_str, message_chunks)
        if self._output_cls:
            filled: BaseModel = self._llm.as_structured_llm(self._output_cls).chat(asked).raw
            return filled
        if self._streaming:
            tokens = stream_chat_response_to_tokens(self._llm.stream_chat(asked))
            return _text_of(tokens, self._begun(message_chunks))
        text = self._begun(message_chunks)
        return text.add(self._llm.chat(asked).message.content or "") + text.end()

    async def aget_response_from_messages(
        self, query_str: str, message_chunks: Sequence[ChatMessage], **_: Any
    ) -> RESPONSE_TEXT_TYPE:
        """Do what `get_response_from_messages` does."""
        asked = self._asked(query_str, message_chunks)
        if self._output_cls:
            model = self._llm.as_structured_llm(self._output_cls)
            filled: BaseModel = (await model.achat(asked)).raw
            return filled
        if self._streaming:
            stream = await self._llm.astream_chat(asked)
            tokens = await astream_chat_response_to_tokens(stream)
            return _atext_of(tokens, self._begun(message_chunks))
        text = self._begun(message_chunks)
        return text.add((await self._llm.achat(asked)).message.content or "") + text.end()

    def get_response(self, query_str: str, text_chunks: Sequence[str], **_: Any) -> Any:  # noqa: ANN401
        """Return the answer to texts alone; see `get_response_from_messages`."""
        return self.get_response_from_messages(query_str, [_said(text) for text in text_chunks])

    async def aget_response(self, query_str: str, text_chunks: Sequence[str], **_: Any) -> Any:  # noqa: ANN401
        """Return the answer to texts alone; see `get_response_from_messages`."""
        said = [_said(text) for text in text_chunks]
        return await self.aget_response_from_messages(query_str, said)

    def _begun(self, nodes: Sequence[ChatMessage]) -> CitedText | Unchecked:
        """Begin the answer. What brackets mean to a template of one's own is not known here."""
        if self._template is not DEFAULT_TEXT_QA_PROMPT:
            return Unchecked()
        return CitedText({*range(1, len(nodes) + 1)})

    def _asked(self, query: str, nodes: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Make one message: the pictures in order, then what is said of each, then the question."""
        pictures: list[ContentBlock] = []
        said: list[str] = []
        for node in nodes:
            seen = [block for block in node.blocks if not isinstance(block, TextBlock)]
            pictures += seen
            name = f"Picture {len(pictures)}:\n" if seen else ""
            said.append(f"{name}{node.content or ''}".strip())
        text = self._template.format(context_str="\n\n".join(said), query_str=query)
        blocks = [*pictures, TextBlock(text=text)]
        return [ChatMessage(role=MessageRole.USER, blocks=blocks)]


class SaidBeside(BaseNodePostprocessor):
    """Puts what is said of each picture beside it, where an engine gives a model pictures alone."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        pictures = [hit for hit in nodes if isinstance(hit.node, ImageNode)]
        beside = [
            NodeWithScore(node=TextNode(text=f"Picture {number}:\n{said}"), score=hit.score)
            for number, hit in enumerate(pictures, 1)
            if (said := hit.node.get_content(metadata_mode=MetadataMode.LLM))
        ]
        return [*nodes, *beside]


def query_engine(
    retriever: BaseRetriever,
    llm: LLM,
    *,
    node_postprocessors: list[BaseNodePostprocessor] | None = None,
    response_synthesizer: BaseSynthesizer | None = None,
    **options: Any,
) -> BaseQueryEngine:
    """Return an engine that shows a model what is found. Options are those of `ShowAll`."""
    if unknown := options.keys() - {"streaming", "output_cls", "text_qa_template"}:
        raise QueryError(
            f"as_query_engine takes no {', '.join(sorted(unknown))}; give a response_synthesizer of"
            " your own, made with your llm"
        )
    shows = response_synthesizer or ShowAll(llm, callback_manager=llm.callback_manager, **options)
    return RetrieverQueryEngine(
        retriever=retriever,
        response_synthesizer=shows,
        node_postprocessors=node_postprocessors,
        callback_manager=retriever.callback_manager,
    )


def chat_engine(
    mode: ChatMode,
    retriever: BaseRetriever,
    llm: LLM,
    *,
    memory: BaseMemory | None = None,
    chat_history: list[ChatMessage] | None = None,
    system_prompt: str | None = None,
    node_postprocessors: list[BaseNodePostprocessor] | None = None,
    **options: Any,
) -> BaseChatEngine:
    """Return a chat about what is found; `options` are those of the mode's own engine."""
    memory = memory or ChatMemoryBuffer.from_defaults(
        chat_history=chat_history or [],
        token_limit=max(1, llm.metadata.context_window - 256),
        tokenizer_fn=words,
    )
    shared: dict[str, Any] = {"memory": memory, "callback_manager": retriever.callback_manager}
    sees: dict[str, Any] = {"multi_modal_llm": llm, "retriever": retriever}
    sees["node_postprocessors"] = [*(node_postprocessors or []), SaidBeside()]
    match mode:
        case ChatMode.CONTEXT:
            return MultiModalContextChatEngine(
                system_prompt=system_prompt or "", **sees, **shared, **options
            )
        case ChatMode.BEST | ChatMode.CONDENSE_PLUS_CONTEXT:
            return MultiModalCondensePlusContextChatEngine(
                system_prompt=system_prompt, **sees, **shared, **options
            )
        case ChatMode.CONDENSE_QUESTION:
            prompt = options.pop("condense_question_prompt", DEFAULT_PROMPT)
            engine = query_engine(retriever, llm, node_postprocessors=node_postprocessors)
            return CondenseQuestionChatEngine(engine, prompt, llm=llm, **shared, **options)
        case ChatMode.SIMPLE:
            first = [ChatMessage(role=llm.metadata.system_role, content=system_prompt)]
            return SimpleChatEngine(
                llm, prefix_messages=first if system_prompt else [], **shared, **options
            )
    raise QueryError(f"there is no chat mode {mode.value!r} here; LlamaIndex has agents for it")


def _said(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.USER, content=text)


def _text_of(tokens: Any, text: CitedText | Unchecked) -> Generator[str, None, None]:  # noqa: ANN401 - TokenGen
    for token in tokens:
        if shown := text.add(token):
            yield shown
    yield text.end()


async def _atext_of(tokens: Any, text: CitedText | Unchecked) -> AsyncGenerator[str, None]:  # noqa: ANN401
    async for token in tokens:
        if shown := text.add(token):
            yield shown
    yield text.end()
