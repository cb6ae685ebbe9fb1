"""The asset events of promotions: what is emitted, and when nothing is."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset
from deployment import deploy
from PIL import Image

from airflow_cv_dataops.common.assets import to_openlineage
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def moving(migrated_home, dag_runs, tmp_path_factory):
    """A run of every kind of promotion, on a dataset that was never released."""
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("moving"), dag_runs)
    folder = tmp_path_factory.mktemp("pets")
    for number in range(4):
        Image.effect_noise((24, 16), 20 + number).save(folder / f"{number}.png")
    ingest_images(deployment.dataset("pets"), "2026-11-05", folder, workers=1)
    return deployment, deployment.run("moving_stages")


def test_each_moved_stage_has_one_event_and_what_moved_nothing_or_was_refused_has_none(moving):
    _, run = moving
    assert {task: state for task, state in run.tasks.items() if state != "success"} == {"refused": "failed"}, run.log[-3000:]
    emitted = [(event["task_id"], event["map_index"], event["uri"]) for event in run.assets]
    assert sorted(emitted) == [
        ("died", -1, "cv://pets/died"),  # by its second try, which found the stage moved
        ("fixed", -1, "cv://pets/production"),
        ("fixed", -1, "file:///somewhere/else"),
        ("mapped", 0, "cv://pets/north"),
        ("mapped", 1, "cv://pets/south"),
        ("named", -1, "cv://pets/frozen"),
        ("templated", -1, "cv://pets/templated"),
        ("unchanged", -1, "file:///somewhere/else"),  # an outlet of the user's stays
    ]
    assert all(event["name"] == event["uri"] for event in run.assets), "the asset that a plain URI names"


def test_an_event_says_which_release_and_what_is_in_it(moving):
    deployment, run = moving
    for event in run.assets:
        if not event["uri"].startswith("cv://"):
            continue
        extra = event["extra"]
        release = deployment.dataset("pets").release(extra["stage"])
        assert (extra["dataset"], extra["release"], extra["parent"], extra["action"]) == ("pets", release.name, None, "promotion")
        assert event["uri"] == f"cv://pets/{extra['stage']}"
        assert extra["counts"] == {"images": 4, "annotations": 0, "splits": {"train": 4}}
        assert extra["snapshots"].items() <= release.snapshots.items()
        assert {"images", "metrics"} <= extra["snapshots"].keys()


def test_lineage_has_one_dataset_for_the_releases_and_the_asset_is_that(moving, validate_events):
    _, run = moving
    validate_events(run.events)
    for event in run.assets:
        if not event["uri"].startswith("cv://"):
            continue
        converted = to_openlineage(Asset(uri=event["uri"], extra=event["extra"]), None)
        completed = run.task_events(event["task_id"], "COMPLETE")
        assert completed
        for told in completed:
            outputs = [(output["namespace"], output["name"]) for output in told["outputs"]]
            assert [name for _, name in outputs if name.endswith(".releases") or name.startswith("cv")] == ["pets.releases"]
            assert (converted.namespace, converted.name) in outputs


def test_a_run_begun_anew_emits_nothing_where_nothing_changed(moving):
    deployment, _ = moving
    again = deployment.run("moving_stages", logical_date="2026-11-06")
    assert {event["uri"] for event in again.assets} == {"file:///somewhere/else"}


def test_the_example_trains_on_exactly_the_release(migrated_home, dag_runs, tmp_path):
    deployment = deploy(migrated_home, tmp_path, dag_runs)
    released = deployment.run("digits_dataops").xcom["promote"]
    trained = deployment.run("digits_training")
    assert trained.state == "success", trained.log[-3000:]
    model = trained.xcom["train"]
    labels = deployment.dataset("digits").release("v1").annotations(["task"], split="train").num_rows
    assert (model["release"], model["trained_on"]) == (released["release"], labels)
    assert model["accuracy"] > 0.6, "a fifth of its labels is wrong"
