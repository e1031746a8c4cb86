"""OpenAI-like: the only file that speaks OpenAI's chat completions: LMDeploy, vLLM, llama.cpp.

Facts: recorded exchanges with llama.cpp's server, and its clients openai 2.54 and llama-index 0.8.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from app.answering.vision import (
    MODELS_THAT_SEE,
    Limits,
    ModelFacts,
    Prompt,
    PromptTooLargeError,
    Reply,
    SchemaRefusedError,
)
from app.answering.vision.wire import (
    MEMORY_ADVICE,
    NOT_A_REPLY,
    BrokenOffError,
    Piece,
    asked_again,
    checked_url,
    client_options,
    inner_message,
    object_of,
    picture_blocks,
    read,
    refuses_schema,
    token_count,
    wants_memory,
    with_room_to_think,
)
from app.model.callbacks import own_callbacks
from app.model.errors import ModelMissingError, ServiceUnavailableError, SightlineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    import openai
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen
    from pydantic import SecretStr

ABOUT_US = ("openai-", "x-stainless-")
"""Headers that the client adds of itself, of our system and of what OPENAI_* say: none is sent."""


class OpenAILikeModel:
    """A model of a server that speaks OpenAI's chat completions; see VisionModel."""

    server = "vision server"

    def __init__(
        self,
        name: str,
        url: str,
        key: "SecretStr | None" = None,
        *,
        limits: Limits | None = None,
        given: ModelFacts | None = None,
    ) -> None:
        self.name = name
        url = checked_url(url, "--vision-url", "http://127.0.0.1:8000/v1")
        self.url = url if url.endswith("/v1") else f"{url}/v1"
        self._key = key.get_secret_value() if key else "none"  # the client wants some
        self._bearer = {"Authorization": f"Bearer {self._key}"}
        self._limits = limits or Limits()
        self._given = given or ModelFacts()
        self._facts: ModelFacts | None = None

    def reply(
        self,
        prompt: Prompt,
        *,
        num_ctx: int,
        num_predict: int,
        on_text: Callable[[str], None],
    ) -> Reply:
        """Ask the model; see VisionModel. The server's context is what it was started with."""
        thinks = self.facts().thinks

        def ask(room: int) -> Reply:
            with ExitStack() as stack:
                with self._translating():
                    client = stack.enter_context(self._http())
                    is_thinker = thinks or room != num_predict
                    first, rest = self._begin(client, prompt, room, is_thinker=is_thinker)
                stack.callback(rest.close)
                return read(_pieces(chain(first, rest)), on_text)

        return with_room_to_think(ask, num_predict)

    def version(self) -> None:
        """Return None: the protocol has no route for it."""
        self._listed()

    def facts(self) -> ModelFacts:
        """Return what is known of the model; see VisionModel."""
        if self._facts is None:
            listed = self._listed()
            if listed is None:
                return self._given
            served = [model.id for model in listed]
            # llama.cpp serves its one model under any name.
            lone = listed[:1] if len(listed) == 1 and listed[0].owned_by == LLAMA_CPP else []
            found = [model for model in listed if model.id == self.name] or lone
            if not found:
                raise self._missing(served)
            props = self._props() if found[0].owned_by == LLAMA_CPP else {}
            self._facts = _facts(found[0].model_dump(), props, self._given)
        if self._facts.sees is False:
            raise self._blind()
        return self._facts

    def _props(self) -> dict[str, Any]:
        """Return what llama.cpp says of the model that it runs; nothing where it does not."""
        with self._translating(), self._http() as http:
            told = http.get(f"{self.url.removesuffix('/v1')}/props", headers=self._bearer)
            facts = told.json() if told.is_success else {}
        return facts if isinstance(facts, dict) else {}

    def _listed(self) -> "list[openai.types.Model] | None":
        """Return the models that the server lists; None if it lists none at all."""
        import openai

        with self._translating(), self._http() as http:
            client = openai.OpenAI(
                base_url=self.url, api_key=self._key, http_client=http, max_retries=0
            )
            try:
                listed: object = client.models.list().data
            except openai.NotFoundError:
                return None
        return [each for each in listed if _is_model(each)] if isinstance(listed, list) else []

    def _http(self) -> "httpx.Client":
        import httpx

        options = client_options(self.url, self._limits)
        timeout = options["timeout"].as_dict()

        def prepare(request: httpx.Request) -> None:
            request.extensions["timeout"] = timeout  # llama-index has one number for all
            for name in [name for name in request.headers if name.startswith(ABOUT_US)]:
                del request.headers[name]

        return httpx.Client(**options, event_hooks={"request": [prepare]})

    def _begin(
        self, http: "httpx.Client", prompt: Prompt, num_predict: int, *, is_thinker: bool
    ) -> "tuple[list[ChatResponse], ChatResponseGen]":
        """Return the first piece of the answer, if any, and the rest; ask a busy server again."""
        from llama_index.llms.openai_like import OpenAILike

        model = OpenAILike(
            model=self.name,
            api_base=self.url,
            api_key=self._key,
            http_client=http,
            is_chat_model=True,  # else the pictures are left out, silently
            temperature=0.0,  # an answer from evidence, and the same one tomorrow
            max_tokens=num_predict,
            callback_manager=own_callbacks(),
            max_retries=0,  # llama-index's and openai's would multiply
            additional_kwargs={
                "stream_options": {"include_usage": True},
                **_bound(prompt),
                **(NO_THINKING if is_thinker else {}),
            },
        )
        messages = [_message(prompt)]

        def attempt() -> "tuple[list[ChatResponse], ChatResponseGen]":
            stream = model.stream_chat(messages)
            first = list(islice(stream, 1))
            if not first:  # the client passes over all that is no event: a web page, say
                raise ValueError("no event in the stream")
            return first, stream

        return asked_again(attempt, BUSY, self._limits)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Translate the client's errors into ours, which say what to do."""
        import httpx
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.response.text) from error
        except openai.APITimeoutError as error:
            raise self._unreached(error.__cause__ or error) from error
        except (openai.OpenAIError, httpx.HTTPError, OSError, *NOT_A_REPLY) as error:
            raise self._unreached(error) from error

    def _unreached(self, error: BaseException) -> SightlineError:
        import httpx
        import openai

        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        if isinstance(cause, ConnectionError | httpx.ConnectError | httpx.ConnectTimeout):
            return ServiceUnavailableError(
                f"no vision server answers at {self.url}. Start it, or name another with"
                " --vision-url URL"
            )
        if isinstance(cause, httpx.TimeoutException | TimeoutError):
            return ServiceUnavailableError(
                f"the vision server at {self.url} took the request but sent nothing in time. See"
                " its log; a smaller model answers sooner"
            )
        if isinstance(cause, httpx.RemoteProtocolError | httpx.ReadError):
            return ServiceUnavailableError(
                f"the vision server at {self.url} closed the connection before it answered. See"
                " its log; then try again"
            )
        return ServiceUnavailableError(
            f"the server at {self.url} does not speak OpenAI's chat completions"
            f" ({type(cause).__name__}). Check --vision-url URL; try `sightline doctor`"
        )

    def _missing(self, served: list[str]) -> ModelMissingError:
        there = f"; it has {', '.join(served[:MAX_LISTED])}" if served else ""
        return ModelMissingError(
            f"the vision server at {self.url} has no model {self.name!r}{there}."
            " Name one that it serves with --model"
        )

    def _blind(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"{self.name} cannot see pictures. Models that do: {MODELS_THAT_SEE}, and others;"
            " of llama.cpp, with --mmproj"
        )

    def _refused(self, status: int, body: str) -> SightlineError:
        reason = inner_message(body)
        where = f"the vision server at {self.url}"
        check = "Check --vision-url URL and --model; try `sightline doctor`"
        if not reason:
            return ServiceUnavailableError(
                f"the server at {self.url} is not a vision server: HTTP status {status}. {check}"
            )
        if status in (401, 403):
            return ServiceUnavailableError(
                f"{where} refused the API key. Set SIGHTLINE_VISION_API_KEY"
            )
        if status == 404 and "model" in reason:
            return self._missing([])
        if status in BUSY:
            return ServiceUnavailableError(
                f"{where} was busy in all {self._limits.attempts} attempts. Try again later"
            )
        if any(phrase in body for phrase in TOO_LARGE):
            return PromptTooLargeError(f"{self.name} refuses the prompt: {reason}")
        if any(phrase in reason for phrase in BLIND):
            return self._blind()
        if wants_memory(status, reason):
            return ServiceUnavailableError(
                f"{where} has too little memory for {self.name}: {reason}. {MEMORY_ADVICE}"
            )
        kind = SchemaRefusedError if refuses_schema(body) else ServiceUnavailableError
        return kind(f"{where} refused: {reason}. {check}")


