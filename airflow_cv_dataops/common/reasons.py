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
from airflow_cv_dataops.core.store.uris import without_logins
from airflow_cv_dataops.core.wording import one_line

log = logging.getLogger(__name__)

_AIRFLOW_SAYS = "Task failed with exception"
_MOST_CAUSES = 5


class PolicyFailure(AirflowFailException):
    """Policy fails the task: a retry would find the same data."""


class NotYetKnown(AirflowException):
    """Policy fails the task for what other runs may be at work on: a retry may find it done."""


class StoppedWaiting(AirflowException):
    """The trigger of a deferred sensor could not go on."""


SAY_IT_ALL = (PolicyFailure, NotYetKnown, StoppedWaiting, CvDataOpsError, AirflowNotFoundException)  # the last: of a connection


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
        try:
            error = _error_of(event["exc_info"])
            reason = _reason(error) if isinstance(error, SAY_IT_ALL) else None
        except Exception:  # noqa: BLE001 (an error whose text cannot be made: its traceback tells more than none)
            return event
        if reason is not None:
            del event["exc_info"]
            event["event"] = f"Task failed: {reason}"
        return event


def _error_of(exc_info: Any) -> Any:
    if isinstance(exc_info, BaseException):
        return exc_info
    return exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else sys.exc_info()[1]


def _reason(error: BaseException) -> str:
    """Return message and notes; and what the error comes from, where the message does not say so. Of an argument it does."""
    said = _told("\n".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())]))
    causes: list[str] = []
    cause = None if isinstance(error, ConfigurationError) else error.__cause__
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        text = _told(str(cause))
        if text not in " ".join([said, *causes]):
            causes.append(f"because of {type(cause).__name__}: {text}")
        cause = cause.__cause__
    return f"{said} ({', '.join(causes)})" if causes else said


def _told(text: str) -> str:
    """Return somebody's words on one line. Those of a driver or client may hold the whole address that it was given."""
    return one_line(without_logins(text))
