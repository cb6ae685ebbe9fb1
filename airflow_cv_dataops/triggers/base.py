"""What all triggers share: sleep, look, sleep again, without blocking the triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_cv_dataops.common.waiting import WaitingLines
from airflow_cv_dataops.core.errors import CvDataOpsError

log = logging.getLogger(__name__)


class ObservingTrigger(BaseTrigger):
    """Looks every ``poke_interval`` seconds. Subclasses say where (:meth:`observe`, :meth:`arguments`).

    Sleeps first: the sensor has just looked, and a trigger that fires before the scheduler has heard of the deferral has its
    task failed by Airflow (apache/airflow issues 67287 and 72716). Only connection ids are serialised, never what they hold.
    """

    poke_interval: float

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, from which the triggerer makes the trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self.arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: what was observed when it was as wanted, or what went wrong."""
        waiting = WaitingLines(log, is_first_due=False)  # the sensor has said what it saw first
        while True:
            await asyncio.sleep(self.poke_interval)
            try:
                observed = await self.observe()
            except Exception as error:
                if not isinstance(error, CvDataOpsError):  # the event has no room for where it comes from
                    log.warning("The trigger cannot go on", exc_info=True)
                yield TriggerEvent({"status": "error", "message": f"{type(error).__name__}: {error}"})
                return
            if observed.satisfied:
                yield TriggerEvent({"status": "success", "observed": asdict(observed)})
                return
            waiting.say(self.not_yet(observed))

    def arguments(self) -> dict[str, Any]:
        """Return what the trigger was made with."""
        raise NotImplementedError

    async def observe(self) -> Any:
        """Look once."""
        raise NotImplementedError

    def not_yet(self, observed: Any) -> str:
        """Say what is there, and what is waited for."""
        raise NotImplementedError