MAX_LISTED = 5

BUSY = (429, 503)

LLAMA_CPP = "llamacpp"
"""Who owns a model that llama.cpp lists."""

NO_THINKING = {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}
"""How llama.cpp, vLLM and SGLang tell a model's template not to think."""

THINKING_TEMPLATES = ("enable_thinking", "<think>", "<|channel")
"""Part of the chat template of a model that can think."""

TOO_LARGE = (
    "exceed_context_size_error",  # llama.cpp
    "maximum context length",  # vLLM
    "image(s) may be provided",  # vLLM, as two versions of it say it
    "limit-mm-per-prompt",
)
"""Part of what is said of a prompt that is too long, or has too many pictures."""

REASONING = ("reasoning_content", "reasoning")
"""Where a server with a parser for it puts what a model thinks: llama.cpp and vLLM, OpenRouter."""

BLIND = ("image input is not supported", "is not a multimodal model")
"""The same of a model that cannot see: llama.cpp, vLLM."""


def _bound(prompt: Prompt) -> dict[str, Any]:
    if prompt.schema is None:
        return {}
    schema = {"name": "answer", "schema": dict(prompt.schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _message(prompt: Prompt) -> "ChatMessage":
    """Make one message: its parts keep their order, and some templates refuse two of one role."""
    from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

    pictures = picture_blocks(prompt)
    labels = [[TextBlock(text=label)] for label in prompt.labels] or [[] for _ in pictures]
    shown = [part for label, one in zip(labels, pictures, strict=True) for part in (*label, one)]
    words = (TextBlock(text=prompt.before), TextBlock(text=prompt.after))
    return ChatMessage(role=MessageRole.USER, blocks=[words[0], *shown, words[1]])


def _is_model(each: object) -> bool:
    return isinstance(getattr(each, "id", None), str)


def _facts(
    listed: "Mapping[str, Any]", props: "Mapping[str, Any]", given: ModelFacts
) -> ModelFacts:
    """Return what vLLM's or llama.cpp's list of models tells, and llama.cpp's `/props`."""
    running = object_of(props.get("default_generation_settings"))
    served = token_count(running.get("n_ctx")) or token_count(listed.get("max_model_len"))
    template = str(props.get("chat_template") or "")
    sees = object_of(props.get("modalities")).get("vision")
    return replace(
        given,
        trained_context=token_count(object_of(listed.get("meta")).get("n_ctx_train")),
        served_context=given.served_context or served,
        sees=sees if isinstance(sees, bool) else None,
        thinks=any(phrase in template for phrase in THINKING_TEMPLATES) if template else None,
    )


def _pieces(stream: "Iterator[ChatResponse]") -> Iterator[Piece]:
    import openai

    try:
        for response in stream:
            chunk: Any = response.raw
            choice = chunk.choices[0] if chunk.choices else None
            ended = choice.finish_reason if choice else None
            tokens = token_count(chunk.usage.prompt_tokens, least=1) if chunk.usage else None
            thought = any(getattr(choice and choice.delta, name, None) for name in REASONING)
            yield Piece(response.delta or "", str(ended or ""), thought, tokens)
    except openai.APIError as error:
        raise BrokenOffError(inner_message(str(error.message))) from error
