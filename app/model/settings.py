"""Settings: what may be set from outside, and the only reader of the environment."""

import os
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path, user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Device = Literal["auto", "cpu", "cuda", "mps"]


ENVIRONMENT_PREFIX = "SIGHTLINE_"
"""Of the variables; pydantic-settings, which reads such too, takes .1 s of CPU to import."""


class Settings(BaseModel):
    """Where things are and which services answer; every field is `SIGHTLINE_<NAME>` outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(
        default_factory=lambda: user_data_path("sightline"),
        description="Folder that holds the embedded collections.",
    )
    qdrant: str | None = Field(
        default=None,
        description="URL of a Qdrant server, or of several nodes with commas between; unset means"
        " the embedded engine.",
    )
    qdrant_shards: int | None = Field(
        default=None, ge=1, description="Shards of a collection that is made on that server."
    )
    qdrant_replicas: int | None = Field(
        default=None, ge=1, description="Copies of each shard; unset means the server's default."
    )
    qdrant_grpc_port: int = Field(
        default=6334,
        ge=0,
        le=65535,
        description="Port on which that server speaks gRPC, used where it answers; 0 means never.",
    )
    qdrant_api_key: SecretStr | None = Field(
        default=None, description="API key of that server; sent nowhere else."
    )
    ollama: str = Field(
        default="http://127.0.0.1:11434", description="URL of the Ollama server that answers."
    )
    vision_url: str | None = Field(
        default=None,
        description="URL of a server that speaks OpenAI's chat completions, in place of Ollama.",
    )
    vision_api_key: SecretStr | None = Field(
        default=None, description="API key of that server; sent nowhere else."
    )
    model: str = Field(default="llava", description="Vision model that `ask` and `outfit` use.")
    context: int | None = Field(
        default=None,
        ge=1024,
        description="Tokens that the model is given; unset means what its server says, but of"
        " Ollama no more than 16,384.",
    )
    max_images: int | None = Field(
        default=None,
        ge=1,
        description="Pictures that the model is shown, fewer or more than its family takes.",
    )
    device: Device = Field(default="auto", description="Where embedding models run.")
    max_megapixels: float = Field(
        default=100.0, gt=0, description="Pictures larger than this are skipped, undecoded."
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        description="Processes that read pictures and documents; 0 is none: an ingest reads them"
        " itself, with no limit on time or memory.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take what is not given from the environment."""
        names = {name: ENVIRONMENT_PREFIX + name.upper() for name in cls.model_fields}
        return {n: os.environ[v] for n, v in names.items() if v in os.environ} | given

    @field_validator("home")
    @classmethod
    def _is_no_file(cls, home: Path) -> Path:
        if home.expanduser().is_file():
            told = f"{home} is a file; name a folder with --home or {ENVIRONMENT_PREFIX}HOME"
            raise PydanticCustomError("file", "{told}", {"told": told})
        return home

    @cached_property
    def collections_folder(self) -> Path:
        """Folder with one sub-folder per embedded collection."""
        return self.home.expanduser() / "collections"


def cache_folder() -> Path:
    """Return the folder of what can be made anew, the same for every home of a user."""
    return user_cache_path("sightline")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine itself; a proxy set in the environment is not for it.

    >>> is_loopback("http://127.0.0.2:11434"), is_loopback("http://0.0.0.0"), is_loopback("http://a")
    (True, True, False)
    """
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761, section 6.3
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
