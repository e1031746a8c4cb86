"""Wire: what every vision server is spoken to by: a connection with limits, and its error pages."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from app.answering.vision import Limits, Prompt, PromptTooLargeError, Reply
from app.answering.vision.bounds import bounded
from app.answering.vision.spoken import THOUGHT_END, Spoken
from app.model.errors import ServiceUnavailableError, SettingsError
from app.model.network import connection_options

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ImageBlock

NOT_A_REPLY = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What ollama 0.6 and openai 2.54 raise on a line that is no JSON, no object, one of another shape,
or one that is nested without end."""

FINISHED = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence"})
"""How a server says that the model ended by itself. Of all else, `length` and what filters and
failures are called, the answer was cut off."""

FULL = "the answer reached the greatest length that it may have"
LEAST_TOKENS, MOST_TOKENS = 256, 100_000_000
"""Of a context; what is beyond is a mistake of the server's, and counts as untold."""

THINKING_ROOM = 6
"""Times the room of an answer: 3,072 tokens. Qwen3.5 and Gemma 4 thought for 900 to 1,500."""

THOUGHT_ON = (
    "the model wrote down its thoughts and no answer. Choose a model that does not think, or turn"
    " thinking off on its server"
)
UNFINISHED = "the stream ended before the answer did"

NO_MEMORY = (
    "out of memory",  # CUDA, by torch in vLLM and LMDeploy, by ggml in Ollama and llama.cpp
    "more system memory",  # Ollama, before it loads a model
    "enough memory",
    "failed to allocate",
    "unable to allocate",  # ggml, of a buffer
)
"""Part of what is said with HTTP 500 when a model, or what it looks at, does not fit."""

UNBINDABLE = (
    *("response_format", "json_schema", "json schema", "guided", "structured output"),
    *("grammar", "invalid format", "peg-native format"),  # llama.cpp, Ollama
)
"""Part of what is said of an answer that cannot be bound to a schema."""

MEMORY_ADVICE = "Choose a smaller model with --model; `ask` sends fewer pictures with --max-images"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a streamed answer. `ended` says how, in the server's word, if it is the last.

    `thought` says that the server told a thought apart, which is not in the text.
    """

    text: str
    ended: str = ""
    thought: bool = False
    prompt_tokens: int | None = None


class BrokenOffError(Exception):
    """The server said in mid-stream that it cannot go on, and why."""


def checked_url(url: str, option: str, example: str) -> str:
    """Return scheme, host, port and path of a URL, without a password in it.

    What has no scheme has http, and the port of the example. Raises SettingsError.
    """
    full = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(full)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{option} {url!r}is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"{option} {url!r} is not a URL; it should look like {example}")
    host = f"[{host}]" if ":" in host else host
    usual = urlsplit(example).port if "://" not in url else 80
    port = port or (443 if parts.scheme == "https" else usual)
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def client_options(url: str, limits: Limits) -> dict[str, Any]:
    """Return the options of an httpx client whose replies end in time, and within a size.

    Raises ServiceUnavailableError for a proxy in the environment that cannot be used.
    """
    import httpx

    connection = connection_options(url)
    transport = httpx.HTTPTransport(
        verify=connection.pop("verify", True), proxy=connection.pop("proxy", None), trust_env=False
    )
    return {
        "timeout": httpx.Timeout(limits.idle, connect=limits.connect),
        "follow_redirects": False,  # pictures go where the user said, and nowhere else
        # A compressed reply of 3 MB was 700 MB of blanks; words need no compressing.
        "headers": {"Accept-Encoding": "identity"},
        "transport": bounded(transport, total=limits.total, silence=limits.silence),
        **connection,
    }


def asked_again(attempt: Callable[[], T], busy: Collection[int], to: Limits) -> T:
    """Call the server, and again while it says that it is busy."""
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    def is_busy(error: BaseException) -> bool:
        return getattr(error, "status_code", None) in busy

    return Retrying(
        retry=retry_if_exception(is_busy),
        stop=stop_after_attempt(to.attempts),
        wait=wait_random_exponential(multiplier=to.wait),
        reraise=True,
    )(attempt)


def picture_blocks(prompt: Prompt) -> "list[ImageBlock]":
    """Return the pictures as LlamaIndex hands them on, in order."""
    from llama_index.core.base.llms.types import ImageBlock

    return [ImageBlock(image=picture, image_mimetype="image/jpeg") for picture in prompt.pictures]


def read(pieces: Iterator[Piece], on_text: Callable[[str], None]) -> Reply:
    """Pass on a stream's text and return the reply; without a final piece it was cut off."""
    said: list[str] = []
    spoken = Spoken()
    ended, tokens, thought = "", None, False

    def take(text: str) -> None:
        if text:
            said.append(text)
            on_text(text)

    piece, fault = _next(pieces)
    while piece is not None:
        take(spoken.add(piece.text))
        ended = piece.ended or ended
        thought = thought or piece.thought
        tokens = piece.prompt_tokens if piece.prompt_tokens is not None else tokens
        piece, fault = _next(pieces)
    take(spoken.end())
    text = "".join(said).rpartition(THOUGHT_END)[2]
    thought = thought or spoken.thought
    broke_off = _why(ended) if ended else fault or UNFINISHED
    if ended and thought and not text.strip():
        broke_off = THOUGHT_ON
    return Reply(text, broke_off, tokens, thought)


def _why(ended: str) -> str | None:
    """Return why an answer broke off; None if it did not."""
    if ended in FINISHED:
        return None
    return FULL if ended == "length" else f"the server ended it, with the reason {ended[:40]!r}"


def token_count(value: object, *, least: int = LEAST_TOKENS) -> int | None:
    """Return a number of tokens that a server tells, if it can be one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if least <= value <= MOST_TOKENS else None


def object_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object that a server tells; an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def with_room_to_think(ask: Callable[[int], Reply], num_predict: int) -> Reply:
    """Ask with room for the answer alone; once more with room for thoughts, if they took it all."""
    reply = ask(num_predict)
    if reply.broke_off != THOUGHT_ON:
        return reply
    with suppress(PromptTooLargeError, ServiceUnavailableError):  # then that is all there is
        return ask(THINKING_ROOM * num_predict)
    return reply


def inner_message(reason: str) -> str:
    """Return the message of an error that is JSON inside a string, in one printable line.

    A web page says nothing: something else than the server that was meant has sent it.
    """
    if reason.lstrip().startswith("<"):
        return ""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        reason = json.loads(reason)["error"]["message"]
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", str(reason))[:300].strip()


def refuses_schema(reason: str) -> bool:
    """Say whether a server refused the schema that an answer was to be bound to, or choked on it.

    >>> refuses_schema("Unsupported parameter: 'response_format'"), refuses_schema("no such model")
    (True, False)
    """
    return any(phrase in reason.lower() for phrase in UNBINDABLE)


def wants_memory(status: int, reason: str) -> bool:
    """Tell whether a server failed because it has too little memory.

    >>> wants_memory(500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)")
    True
    """
    return status >= 500 and any(phrase in reason.lower() for phrase in NO_MEMORY)


def _next(pieces: Iterator[Piece]) -> tuple[Piece | None, str | None]:
    """Return the next piece, or why there is none."""
    import httpx

    try:
        return next(pieces, None), None
    except BrokenOffError as error:
        return None, f"the server broke off: {error}"
    except (httpx.TimeoutException, TimeoutError):
        return None, "the server fell silent, or took too long"
    except (httpx.HTTPError, ConnectionError):
        return None, "the connection was cut"
    except NOT_A_REPLY:
        return None, "the server sent something that is not an answer"
