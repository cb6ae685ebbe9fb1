"""In a real Airflow (scheduler, LocalExecutor, triggerer): deferral, and runs that were killed."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.deployment]


def test_a_deferred_sensor_wakes_up_and_its_run_leaves_a_release(deployment, shared_data, validate_events):
    from real_airflow import RealAirflow

    source = deployment.home / "landing" / "clothing"
    (source / "images").mkdir(parents=True)
    with RealAirflow(deployment.environment) as airflow:
        run_id = airflow.trigger("deferred_arrival", conf={"source": str(source)})

        def is_deferred():
            return any(task["state"] == "deferred" for task in airflow.tasks("deferred_arrival", run_id))

        airflow.wait_for("the sensor to defer", is_deferred)
        clothing = shared_data("clothing_mini")
        for image in sorted((clothing / "images").iterdir())[:20]:
            shutil.copy(image, source / "images")
        shutil.copy(clothing / "images.csv", source)
        assert airflow.wait_for_run("deferred_arrival", run_id) == "success", airflow.log.read_text()[-3000:]

    assert deployment.dataset("clothing").release("production").images_count == 20
    events = [json.loads(line) for line in (deployment.home / "events.jsonl").read_text().splitlines()]
    validate_events(events)
    kinds = {(event["job"]["name"], event["eventType"]) for event in events}
    for task_id in ("wait", "ingest", "promote"):
        assert {(f"deferred_arrival.{task_id}", "START"), (f"deferred_arrival.{task_id}", "COMPLETE")} <= kinds


def test_a_sensor_waits_in_the_triggerer_for_labels_and_an_audit_tells_a_notifier_of_its_breach(
    deployment, shared_data, validate_events, tmp_path
):
    from real_airflow import RealAirflow

    from airflow_cv_dataops import import_labels, ingest_images

    clothing, images, told = shared_data("clothing_mini"), tmp_path / "images", tmp_path / "told.txt"
    images.mkdir()
    for image in sorted((clothing / "images").iterdir())[:20]:
        shutil.copy(image, images)
    dataset = deployment.dataset("clothing")
    ingest_images(dataset, "2026-11-05", images)
    with RealAirflow(deployment.environment) as airflow:
        run_id = airflow.trigger("awaited_labels", conf={"told": str(told)})

        def is_deferred():
            return any(task["state"] == "deferred" for task in airflow.tasks("awaited_labels", run_id))

        airflow.wait_for("the sensor to defer", is_deferred)
        import_labels(dataset, "2026-11-05", clothing / "images.csv", format="csv", keep_unmatched=False)
        assert airflow.wait_for_run("awaited_labels", run_id) == "failed", airflow.log.read_text()[-3000:]
        tasks = {task["task_id"]: task for task in airflow.tasks("awaited_labels", run_id)}

    assert {name: task["state"] for name, task in tasks.items()} == {"wait": "success", "audit": "failed"}
    assert tasks["audit"]["try_number"] == 1  # the notifier that failed made no other outcome of it
    labels = dataset.annotations(partition_key="2026-11-05").num_rows
    assert told.read_text().startswith(
        f"failed with {labels}: clothing, partition 2026-11-05: {labels} findings ({labels} of severity error)"
    )
    events = [json.loads(line) for line in (deployment.home / "events.jsonl").read_text().splitlines()]
    validate_events(events)
    (waited,) = [event for event in events if event["job"]["name"] == "awaited_labels.wait" and event["eventType"] == "COMPLETE"]
    assert waited["run"]["facets"]["cvDataops_sensor"]["details"]["labelled"] == 20
    assert [used["name"] for used in waited["inputs"]] == ["clothing.images", "clothing.annotations"]


def test_a_sharded_ingest_whose_worker_is_killed_is_complete_after_the_retry(deployment, shared_data, validate_events):
    import psutil
    from real_airflow import RealAirflow

    source = deployment.home / "landing" / "many"
    source.mkdir(parents=True)
    images = sorted((shared_data("clothing_mini") / "images").iterdir())
    for copy in range(5):
        for image in images:
            shutil.copy(image, source / f"{copy}_{image.name}")
    (source / "2_unreadable.jpg").write_bytes(images[0].read_bytes()[:2_000])

    with RealAirflow(deployment.environment) as airflow:
        run_id = airflow.trigger("sharded_clothing", conf={"source": str(source)})

        def shard_at_work():
            """Return the process of a shard's task: the one above a decoding worker, of a task that is not the unsharded one."""
            running = {
                task["pid"] for task in airflow.tasks("sharded_clothing", run_id) if task["task_id"] == "sharded.shard" and task["pid"]
            }
            workers = []
            for process in psutil.Process(airflow.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
                    if any("core.imaging.ingest.workers.worker" in part for part in process.cmdline()):
                        workers.append(process)
            return next((above for worker in workers for above in worker.parents() if above.pid in running), None)

        victim = airflow.wait_for("a shard to be at work", shard_at_work)
        for process in (*victim.children(recursive=True), victim):
            process.kill()
        assert airflow.wait_for_run("sharded_clothing", run_id) == "success", airflow.log.read_text()[-3000:]
        shards = [task for task in airflow.tasks("sharded_clothing", run_id) if task["task_id"] == "sharded.shard"]

    assert len(shards) == 6
    assert max(task["try_number"] for task in shards) > 1
    for table, rows in (("images", 5 * len(images)), ("rejects", 1)):
        sharded, whole = (deployment.dataset(name).read(table) for name in ("sharded", "whole"))
        assert whole.num_rows == rows
        comparable = [name for name in whole.column_names if name not in ("ingested_at", "storage_uri")]
        order = [("source_uri", "ascending")]
        assert sharded.sort_by(order).select(comparable).equals(whole.sort_by(order).select(comparable))
    assert len(deployment.dataset("sharded").load_table("images").snapshots()) == 1

    events = [json.loads(line) for line in (deployment.home / "events.jsonl").read_text().splitlines()]
    validate_events(events)
    assert {event["job"]["name"] for event in events} >= {"sharded_clothing.sharded.shard", "sharded_clothing.sharded.commit"}
