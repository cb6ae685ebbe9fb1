"""Run in a process of its own: let a trigger look at S3 for the first time, and print what was imported in the event loop's thread."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from typing import Any

import airflow.jobs.triggerer_job_runner  # noqa: F401  (what a triggerer has imported before any trigger runs)

from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger


class Recorder(MetaPathFinder):
    """Notes what is looked for in the main thread, and finds nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> None:
        if threading.current_thread() is threading.main_thread():
            self.names.append(name)


async def look(source: str) -> int:
    trigger = ImageArrivalTrigger(
        source=source,
        min_images=1,
        settle_seconds=0,
        pattern=None,
        cv_catalog_conn_id="cv_catalog_default",
        aws_conn_id=None,
        poke_interval=0.01,
    )
    return (await trigger.observe()).images


if __name__ == "__main__":
    recorder = Recorder()
    sys.meta_path.insert(0, recorder)
    images = asyncio.run(look(sys.argv[1]))
    print("RESULT " + json.dumps({"images": images, "imported": recorder.names}))
