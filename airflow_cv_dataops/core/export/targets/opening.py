"""A place to export to, by its URI."""

from __future__ import annotations

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.targets.local_target import LocalTarget
from airflow_cv_dataops.core.export.targets.remote_target import RemoteTarget
from airflow_cv_dataops.core.export.targets.target import Target
from airflow_cv_dataops.core.store.objects import Place, normalize_uri
from airflow_cv_dataops.core.store.uris import told_uri


def open_target(place: Place) -> Target:
    """Open the place. :raises ConfigurationError: it is no folder or prefix that can be written to."""
    uri = normalize_uri(place.uri)
    if uri.startswith(("http://", "https://")):
        raise ConfigurationError(f"{told_uri(uri)} cannot be written to: expected a local folder, or a prefix in an object store.")
    return LocalTarget(uri) if uri.startswith("file://") else RemoteTarget(uri, place)
