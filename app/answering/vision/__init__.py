"""Vision: prompt → what a model says to it, on whichever server it runs.

A model that cannot be asked raises; one that breaks off while it answers returns what it had said,
with the fact. Nothing here makes up an answer. Each module of this folder speaks one protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.model.errors import ServiceUnavailableError, SightlineError
from app.model.settings import Settings

MODELS_THAT_SEE = "llava, gemma3, qwen2.5vl, qwen3-vl"
"""What a message offers in place of a model without eyes."""


SILENCE_SECONDS = 60.0
"""Between two pieces of an answer. A model that writes on a CPU says a word or two in a second;
one that has begun has loaded, and looked at its pictures."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds for a server, and how often a busy one is asked again.

    `idle` spans loading the model and reading the pictures: Ollama itself gives up loading after
    5 minutes (OLLAMA_LOAD_TIMEOUT). After the first word `silence` is the most.
    """

    connect: float = 5.0
    idle: float = 300.0
    silence: float = SILENCE_SECONDS
    total: float = 900.0
    attempts: int = 4
    wait: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a server says of a model, or the user in its place; None where nobody does.

    Tokens: `trained_context` is what the model was made to read, `served_context` what its server
    has room for. `family` is the server's word for its architecture, "" if it has none. `pictures`
    is how many the user wants it shown at most.
    """

    trained_context: int | None = None
    served_context: int | None = None
    sees: bool | None = None
    thinks: bool | None = None
    family: str = ""
    pictures: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words before the pictures, the pictures as JPEG, the words after them.

    `labels` stand before each picture where a protocol can put words between pictures. `schema` is
    a JSON schema that the answer is bound to; it may still be cut off, or broken by a server that
    does not know how, so what comes is to be validated.
    """

    before: str
    pictures: tuple[bytes, ...]
    after: str
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said. `broke_off` says why it did not finish; None when it did.

    `text` has nothing of what it thought; `thought` says whether it did. `prompt_tokens` is how
    much of the prompt the server says it read.
    """

    text: str
    broke_off: str | None
    prompt_tokens: int | None
    thought: bool = False


class PromptTooLargeError(SightlineError):
    """The server refuses so many pictures, or so long a prompt; fewer may do."""

    code = "prompt_too_large"


class SchemaRefusedError(ServiceUnavailableError):
    """The server cannot bind an answer to this schema; without one it may answer."""


class VisionModel(Protocol):
    """A model that looks at pictures and answers; every call has a connection of its own."""

    name: str
    url: str
    server: str
    """What kind of server it is."""

    def reply(
        self,
        prompt: Prompt,
        *,
        num_ctx: int,
        num_predict: int,
        on_text: Callable[[str], None],
    ) -> Reply:
        """Ask, handing on the text as it comes.

        A thought that was not seen to begin is handed on too, and `spoken.THOUGHT_END` after it.
        `num_ctx` is for a server that can be told; others have a context of their own. Raises
        ServiceUnavailableError, ModelMissingError, PromptTooLargeError, SchemaRefusedError.
        """

    def version(self) -> str | None:
        """Return the server's version; None if it does not say. Raises as `reply`."""

    def facts(self) -> ModelFacts:
        """Return what is known of the model; the server is asked once.

        Raises as `reply`, also for a model that the server says cannot see.
        """


def discard(_piece: str) -> None:
    """Ignore the text as it streams: the callback for those who only want the reply."""


def open_model(settings: Settings, *, limits: Limits | None = None) -> VisionModel:
    """Return the model that the settings name; nothing is sent yet. Raises SettingsError."""
    given = ModelFacts(served_context=settings.context, pictures=settings.max_images)
    if settings.vision_url:
        from app.answering.vision.openai_like import OpenAILikeModel

        key = settings.vision_api_key
        return OpenAILikeModel(settings.model, settings.vision_url, key, limits=limits, given=given)
    from app.answering.vision.ollama import OllamaModel

    return OllamaModel(settings.model, settings.ollama, limits=limits, given=given)
