"""A small S3 server in this process, which lists and hands out what is in a dictionary, and fails when it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

_LISTED = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_LISTING = '<?xml version="1.0"?><ListBucketResult><Name>bay</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>'


class FakeS3:
    """One bucket.

    :param objects: bytes by key.
    :param refuse: given a key, the error that is answered in place of the object (status, S3 code), or ``None``.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuse: Callable[[str], tuple[int, str] | None] = lambda key: None
        self.endpoint = ""

    @property
    def options(self) -> dict[str, Any]:
        """How obstore opens the bucket ``s3://bay``."""
        return {"access_key_id": "key", "secret_access_key": "secret", "endpoint": self.endpoint, "region": "us-east-1"}


@contextlib.contextmanager
def fake_s3() -> Iterator[FakeS3]:
    """Serve a bucket until the block ends."""
    bucket = FakeS3()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = urllib.parse.urlsplit(self.path)
            if "list-type" in (asked := urllib.parse.parse_qs(place.query)):
                return self._answer(200, _listing(bucket.objects, asked.get("prefix", [""])[0]))
            key = urllib.parse.unquote(place.path).lstrip("/").partition("/")[2]
            data = bucket.objects.get(key)
            refused = (404, "NoSuchKey") if data is None else bucket.refuse(key)
            if refused:
                return self._answer(refused[0], f"<Error><Code>{refused[1]}</Code></Error>".encode())
            asked_for = self.headers.get("Range")
            return self._part(data or b"", asked_for) if asked_for else self._answer(200, data or b"")

        def _part(self, data: bytes, asked_for: str) -> None:
            """Answer ``bytes=0-9``; as S3, which has no part of nothing, with an error for an empty object."""
            start, end = (int(number) for number in asked_for.removeprefix("bytes=").split("-"))
            if start >= len(data):
                return self._answer(416, b"<Error><Code>InvalidRange</Code></Error>")
            part = data[start : end + 1]
            return self._answer(206, part, **{"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"})

        do_HEAD = do_GET  # noqa: N815 (the name that http.server looks for)

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{_etag(body)}"')
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(OSError):  # a client that has given up
                    self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A worker that was ended leaves its connections open."""

    with Server(("127.0.0.1", 0), Handler) as server:
        bucket.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield bucket
        server.shutdown()


def _listing(objects: dict[str, bytes], prefix: str) -> bytes:
    found = sorted((key, data) for key, data in objects.items() if key.startswith(prefix))
    contents = "".join(_LISTED.format(key=escape(key), etag=_etag(data), size=len(data)) for key, data in found)
    return _LISTING.format(contents=contents).encode()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
