"""Run DAGs in this process (``dag.test()``), one after the other: a JSON object a line comes in over stdin, and one goes out for each.

    {"file": ".../digits_dataops.py", "logical_date": "2026-11-05T00:00:00+00:00", "conf": {}, "environment": {}}

``file`` is the DAG's, in [core] dags_folder, and its name the DAG's id. Without ``logical_date`` the run has none, as if it were
asset-triggered. ``environment`` is set before the file is read; what Airflow has read by then (its database, how lineage is sent) stays.
Out comes the run's state, its tasks' states, their XComs, and the asset events that they emitted. Whatever Airflow logs or prints goes
to stderr. In one process, as Airflow takes some ten seconds of CPU to start.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def main() -> None:
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line)), allow_nan=False), file=results, flush=True)


def run(
    file: str, logical_date: str | None = None, conf: dict[str, Any] | None = None, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run one DAG, and return what became of it."""
    os.environ.update(environment or {})
    date = datetime.fromisoformat(logical_date) if logical_date else None
    done = load_dag(Path(file).resolve()).test(logical_date=date, run_conf=conf)
    send_lineage()
    return {"state": str(done.state.value), "run_id": done.run_id, "tasks": task_states(done), "xcom": xcoms(done), "assets": assets(done)}


def load_dag(file: Path):  # type: ignore[no-untyped-def]
    """Import the DAG's file as the DAG processor does, with its folder on the path."""
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    specification = importlib.util.spec_from_file_location(file.stem, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = module
    specification.loader.exec_module(module)
    return next(value for value in vars(module).values() if getattr(value, "dag_id", None) == file.stem and hasattr(value, "test"))


def send_lineage() -> None:
    """Wait until the events of the run itself are sent: a process of the listener's own sends them, which else ends with this one."""
    from airflow.providers.openlineage.plugins.listener import get_openlineage_listener

    listener = get_openlineage_listener()
    listener.executor.shutdown(wait=True)
    listener._executor = None  # so that the next run has one


def task_states(run) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {
        task_instance.task_id: str(getattr(task_instance.state, "value", task_instance.state)) for task_instance in run.get_task_instances()
    }


def xcoms(run) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """Return what each task left under ``return_value``."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.execute(
            select(XComModel.task_id, XComModel.value).where(
                XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.key == "return_value"
            )
        ).all()
    return {task_id: json.loads(value) if isinstance(value, str) else value for task_id, value in rows}


def assets(run) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
    """Return the asset events of the run's tasks, in order."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (AssetModel.name, AssetModel.uri, AssetEvent.source_task_id, AssetEvent.source_map_index, AssetEvent.extra)
    emitted_here = (AssetEvent.source_dag_id == run.dag_id, AssetEvent.source_run_id == run.run_id)
    with create_session() as session:
        rows = session.execute(
            select(*columns).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(*emitted_here).order_by(AssetEvent.id)
        ).all()
    return [dict(zip(("name", "uri", "task_id", "map_index", "extra"), row, strict=True)) for row in rows]


if __name__ == "__main__":
    main()
