"""Vision: prompt → what a model says to it. The only file that speaks Ollama.

A model that cannot be asked raises; one that breaks off while it answers returns what it had said,
with the fact. Nothing here makes up an answer.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from app.answering.budget import limits_of
from app.core.errors import (
    ModelMissingError,
    ServiceUnavailableError,
    SettingsError,
    SightlineError,
)
from app.core.settings import Settings, is_loopback

if TYPE_CHECKING:
    import httpx
    import ollama
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen

MODELS_THAT_SEE = "llava, gemma3, qwen2.5vl, qwen3-vl"
"""What a message offers in place of a model without eyes."""

MAX_REPLY_BYTES = 4_000_000
"""Of one streamed reply: 512 tokens come as some 80 kB of JSON lines."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a server is waited for, in seconds, and how often a busy one is asked again.

    `idle` spans loading the model and reading the pictures: Ollama itself gives up loading after
    5 minutes (OLLAMA_LOAD_TIMEOUT).
    """

    connect: float = 5.0
    idle: float = 300.0
    total: float = 900.0
    attempts: int = 4
    wait: float = 1.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words before the pictures, the pictures as JPEG, the words after them."""

    before: str
    pictures: tuple[bytes, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said. `broke_off` says why it did not finish; None when it did.

    `prompt_tokens` is how much of the prompt the server says it read.
    """

    text: str
    broke_off: str | None
    prompt_tokens: int | None


class PromptTooLargeError(SightlineError):
    """The server refuses so many pictures, or so long a prompt; fewer may do."""

    code = "prompt_too_large"


class VisionModel(Protocol):
    """A model that looks at pictures and answers."""

    name: str

    def reply(
        self,
        prompt: Prompt,
        *,
        num_ctx: int,
        num_predict: int,
        on_text: Callable[[str], None],
    ) -> Reply:
        """Ask, handing on the text as it comes.

        Raises ServiceUnavailableError, ModelMissingError, PromptTooLargeError.
        """


class OllamaModel:
    """A model of an Ollama server; every call opens a connection of its own and closes it."""

    def __init__(self, name: str, url: str, *, limits: Limits | None = None) -> None:
        self.name = name
        self.url = _checked(url)
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
        messages = _messages(prompt)
        with ExitStack() as stack:
            with self._translating():
                client = stack.enter_context(self._client())
                first, rest = self._begin(client, messages, num_ctx, num_predict)
            stack.callback(rest.close)
            return _read(first, rest, on_text)

    def version(self) -> str:
        """Return the server's version, as it says it."""
        with self._translating(), self._client() as client:
            facts = client._client.get("/api/version")  # ollama 0.6 has no call for it
            facts.raise_for_status()
            return str(facts.json()["version"])

    def is_there(self) -> bool:
        """Say whether the server has the model."""
        wanted = self.name if ":" in self.name.rpartition("/")[2] else f"{self.name}:latest"
        with self._translating(), self._client() as client:
            return wanted in {model.model for model in client.list().models}

    def context_length(self) -> int | None:
        """Return how many tokens the model was trained to read; None if its file does not say."""
        with self._translating(), self._client() as client:
            facts = client.show(self.name).modelinfo or {}
            lengths = [value for key, value in facts.items() if key.endswith(".context_length")]
            return int(lengths[0]) if lengths else None

    def _client(self) -> "ollama.Client":
        import httpx
        import ollama

        limits = self._limits
        deadline = time.monotonic() + limits.total

        def bound(response: httpx.Response) -> None:
            assert isinstance(response.stream, httpx.SyncByteStream)  # a sync client gives these
            response.stream = _bounded(response.stream, deadline)

        return ollama.Client(
            self.url,
            timeout=httpx.Timeout(limits.idle, connect=limits.connect),
            follow_redirects=False,  # pictures go where the user said, and nowhere else
            trust_env=not is_loopback(self.url),
            event_hooks={"response": [bound]},
        )

    def _begin(
        self, client: "ollama.Client", messages: "Sequence[ChatMessage]", num_ctx: int, predict: int
    ) -> "tuple[ChatResponse | None, ChatResponseGen]":
        """Return the first piece of the answer and the rest; a busy server is asked again."""
        from llama_index.llms.ollama import Ollama
        from tenacity import (
            Retrying,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        model = Ollama(
            model=self.name,
            base_url=self.url,
            client=client,
            context_window=num_ctx,  # left out, llama-index asks for the model's largest
            temperature=0.0,  # an answer from evidence, and the same one tomorrow
            additional_kwargs={"num_predict": predict},
            # A model without thinking refuses "true"; "false" is sent only to those that think.
            thinking=False if limits_of(self.name).thinks else None,
        )

        def attempt() -> "tuple[ChatResponse | None, ChatResponseGen]":
            stream = model.stream_chat(messages)
            return next(stream, None), stream

        return Retrying(
            retry=retry_if_exception(_is_busy),
            stop=stop_after_attempt(self._limits.attempts),
            wait=wait_random_exponential(multiplier=self._limits.wait),
            reraise=True,
        )(attempt)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn what the client raises into what a person can act on."""
        import httpx
        import ollama

        try:
            yield
        except ollama.ResponseError as error:
            raise self._refused(error.status_code, str(error.error)) from error
        except httpx.HTTPStatusError as error:
            raise self._refused(error.response.status_code, error.response.text) from error
        except (httpx.HTTPError, OSError, *_NOT_A_REPLY) as error:
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
        return ServiceUnavailableError(
            f"what answers at {self.url} does not speak as Ollama does"
            f" ({type(error).__name__}). Check --ollama URL; try `sightline doctor`"
        )

    def _refused(self, status: int, reason: str) -> SightlineError:
        reason = _inner_message(reason)
        if not reason:
            return ServiceUnavailableError(
                f"what answers at {self.url} is no Ollama: HTTP status {status}."
                " Check --ollama URL; try `sightline doctor`"
            )
        if status == 404 and "model" in reason:
            return ModelMissingError(
                f"Ollama at {self.url} has no model {self.name!r}."
                f" Get it: `ollama pull {self.name}`"
            )
        if status == 503:
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
        return ServiceUnavailableError(
            f"Ollama at {self.url} refused: {reason}."
            " Check --ollama URL and --model; try `sightline doctor`"
        )


_NOT_A_REPLY = (ValueError, TypeError, KeyError, AttributeError, ImportError)
"""What ollama 0.6 raises on a line that is no JSON, no object, or one of another shape; and what
httpx raises on a proxy in the environment that it cannot use."""


def discard(_piece: str) -> None:
    """Let a reply stream unseen."""


def open_model(settings: Settings, *, limits: Limits | None = None) -> OllamaModel:
    """Return the model that the settings name; nothing is sent yet."""
    return OllamaModel(settings.model, settings.ollama, limits=limits)


def _checked(url: str) -> str:
    """Return scheme, host, port and path of a URL, without a password in it."""
    full = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(full)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"--ollama {url!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"--ollama {url!r} is no URL; it looks like http://127.0.0.1:11434")
    host = f"[{host}]" if ":" in host else host
    port = port or (443 if parts.scheme == "https" else 11434 if "://" not in url else 80)
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def _messages(prompt: Prompt) -> "list[ChatMessage]":
    """Make two messages of the user's, as Ollama puts pictures before all words of a message."""
    from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock

    pictures = [
        ImageBlock(image=picture, image_mimetype="image/jpeg") for picture in prompt.pictures
    ]
    return [
        ChatMessage(role=MessageRole.USER, blocks=[TextBlock(text=prompt.before)]),
        ChatMessage(role=MessageRole.USER, blocks=[*pictures, TextBlock(text=prompt.after)]),
    ]


def _read(
    first: "ChatResponse | None", rest: "ChatResponseGen", on_text: Callable[[str], None]
) -> Reply:
    """Hand on a stream's text; `done` must come, or it was cut."""
    said: list[str] = []
    raw: dict[str, Any] = {}
    fault = None
    piece = first
    while piece is not None:
        raw = dict(piece.raw or {})
        if piece.delta:
            said.append(piece.delta)
            on_text(piece.delta)
        if raw.get("done"):
            break
        piece, fault = _next(rest)
    if fault is None and not raw.get("done"):
        fault = "the stream ended before the answer did"
    if fault is None and raw.get("done_reason") == "length":
        fault = "the answer reached the length that it was given room for"
    tokens = raw.get("prompt_eval_count")
    return Reply("".join(said), fault, tokens if isinstance(tokens, int) else None)


def _next(rest: "ChatResponseGen") -> "tuple[ChatResponse | None, str | None]":
    """Return the next piece, or why there is none."""
    import httpx
    import ollama

    try:
        return next(rest, None), None
    except ollama.ResponseError as error:
        return None, f"the server broke off: {_inner_message(str(error.error))}"
    except (httpx.TimeoutException, TimeoutError):
        return None, "the server fell silent, or took too long"
    except (httpx.HTTPError, ConnectionError):
        return None, "the connection was cut"
    except _NOT_A_REPLY:
        return None, "the server sent something that is no answer"


def _bounded(stream: "httpx.SyncByteStream", deadline: float) -> "httpx.SyncByteStream":
    """Wrap a stream so that it ends at the deadline or at a size, even within a line."""
    import httpx

    class Bounded(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in stream:
                size += len(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError("over the total time limit")
                if size > MAX_REPLY_BYTES:
                    raise ValueError("over the size of any reply")
                yield chunk

        def close(self) -> None:
            stream.close()

    return Bounded()


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "status_code", None) == 503


def _inner_message(reason: str) -> str:
    """Return the message of an error that is JSON inside a string, in one printable line.

    A web page says nothing: something else than the server that was meant has sent it.
    """
    if reason.lstrip().startswith("<"):
        return ""
    with suppress(ValueError, TypeError, KeyError):
        reason = json.loads(reason)["error"]["message"]
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", str(reason))[:300].strip()
