"""What two releases hold otherwise, by partition, and with which candidates it comes back."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.release.release_rows import image_id, write_annotations, write_backgrounds, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release import partition_contents
from airflow_cv_dataops.core.release.held_hashes import HeldHashes, image_hashes
from airflow_cv_dataops.core.release.partition_contents import Difference, Held, difference, held_by
from airflow_cv_dataops.core.release.promote import promote_dataset

HASHES = st.frozensets(st.integers(0, 5), max_size=4)
CONTENTS = st.dictionaries(st.sampled_from("pqr"), HASHES)


def holding(hashes: AbstractSet[int], at_once: int = 100) -> HeldHashes:
    found, values = HeldHashes(), np.array(sorted(hashes, reverse=True), np.uint64)
    for start in range(0, len(values), at_once):
        part = values[start : start + at_once]
        found.add_labels(pa.table({"image_id": [""] * len(part)}), part)
    return found


def held(contents: dict[str, frozenset[int]]) -> Held:
    rows = [(value, "pqr".index(key)) for key, values in contents.items() for value in values]
    return Held(np.array([value for value, _ in rows], np.uint64), np.array([at for _, at in rows], np.int32))


@given(CONTENTS, CONTENTS, HASHES, st.integers(1, 3))
def test_a_partition_comes_back_with_all_that_was_taken_and_nothing_that_was_lost(
    taken: dict[str, frozenset[int]], lost: dict[str, frozenset[int]], candidate: frozenset[int], at_once: int
) -> None:
    found = Difference(list("pqr"), held(taken), held(lost))
    none: frozenset[int] = frozenset()
    differing = [key for key in "pqr" if taken.get(key, none) | lost.get(key, none)]
    assert found.partitions() == differing
    assert found.coming_back(holding(candidate, at_once)) == {
        key: not taken.get(key, none) for key in differing if taken.get(key, none) <= candidate and not lost.get(key, none) & candidate
    }


def test_what_is_collected_is_held_until_it_is_cleared() -> None:
    found, images = HeldHashes(), pa.table({"image_id": ["a", "b", "c"]})
    found.add_images(images.slice(0, 1))
    assert found.holds(image_hashes(images)).tolist() == [True, False, False]
    found.add_images(images.slice(2))
    assert found.holds(image_hashes(images)).tolist() == [True, False, True]
    found.clear()
    assert found.holds(image_hashes(images)).tolist() == [False] * 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five releases of up to five partitions; an image of the third lies in the first as well and is labelled in both."""
    dataset = open_dataset("digits", home=str(tmp_path_factory.mktemp("home")))
    for key in ("p", "q"):
        write_images(dataset, key, [f"{key}1", f"{key}2"])
        write_annotations(dataset, key, [(f"{key}1", "cat"), (f"{key}1", "dog")])
    write_images(dataset, "r", ["copy", "r1"], contents={"copy": "p1"})
    write_annotations(dataset, "r", [("copy", "cat"), ("t1", "cat")], contents={"copy": "p1"})
    write_backgrounds(dataset, "q", ["q2"])
    promote_dataset(dataset, card=False)
    write_annotations(dataset, "q", [("q1", "dog"), ("q1", "cat")])
    write_images(dataset, "s", ["s1"])
    promote_dataset(dataset, card=False)
    write_annotations(dataset, "p", [("p1", "dog"), ("p1", "bird")])
    write_images(dataset, "q", ["q1"])
    write_images(dataset, "r", ["copy", "r1", "r2"], contents={"copy": "p1"})
    promote_dataset(dataset, card=False)
    promote_dataset(dataset, card=False, partition_keys=["s"])
    write_images(dataset, "t", ["t1"])
    promote_dataset(dataset, card=False)
    return dataset


def differing(dataset: Dataset, one: str, other: str) -> list[str]:
    """Return the partitions that differ, which do so as well where all labels of both are read."""
    first, second = dataset.release(one), dataset.release(other)
    found = difference(first, second)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_contents, "_may_differ", lambda *_: None)
        whole = difference(first, second)
    assert _told(found) == _told(whole)
    assert difference(second, first).partitions() == found.partitions()
    return found.partitions()


def _told(found: Difference) -> list[list[tuple[str, int]]]:
    sides = (found.taken, found.lost)
    return [sorted(zip([found.keys[at] for at in side.at], side.hashes.tolist(), strict=True)) for side in sides]


def test_partitions_that_were_written_again_alike_do_not_differ(dataset: Dataset) -> None:
    assert differing(dataset, "v2", "v1") == ["s"]


def test_a_label_that_a_copy_in_another_partition_has_as_well_is_not_lost_with_it(dataset: Dataset) -> None:
    """p1 is no cat in p any more, but in r; q2 is gone with the statement that it shows nothing; r has an image more."""
    found = difference(dataset.release("v3"), dataset.release("v2"))
    assert differing(dataset, "v3", "v2") == ["p", "q", "r"]
    assert [found.keys[at] for at in sorted(found.taken.at.tolist(), key=found.keys.__getitem__)] == ["p", "r"]
    assert [found.keys[at] for at in sorted(found.lost.at.tolist(), key=found.keys.__getitem__)] == ["q", "q"]


def test_labels_of_an_image_in_another_partition_come_with_it(dataset: Dataset) -> None:
    """r holds a label of t1, which the release holds only since t has it."""
    assert differing(dataset, "v5", "v3") == ["r", "t"]


def test_releases_of_some_partitions_hold_nothing_of_the_others(dataset: Dataset) -> None:
    assert differing(dataset, "v3", "v4") == ["p", "q", "r"]
    assert difference(dataset.release("v4"), dataset.release("v3")).coming_back(held_by(dataset.release("v4"))) == {
        "p": True,
        "q": True,
        "r": True,
    }


def test_a_release_is_read_whole(dataset: Dataset) -> None:
    names = ["p1", "q2", "r1", "s1", "t1"]
    images = pa.table({"image_id": [image_id(name) for name in names]})
    assert held_by(dataset.release("v2")).holds(image_hashes(images)).tolist() == [True, True, True, True, False]
    assert difference(dataset.release("v2"), dataset.release("v1")).coming_back(held_by(dataset.release("v2"))) == {"s": False}


def test_equal_files_are_not_read(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    labels = partition_contents._labels
    monkeypatch.setattr(partition_contents, "_labels", lambda side, keys, numbers: read.append(keys) or labels(side, keys, numbers))
    assert difference(dataset.release("v2"), dataset.release("v1")).partitions() == ["s"]
    assert read == [{"q"}, {"q"}]
