"""Stand-in: what `outfit` is told of one garment where no vision model can be reached.

A script, written for this garment: it sees no picture, and goes by what the others are sold as.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Protocol

MODEL = "scripted-stand-in"

GARMENT = 10038
"""Bramble Women Dotted Blue Blouse."""

ITEMS = (
    "Women beige wide-leg linen trousers",
    "Women black skirt",
    "Women black coat",
    "Women brown leather court shoes",
    "Women brown leather handbag",
    "Women yellow scarf",
    "Women brown leather belt",
)

PATTERNS = ("checked", "dotted", "striped")


class Asked(Protocol):
    """What a model is asked: all words, and the JSON schema that binds its answer, if any does."""

    @property
    def text(self) -> str:
        """All words, in their order."""

    @property
    def schema(self) -> dict[str, Any] | None:
        """The schema."""


class Request(NamedTuple):
    """What came over HTTP."""

    text: str
    schema: dict[str, Any] | None


@contextmanager
def stand_in() -> Iterator[str]:
    """Serve OpenAI's chat completions by the script, on loopback; yield the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Lists one model, and lets the script answer for it."""

    def do_GET(self) -> None:
        """List the model."""
        if self.path != "/v1/models":
            self.send_error(404)
            return
        self._send("application/json", {"object": "list", "data": [{"id": MODEL}]})

    def do_POST(self) -> None:
        """Answer in one piece, as a stream."""
        said = reply(_read(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self._send("text/event-stream", _choice({"content": said}), _choice({}, "stop"), "[DONE]")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, kind: str, *parts: Any) -> None:
        is_stream = kind == "text/event-stream"
        texts = [part if isinstance(part, str) else json.dumps(part) for part in parts]
        body = "".join(f"data: {each}\n\n" if is_stream else each for each in texts).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _choice(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}


def _read(body: dict[str, Any]) -> Request:
    parts = [part for message in body["messages"] for part in message["content"]]
    words = [part["text"] for part in parts if part["type"] == "text"]
    bound = (body.get("response_format") or {}).get("json_schema", {})
    return Request("\n".join(words), bound.get("schema"))


def reply(request: Asked) -> str:
    """Name the blouse and what would go with it, or refuse what has a second pattern."""
    if request.schema and "items" in request.schema["properties"]:
        return json.dumps({"category": "Tops", "audience": "Women", "items": ITEMS})
    pattern = next((word for word in PATTERNS if word in request.text.lower()), None)
    if pattern:
        return json.dumps(
            {"answer": "no", "reason": f"two patterns in one outfit, dotted and {pattern}"}
        )
    return json.dumps({"answer": "yes", "reason": "plain beside the dots"})
