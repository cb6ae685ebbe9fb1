"""Listings of S3 with every key as it is. Slower than obstore's, and only for prefixes with keys that obstore refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.store.base import ObjectInfo
from airflow_cv_dataops.core.store.uris import parts_of, told_uri

_SCHEMES = ("s3", "s3a")


def are_at(uri: str) -> bool:
    """Say whether the URI is one of S3."""
    return uri.partition("://")[0] in _SCHEMES


def pages(uri: str, options: Mapping[str, Any], after: str | None) -> Iterator[list[ObjectInfo]]:
    """Yield the objects below a prefix, a thousand at a time, in the order of their keys.

    :param options: obstore's configuration.
    :param after: path of the last object that is known already; its key may have had a slash at the end.
    :raises SourceError: the prefix cannot be listed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    _, bucket, path = parts_of(uri)
    prefix = f"{path}/" if path else ""
    start = {"StartAfter": prefix + after} if after else {}
    try:
        for page in _client(options).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start):
            found = [_info(uri, entry["Key"][len(prefix) :], entry) for entry in page.get("Contents", ())]
            yield [info for info in found if after is None or info.path != f"{after}/"]
    except (BotoCoreError, ClientError) as error:
        raise SourceError(f"Cannot list {told_uri(uri)}: {error}") from error


def _info(uri: str, path: str, entry: Mapping[str, Any]) -> ObjectInfo:
    modified_at, size = entry["LastModified"], entry["Size"]
    is_folder = size == 0 and (not path or path.endswith("/"))
    return ObjectInfo(path, f"{uri}/{path}", size, entry.get("ETag"), None, modified_at, modified_at, is_folder=is_folder)


def _client(options: Mapping[str, Any]) -> Any:
    """Return boto3's client; what the options do not say, boto3 finds out as obstore would: from the environment or the machine."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    given = {str(name).lower().removeprefix("aws_"): value for name, value in options.items()}
    is_virtual = str(given.get("virtual_hosted_style_request", "")).lower() == "true"
    endpoint = given.get("endpoint") or given.get("endpoint_url")
    style = "virtual" if is_virtual else "path" if endpoint else "auto"
    signature = UNSIGNED if str(given.get("skip_signature", "")).lower() == "true" else None
    config = Config(s3={"addressing_style": style}, retries={"max_attempts": 5, "mode": "standard"}, signature_version=signature)
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=given.get("region") or given.get("default_region"),
        aws_access_key_id=given.get("access_key_id"),
        aws_secret_access_key=given.get("secret_access_key"),
        aws_session_token=given.get("session_token") or given.get("token"),
        config=config,
    )
