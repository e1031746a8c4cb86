"""Vision: the model that the settings name, as an LLM of LlamaIndex's.

It asks through the same door as `ask`: with its time-outs, its errors, and no proxy for this
machine. llama-index's own classes would take all of that from the environment.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ImageBlock,
    LLMMetadata,
    MessageRole,
    TextBlock,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.prompts import BasePromptTemplate
from PIL import Image
from pydantic import BaseModel

from app.answering.budget import (
    ANSWER_TOKENS,
    MARGIN_TOKENS,
    Budget,
    estimate_tokens,
    limits_of,
    limits_told,
)
from app.answering.sheet import draw_contact_sheet
from app.answering.structured import fill_in
from app.answering.vision import ModelFacts, Prompt, Reply, VisionModel, discard, open_model
from app.answering.vision.spoken import THOUGHT_END
from app.media.images import open_image, shrink, to_jpeg
from app.model.callbacks import own_callbacks
from app.model.errors import QueryError, ServiceUnavailableError
from app.model.settings import Settings

logger = logging.getLogger(__name__)

Form = TypeVar("Form", bound=BaseModel)

OPENING = "Look at what is shown, and read what is said of it."
"""What comes before the pictures: a server wants some words there."""

_END = object()


class VisionLLM(CustomLLM):
    """The vision model of the settings. It sees as many pictures as `ask` would show it at once.

    What a model sees one of comes to it as a sheet of numbered tiles. Raises QueryError for more
    than fits, ServiceUnavailableError and ModelMissingError as `ask` tells them.
    """

    _settings: Settings = PrivateAttr()

    def __init__(self, settings: Settings) -> None:
        super().__init__(callback_manager=own_callbacks())
        self._settings = settings

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex stores for this class."""
        return "sightline_vision"

    @property
    def metadata(self) -> LLMMetadata:
        """The facts that LlamaIndex asks of a model."""
        given = ModelFacts(served_context=self._settings.context)  # no server is asked for this
        return LLMMetadata(
            context_window=limits_of(self._settings.model, given).context,
            num_output=ANSWER_TOKENS,
            is_chat_model=True,
            model_name=self._settings.model,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        """Return what the model says to the messages, all of which it is given at once."""
        return _response(self._reply(messages))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseGen:
        """Return the answer piece by piece."""
        return _responses(self._pieces(messages))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        """Do what `chat` does, off the event loop."""
        return _response(await asyncio.to_thread(self._reply, messages))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseAsyncGen:
        """Do what `stream_chat` does, off the event loop."""
        responses = _responses(self._pieces(messages))

        async def stream() -> ChatResponseAsyncGen:
            while (response := await asyncio.to_thread(next, responses, None)) is not None:
                yield response

        return stream()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        """Return what the model says to a text."""
        return CompletionResponse(text=self._reply(_alone(prompt)).text)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        """Do what `complete` does, off the event loop."""
        return CompletionResponse(text=(await asyncio.to_thread(self._reply, _alone(prompt))).text)

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **_: Any
    ) -> CompletionResponseGen:
        """Return the answer to a text piece by piece."""
        return _completions(_responses(self._pieces(_alone(prompt))))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **_: Any
    ) -> CompletionResponseAsyncGen:
        """Do what `stream_complete` does, off the event loop."""
        completions = _completions(_responses(self._pieces(_alone(prompt))))

        async def stream() -> CompletionResponseAsyncGen:
            while (piece := await asyncio.to_thread(next, completions, None)) is not None:
                yield piece

        return stream()

    def structured_predict(
        self,
        output_cls: type[Form],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Form:
        """Return a form that the model filled in, bound to its schema and checked.

        Raises AnswerError after the second answer that cannot be used.
        """
        model = self._model()
        asked, budget = self._prompt(prompt.format_messages(**prompt_args), model)
        bound = replace(asked, schema=output_cls.model_json_schema())
        return fill_in(output_cls, lambda _: bound, budget=budget, model=model)[0]

    async def astructured_predict(
        self,
        output_cls: type[Form],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Form:
        """Do what `structured_predict` does, off the event loop."""
        fill = partial(self.structured_predict, output_cls, prompt, llm_kwargs, **prompt_args)
        return await asyncio.to_thread(fill)

    def _model(self) -> VisionModel:
        return open_model(self._settings)

    def _reply(self, messages: Sequence[ChatMessage], on_text: Any = discard) -> Reply:  # noqa: ANN401
        """Ask the model; an answer that breaks off is a warning, one without any words an error."""
        model = self._model()
        prompt, budget = self._prompt(messages, model)
        reply = model.reply(
            prompt, num_ctx=budget.num_ctx, num_predict=budget.num_predict, on_text=on_text
        )
        if reply.broke_off and not reply.text:
            raise ServiceUnavailableError(f"{model.name} gave no answer: {reply.broke_off}")
        if reply.broke_off:
            logger.warning("the answer of %s is incomplete: %s", model.name, reply.broke_off)
        return reply

    def _pieces(self, messages: Sequence[ChatMessage]) -> Iterator[str]:
        """Yield the pieces of an answer as they come, from a thread of its own."""
        queue: SimpleQueue[object] = SimpleQueue()

        def ask() -> None:
            try:
                # A thought that was not seen to begin is out already: it is told apart by a line.
                self._reply(messages, lambda piece: queue.put(piece.replace(THOUGHT_END, "\n")))
                queue.put(_END)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                queue.put(error)

        Thread(target=ask, daemon=True).start()  # an answer nobody waits for ends by its limits
        while (piece := queue.get()) is not _END:
            if isinstance(piece, BaseException):
                raise piece
            yield str(piece)

    def _prompt(self, messages: Sequence[ChatMessage], model: VisionModel) -> tuple[Prompt, Budget]:
        """Return what the model is asked, in as large a context as it needs."""
        limits = limits_told(model)
        said, blocks = _said(messages), _pictures(messages)
        most = limits.at_once
        if len(blocks) > most:
            raise QueryError(
                f"{len(blocks)} pictures were found; {self._settings.model} can be shown {most} at"
                " once. Ask for fewer with similarity_top_k and image_similarity_top_k"
            )
        opened = [
            open_image(block.resolve_image().read(), max_megapixels=self._settings.max_megapixels)
            for block in blocks
        ]
        as_sheet = limits.pictures == 1 and len(opened) > 1
        pictures = _sheet(opened, limits.side) if as_sheet else _each(opened, limits.side)
        after = said
        if as_sheet:
            after = f"The picture is a contact sheet: tile [n] shows picture n.\n\n{said}"
        needed = estimate_tokens(after) + len(pictures) * limits.picture_tokens
        if needed + ANSWER_TOKENS + MARGIN_TOKENS > limits.context:
            raise QueryError(
                f"what was found takes about {needed:,} tokens; {self._settings.model} reads"
                f" {limits.context:,}. Ask for less with similarity_top_k"
            )
        return Prompt(OPENING, pictures, after), Budget(
            len(pictures), as_sheet, limits.side, limits.context
        )


def _sheet(opened: Sequence[Image.Image], side: int) -> tuple[bytes, ...]:
    tiles = [(f"[{number}]", picture) for number, picture in enumerate(opened, 1)]
    return (to_jpeg(draw_contact_sheet(tiles, side=side)),)


def _each(opened: Sequence[Image.Image], side: int) -> tuple[bytes, ...]:
    return tuple(to_jpeg(shrink(picture, side)) for picture in opened)


def _alone(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _pictures(messages: Sequence[ChatMessage]) -> list[ImageBlock]:
    """Return the pictures that are files here, in order; none is fetched from a URL."""
    found = [block for message in messages for block in message.blocks]
    pictures = [block for block in found if isinstance(block, ImageBlock)]
    if any(block.url and not block.image for block in pictures):
        raise QueryError("a picture at an address is not fetched; save it, and give its path")
    return pictures


def _said(messages: Sequence[ChatMessage]) -> str:
    """Write what was said as one text; with whose words they are, unless they are one person's."""
    said = [
        (message.role, "\n".join(b.text for b in message.blocks if isinstance(b, TextBlock)))
        for message in messages
    ]
    said = [(role, text) for role, text in said if text.strip()]
    if {role for role, _ in said} <= {MessageRole.USER}:
        return "\n\n".join(text for _, text in said)
    return "\n\n".join(f"{role.value}: {text}" for role, text in said) + "\n\nassistant:"


def _response(reply: Reply) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=reply.text))


def _responses(pieces: Iterator[str]) -> ChatResponseGen:
    """Yield all that was said so far, and the piece that came last."""
    text = ""
    for piece in pieces:
        text += piece
        message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
        yield ChatResponse(message=message, delta=piece)


def _completions(responses: Iterator[ChatResponse]) -> CompletionResponseGen:
    for each in responses:
        yield CompletionResponse(text=each.message.content or "", delta=each.delta)
