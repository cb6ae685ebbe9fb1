"""A TCP forwarder that counts what a client asks an HTTP server for, without changing a byte (S3 requests are signed)."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"^(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r$", re.MULTILINE)
_BUFFER_BYTES = 65_536


class Counter:
    """:param endpoint: where to send requests to instead of to the server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._requests: list[tuple[str, str]] = []

    def note(self, data: bytes) -> None:
        self._requests += [(method.decode(), path.decode()) for method, path in _REQUEST.findall(data)]

    def reads(self, suffix: str) -> int:
        """Return how many objects with the suffix have been read since the last call."""
        found = [path for method, path in self._requests if method == "GET" and path.partition("?")[0].endswith(suffix)]
        self._requests.clear()
        return len(found)


@contextlib.contextmanager
def counting(server_endpoint: str) -> Iterator[Counter]:
    """Forward to a server until the block ends."""
    address = urlsplit(server_endpoint)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        counter = Counter(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, (address.hostname, address.port), counter), daemon=True).start()
        yield counter
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, address: tuple[str | None, int | None], counter: Counter) -> None:
    while True:
        try:
            client, _ = listener.accept()
            server = socket.create_connection(address)  # type: ignore[arg-type]
        except OSError:
            return
        threading.Thread(target=_pump, args=(client, server, counter), daemon=True).start()
        threading.Thread(target=_pump, args=(server, client, None), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, counter: Counter | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BUFFER_BYTES):
            if counter is not None:
                counter.note(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
