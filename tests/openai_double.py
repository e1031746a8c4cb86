"""A stand-in for a server of OpenAI's chat completions that speaks as llama.cpp's did."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.vision_double import ChatRequest, Handler, VisionDouble

RECORDED = {
    exchange["tag"]: exchange
    for exchange in json.loads(
        (Path(__file__).parent / "answering" / "openai_exchanges.json").read_text("utf-8")
    )
}
"""What a real llama-server answered, of Debian's llama.cpp-tools 0.7.0, by what was asked of it."""

DATA_URL = "data:image/jpeg;base64,"


class OpenAIRequest(ChatRequest):
    """One POST to /v1/chat/completions, as it came."""

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [part for message in self.messages for part in message["content"]]

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def encoded_pictures(self) -> list[bytes]:
        """Pictures must come as data: URLs of JPEG, for a server would fetch any other."""
        urls = [part["image_url"]["url"] for part in self.parts if part["type"] == "image_url"]
        assert all(url.startswith(DATA_URL) for url in urls)
        return [base64.b64decode(url.removeprefix(DATA_URL), validate=True) for url in urls]

    @property
    def schema(self) -> dict[str, Any] | None:
        bound = self.body.get("response_format") or {}
        assert bound.get("type") in (None, "json_schema")
        return bound["json_schema"]["schema"] if bound else None


class OpenAIHandler(Handler):
    chat_route = "/v1/chat/completions"
    content_type = "text/event-stream"
    request_type = OpenAIRequest
    recorded = RECORDED
    busy: ClassVar = {"error": {"code": 503, "message": "Loading model", "type": "unavailable"}}

    def listing(self) -> dict[str, object]:
        meta = {"meta": {"n_ctx_train": self.double.context_length}}
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "llamacpp", **meta}
            for name in self.double.models
        ]
        props = {
            "default_generation_settings": {"n_ctx": self.double.served_context},
            "modalities": {"vision": "vision" in self.double.capabilities, "audio": False},
            "chat_template": "{{ enable_thinking }}" * ("thinking" in self.double.capabilities),
        }
        return {"/v1/models": {"object": "list", "data": models}, "/props": props}

    def missing(self, model: str) -> object:
        """As vLLM has it; llama.cpp serves its one model under any name."""
        told = f"The model `{model}` does not exist."
        return {"error": {"message": told, "type": "NotFoundError", "param": None, "code": 404}}

    def line(self, request: ChatRequest, text: str) -> bytes:
        return self.event({"choices": [_choice({"content": text}, None)]})

    def thinking(self, request: ChatRequest, text: str) -> bytes:
        return self.event({"choices": [_choice({"reasoning_content": text}, None)]})

    def ending(self, request: ChatRequest, tokens: int, *, full: bool) -> Iterator[bytes]:
        yield self.event({"choices": [_choice({}, "length" if full else "stop")]})
        if (request.body.get("stream_options") or {}).get("include_usage"):
            asked = self.double.prompt_tokens
            usage = {"completion_tokens": tokens, "prompt_tokens": asked, "total_tokens": asked}
            yield self.event({"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def fault(self) -> bytes:
        told = "an error was encountered while running the model: unexpected EOF"
        return b"data: " + json.dumps({"error": {"message": told}}).encode() + b"\n\n"

    def event(self, said: dict[str, Any]) -> bytes:
        facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        return b"data: " + json.dumps({**facts, **said}).encode() + b"\n\n"


@dataclass
class OpenAIDouble(VisionDouble):
    models: Sequence[str] = ("llava",)
    served_context: int | None = None

    handler = OpenAIHandler


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"finish_reason": finish_reason, "index": 0, "delta": delta}
