"""Whether labels are complete and fresh: of the images that are there now, by imports that came to their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels import freshness
from airflow_cv_dataops.core.labels.freshness import LabelFreshness, observe_labels
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import written_by, written_by_owner

KEY = "2026-11-05"


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset()


@pytest.fixture
def label(dataset: Dataset, tmp_path: Path) -> Callable[..., None]:
    """Import labels of images by name; ``when``: what the file says of the time."""

    def imported(names: Sequence[str], label_set: str = "default", key: str = KEY, when: str | None = None) -> None:
        header, more = ("file,label,labeled_at", f",{when}") if when else ("file,label", "")
        file = tmp_path / f"{label_set}.csv"
        file.write_text("\n".join([header, *(f"{name}.png,cat{more}" for name in names)]) + "\n")
        import_labels(dataset, key, file, format="csv", label_set=label_set, allow_empty=True)

    return imported


def seen(dataset: Dataset, **arguments: Any) -> LabelFreshness:
    return observe_labels(dataset, KEY, **arguments)


def test_what_is_not_there_yet_is_waited_for(dataset: Dataset, label: Callable[..., None]) -> None:
    assert list(seen(dataset).missing) == ["the partition has no images yet"]
    write_images(dataset, "2026-11-04", ["z"])
    assert list(seen(dataset).missing) == ["the partition has no images yet"]
    write_images(dataset, KEY, ["a", "b"])
    found = seen(dataset)
    wanted = ["no labels were imported yet", "2 of 2 images have no label (min_labelled_ratio=1)"]
    assert (list(found.missing), found.satisfied) == (wanted, False)
    assert not seen(dataset, min_labelled_ratio=0).satisfied
    label(["a", "b"])
    found = seen(dataset)
    assert (found.satisfied, found.images, found.labelled, found.label_sets) == (True, 2, 2, ["default"])


@pytest.mark.parametrize(("ratio", "satisfied"), [(1.0, False), (0.6, False), (0.55, True), (0, True)])
def test_enough_images_have_to_have_a_label(dataset: Dataset, label: Callable[..., None], ratio: float, satisfied: bool) -> None:
    """55 of 100 are 55 %, though 0.55 * 100 is a little more than 55."""
    names = [str(number) for number in range(100)]
    write_images(dataset, KEY, names)
    label(names[:55])
    found = seen(dataset, min_labelled_ratio=ratio)
    assert (found.labelled, found.satisfied) == (55, satisfied)
    assert found.summary(KEY).to_dict()["counts"] == {"images": 100, "images_labelled": 55, "images_without_label": 45, "label_sets": 1}


def test_a_label_of_a_byte_identical_copy_counts_and_labels_of_other_images_or_none_do_not(
    dataset: Dataset, label: Callable[..., None]
) -> None:
    write_images(dataset, KEY, ["a", "copy", "b"], contents={"copy": "a"})
    label(["copy", "elsewhere"])
    found = seen(dataset)
    assert (found.images, found.labelled) == (2, 1)
    label(["copy", "b"])
    assert seen(dataset).satisfied


def test_an_import_before_the_last_ingest_counts_for_nothing(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a", "b", "gone"])
    label(["a", "b"])
    write_images(dataset, KEY, ["a", "b"])
    assert list(seen(dataset).missing) == ["imported before the images were last written: 'default'"]
    write_images(dataset, "2026-11-06", ["c"])
    label(["a", "b"])
    assert seen(dataset).satisfied
    write_images(dataset, "2026-11-06", ["c", "d"])  # of another partition
    assert seen(dataset).satisfied


def test_an_ingest_during_an_import_is_noticed_whatever_the_clocks_say(dataset: Dataset, label: Callable[..., None]) -> None:
    """The import has read the images before, and writes after: its time is the later one."""
    from airflow_cv_dataops.core.labels import importing

    write_images(dataset, KEY, ["a"])
    join = importing.join_labels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "join_labels", lambda *given: [join(*given), write_images(dataset, KEY, ["a", "b"])][0])
        label(["a"])
    assert list(seen(dataset, min_labelled_ratio=0.5).missing) == ["imported before the images were last written: 'default'"]


def test_an_import_that_was_killed_between_its_numbers_and_its_labels_is_not_done(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a", "b"])
    label(["a"])
    replace = Dataset.replace_partition

    def killed(self: Dataset, table: str, *given: Any, **named: Any) -> str:
        if table == "annotations":
            raise KeyboardInterrupt
        return replace(self, table, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dataset, "replace_partition", killed)
        with pytest.raises(KeyboardInterrupt):
            label(["a", "b"])
    assert list(seen(dataset, min_labelled_ratio=0.5).missing) == ["in the middle of an import: 'default'"]
    label(["a", "b"])
    assert seen(dataset).satisfied


def test_an_import_that_finds_the_same_again_makes_labels_without_a_time_new(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a"])
    label(["a"])
    first, labels = seen(dataset), dataset.snapshot_id("annotations")
    label(["a"])
    again = seen(dataset)
    assert again.satisfied
    assert (again.newest or "") > (first.newest or "")
    assert dataset.snapshot_id("annotations") == labels  # nothing was written but when it was


def test_labels_that_say_when_they_were_made_stay_as_old_and_nothing_is_committed(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a"])
    label(["a"], when="2026-11-05T09:00:00+00:00")
    tables = dataset.snapshots(("annotations", "metrics", "findings"))
    label(["a"], when="2026-11-05T09:00:00+00:00")
    assert dataset.snapshots(("annotations", "metrics", "findings")) == tables
    assert seen(dataset).newest == "2026-11-05T09:00:00+00:00"


def test_imports_of_former_versions_are_judged_by_time(dataset: Dataset) -> None:
    write_images(dataset, KEY, ["a"])
    write_annotations(dataset, KEY, [("a", "cat")])
    assert list(seen(dataset).missing) == ["no import is recorded of: 'default'"]
    images, labels = written_by(dataset, "images", dataset.snapshot_id("images") or "")[KEY], datetime.now(UTC)
    write_metrics(dataset, KEY, "label_import:default", [Metric("annotations", 1)], images - timedelta(seconds=1))
    assert list(seen(dataset).missing) == ["imported before the images were last written: 'default'"]
    write_metrics(dataset, KEY, "label_import:default", [Metric("annotations", 2)], images)
    assert seen(dataset).satisfied
    write_metrics(dataset, KEY, "label_import:default", [Metric("annotations", 1)], labels + timedelta(seconds=1))
    assert list(seen(dataset).missing) == ["in the middle of an import: 'default'"]


def test_label_sets_that_are_named_have_to_be_there_and_alone_count(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a", "b", "gone"])
    label(["a", "b"], "first")
    write_images(dataset, KEY, ["a", "b"])
    label(["a"], "second")
    assert list(seen(dataset).missing) == ["imported before the images were last written: 'first'"]
    assert seen(dataset).labelled == 2
    second = seen(dataset, label_sets=["second"])
    assert (second.labelled, list(second.missing)) == (1, ["1 of 2 images have no label (min_labelled_ratio=1)"])
    third = seen(dataset, label_sets=["second", "third"], min_labelled_ratio=0.5)
    assert list(third.missing) == ["no import is recorded of: 'third'"]
    label(["b"], "third")
    assert seen(dataset, label_sets=["second", "third"]).satisfied


def test_the_newest_label_may_be_too_old(dataset: Dataset, label: Callable[..., None]) -> None:
    write_images(dataset, KEY, ["a"])
    label(["a"], when="2026-11-05T08:00:00Z")
    now = datetime(2026, 11, 6, 9, tzinfo=UTC)
    assert seen(dataset, max_age_hours=25, now=now).satisfied
    old = seen(dataset, max_age_hours=24.5, now=now)
    assert (old.newest, list(old.missing)) == (
        "2026-11-05T08:00:00+00:00",
        ["the newest label is of 2026-11-05 08:00 UTC, more than 24.5 hours ago"],
    )


@pytest.mark.parametrize("when", [None, "9999-01-01T00:00:00Z"], ids=["not said", "in the future"])
def test_a_label_without_a_time_or_with_one_to_come_is_as_old_as_its_import(
    dataset: Dataset, label: Callable[..., None], when: str | None
) -> None:
    before = datetime.now(UTC)
    write_images(dataset, KEY, ["a"])
    label(["a"], when=when)
    found = seen(dataset, max_age_hours=1)
    assert found.satisfied
    assert before <= datetime.fromisoformat(found.newest or "") <= datetime.now(UTC)
    assert not seen(dataset, max_age_hours=1, now=datetime.now(UTC) + timedelta(hours=1.1)).satisfied


def test_nothing_is_counted_again_until_something_of_the_partition_was_written(
    dataset: Dataset, label: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    count, files = freshness._count, freshness.partition_files
    monkeypatch.setattr(freshness, "_count", lambda *given: [counted.append("rows"), count(*given)][1])
    monkeypatch.setattr(freshness, "partition_files", lambda *given: [counted.append("manifests"), files(*given)][1])
    write_images(dataset, KEY, ["a", "b"])
    label(["a"])
    found = seen(dataset)
    assert counted == ["manifests"] * 3 + ["rows"]
    counted.clear()
    assert seen(dataset, last=found) == found
    assert counted == []
    write_images(dataset, "2026-11-06", ["c"])
    found = seen(dataset, last=found)
    assert (counted, found.snapshots["images"]) == (["manifests"] * 3, dataset.snapshot_id("images"))
    label(["a", "b"])
    assert seen(dataset, last=found).satisfied


def test_times_of_owners_are_those_of_their_own_partition(dataset: Dataset, label: Callable[..., None]) -> None:
    for key in (KEY, "2026-11-06"):
        write_images(dataset, key, ["a"])
        label(["a"], "first", key)
    label(["a"], "second")
    snapshot = dataset.snapshot_id("annotations") or ""
    times = written_by_owner(dataset, "annotations", snapshot, KEY)
    assert sorted(times, key=str) == ["first", "second"]
    assert times["first"] < times["second"] == written_by(dataset, "annotations", snapshot)[KEY]
    assert written_by_owner(dataset, "annotations", None, KEY) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_sets": []}, "label_sets is empty"),
        ({"label_sets": "default"}, "label_sets"),
        ({"min_labelled_ratio": 80}, "from 0 to 1"),
        ({"max_age_hours": 0}, "above 0"),
        ({"max_age_hours": float("nan")}, "above 0"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(dataset: Dataset, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        seen(dataset, **arguments)
