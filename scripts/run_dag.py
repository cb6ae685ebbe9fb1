"""Run one DAG for one logical date in this process (``dag.test()``) and write its state and every task's XCom as JSON."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the DAG's file, in [core] dags_folder")
    parser.add_argument("--dag-id", default=None, help="default: the file's name")
    parser.add_argument(
        "--logical-date", type=datetime.fromisoformat, default=None, help="without one the run has none, as if asset-triggered"
    )
    parser.add_argument("--conf", type=json.loads, default=None, help="the run's conf, as JSON")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    run = load_dag(arguments.dag_id or arguments.file.stem, arguments.file.resolve()).test(
        logical_date=arguments.logical_date, run_conf=arguments.conf
    )
    result = {"state": str(run.state.value), "run_id": run.run_id, "tasks": task_states(run), "xcom": xcoms(run)}
    arguments.out.write_text(json.dumps(result, indent=2, allow_nan=False))
    return 0 if result["state"] == "success" else 1


def load_dag(dag_id: str, file: Path):  # type: ignore[no-untyped-def]
    """Import the DAG's file as the DAG processor does, with its folder on the path."""
    sys.path.insert(0, str(file.parent))
    specification = importlib.util.spec_from_file_location(file.stem, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = module
    specification.loader.exec_module(module)
    return next(value for value in vars(module).values() if getattr(value, "dag_id", None) == dag_id and hasattr(value, "test"))


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


if __name__ == "__main__":
    sys.exit(main())
