"""Bounds: an HTTP transport whose requests end in time, and whose replies within a size."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

MAX_REPLY_BYTES = 4_000_000
"""Of one streamed reply: 512 tokens come as some 80 kB of JSON lines."""

_WORD = re.compile(rb'"(?:content|thinking|reasoning|reasoning_content)"\s{0,9}:\s{0,9}"[^"]')
"""Where a reply has its first word, or thought, in either protocol. What a server sends before it,
of who is about to speak, comes while the pictures are still read."""


def bounded(
    transport: "httpx.BaseTransport", *, total: float, silence: float
) -> "httpx.BaseTransport":
    """Return a transport in which a request and its reply take so many seconds at most.

    httpx limits each read alone, and all alike: a header that drips a byte a second never ends, and
    a model that stops within its answer is waited for as one that has not begun. The transport
    raises TimeoutError then, and ValueError for a reply that is too large, or compressed.
    """
    import httpx

    sockets: list[socket.socket] = []  # of connections that later requests use again

    class Body(httpx.SyncByteStream):
        def __init__(self, stream: httpx.SyncByteStream, deadline: _Deadline) -> None:
            self._stream = stream
            self._deadline = deadline

        def __iter__(self) -> Iterator[bytes]:
            size, patience = 0, total
            chunks = iter(self._stream)
            with self._deadline.kept():
                while (chunk := self._deadline.next_within(patience, chunks)) is not None:
                    size += len(chunk)
                    if size > MAX_REPLY_BYTES:
                        raise ValueError("over the size of any reply")
                    if _WORD.search(chunk):
                        patience = silence
                    yield chunk

        def close(self) -> None:
            self._deadline.cancel()
            self._stream.close()

    class Bounded(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            deadline = _Deadline(total, sockets)
            request.extensions["trace"] = deadline.look
            try:
                with deadline.kept():
                    response = transport.handle_request(request)
            except BaseException:
                deadline.cancel()
                raise
            assert isinstance(response.stream, httpx.SyncByteStream)  # a sync transport gives these
            response.stream = Body(response.stream, deadline)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                response.close()
                raise ValueError("the reply is compressed, which was not asked for")
            return response

        def close(self) -> None:
            transport.close()

    return Bounded()


class _Deadline:
    """Shuts connections down when the time is over, which wakes whoever reads from them."""

    def __init__(self, seconds: float, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._is_over = False
        self._timer = self._started(seconds)

    def look(self, event: str, facts: dict[str, Any]) -> None:
        """Remember a new connection, as httpcore's `trace` extension reports it."""
        if event == "connection.connect_tcp.complete":
            self._sockets.append(facts["return_value"].get_extra_info("socket"))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Raise TimeoutError in place of what comes of a connection that was shut down."""
        try:
            yield
        except Exception as error:
            if self._is_over:
                raise TimeoutError("over the total time limit") from error
            raise
        if self._is_over:
            raise TimeoutError("over the total time limit")

    def next_within(self, seconds: float, chunks: Iterator[bytes]) -> bytes | None:
        """Return what comes next, if anything; it is over when nothing came for so long."""
        timer = self._started(seconds)
        try:
            return next(chunks, None)
        finally:
            timer.cancel()

    def cancel(self) -> None:
        self._timer.cancel()

    def _started(self, seconds: float) -> Timer:
        timer = Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self) -> None:
        self._is_over = True
        for each in self._sockets:
            with suppress(OSError):  # closed already
                each.shutdown(socket.SHUT_RDWR)
