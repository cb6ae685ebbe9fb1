"""Whose target it is: what is to be written there is said before the first file, so that two exports never mix."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter
from airflow_cv_dataops.core.export.manifest import MANIFEST, PLAN, json_bytes, read_json
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.targets.target import Target
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)


def plan_of(release: Release, options: ExportOptions, exporter: type[Exporter]) -> dict[str, Any]:
    """Return what decides every byte of an export."""
    return {
        "dataset": release.dataset.name,
        "release": release.name,
        "content_id": release.content_id,
        "format_version": exporter.version,
        **options.as_json(),
    }


def was_begun(target: Target, plan: Mapping[str, Any], *, replace: bool) -> bool:
    """Say whether this very export was begun at the target before.

    :param replace: whether another one may be there.
    :raises ConfigurationError: another export is there, or other files.
    """
    there = read_json(target, PLAN)
    if there is None and (first := next(iter(target.paths()), None)) is not None:
        there = read_json(target, PLAN)  # another run may have begun between the two looks
        if there is None:
            raise ConfigurationError(
                f"{readable(target.uri)} holds files that no export has written, the first: {first}. An export needs a folder of its own: "
                "name another target, or empty this one."
            )
    if there == plan:
        return True
    if there is not None and not replace:
        raise ConfigurationError(
            f"{readable(target.uri)} holds {_in_words(there)}, and this is {_in_words(plan)} ({_difference(there, plan)}). "
            "Name another target, with {release} in it for one folder a release, or allow it with replace=True: it removes "
            "everything that is there."
        )
    return False


def begin(target: Target, plan: Mapping[str, Any], *, replace: bool) -> bool:
    """Empty the target, and say what it will hold; return whether this very export was begun there, also by another run just now.

    Where another export was, its manifest goes first, what says that there was one last.

    :raises ConfigurationError: as :func:`was_begun`.
    """
    if was_begun(target, plan, replace=replace):
        return True
    if target.size(PLAN) is not None:
        log.info("Removing the export that is at %s, and all else there", readable(target.uri))
        if target.size(MANIFEST) is not None:
            target.remove(MANIFEST)
        target.clear(keep=PLAN)
    target.put(PLAN, json_bytes(plan))
    return False


def _in_words(plan: Mapping[str, Any]) -> str:
    return f"an export of {plan.get('dataset')} {plan.get('release')} as {plan.get('format')}"


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = [name for name in other if one.get(name) != other[name]]
    return "another " + ", ".join(names) if names else "with other options"
