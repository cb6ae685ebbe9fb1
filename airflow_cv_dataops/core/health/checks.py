"""What health asks, pillar by pillar: ids, default severities, and numbers that can be set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.health.verdict import PILLARS
from airflow_cv_dataops.core.store.schema import SEVERITIES

KINDS = ("image_format", "image_mode", "image_size", "camera")


@dataclass(frozen=True)
class HealthCheck:
    """:param severity: of a breach, where nothing else is asked for. :param table: the table that it is asserted of.
    :param thresholds: numbers that can be set, with their defaults. :param meaning: what a breach means.
    """

    id: str
    pillar: str
    severity: str
    table: str
    meaning: str
    thresholds: Mapping[str, float] = field(default_factory=dict)


_COUNT = {"score": 4.0, "change": 0.3}
_SHAPE = {"distance": 0.15, "excess": 1.5, "score": 5.0, "fewest": 30.0, "presence": 0.95}
_NEW_VALUES = {"share": 0.0}
_GONE = {"presence": 0.95, "expected": 15.0}
_PRESENT = {"presence": 0.95}


def _kind_checks() -> list[HealthCheck]:
    found = []
    for kind in (*KINDS, "category", "label_format"):
        table, words = ("annotations" if kind in ("category", "label_format") else "images"), kind.replace("_", " ")
        numbers = {**_NEW_VALUES, "share": 0.05, "covered": 0.95} if kind == "image_size" else _NEW_VALUES
        found.append(HealthCheck(f"new_{kind}", "schema", "warning", table, f"A {words} that no trailing partition has.", numbers))
        found.append(HealthCheck(f"vanished_{kind}", "schema", "warning", table, f"A {words} that is always there is not.", _GONE))
    found.append(
        HealthCheck("vanished_label_set", "schema", "warning", "annotations", "A label set that is always there is not.", _PRESENT)
    )
    return found


CHECKS: Mapping[str, HealthCheck] = {
    check.id: check
    for check in (
        HealthCheck("newest_image_age", "freshness", "error", "images", "The newest image is older than `max_image_age_hours`."),
        HealthCheck("newest_label_age", "freshness", "error", "annotations", "The newest label is older than `max_label_age_hours`."),
        HealthCheck(
            *("unlabelled_ratio", "freshness", "warning", "annotations"),
            "More images have no label than `max_unlabelled_ratio` allows, or than is usual so long after they came.",
            {"grace_hours": 6.0, "change": 0.2},
        ),
        HealthCheck(
            "unlabelled_wait", "freshness", "error", "annotations", "An image has waited for a label for more than `max_unlabelled_hours`."
        ),
        HealthCheck("missing_partition", "volume", "error", "images", "There is nothing where there usually is something."),
        HealthCheck(
            *("missing_partition_before", "volume", "warning", "images"),
            "Partitions right before this one are not there, and no run of health has said so.",
        ),
        HealthCheck("image_count", "volume", "error", "images", "Unusually few or many images.", _COUNT),
        HealthCheck(
            "annotation_count", "volume", "warning", "annotations", "Unusually few or many labels, although images are labelled.", _COUNT
        ),
        HealthCheck("prediction_count", "volume", "warning", "predictions", "Unusually few or many predictions of a model.", _COUNT),
        *_kind_checks(),
        HealthCheck("category_shares", "distribution", "warning", "annotations", "Categories occur in other shares than usual.", _SHAPE),
        HealthCheck(
            "boxes_per_image", "distribution", "warning", "annotations", "Labelled images have more or fewer labels than usual.", _SHAPE
        ),
        HealthCheck("box_sizes", "distribution", "warning", "annotations", "Boxes are smaller or larger than usual.", _SHAPE),
        HealthCheck(
            "image_measures", "distribution", "warning", "images", "Images look otherwise than usual by one of their measures.", _SHAPE
        ),
        HealthCheck("unaudited", "lineage", "warning", "annotations", "No audit has looked at the partition, as audits do here."),
        HealthCheck(
            "outdated_audit", "lineage", "warning", "annotations", "An audit is older than the images or labels that it looked at."
        ),
        HealthCheck("outdated_labels", "lineage", "warning", "annotations", "Labels were imported before the newest images came."),
        HealthCheck(
            "outdated_predictions", "lineage", "warning", "predictions", "Predictions were imported before the newest images came."
        ),
        HealthCheck("outdated_sample", "lineage", "info", "images", "A sample was chosen before the newest predictions came."),
        HealthCheck("outdated_release", "lineage", "info", "images", "A release holds the partition as it is no more."),
        HealthCheck(
            "unaudited_release", "lineage", "warning", "annotations", "A release holds the partition as no audit has looked at it."
        ),
    )
}


@dataclass(frozen=True)
class ChecksToRun:
    """:param enabled: checks that are asked. :param severities: by check. :param thresholds: by check and name, with the defaults."""

    enabled: frozenset[str]
    severities: Mapping[str, str]
    thresholds: Mapping[str, Mapping[str, float]]

    def __contains__(self, check: str) -> bool:
        return check in self.enabled

    def of_pillar(self, pillar: str) -> bool:
        """Say whether anything of a pillar is asked."""
        return any(CHECKS[check].pillar == pillar for check in self.enabled)


def checks_to_run(disabled: Collection[str], severities: Mapping[str, str], thresholds: Mapping[str, Mapping[str, Any]]) -> ChecksToRun:
    """Return what is to be asked. :param disabled: ids of checks, or pillars.

    :raises ConfigurationError: a check, a threshold or a severity does not exist, or a threshold is no number of at least 0.
    """
    check_list("disabled", disabled)
    for name, given in (("disabled", disabled), ("severities", severities), ("thresholds", thresholds)):
        known = (*CHECKS, *PILLARS) if name == "disabled" else tuple(CHECKS)
        if unknown := [check for check in given if check not in known]:
            raise ConfigurationError(f"{name} names {unknown[0]!r}, which is no check of health{_meant(unknown[0], known)}")
    if wrong := {check: severity for check, severity in severities.items() if severity not in SEVERITIES}:
        raise ConfigurationError(f"severities={wrong!r} are unknown: expected some of {', '.join(SEVERITIES)}.")
    kept = [check for check in CHECKS.values() if not {check.id, check.pillar} & set(disabled)]
    return ChecksToRun(
        frozenset(check.id for check in kept),
        {check.id: severities.get(check.id, check.severity) for check in CHECKS.values()},
        {check.id: _thresholds(check, thresholds.get(check.id, {})) for check in CHECKS.values()},
    )


def _thresholds(check: HealthCheck, given: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"thresholds[{check.id!r}]={given!r} is no mapping of names to numbers.")
    numbers = dict(check.thresholds)
    for name, value in given.items():
        if name not in numbers:
            names = ", ".join(check.thresholds) or "none"
            raise ConfigurationError(f"thresholds[{check.id!r}] has no {name!r}; it has {names}.")
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"thresholds[{check.id!r}][{name!r}]={value!r} is not a number.") from error
        if name == "change" and numbers[name] >= 1:
            raise ConfigurationError(f"thresholds[{check.id!r}][{name!r}]={value!r} cannot be used: it is a share, below 1.")
        if not 0 <= numbers[name] < float("inf"):
            raise ConfigurationError(f"thresholds[{check.id!r}][{name!r}]={value!r} cannot be used: expected a number of at least 0.")
    return numbers


def _meant(name: str, known: Collection[str]) -> str:
    closest = get_close_matches(str(name), known, n=1)
    return f": did you mean {closest[0]!r}?" if closest else f": expected some of {', '.join(known)}."
