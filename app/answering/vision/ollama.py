"""Ollama: the only file that speaks its protocol. Facts: recorded exchanges with Ollama 0.32.15."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

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
    picture_blocks,
    read,
    refuses_schema,
    token_count,
    wants_memory,
    with_room_to_think,
)
from app.model.callbacks import own_callbacks
from app.model.errors import ModelMissingError, ServiceUnavailableError, SightlineError
from app.model.network import import_quietly

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ollama
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen

BUSY = (503,)


class OllamaModel:
    """A model of an Ollama server; see VisionModel."""

    server = "ollama"

    def __init__(
        self,
        name: str,
        url: str,
        *,
        limits: Limits | None = None,
        given: ModelFacts | None = None,
    ) -> None:
        self.name = name
        self.url = checked_url(url, "--ollama", "http://127.0.0.1:11434")
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
        """Ask the model; see VisionModel."""
        thinks = self.facts().thinks

        def ask(room: int) -> Reply:
            context = num_ctx if room == num_predict else 2 * num_ctx
            with ExitStack() as stack:
                with self._translating():
                    client = stack.enter_context(self._client())
                    is_thinker = thinks or room != num_predict
                    first, rest = self._begin(client, prompt, context, room, is_thinker)
                stack.callback(rest.close)
                return read(_pieces(chain(first, rest)), on_text)

        return with_room_to_think(ask, num_predict)

    def version(self) -> str:
        """Return the server's version, as it says it."""
        with self._translating(), self._client() as client:
            facts = client._client.get("/api/version")  # ollama 0.6 has no call for it
            facts.raise_for_status()
            return str(facts.json()["version"])

    def facts(self) -> ModelFacts:
        """Return what is known of the model; see VisionModel."""
        if self._facts is None:
            with self._translating(), self._client() as client:
                told = client.show(self.name)
            self._facts = _facts(told, self._given)
        if self._facts.sees is False:
            raise self._blind()
        return self._facts

    def _client(self) -> "ollama.Client":
        client: ollama.Client = import_quietly("ollama").Client(
            self.url, **client_options(self.url, self._limits)
        )
        return client

    def _begin(
        self,
        client: "ollama.Client",
        prompt: Prompt,
        num_ctx: int,
        num_predict: int,
        is_thinker: bool,
    ) -> "tuple[list[ChatResponse], ChatResponseGen]":
        """Return the first piece of the answer, if any, and the rest; ask a busy server again."""
        from llama_index.llms.ollama import Ollama

        model = Ollama(
            model=self.name,
            base_url=self.url,
            client=client,
            context_window=num_ctx,  # left out, llama-index asks for the model's largest
            temperature=0.0,  # an answer from evidence, and the same one tomorrow
            callback_manager=own_callbacks(),
            additional_kwargs={"num_predict": num_predict},
            # A server from before thinking refuses the word; so it is sent only where it thinks.
            thinking=False if is_thinker else None,
        )
        messages = _messages(prompt)
        bound = {"format": dict(prompt.schema)} if prompt.schema else {}

        def attempt() -> "tuple[list[ChatResponse], ChatResponseGen]":
            stream = model.stream_chat(messages, **bound)
            return list(islice(stream, 1)), stream

        return asked_again(attempt, BUSY, self._limits)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Translate the client's errors into ours, which say what to do."""
        import httpx

        ollama = import_quietly("ollama")
        try:
            yield
        except ollama.ResponseError as error:
            raise self._refused(error.status_code, str(error.error)) from error
        except httpx.HTTPStatusError as error:
            raise self._refused(error.response.status_code, error.response.text) from error
        except (httpx.HTTPError, OSError, *NOT_A_REPLY) as error:
            raise self._unreached(error) from error

    def _unreached(self, error: Exception) -> SightlineError:
        import httpx

        if isinstance(error, ConnectionError | httpx.ConnectError | httpx.ConnectTimeout):
            return ServiceUnavailableError(
                f"Ollama does not answer at {self.url}. Start it with `ollama serve`,"
                " or name another with --ollama URL"
            )
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return ServiceUnavailableError(
                f"Ollama at {self.url} took the request but sent nothing in time. See `ollama ps`"
                " and its log; a smaller model answers sooner"
            )
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            return ServiceUnavailableError(
                f"Ollama at {self.url} closed the connection before it answered. See its log;"
                " then try again"
            )
        return ServiceUnavailableError(
            f"the server at {self.url} does not speak as Ollama does"
            f" ({type(error).__name__}). Check --ollama URL; try `sightline doctor`"
        )

    def _missing(self) -> ModelMissingError:
        return ModelMissingError(
            f"Ollama at {self.url} has no model {self.name!r}. Run `ollama pull {self.name}`"
        )

    def _blind(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"{self.name} cannot see pictures. Models that do: {MODELS_THAT_SEE};"
            " `ollama pull llava`, then --model llava"
        )

    def _refused(self, status: int, reason: str) -> SightlineError:
        reason = inner_message(reason)
        if not reason:
            return ServiceUnavailableError(
                f"the server at {self.url} is not Ollama: HTTP status {status}."
                " Check --ollama URL; try `sightline doctor`"
            )
        if status == 404 and "model" in reason:
            return self._missing()
        if status in BUSY:
            return ServiceUnavailableError(
                f"Ollama at {self.url} was busy in all {self._limits.attempts} attempts."
                " Try again later; `ollama ps` shows what it runs"
            )
        if "exceeds the available context size" in reason or "only supports one image" in reason:
            return PromptTooLargeError(f"{self.name} refuses the prompt: {reason}")
        if "image input is not supported" in reason or "does not support image" in reason:
            return self._blind()
        if wants_memory(status, reason):
            return ServiceUnavailableError(
                f"Ollama at {self.url} has too little memory for {self.name}: {reason}."
                f" {MEMORY_ADVICE}"
            )
        kind = SchemaRefusedError if refuses_schema(reason) else ServiceUnavailableError
        return kind(
            f"Ollama at {self.url} refused: {reason}."
            " Check --ollama URL and --model; try `sightline doctor`"
        )


