"""Triggers run to their end, outside of a triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from processes import PATIENCE_SECONDS


def events_of(trigger: BaseTrigger, meanwhile: Callable[[], None] | None = None) -> list[TriggerEvent]:
    """Run a trigger to its end; ``meanwhile`` is called once it has looked and not found what it wants."""

    async def collect() -> list[TriggerEvent]:
        events: list[TriggerEvent] = []
        has_looked, look = asyncio.Event(), trigger.observe  # type: ignore[attr-defined]

        async def observe() -> Any:
            found = await look()
            has_looked.set()
            return found

        async def run() -> None:
            async for event in trigger.run():
                events.append(event)

        task = asyncio.ensure_future(run())
        if meanwhile is not None:
            trigger.observe = observe  # type: ignore[attr-defined]
            await asyncio.wait_for(has_looked.wait(), PATIENCE_SECONDS)
            assert not task.done()
            await asyncio.to_thread(meanwhile)
        await asyncio.wait_for(task, PATIENCE_SECONDS)
        return events

    return asyncio.run(collect())
