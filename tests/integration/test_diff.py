"""Comparisons of whole releases: by what each hands out itself, over partitions, copies, label sets and splits."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from unit.core.diff.diff_rows import KEY, label, release, two_releases, write_labels
from unit.core.release.release_rows import image_id, write_audit, write_backgrounds, write_findings, write_images

from airflow_cv_dataops.core.diff.diff import diff_releases
from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff
from airflow_cv_dataops.core.diff.step import report_diff
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
KEYS = ("2026-11-05", "2026-11-06", "2026-11-07")
# A few bytes lie under several names, in one partition or in two.
CONTENTS = {"copy": "a", "again": "b", "twin": "c"}


def said(found: Release) -> dict[str, Counter[str]]:
    """Return by image what its labels say, read by the release itself."""
    columns = ["image_id", "label_set", "task", "category", "bbox", "segmentation", "iscrowd", "keypoints", "attributes"]
    by_image: dict[str, Counter[str]] = {row: Counter() for row in found.items()["image_id"].to_pylist()}
    for row in found.annotations(columns).select(columns).to_pylist():
        by_image[row["image_id"]][json.dumps(row)] += 1
    return by_image


def splits_of(found: Release) -> dict[str, str]:
    return {row["image_id"]: row["split"] for row in found.items().to_pylist()}


def check_against_what_both_hand_out(found: ReleaseDiff) -> None:
    assert found.before is not None
    before, after = said(found.before), said(found.after)
    images, labels = found.counts["images"], found.counts["labels"]
    assert (images["before"], images["after"]) == (len(before), len(after))
    assert (images["added"], images["removed"]) == (len(after.keys() - before.keys()), len(before.keys() - after.keys()))
    both = before.keys() & after.keys()
    gone, new = (sum((one[image] - other[image]).total() for image in both) for one, other in ((before, after), (after, before)))
    backgrounds = found.counts["stated_empty"]
    assert labels["changed"] + labels["removed"] + backgrounds["removed"] == gone
    assert labels["changed"] + labels["added"] + backgrounds["added"] == new
    assert labels["before"] == labels["unchanged"] + labels["changed"] + labels["removed"] + found.counts["labels_of_images"]["removed"]
    assert labels["after"] == labels["unchanged"] + labels["changed"] + labels["added"] + found.counts["labels_of_images"]["added"]
    assert (labels["before"], labels["after"]) == (found.before.annotations_count, found.after.annotations_count)
    change = Counter({row["image_id"]: 0 for row in found.labels.to_pylist()})
    for row in found.labels.to_pylist():
        change[row["image_id"]] += ("added" in row["changes"]) - ("removed" in row["changes"])
    assert all(before[image].total() + change[image] == after[image].total() for image in both)


def churned(rng: random.Random, key: str, names: list[str]) -> list[Mapping[str, Any]]:
    """Return some labels of a partition: few kinds, so that releases often say the same."""
    return [
        label(
            name,
            rng.choice(["cat", "dog"]),
            rng.choice([(0, 0, 8, 8), (1, 0, 8, 8), (40, 40, 9, 9)]),
            content=CONTENTS.get(name, name),
            attributes=rng.choice([None, None, "{}"]),
        )
        for name in names
        for _ in range(rng.randint(0, 3))
    ]


def test_counts_are_those_of_what_releases_hand_out_whatever_was_written_between_them(make_dataset: MakeDataset) -> None:
    """Partitions that stay, are written anew, come, go and are left out; labels of copies in others; statements of emptiness."""
    rng, dataset = random.Random(7), make_dataset()
    names = {KEYS[0]: ["a", "b", "copy", "d"], KEYS[1]: ["c", "again", "e"], KEYS[2]: ["twin", "f", "g"]}
    for key in KEYS:
        write_images(dataset, key, names[key], contents=CONTENTS)
        write_labels(dataset, churned(rng, key, names[key]), key=key)
    made = [release(dataset).name]
    for narrowed in (None, KEYS[:2], KEYS[1:], None, None):
        key = rng.choice(KEYS)
        write_labels(dataset, churned(rng, key, names[key]), key=key, label_set=rng.choice(["default", "second"]))
        if rng.random() < 0.5:
            write_backgrounds(dataset, key, rng.sample(names[key], 2), contents=CONTENTS)
        made.append(release(dataset, partition_keys=narrowed).name)
    seen: Counter[str] = Counter()
    for before, after in [*pairwise(made), (made[-1], made[0])]:
        found = diff_releases(dataset, before, after)
        check_against_what_both_hand_out(found)
        seen.update({f"{group}.{name}": count for group, counts in found.counts.items() for name, count in counts.items()})
    assert all(seen[name] for name in ("images.added", "images.removed", "labels.added", "labels.removed", "labels.recategorised"))


def test_images_that_moved_between_splits_are_counted_by_both(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, "abcdefgh")
    write_labels(dataset, [label("a")])
    release(dataset)
    write_images(dataset, KEY, "abcdefghij")
    release(dataset, splits={"train": 0.5, "test": 0.5}, split_salt="anew")
    found = diff_releases(dataset, "v1", "v2")
    assert found.before is not None
    before, after = splits_of(found.before), splits_of(found.after)
    moved = sorted(image for image in before if before[image] != after[image])
    assert 0 < len(moved) < 8
    assert [row["image_id"] for row in found.images.to_pylist() if row["change"] == "moved"] == moved
    assert {(row["split_before"], row["split_after"]) for row in found.images.to_pylist() if row["change"] == "moved"} == {
        ("train", "test")
    }
    assert found.moves["train", "test"] == len(moved)
    assert found.to_dict()["splits"] == {"train -> test": len(moved)}
    assert sorted(row["image_id"] for row in found.images.to_pylist() if row["change"] == "added") == sorted(map(image_id, "ij"))
    assert found.counts["labels"]["unchanged"] == 1


def test_a_release_is_compared_with_the_one_that_its_stage_held_before(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    two_releases(dataset, [label("a")], [label("a", "dog")])
    found, same = diff_releases(dataset), diff_releases(dataset, "production", "v2")
    assert found.before is not None
    assert (found.before.name, found.after.name, found.counts["labels"]["recategorised"]) == ("v1", "v2", 1)
    assert same.is_empty
    assert (same.images.num_rows, same.labels.num_rows) == (0, 0)
    assert same.counts["images"] == {"before": 5, "after": 5, "added": 0, "removed": 0, "moved": 0, "unchanged": 5, "relabelled": 0}


def test_the_first_release_is_compared_with_nothing(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, "abc")
    write_labels(dataset, [label("a"), label("b", "dog")])
    release(dataset, stage="staging")
    first = diff_releases(dataset, after="staging")
    assert first.before is None
    assert (first.counts["images"]["added"], first.counts["labels_of_images"]["added"], first.labels.num_rows) == (3, 2, 0)
    assert first.categories.column("share_before").null_count == 2
    with pytest.raises(DatasetNotFoundError, match="no release or stage 'production'"):
        diff_releases(dataset, "production", "staging")
    assert diff_releases(dataset, "production", "staging", allow_missing_before=True).counts == first.counts
    summary = report_diff(dataset, after="staging").summary.to_dict()
    assert (summary["from"], summary["to"], summary["metrics"]) == (None, "v1", {"changed_label_ratio": None})


def test_a_release_without_labels_and_a_dataset_without_their_table(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, "ab")
    release(dataset)
    write_images(dataset, KEY, "abc")
    release(dataset)
    assert diff_releases(dataset).counts["images"]["added"] == 1
    write_labels(dataset, [label("a"), label("c")])
    release(dataset)
    found = diff_releases(dataset)
    assert (found.counts["labels"]["before"], found.counts["labels"]["added"]) == (0, 2)
    assert diff_releases(dataset, "v3", "v1").counts["labels"]["removed"] == 1


def test_tables_hold_the_first_rows_of_each_change_and_counts_are_exact(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, "abcdefghij")
    write_labels(dataset, [label(name) for name in "abcdefgh"])
    release(dataset)
    write_images(dataset, KEY, "abcdeklmn")
    write_labels(dataset, [label(name, "dog" if name < "d" else "cat", (10, 10, 20, 25)) for name in "abcde"])
    release(dataset)
    found = diff_releases(dataset, max_rows=2)
    assert found.is_capped
    assert (found.counts["images"]["removed"], found.counts["images"]["added"]) == (5, 4)
    assert Counter(found.images["change"].to_pylist()) == {"added": 2, "removed": 2}
    assert found.images["image_id"].to_pylist()[:2] == sorted(map(image_id, "klmn"))[:2]
    assert (found.counts["labels"]["moved"], found.counts["labels"]["recategorised"]) == (5, 3)
    ids = sorted(map(image_id, "abcde"))
    recategorised = [one for one in ids if one in set(map(image_id, "abc"))][:2]
    assert set(found.labels["image_id"].to_pylist()) == {*ids[:2], *recategorised}
    assert found.to_dict()["rows"]["capped"] is True
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("arguments", "words"), [({"iou_threshold": 0}, "iou_threshold is 0"), ({"max_rows": -1}, "max_rows is -1")])
def test_options_that_cannot_be_used_are_refused(make_dataset: MakeDataset, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        diff_releases(make_dataset(), **arguments)


def test_labels_that_only_one_of_the_releases_leaves_out_are_removed_there(make_dataset: MakeDataset) -> None:
    """The data files are the same in both: what differs is what findings have taken out."""
    dataset = make_dataset()
    write_images(dataset, KEY, ["a", "b"])
    write_labels(dataset, [label("a", "cat"), label("a", "dog"), label("b", "cat")])
    condemned = dataset.annotations(["annotation_id", "category"]).to_pylist()
    dog = next(row["annotation_id"] for row in condemned if row["category"] == "dog")
    write_findings(dataset, KEY, ("suspect_label", "warning", dog), images=["a"])
    write_audit(dataset, KEY, "suspect_label")
    assert promote_dataset(dataset).failure is None
    assert promote_dataset(dataset, exclude=["labels: suspect_label"]).failure is None
    found = diff_releases(dataset, "v1", "v2")
    check_against_what_both_hand_out(found)
    assert (found.counts["labels"]["removed"], found.counts["labels"]["unchanged"]) == (1, 2)
    back = diff_releases(dataset, "v2", "v1")
    assert (back.counts["labels"]["added"], back.counts["labels"]["removed"]) == (1, 0)
