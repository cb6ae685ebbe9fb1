"""Why a task failed, as one line of its log: what policy says, or an error that says all by itself, has no traceback below it.

Airflow logs every exception with its traceback, which for these is frames of Airflow's task runner and of ours: nothing to learn from. It
does so with structlog, whose processors are a list that all loggers of the process share, also those that were made before: one more in
front of it (as ``structlog.testing.capture_logs`` does it) turns that one event of these exceptions into a line. The exception itself stays
as it is, for callbacks, listeners and mails. Where Airflow logs in another way, or says something else, its own traceback shows.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowNotFoundException

from airflow_cv_dataops.core.errors import ConfigurationError, CvDataOpsError
from airflow_cv_dataops.core.wording import one_line

log = logging.getLogger(__name__)

_AIRFLOW_SAYS = "Task failed with exception"


class PolicyFailure(AirflowFailException):
    """Policy fails the task: a retry would find the same data."""


class StoppedWaiting(AirflowException):
    """The trigger of a deferred sensor could not go on."""


SAY_IT_ALL = (PolicyFailure, StoppedWaiting, CvDataOpsError, AirflowNotFoundException)  # the last: of a connection


def show_reasons_alone() -> None:
    """Have this process log the reasons above without a traceback; at level DEBUG the traceback stays. Never raises."""
    try:
        import structlog

        processors = structlog.get_config()["processors"]
        if isinstance(processors, list) and ReasonAlone not in map(type, processors):
            processors.insert(0, ReasonAlone())
    except Exception:
        log.debug("Reasons cannot be shown without a traceback", exc_info=True)


class ReasonAlone:
    """A processor of structlog."""

    def __call__(self, logger: Any, method_name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("event") != _AIRFLOW_SAYS or not event.get("exc_info") or log.isEnabledFor(logging.DEBUG):
            return event
        error = _error_of(event["exc_info"])
        if isinstance(error, SAY_IT_ALL):
            del event["exc_info"]
            event["event"] = f"Task failed: {_reason(error)}"
        return event


def _error_of(exc_info: Any) -> Any:
    if isinstance(exc_info, BaseException):
        return exc_info
    return exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else sys.exc_info()[1]


def _reason(error: BaseException) -> str:
    """Return message and notes; and what the error comes from, where the message does not say so. Of an argument it does."""
    said = one_line("\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())]))
    has_cause = error.__cause__ is not None and not isinstance(error, ConfigurationError)
    cause = one_line(str(error.__cause__)) if has_cause else ""
    return said if cause in said else f"{said} (because of {type(error.__cause__).__name__}: {cause})"
