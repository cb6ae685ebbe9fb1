"""What a dataset is called in lineage: tables by their catalog, places by OpenLineage's naming specification.

A table has both names, one as its primary name and the other as a symlink: a server that shows a few letters of a name should show
``digits.images`` and not the start of a path, and events of engines that name the location join ours by it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.catalog import CATALOG_NAME
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


def dataset_name(use: DatasetUse, *, location_first: bool = False) -> DatasetName:
    """Return the dataset's primary name: a table's in its catalog, a place's by its location.

    :param location_first: name a table by its location, where that is known.
    """
    return dataset_names(use, location_first=location_first)[0]


def dataset_names(use: DatasetUse, *, location_first: bool = False) -> tuple[DatasetName, DatasetName | None]:
    """Return the primary name, and the other one, by which events of other producers may call the same dataset."""
    in_catalog, location = catalog_name(use), location_name(use)
    primary, other = (location, in_catalog) if location_first else (in_catalog, location)
    if primary is None or other is None:
        return primary or other or DatasetName("file", without_credentials(use.uri), "file:///"), None
    return primary, other


def location_name(use: DatasetUse) -> DatasetName | None:
    """Return the location, split as the specification says; ``None`` where it is none: only the catalog knows it, and does not yet."""
    uri = without_credentials(use.uri)
    if not _URI.match(uri) and not uri.startswith("/"):
        return None
    namespace, name = _split(uri)
    return DatasetName(namespace, name, "file:///" if namespace == "file" else namespace)


def catalog_name(use: DatasetUse) -> DatasetName | None:
    """Return the name in the catalog, ``None`` for a source.

    The namespace is the catalog's URI without driver and credentials. Where there is none, or an ARN (Marquez cannot follow
    one), it is ``<catalog type>://<catalog name>``. What else tells the tables of one URI apart stands behind it: a REST catalog's
    warehouse, a SQL catalog's name where it is not this package's own. Else tables of one name would become one dataset.
    """
    if use.identifier is None:
        return None
    catalog = use.catalog
    kind = catalog.get("type", "iceberg")
    uri = without_credentials(catalog.get("uri", "")).removeprefix("jdbc:").rstrip("/")
    match = _URI.fullmatch(uri)
    if not match or "arn:" in uri.lower():
        namespace = f"{kind}://{catalog.get('name', 'default')}"
    else:
        scheme = match["scheme"].split("+", 1)[0]
        namespace = f"{'hive' if scheme == 'thrift' else scheme}://{match['authority']}{match['path']}"
        if part := _part_of_catalog(kind, catalog):
            namespace = f"{namespace}/{part}"
    return DatasetName(namespace, use.identifier, namespace)


def _part_of_catalog(kind: str, catalog: Mapping[str, str]) -> str:
    """Return what names a part of a catalog's server or database; empty where the address says it all."""
    if kind == "sql":
        name = catalog.get("name", CATALOG_NAME)
        return "" if name == CATALOG_NAME else name
    if kind != "rest":
        return ""
    # Marquez cannot follow an ARN in a namespace; S3 Tables and Glue are named by one, or by account and catalog.
    warehouse = without_credentials(catalog.get("warehouse", ""))
    return warehouse.partition("://")[2].strip("/") if _URI.match(warehouse) else warehouse.replace(":", "/").strip("/")


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
