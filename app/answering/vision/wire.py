"""Wire: what every vision server is spoken to by: a connection with limits, and its error pages."""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from app.answering.vision import Limits, Prompt, Reply
from app.core.errors import SettingsError
from app.core.network import connection_options

if TYPE_CHECKING:
    import httpx
    from llama_index.core.base.llms.types import ImageBlock

MAX_REPLY_BYTES = 4_000_000
"""Of one streamed reply: 512 tokens come as some 80 kB of JSON lines."""

NOT_A_REPLY = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What ollama 0.6 and openai 2.54 raise on a line that is no JSON, no object, or one of another
shape."""

FULL = "the answer reached the length that it was given room for"
UNFINISHED = "the stream ended before the answer did"

NO_MEMORY = (
    "out of memory",  # CUDA, by torch in vLLM and LMDeploy, by ggml in Ollama and llama.cpp
    "more system memory",  # Ollama, before it loads a model
    "enough memory",
    "failed to allocate",
    "unable to allocate",  # ggml, of a buffer
)
"""Part of what is said with HTTP 500 when a model, or what it looks at, does not fit."""

MEMORY_ADVICE = "Choose a smaller model with --model; `ask` sends fewer pictures with --max-images"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a streamed answer. `ended` says how, in the server's word, if it is the last."""

    text: str
    ended: str = ""
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
        raise SettingsError(f"{option} {url!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"{option} {url!r} is no URL; it looks like {example}")
    host = f"[{host}]" if ":" in host else host
    usual = urlsplit(example).port if "://" not in url else 80
    port = port or (443 if parts.scheme == "https" else usual)
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def client_options(url: str, limits: Limits) -> dict[str, Any]:
    """Return the options of an httpx client whose replies end in time, and within a size.

    Raises ServiceUnavailableError for a proxy in the environment that cannot be used.
    """
    import httpx

    deadline = time.monotonic() + limits.total

    def bound(response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)  # a sync client gives these
        response.stream = _bounded(response.stream, deadline)

    return {
        "timeout": httpx.Timeout(limits.idle, connect=limits.connect),
        "follow_redirects": False,  # pictures go where the user said, and nowhere else
        **connection_options(url),
        "event_hooks": {"response": [bound]},
    }


def asked_again(attempt: Callable[[], T], busy: Collection[int], to: Limits) -> T:
    """Call, and call again while the server answers with a status that says it is busy."""
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
    """Hand on a stream's text; a piece must say that it ended, or it was cut."""
    said: list[str] = []
    ended, tokens = "", None
    piece, fault = _next(pieces)
    while piece is not None:
        if piece.text:
            said.append(piece.text)
            on_text(piece.text)
        ended = piece.ended or ended
        tokens = piece.prompt_tokens if piece.prompt_tokens is not None else tokens
        piece, fault = _next(pieces)
    if not ended:
        return Reply("".join(said), fault or UNFINISHED, tokens)
    return Reply("".join(said), FULL if ended == "length" else None, tokens)


def inner_message(reason: str) -> str:
    """Return the message of an error that is JSON inside a string, in one printable line.

    A web page says nothing: something else than the server that was meant has sent it.
    """
    if reason.lstrip().startswith("<"):
        return ""
    with suppress(ValueError, TypeError, KeyError):
        reason = json.loads(reason)["error"]["message"]
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", str(reason))[:300].strip()


def wants_memory(status: int, reason: str) -> bool:
    """Say whether a server failed for want of memory: checking its URL would help nobody.

    >>> wants_memory(500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)")
    True
    """
    return status >= 500 and any(sign in reason.lower() for sign in NO_MEMORY)


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
