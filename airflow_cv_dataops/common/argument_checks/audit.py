"""Checks of the arguments of audits and of health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_list, as_mapping, as_number


def audit_name(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.audit.arguments import check_audit_name

    check_audit_name(value)


def some_names(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.audit.arguments import check_some_names

    check_some_names(name, as_list(name, value))


def error_rate(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.audit.arguments import check_error_rate

    check_error_rate(as_number(name, value))


def audit_checks(name: str, value: Any) -> None:
    _enabled(value)


def audit_disabled(checks: Any, disabled: Any) -> None:
    _enabled(checks, disabled=as_list("disabled", disabled) or ())


def audit_severities(checks: Any, severities: Any) -> None:
    _enabled(checks, severities=as_mapping("severities", severities))


def audit_thresholds(checks: Any, thresholds: Any) -> None:
    _enabled(checks, thresholds=as_mapping("thresholds", thresholds))


def audit_limits(checks: Any, limits: Any) -> None:
    from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
    from airflow_cv_dataops.core.audit.policy import as_limits

    as_limits(as_mapping("limits", limits), [check.id for check in (*BUILT_IN_CHECKS, *checks)])


def _enabled(checks: Any, **asked: Any) -> None:
    from airflow_cv_dataops.core.audit.check import enabled_checks
    from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS

    enabled_checks((*BUILT_IN_CHECKS, *checks), **asked)


def health_disabled(name: str, value: Any) -> None:
    _asked_of_health(disabled=as_list(name, value) or ())


def health_severities(name: str, value: Any) -> None:
    _asked_of_health(severities=as_mapping(name, value))


def health_thresholds(name: str, value: Any) -> None:
    _asked_of_health(thresholds=as_mapping(name, value))


def _asked_of_health(disabled: Sequence[str] = (), severities: Any = None, thresholds: Any = None) -> None:
    from airflow_cv_dataops.core.health.checks import checks_to_run

    checks_to_run(disabled, severities or {}, thresholds or {})


def min_history(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.health.arguments import check_partitions

    check_partitions(name, as_count(name, value) or 0)


def window(least: Any, value: Any) -> None:
    from airflow_cv_dataops.core.health.arguments import check_partitions

    check_partitions("window", as_count("window", value) or 0, as_count("min_history", least) or 0)


def trends(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.trends.trends import WantedMetric

    for metric in as_list(name, value) or ():
        WantedMetric.of(metric)
