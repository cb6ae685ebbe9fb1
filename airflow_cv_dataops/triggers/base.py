"""What all triggers share: sleep, look, sleep again, without blocking the triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

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
        while True:
            await asyncio.sleep(self.poke_interval)
            try:
                observed = await self.observe()
            except Exception as error:  # noqa: BLE001 (whatever it is, the task must hear of it instead of waiting for its timeout)
                yield TriggerEvent({"status": "error", "message": f"{type(error).__name__}: {error}"})
                return
            if observed.satisfied:
                yield TriggerEvent({"status": "success", "observed": asdict(observed)})
                return
            log.debug("Not yet: %s", observed)

    def arguments(self) -> dict[str, Any]:
        """Return what the trigger was made with."""
        raise NotImplementedError

    async def observe(self) -> Any:
        """Look once."""
        raise NotImplementedError
