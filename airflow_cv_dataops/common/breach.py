"""Telling people of a breach at once: Airflow's notifiers, called by the task that found it."""

from __future__ import annotations

import asyncio
import copy
import html
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.sdk import BaseNotifier, BaseOperator

from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.summary import Breach, StepResult

    Notifier: TypeAlias = BaseNotifier | Callable[[Context], Any]

log = logging.getLogger(__name__)


class BreachMixin(BaseOperator):
    """Calls notifiers where a step's result carries a ``breach``; stands before ``DatasetOperator`` among the operator's bases.

    A ``BaseOperator`` itself: of others Airflow neither takes an argument out of ``default_args`` nor lets ``.partial()`` have it.

    :param notifiers: are told of a breach, whatever policy makes of it: ``BaseNotifier`` objects or functions of the context, which has
        ``breach`` in it. One that fails is logged, and changes nothing of the task.
    """

    # No template field: a notifier's own templates speak of the breach, and are rendered when there is one.
    def __init__(self, *, notifiers: Sequence[Notifier] | Notifier = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notifiers: tuple[Notifier, ...] = _as_notifiers(notifiers)

    def tell_of_breach(self, result: StepResult, summary: Mapping[str, Any], context: Context) -> None:
        """Call each notifier once, in their order. :param summary: as it went to XCom."""
        breach = result.breach
        if breach is None or not self.notifiers:
            return
        outcome = "success" if result.failure is None else "skipped" if result.skip else "failed"
        told = breach_facts(breach, summary, outcome=outcome, task_id=self.task_id)
        for number, notifier in enumerate(self.notifiers, 1):
            try:
                # A context of its own each, to which a notifier adds its fields, and facts of its own.
                _call(notifier, {**context, "breach": copy.deepcopy(told)})
            except Exception:
                what = f"Notifier {number} of {len(self.notifiers)} ({_name(notifier)})"
                log.exception("%s failed: somebody was not told of this breach: %s", what, told["message"])


def breach_facts(breach: Breach, summary: Mapping[str, Any], *, outcome: str, task_id: str) -> dict[str, Any]:
    """Return what notifiers find under ``breach`` in the context: plain values.

    ``message`` is text that may hold names out of data, without control characters; ``escaped`` the same for Slack and HTML, where
    ``&``, ``<`` and ``>`` of such a name would be markup or a mention.
    """
    from airflow_cv_dataops.core.summary import plain

    message = "".join(letter if letter == "\n" or letter.isprintable() else "\ufffd" for letter in plain(breach.message))
    return {
        "dataset": summary["dataset"],
        "partition_key": summary["partition_key"],
        "task_id": task_id,
        "outcome": outcome,
        "message": message,
        "escaped": html.escape(message, quote=False),
        "problems": plain(breach.problems),
        "report_uri": summary["report_uri"],
        "summary": dict(summary),
    }


def _as_notifiers(given: Any) -> tuple[Notifier, ...]:
    """:raises ConfigurationError: one cannot be called, so that nobody would ever be told."""
    notifiers = tuple(given) if isinstance(given, (list, tuple)) else () if given is None else (given,)
    for notifier in notifiers:
        if not callable(notifier) or isinstance(notifier, type):
            raise ConfigurationError(f"notifiers has {notifier!r}, which cannot be called: expected notifiers or functions of the context.")
    return notifiers


def _call(notifier: Notifier, context: Any) -> None:
    """Call a notifier as Airflow calls callbacks; what is asynchronous alone is run to its end."""
    # Rendering writes a notifier's fields over, for good: the next breach in this process would be told with this one's words.
    notifier = copy.copy(notifier)
    if isinstance(notifier, BaseNotifier) and _is_asynchronous_only(notifier):
        notifier.context = context
        asyncio.run(_awaited(notifier))
        return
    returned = notifier(context)
    if inspect.isawaitable(returned):
        asyncio.run(_awaited(returned))
    elif isinstance(returned, Generator):  # a function that yields does nothing until it is asked
        for _ in returned:
            pass


def _is_asynchronous_only(notifier: BaseNotifier) -> bool:
    kind = type(notifier)
    return kind.notify is BaseNotifier.notify and kind.async_notify is not BaseNotifier.async_notify


async def _awaited(something: Awaitable[Any]) -> None:
    await something


def _name(notifier: Notifier) -> str:
    """Return what it is called, and nothing of what it holds: tokens and addresses."""
    return getattr(notifier, "__qualname__", None) or type(notifier).__qualname__
