"""A stand-in for Ollama that speaks as the recorded one did."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from tests.vision_double import ChatRequest, Handler, VisionDouble

RECORDED = {
    exchange["tag"]: exchange
    for exchange in json.loads(
        (Path(__file__).parent / "answering" / "ollama_exchanges.json").read_text("utf-8")
    )
}
"""What a real Ollama 0.32.15 answered, by what was asked of it."""


class OllamaRequest(ChatRequest):
    """One POST to /api/chat, as it came."""

    @property
    def options(self) -> dict[str, Any]:
        return self.body.get("options") or {}

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.messages)

    @property
    def encoded_pictures(self) -> list[bytes]:
        """Base64 must be bare: a data: URL raises, as Ollama refuses one."""
        return [
            base64.b64decode(picture, validate=True)
            for message in self.messages
            for picture in message.get("images") or []
        ]

    @property
    def schema(self) -> dict[str, Any] | None:
        return self.body.get("format")


class OllamaHandler(Handler):
    chat_route = "/api/chat"
    content_type = "application/x-ndjson"
    request_type = OllamaRequest
    recorded = RECORDED
    busy: ClassVar = {"error": "server busy, please try again.  maximum pending requests exceeded"}

    def listing(self) -> dict[str, object]:
        models = [{"name": name, "model": name} for name in self.double.models]
        return {"/api/version": {"version": self.double.version}, "/api/tags": {"models": models}}

    def missing(self, model: str) -> object:
        return {"error": f"model '{model}' not found"}

    def post(self, body: dict[str, Any]) -> None:
        if self.path != "/api/show":
            super().post(body)
        elif not self.double.has(body["model"]):
            self.send(404, self.missing(body["model"]))
        else:
            length = self.double.context_length
            facts = {"general.architecture": self.double.family}
            facts |= {f"{self.double.family}.context_length": length} if length else {}
            can = ["completion", *self.double.capabilities]
            self.send(200, {"model_info": facts, "capabilities": can})

    def thinking(self, request: ChatRequest, text: str) -> bytes:
        return self.line(request, "", {"done": False}, thinking=text)

    def line(
        self,
        request: ChatRequest,
        text: str,
        facts: dict[str, Any] | None = None,
        **more: str,
    ) -> bytes:
        record = {
            "model": request.body["model"],
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
            "message": {"role": "assistant", "content": text, **more},
            **(facts or {"done": False}),
        }
        return json.dumps(record).encode() + b"\n"

    def ending(self, request: ChatRequest, tokens: int, *, full: bool) -> Iterator[bytes]:
        facts = {
            "done": True,
            "done_reason": "length" if full else "stop",
            "total_duration": 10983088,
            "load_duration": 950891,
            "prompt_eval_count": self.double.prompt_tokens,
            "prompt_eval_duration": 597000,
            "eval_count": tokens,
            "eval_duration": 393000,
        }
        yield self.line(request, "", facts)

    def fault(self) -> bytes:
        told = "an error was encountered while running the model: unexpected EOF"
        return json.dumps({"error": told}).encode() + b"\n"


class OllamaDouble(VisionDouble):
    handler = OllamaHandler

    def has(self, model: str) -> bool:
        return (model if ":" in model else f"{model}:latest") in self.models


def unused_url() -> str:
    """A URL of this machine where nothing listens."""
    with OllamaDouble() as gone:
        return gone.url
