"""Digests of partitions: of what is there, whatever its order and however it is read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.release.release_rows import write_annotations, write_backgrounds, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release.digest import row_hashes
from airflow_cv_dataops.core.release.partition_contents import PartitionContents, differing_partitions, partition_digests
from airflow_cv_dataops.core.release.promote import promote_dataset

ROWS = st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from("abcd")), max_size=12)


def digests(images: list[tuple[str, str]], labels: list[tuple[str, str]], at_once: int = 100) -> dict[str, str]:
    contents = PartitionContents()
    for start in range(0, len(labels), at_once):
        rows = _table(labels[start : start + at_once])
        contents.add_labels(rows, row_hashes(rows.select(["image_id"])))
    for start in range(0, len(images), at_once):
        contents.add_images(_table(images[start : start + at_once]))
    return contents.digests()


def _table(rows: list[tuple[str, str]]) -> pa.Table:
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(("partition_key", "image_id"))}
    return pa.table(columns)


@given(ROWS, ROWS, st.integers(1, 5), st.randoms())
def test_neither_order_nor_batches_matter(
    images: list[tuple[str, str]], labels: list[tuple[str, str]], at_once: int, random: object
) -> None:
    expected = digests(images, labels)
    for rows in (images, labels):
        random.shuffle(rows)  # type: ignore[attr-defined]
    assert digests(images, labels, at_once) == expected


@given(ROWS, ROWS, ROWS, ROWS)
def test_equal_digests_are_of_equal_rows(
    images: list[tuple[str, str]], labels: list[tuple[str, str]], others: list[tuple[str, str]], other_labels: list[tuple[str, str]]
) -> None:
    def held(key: str, *columns: list[tuple[str, str]]) -> list[list[str]]:
        return [sorted(name for where, name in rows if where == key) for rows in columns]

    one, other = digests(images, labels), digests(others, other_labels)
    for key in "pq":
        assert (one.get(key) == other.get(key)) is (held(key, images, labels) == held(key, others, other_labels))


def test_a_label_that_is_there_three_times_is_not_there_once() -> None:
    assert digests([("p", "a")], [("p", "x")] * 3) != digests([("p", "a")], [("p", "x")])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four releases of three partitions; an image of the last lies in the first as well and is labelled in both."""
    dataset = open_dataset("digits", home=str(tmp_path_factory.mktemp("home")))
    for key in ("p", "q"):
        write_images(dataset, key, [f"{key}1", f"{key}2"])
        write_annotations(dataset, key, [(f"{key}1", "cat"), (f"{key}1", "dog")])
    write_images(dataset, "r", ["copy", "r1"], contents={"copy": "p1"})
    write_annotations(dataset, "r", [("copy", "cat")], contents={"copy": "p1"})
    write_backgrounds(dataset, "q", ["q2"])
    promote_dataset(dataset)
    write_annotations(dataset, "q", [("q1", "dog"), ("q1", "cat")])
    write_images(dataset, "s", ["s1"])
    promote_dataset(dataset)
    write_annotations(dataset, "p", [("p1", "cat"), ("p1", "bird")])
    write_images(dataset, "q", ["q1"])
    write_images(dataset, "r", ["copy", "r1", "r2"], contents={"copy": "p1"})
    promote_dataset(dataset)
    promote_dataset(dataset, partition_keys=["s"])
    return dataset


def differing(dataset: Dataset, one: str, other: str) -> dict[str, str]:
    """Return what differs, which is what differs between all digests."""
    first, second = (partition_digests(dataset.release(name)) for name in (one, other))
    expected = {key: first.get(key, "") for key in sorted({*first, *second}) if first.get(key) != second.get(key)}
    assert differing_partitions(dataset.release(one), dataset.release(other)) == expected
    return expected


def test_a_release_has_a_digest_of_each_partition_that_it_holds_anything_of(dataset: Dataset) -> None:
    found = partition_digests(dataset.release("v1"))
    assert list(found) == ["p", "q", "r"]
    assert len(set(found.values())) == 3
    assert all(len(digest) == 32 for digest in found.values())


def test_partitions_that_were_written_again_alike_do_not_differ(dataset: Dataset) -> None:
    assert list(differing(dataset, "v2", "v1")) == ["s"]
    assert differing(dataset, "v1", "v2") == {"s": ""}


def test_a_changed_label_an_image_more_and_one_less_make_a_partition_another(dataset: Dataset) -> None:
    assert list(differing(dataset, "v3", "v2")) == ["p", "q", "r"]


def test_releases_of_some_partitions_hold_nothing_of_the_others(dataset: Dataset) -> None:
    assert list(partition_digests(dataset.release("v4"))) == ["s"]
    assert list(differing(dataset, "v3", "v4")) == ["p", "q", "r"]
    assert differing(dataset, "v4", "v3") == {"p": "", "q": "", "r": ""}
