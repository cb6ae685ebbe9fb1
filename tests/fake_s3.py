"""A small S3 server in a thread: it takes any key, also those that no folder could hold, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, unescape

_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@dataclass
class FakeS3:
    """One bucket of any name.

    :param objects: bytes by key; change it at will.
    :param requests: method and path of every request, listings without their query.
    :param refuse: given method and key, whether access is denied.
    """

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuse: Callable[[str, str], bool] = lambda method, key: False

    @property
    def options(self) -> dict[str, Any]:
        """What obstore wants to know of it."""
        return {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1", "endpoint": self.endpoint}


@contextlib.contextmanager
def fake_s3(page: int = 1000) -> Iterator[FakeS3]:
    """Serve objects until the block ends. :param page: how many keys a listing gives at once."""
    fake = FakeS3()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            key = urllib.parse.unquote(url.path.lstrip("/").partition("/")[2])
            fake.requests.append(f"{self.command} {'list' if 'list-type' in query else key}")
            if fake.refuse(self.command, key):
                self._send(403, _DENIED)
            elif "list-type" in query:
                self._send(200, _listing(fake.objects, query, page))
            elif key in fake.objects:
                tag = hashlib.md5(fake.objects[key]).hexdigest()
                self._send(200, fake.objects[key], ETag=f'"{tag}"')
            else:
                self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def do_PUT(self) -> None:
            key = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path.lstrip("/").partition("/")[2])
            fake.requests.append(f"PUT {key}")
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fake.refuse("PUT", key):
                self._send(403, _DENIED)
                return
            fake.objects[key] = data
            self._send(200, b"", ETag='"put"')

        def do_POST(self) -> None:
            """Delete several objects, which is all that is posted."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", body)]
            fake.requests.append(f"POST delete {len(keys)}")
            for key in keys:
                fake.objects.pop(key, None)
            gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
            self._send(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

        def do_DELETE(self) -> None:
            """Delete one object, as older versions of obstore do."""
            key = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path.lstrip("/").partition("/")[2])
            fake.requests.append(f"DELETE {key}")
            fake.objects.pop(key, None)
            self._send(204, b"")

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    fake.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def _listing(objects: dict[str, bytes], query: dict[str, str], page: int) -> bytes:
    after = query.get("continuation-token") or query.get("start-after") or ""
    keys = [key for key in sorted(objects) if key.startswith(query.get("prefix", "")) and key > after]
    spell = urllib.parse.quote if query.get("encoding-type") == "url" else escape
    shown = "".join(
        f"<Contents><Key>{spell(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{hashlib.md5(objects[key]).hexdigest()}&quot;</ETag><Size>{len(objects[key])}</Size></Contents>"
        for key in keys[:page]
    )
    encoding = "<EncodingType>url</EncodingType>" if "encoding-type" in query else ""
    more = f"<NextContinuationToken>{spell(keys[page - 1])}</NextContinuationToken>" if len(keys) > page else ""
    is_cut = "true" if more else "false"
    return (
        f'<?xml version="1.0"?><ListBucketResult><Name>b</Name>{encoding}<KeyCount>{len(keys[:page])}</KeyCount>'
        f"<MaxKeys>{page}</MaxKeys><IsTruncated>{is_cut}</IsTruncated>{more}{shown}</ListBucketResult>"
    ).encode()
