"""Amazon's S3 and Glue in this process (moto), behind a gate that lets a worker do only what an IAM policy allows."""

from __future__ import annotations

import contextlib
import html
import io
import json
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

WORKER, OWNER = "AKIAWORKER0000000000", "AKIAOWNER00000000000"
REGION, ACCOUNT = "eu-central-1", "123456789012"

# Subresources of a request that name an S3 action of their own, by method.
_S3_ACTIONS = {
    ("GET", "bucket", "list"): "s3:ListBucket",
    ("HEAD", "bucket", ""): "s3:ListBucket",
    ("GET", "object", ""): "s3:GetObject",
    ("HEAD", "object", ""): "s3:GetObject",
    ("PUT", "object", ""): "s3:PutObject",
    ("POST", "object", "uploads"): "s3:PutObject",
    ("PUT", "object", "uploadId"): "s3:PutObject",
    ("POST", "object", "uploadId"): "s3:PutObject",
    ("DELETE", "object", "uploadId"): "s3:AbortMultipartUpload",
    ("DELETE", "object", ""): "s3:DeleteObject",
}


@dataclass(frozen=True)
class Call:
    """One request of the worker, in the words of IAM; an S3 request that these words do not know is named by its method and address."""

    action: str
    resources: tuple[str, ...]
    prefix: str | None = None


@dataclass(frozen=True)
class Policy:
    """The little of IAM's language that the policy of this project uses: Allow, StringLike on ``s3:prefix``."""

    statements: list[dict[str, Any]]

    def allows(self, call: Call) -> bool:
        return all(any(_allows(statement, call, resource) for statement in self.statements) for resource in call.resources)

    def grants(self) -> set[tuple[str, str]]:
        """Return what is granted: name of the statement and action."""
        return {(statement["Sid"], action) for statement in self.statements for action in _list(statement["Action"])}

    def grants_for(self, calls: Iterable[Call]) -> set[tuple[str, str]]:
        """Return what of it these calls made use of."""
        return {
            (statement["Sid"], call.action)
            for statement in self.statements
            for call in calls
            if any(_allows(statement, call, resource) for resource in call.resources)
        }


@dataclass
class AwsServer:
    """What the server was asked by the worker, and where it is.

    :param refuse_once: given a request of the worker, the error code that is answered, or ``None``; asked until it has refused one.
    """

    policy: Policy
    endpoint: str = ""
    allowed: list[Call] = field(default_factory=list)
    denied: list[Call] = field(default_factory=list)
    refuse_once: Callable[[Mapping[str, Any]], str | None] | None = None


@contextlib.contextmanager
def aws_server(policy: Policy) -> Iterator[AwsServer]:
    """Serve S3 and Glue until the block ends. The owner's key may do everything."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    server = AwsServer(policy)
    served = make_server(
        "127.0.0.1", 0, _gate(server, DomainDispatcherApplication(create_backend_app)), threaded=True, request_handler=Quiet
    )
    server.endpoint = f"http://127.0.0.1:{served.port}"
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        # What moto holds is the process's, and would be there for the next test.
        urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/moto-api/reset", method="POST"), timeout=10)
        served.shutdown()
        thread.join()


def _gate(server: AwsServer, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if WORKER not in environ.get("HTTP_AUTHORIZATION", ""):
            return application(environ, start_response)
        call = _call(environ)
        if not server.policy.allows(call):
            server.denied.append(call)
            return _error(environ, start_response, "403 Forbidden", "AccessDenied")
        server.allowed.append(call)
        if server.refuse_once and (code := server.refuse_once(environ)):
            server.refuse_once = None
            return _error(environ, start_response, "400 Bad Request", code)
        return application(environ, start_response)

    return answer


def _call(environ: Mapping[str, Any]) -> Call:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(f"glue:{target.removeprefix('AWSGlue.')}", tuple(_glue_resources(environ)))
    query = urllib.parse.parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    kind = "list" if "list-type" in query else next((name for name in ("uploads", "uploadId") if name in query), "")
    method = environ["REQUEST_METHOD"]
    if method == "POST" and "delete" in query and not key:  # DeleteObjects: asks for the same right on each key
        keys = re.findall(r"<Key>(.*?)</Key>", _body(environ).decode())
        return Call("s3:DeleteObject", tuple(f"arn:aws:s3:::{bucket}/{html.unescape(one)}" for one in keys))
    unknown = f"unknown: {method} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
    action = _S3_ACTIONS.get((method, "object" if key else "bucket", kind), unknown)
    if "HTTP_X_AMZ_COPY_SOURCE" in environ or {"delete", "acl", "tagging", "versionId"} & set(query):
        action = unknown
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    return Call(action, (resource,), query.get("prefix", [""])[0] if kind == "list" else None)


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return a request's body, and put it back."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)  # type: ignore[index]
    return body


def _glue_resources(environ: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Glue checks: the catalog, the database and the table, as far as the request names them."""
    asked = json.loads(_body(environ) or b"{}")
    root = f"arn:aws:glue:{REGION}:{ACCOUNT}"
    yield f"{root}:catalog"
    if "DatabaseName" in asked:
        database, table = asked["DatabaseName"], asked.get("TableInput", asked).get("Name")
    else:
        database, table = asked.get("DatabaseInput", asked).get("Name"), None
    if database:
        yield f"{root}:database/{database}"
    if table:
        yield f"{root}:table/{database}/{table}"


def _allows(statement: Mapping[str, Any], call: Call, resource: str) -> bool:
    patterns = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
    return (
        call.action in _list(statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in _list(statement["Resource"]))
        and (patterns is None or any(fnmatchcase(call.prefix or "", pattern) for pattern in patterns))
    )


def _error(environ: Mapping[str, Any], start_response: Callable[..., Any], status: str, code: str) -> list[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if "HTTP_X_AMZ_TARGET" in environ:
        content, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "Message": "no"}).encode()
    else:
        content, body = "application/xml", f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    start_response(status, [("Content-Type", content), ("Content-Length", str(len(body)))])
    return [body]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
