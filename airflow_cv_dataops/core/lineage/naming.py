"""What a dataset is called in lineage: places by OpenLineage's naming specification, tables by their catalog as well."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.objects import local_path, without_credentials

_URI = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>.*)", re.DOTALL)
# The scheme's length is bounded, or the search would take quadratic time in a long word.
_URI_IN_TEXT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s\"'<>]+")


@dataclass(frozen=True)
class DatasetName:
    """A dataset's identity in lineage.

    :param source_uri: the data source behind the namespace, as a URI (``s3://bucket``, ``file:///``).
    """

    namespace: str
    name: str
    source_uri: str


def dataset_name(use: DatasetUse) -> DatasetName:
    """Return the dataset's name: its location, split as the specification says.

    A table whose location only the catalog knows, and does not know yet, is named by the catalog.
    """
    uri = without_credentials(use.uri)
    if not _URI.match(uri) and not uri.startswith("/"):
        namespace, name = catalog_name(use) or ("file", uri)
        return DatasetName(namespace, name, namespace)
    namespace, name = _split(uri)
    return DatasetName(namespace, name, "file:///" if namespace == "file" else namespace)


def catalog_name(use: DatasetUse) -> tuple[str, str] | None:
    """Return namespace and name of a table in its catalog, ``None`` for files.

    The namespace is the catalog's URI without driver and credentials. Where there is none, or an ARN (Marquez cannot follow
    one), it is ``<catalog type>://<catalog name>``.
    """
    if use.identifier is None:
        return None
    uri = without_credentials(use.catalog.get("uri", "")).removeprefix("jdbc:").rstrip("/")
    match = _URI.fullmatch(uri)
    if not match or "arn:" in uri.lower():
        return f"{use.catalog.get('type', 'iceberg')}://{use.catalog.get('name', 'default')}", use.identifier
    scheme = match["scheme"].split("+", 1)[0]
    return f"{'hive' if scheme == 'thrift' else scheme}://{match['authority']}{match['path']}", use.identifier


def safe_catalog(catalog: Mapping[str, str]) -> dict[str, str]:
    """Return the catalog's description with safe URIs; a name that is no URI (an S3 Tables ARN, a REST warehouse) stays."""
    return {key: without_credentials(str(value)) for key, value in catalog.items() if value}


def safe_text(text: str) -> str:
    """Return the text with every URI in it free of credentials."""
    return _URI_IN_TEXT.sub(lambda match: without_credentials(match.group()), text)


def _split(uri: str) -> tuple[str, str]:
    """Split a location with the client's naming helpers; not with ``urlsplit``, since a key may hold ``#``."""
    from openlineage.client.naming import dataset as naming

    if uri.startswith(("/", "file://")):
        local = naming.LocalFileSystem(os.fsencode(local_path(uri)).decode("utf-8", errors="backslashreplace"))
        return local.get_namespace(), local.get_name()
    match = _URI.match(uri)
    assert match is not None
    scheme, authority, key = match["scheme"].lower(), match["authority"], match["path"].strip("/") or "/"
    container, _, account = authority.partition("@")
    named: naming.DatasetNaming
    if scheme in ("s3", "s3a", "s3n"):
        named = naming.S3(authority, key)
    elif scheme in ("gs", "gcs"):
        named = naming.GCS(authority, key)
    elif scheme in ("abfs", "abfss") and account:
        named = naming.ABFSS(container, account.removesuffix(".dfs.core.windows.net"), key)
    elif scheme in ("wasb", "wasbs") and account:
        named = naming.WASBS(container, account.removesuffix(".blob.core.windows.net"), key)
    else:
        return f"{scheme}://{authority}", f"/{key.strip('/')}" if scheme == "hdfs" else key
    return named.get_namespace(), named.get_name()
