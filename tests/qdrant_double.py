"""A stand-in for a Qdrant server: the real qdrant-client speaks to it over loopback.

    with QdrantDouble(peers=3) as qdrant:
        qdrant.answers = in_turn(None, limited(seconds=1), LOST_ANSWER)
        client = QdrantClient(url=qdrant.url, check_compatibility=False)
        …
    assert qdrant.requests[0][:2] == ("PUT", "/collections/streets")

`python -m tests.qdrant_double 6333 6334` runs one that outlives its clients. What it does at each
route stands in qdrant_routes.py; qdrant_grpc.py has the same for gRPC.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic_core import to_json

from tests import qdrant_grpc
from tests.qdrant_routes import OPEN, Fault, Store, act, route

Answers = Callable[[str, str, Any], Fault | None]
"""From method, path and body of a request to what goes wrong with it."""

LOST_REQUEST, LOST_ANSWER = Fault(loses="request"), Fault(loses="answer")
BAD_GATEWAY = Fault(502, page="<html><title>502 Bad Gateway</title></html>")
LOGIN_PAGE = Fault(200, page="<!doctype html><title>Log in</title>")


def limited(seconds: int = 60) -> Fault:
    """Too many requests, as a rate limit of strict mode says it."""
    why = "Write rate limit exceeded: Operation requires 1 tokens but only 0.0 were available"
    told = f"Rate limiting exceeded: {why}. Retry after {seconds}s"
    return Fault(429, told, headers={"retry-after": str(seconds)})


def in_turn(*faults: Fault | None) -> Answers:
    """One for each request; then all is well."""
    left = iter(faults)
    return lambda *_: next(left, None)


@dataclass
class QdrantDouble(Store):
    """A server on a free port of loopback, or on `port`."""

    port: int = 0
    grpc_port: int | None = None
    """With None it speaks no gRPC; 0 becomes a free one."""
    api_key: str | None = None
    read_only_key: str | None = None
    answers: Answers = lambda *_: None
    gone: bool = False
    """Whether connections are closed at once."""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    """(method, path, body) of every request, in order; those that came to nothing too."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        handler = type("OurHandler", (Handler,), {"double": self})
        self._server = Server(("127.0.0.1", self.port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        if self.grpc_port is not None:
            self._grpc, self.grpc_port = qdrant_grpc.serve(self.ask, self.grpc_port)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self.grpc_port is not None:
            self._grpc.stop(None).wait()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def ask(self, method: str, path: str, body: Any, key: str | None) -> Any:
        """The result of a request; raises Fault where there is none."""
        self.requests.append((method, path, body))
        fault = self.answers(method, path, body) or Fault()
        self._closing.wait(fault.delay)
        if self.gone or fault.status or fault.loses == "request":
            raise replace(fault)
        operation, names, writes = route(method, path)
        if path not in OPEN:
            self._admit(key, writes)
        with self._lock:
            result = act(self, operation, names, body)
        if fault.loses:
            raise replace(fault)
        return result

    def _admit(self, key: str | None, writes: bool) -> None:
        keys = {self.api_key, self.read_only_key} - {None}
        if keys and key is None:
            raise Fault(401, page="Must provide an API key or an Authorization bearer token")
        if keys and key not in keys:
            raise Fault(401, page="Invalid API key or JWT")
        if keys and writes and key != self.api_key:
            raise Fault(403, "Forbidden: Global manage access is required")


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128  # the client opens a connection for every request on loopback


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    double: QdrantDouble

    def answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = self.headers.get("api-key") or self.headers.get("Authorization")
        key = key and key.removeprefix("Bearer ")
        path = urlsplit(self.path).path
        try:
            result = self.double.ask(self.command, path, json.loads(data or "null"), key)
            self.send(200, result if path == "/" else {"result": result, "status": "ok", "time": 0})
        except Fault as fault:
            told = {"status": {"error": fault.error}, "time": 0} if fault.error else fault.page
            if fault.status:
                self.send(fault.status, told, fault.headers)
            self.close_connection = not fault.status

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

    def send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else to_json(body)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        self.send_response(status)
        for name, value in ({"Content-Type": kind} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle(self) -> None:
        if not self.double.gone:
            with contextlib.suppress(OSError):  # the client went away, as several tests want it to
                super().handle()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ports = dict(zip(("port", "grpc_port"), map(int, sys.argv[1:]), strict=False))
    with QdrantDouble(**ports) as server:
        print(server.url, flush=True)
        threading.Event().wait()
