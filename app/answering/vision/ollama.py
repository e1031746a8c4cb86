"""Ollama: the only file that speaks its protocol. Facts: recorded exchanges with Ollama 0.32.15."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING

from app.answering.budget import limits_of
from app.answering.vision import MODELS_THAT_SEE, Limits, Prompt, PromptTooLargeError, Reply
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
    wants_memory,
)
from app.core.callbacks import own_callbacks
from app.core.errors import ModelMissingError, ServiceUnavailableError, SightlineError
from app.core.network import import_quietly

if TYPE_CHECKING:
    import ollama
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen

BUSY = (503,)


class OllamaModel:
    """A model of an Ollama server; see VisionModel."""

    server = "ollama"

    def __init__(self, name: str, url: str, *, limits: Limits | None = None) -> None:
        self.name = name
        self.url = checked_url(url, "--ollama", "http://127.0.0.1:11434")
        self._limits = limits or Limits()

    def reply(
        self,
        prompt: Prompt,
        *,
        num_ctx: int,
        num_predict: int,
        on_text: Callable[[str], None],
    ) -> Reply:
        """Ask the model; see VisionModel."""
        with ExitStack() as stack:
            with self._translating():
                client = stack.enter_context(self._client())
                first, rest = self._begin(client, prompt, num_ctx, num_predict)
            stack.callback(rest.close)
            return read(_pieces(chain(first, rest)), on_text)

    def version(self) -> str:
        """Return the server's version, as it says it."""
        with self._translating(), self._client() as client:
            facts = client._client.get("/api/version")  # ollama 0.6 has no call for it
            facts.raise_for_status()
            return str(facts.json()["version"])

    def require(self) -> None:
        """Look whether the server has the model; see VisionModel."""
        wanted = self.name if ":" in self.name.rpartition("/")[2] else f"{self.name}:latest"
        with self._translating(), self._client() as client:
            there = {model.model for model in client.list().models}
        if wanted not in there:
            raise self._missing()

    def context_length(self) -> int | None:
        """Return how many tokens the model was trained to read; None if its file does not say."""
        with self._translating(), self._client() as client:
            facts = client.show(self.name).modelinfo or {}
            lengths = [value for key, value in facts.items() if key.endswith(".context_length")]
            return int(lengths[0]) if lengths else None

    def _client(self) -> "ollama.Client":
        client: ollama.Client = import_quietly("ollama").Client(
            self.url, **client_options(self.url, self._limits)
        )
        return client

    def _begin(
        self, client: "ollama.Client", prompt: Prompt, num_ctx: int, num_predict: int
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
            # A model without thinking refuses "true"; "false" is sent only to those that think.
            thinking=False if limits_of(self.name).thinks else None,
        )
        messages = _messages(prompt)
        bound = {"format": dict(prompt.schema)} if prompt.schema else {}

        def attempt() -> "tuple[list[ChatResponse], ChatResponseGen]":
            stream = model.stream_chat(messages, **bound)
            return list(islice(stream, 1)), stream

        return asked_again(attempt, BUSY, self._limits)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn what the client raises into what a person can act on."""
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
                f"no Ollama answers at {self.url}. Start it with `ollama serve`,"
                " or name another with --ollama URL"
            )
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return ServiceUnavailableError(
                f"Ollama at {self.url} took the request but sent nothing in time. See `ollama ps`"
                " and its log; a smaller model answers sooner"
            )
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            return ServiceUnavailableError(
                f"Ollama at {self.url} broke the connection off before it answered. See its log;"
                " then try again"
            )
        return ServiceUnavailableError(
            f"what answers at {self.url} does not speak as Ollama does"
            f" ({type(error).__name__}). Check --ollama URL; try `sightline doctor`"
        )

    def _missing(self) -> ModelMissingError:
        return ModelMissingError(
            f"Ollama at {self.url} has no model {self.name!r}. Run `ollama pull {self.name}`"
        )

    def _refused(self, status: int, reason: str) -> SightlineError:
        reason = inner_message(reason)
        if not reason:
            return ServiceUnavailableError(
                f"what answers at {self.url} is no Ollama: HTTP status {status}."
                " Check --ollama URL; try `sightline doctor`"
            )
        if status == 404 and "model" in reason:
            return self._missing()
        if status in BUSY:
            return ServiceUnavailableError(
                f"Ollama at {self.url} is busy and stayed so over {self._limits.attempts} attempts."
                " Try again later; `ollama ps` shows what it runs"
            )
        if "exceeds the available context size" in reason or "only supports one image" in reason:
            return PromptTooLargeError(f"{self.name} refuses the prompt: {reason}")
        if "image input is not supported" in reason or "does not support image" in reason:
            return ServiceUnavailableError(
                f"{self.name} cannot see pictures. Models that do: {MODELS_THAT_SEE};"
                " `ollama pull llava`, then --model llava"
            )
        if wants_memory(status, reason):
            return ServiceUnavailableError(
                f"Ollama at {self.url} has too little memory for {self.name}: {reason}."
                f" {MEMORY_ADVICE}"
            )
        return ServiceUnavailableError(
            f"Ollama at {self.url} refused: {reason}."
            " Check --ollama URL and --model; try `sightline doctor`"
        )


def _messages(prompt: Prompt) -> "list[ChatMessage]":
    """Make two messages of the user's, as Ollama puts pictures before all words of a message."""
    from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

    return [
        ChatMessage(role=MessageRole.USER, blocks=[TextBlock(text=prompt.before)]),
        ChatMessage(
            role=MessageRole.USER, blocks=[*picture_blocks(prompt), TextBlock(text=prompt.after)]
        ),
    ]


def _pieces(stream: "Iterator[ChatResponse]") -> Iterator[Piece]:
    ollama = import_quietly("ollama")
    try:
        for response in stream:
            facts = dict(response.raw or {})
            if not facts.get("done"):
                yield Piece(response.delta or "")
                continue
            tokens = facts.get("prompt_eval_count")
            ended = str(facts.get("done_reason") or "stop")
            yield Piece(response.delta or "", ended, tokens if isinstance(tokens, int) else None)
            return
    except ollama.ResponseError as error:
        raise BrokenOffError(inner_message(str(error.error))) from error