def _messages(prompt: Prompt) -> "list[ChatMessage]":
    """Make one message, in which Ollama puts the pictures before all words.

    Of several it drops the first ones where they seem not to fit, and some templates refuse two of
    one role.
    """
    from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

    words = TextBlock(text=f"{prompt.before}\n\n{prompt.after}".strip())
    return [ChatMessage(role=MessageRole.USER, blocks=[*picture_blocks(prompt), words])]


def _facts(told: "ollama.ShowResponse", given: ModelFacts) -> ModelFacts:
    """Return what `/api/show` tells: Ollama tells capabilities since 0.6.4."""
    described = told.modelinfo or {}
    family = str(described.get("general.architecture") or (told.details and told.details.family))
    lengths = [described.get(f"{family}.context_length"), *_context_lengths(described)]
    can = told.capabilities
    return replace(
        given,
        trained_context=next(filter(None, map(token_count, lengths)), None),
        sees=None if can is None else "vision" in can,
        thinks=None if can is None else "thinking" in can,
        family="" if family == "None" else family,
    )


def _context_lengths(described: "Mapping[str, object]") -> Iterator[object]:
    return (value for key, value in described.items() if key.endswith(".context_length"))


def _pieces(stream: "Iterator[ChatResponse]") -> Iterator[Piece]:
    ollama = import_quietly("ollama")
    try:
        for response in stream:
            facts = dict(response.raw or {})
            thought = bool(getattr(facts.get("message"), "thinking", None))
            if not facts.get("done"):
                yield Piece(response.delta or "", thought=thought)
                continue
            tokens = facts.get("prompt_eval_count")
            ended = str(facts.get("done_reason") or "stop")
            yield Piece(response.delta or "", ended, thought, token_count(tokens, least=1))
            return
    except ollama.ResponseError as error:
        raise BrokenOffError(inner_message(str(error.error))) from error
