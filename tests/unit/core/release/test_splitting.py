"""Splits that keep groups together: over growing releases nobody moves, and no group is in two splits."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.splits.group_keys import Attributes
from airflow_cv_dataops.core.release.splits.memory import Remembered
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.release.splits.splitting import Labelled, Splitting, split_images

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
NOTHING = Remembered(pa.table({"image_id": pa.array([], pa.string()), "split": pa.array([], pa.string())}), 0)


def image_id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def images_of(rows: Mapping[str, Mapping[str, str | None]]) -> pa.Table:
    """Return images by their names, with a camera, a file name and a time."""
    ordered = sorted(rows, key=image_id)
    columns = {
        name: pa.array([rows[image].get(name) for image in ordered], pa.string()) for name in ("camera", "captured_at", "partition_key")
    }
    names = pa.array([rows[image].get("file_name") or f"{image}.png" for image in ordered], pa.string())
    return pa.table({"image_id": [image_id(image) for image in ordered], "file_name": names, "source_uri": names, **columns})


def labelled(images: pa.Table, categories: Mapping[str, Sequence[int]] | None = None, count: int = 0) -> Labelled:
    """Say which categories images have, by image id."""
    pairs = [(at, code) for at, one in enumerate(images["image_id"].to_pylist()) for code in (categories or {}).get(one, ())]
    at, codes = np.array(pairs, np.int64).reshape(-1, 2).T
    return Labelled((at, codes), count, Attributes([]))


def names_of(splitting: Splitting, images: pa.Table) -> dict[str, str | None]:
    codes = splitting.codes.tolist()
    return {one: None if code < 0 else splitting.names[code] for one, code in zip(images["image_id"].to_pylist(), codes, strict=True)}


def after(remembered: Remembered, splitting: Splitting) -> Remembered:
    """Return what is remembered once a release has written it."""
    assert splitting.assignments is not None
    rows = splitting.assignments
    new = rows.filter(rows["image_id"].is_valid()).select(["image_id", "split"]).cast(NOTHING.images.schema)
    written = pa.concat_tables([remembered.images.slice(0, remembered.is_written), new])
    groups = {row["group_key"]: row["split"] for row in rows.to_pylist() if row["group_key"] is not None}
    return Remembered(written, written.num_rows, {**remembered.groups, **groups})


def check_no_group_straddles(images: pa.Table, splits: Mapping[str, str | None], column: str) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for one, value in zip(images["image_id"].to_pylist(), images[column].to_pylist(), strict=True):
        if value is not None and splits[one] is not None:
            found[value].add(splits[one])
    assert all(len(names) == 1 for names in found.values()), found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.sampled_from([*"abcdefgh", None]), st.sampled_from(["p", "q", "r", None])), max_size=25),
        min_size=2,
        max_size=6,
    ),
    st.booleans(),
)
def test_over_growing_releases_no_group_straddles_and_no_image_moves(rounds: list[list[tuple[int, str, str]]], stratify: bool) -> None:
    """Images come and go, and change what they have in common: groups merge that were in different splits."""
    options = SplitOptions(SHARES, group_by=["camera", "partition_key"], stratify=stratify, max_left_out_ratio=1.0)
    remembered, held, rows = NOTHING, {}, {"first": {"camera": "a", "partition_key": "p"}}
    for added in rounds:
        rows = {**rows, **{str(number): {"camera": camera, "partition_key": key} for number, camera, key in added}}
        images = images_of(rows)
        categories = {one: [int(one[0], 16) % 3] for one in images["image_id"].to_pylist()}
        splitting = split_images(images, options, remembered, labelled(images, categories, 3))
        splits = names_of(splitting, images)
        for column in ("camera", "partition_key"):
            check_no_group_straddles(images, splits, column)
        for one, name in splits.items():
            assert name is None or held.setdefault(one, name) == name, "an image keeps its split"
        assert splitting.facts["left_out"] == sum(name is None for name in splits.values())
        assert splitting.facts["kept"] + splitting.facts["new"] + splitting.facts["left_out"] == len(splits)
        remembered = after(remembered, splitting)


def test_over_20_growing_releases_neither_videos_nor_clusters_of_near_duplicates_straddle_and_no_image_moves() -> None:
    """Clusters grow, merge and are numbered anew each time; videos go on from day to day, and some images are taken away."""
    rng, rows, clusters = random.Random(3), {}, {}
    remembered, held, left_out = NOTHING, {}, 0
    for day in range(20):
        for name in (f"{day}-{number}" for number in range(500)):
            rows[name] = {"camera": f"video{rng.randrange(20 * day, 60 + 20 * day)}"}
            if clusters and rng.random() < 0.02:
                clusters[name] = rng.choice(list(clusters.values()))
            elif rng.random() < 0.3:
                clusters[name] = rng.randrange(10**6)
        for gone in rng.sample(sorted(rows), 20):
            del rows[gone]
        images = images_of(rows)
        number = {cluster: str(rng.randrange(10**9)) for cluster in set(clusters.values())}
        table = pa.table({"image_id": [image_id(name) for name in clusters], "cluster": [number[one] for one in clusters.values()]})
        options = SplitOptions(SHARES, group_by=["camera"], groups=table, max_left_out_ratio=1.0)
        splitting = split_images(images, options, remembered, labelled(images))
        splits = names_of(splitting, images)
        check_no_group_straddles(images, splits, "camera")
        of_cluster: dict[int, set[str]] = defaultdict(set)
        for name, cluster in clusters.items():
            if split := splits.get(image_id(name)):
                of_cluster[cluster].add(split)
        assert all(len(found) == 1 for found in of_cluster.values())
        assert all(name is None or held.setdefault(one, name) == name for one, name in splits.items())
        left_out = splitting.facts["left_out"]
        remembered = after(remembered, splitting)
    shares = {name: sum(split == name for split in splits.values()) / len(splits) for name in SHARES}
    assert len(splits) == 9_600
    assert 0 < left_out < 0.2 * len(splits), "near duplicates tie videos of different splits together"
    assert all(abs(shares[name] - share) < 0.08 for name, share in SHARES.items()), shares


def test_over_20_growing_releases_of_real_photos_neither_senders_nor_near_duplicates_straddle_and_no_image_moves(
    shared_data: Callable[[str], Path],
) -> None:
    """Edits and turned copies of photos are near duplicates, as their makers group them; of clothes it is known who sent each photo."""
    edits, clothes = shared_data("neardup"), shared_data("clothing_mini")
    with (edits / "groups.csv").open(newline="") as file:
        cluster = {row["path"]: row["group"] for row in csv.DictReader(file) if (edits / row["path"]).suffix != ".md"}
    with (clothes / "images.csv").open(newline="") as file:
        sender = {f"{row['image']}.jpg": row["sender_id"] for row in csv.DictReader(file)}
    files = [*((edits / path, cluster[path], None) for path in cluster)]
    files += [(path, None, sender.get(path.name)) for path in sorted((clothes / "images").iterdir())]
    ids = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path, _, _ in files}
    random.Random(7).shuffle(files)
    remembered, held = NOTHING, {}
    for release in range(1, 21):
        there = files[: -(-len(files) * release // 20)]
        senders = dict(sorted(((ids[path], who) for path, _, who in there), key=lambda known: known[0]))
        texts = pa.array(list(senders))
        columns = {"image_id": texts, "file_name": texts, "source_uri": texts, "camera": pa.array(list(senders.values()), pa.string())}
        images = pa.table(columns)
        known = {ids[path]: f"{group}, numbered anew {release}" for path, group, _ in there if group is not None}
        clusters = pa.table({"image_id": list(known), "cluster": list(known.values())})
        options = SplitOptions(SHARES, group_by=["camera"], groups=clusters, max_left_out_ratio=1.0)
        splitting = split_images(images, options, remembered, labelled(images))
        splits = names_of(splitting, images)
        check_no_group_straddles(images, splits, "camera")
        check_no_group_straddles(clusters, splits, "cluster")
        assert all(name is None or held.setdefault(one, name) == name for one, name in splits.items())
        remembered = after(remembered, splitting)
    assert len(splits) > 470
    assert splitting.facts["group_count"] > 20


def test_a_group_comes_back_to_its_split_when_all_of_its_images_had_gone() -> None:
    options = SplitOptions(SHARES, group_by=["camera"])
    first = images_of({f"{camera}{n}": {"camera": camera} for camera in "abcdefghij" for n in range(4)})
    splitting = split_images(first, options, NOTHING, labelled(first))
    where = {camera: names_of(splitting, first)[image_id(f"{camera}0")] for camera in "abcdefghij"}
    assert set(where.values()) == set(SHARES)

    others = images_of({f"new {camera}": {"camera": camera} for camera in "abcdefghij"})
    again = split_images(others, options, after(NOTHING, splitting), labelled(others))
    assert {camera: names_of(again, others)[image_id(f"new {camera}")] for camera in "abcdefghij"} == where


def test_an_image_that_ties_two_groups_of_different_splits_together_is_left_out_and_said() -> None:
    options = SplitOptions({"train": 0.5, "test": 0.5}, group_by=["camera", "partition_key"], max_left_out_ratio=1.0)
    rows: dict[str, dict[str, str | None]] = {f"a{n}": {"camera": "a"} for n in range(3)} | {
        f"b{n}": {"partition_key": "b"} for n in range(3)
    }
    images = images_of(rows)
    first = split_images(images, options, NOTHING, labelled(images))
    before = names_of(first, images)
    assert before[image_id("a0")] != before[image_id("b0")]

    rows |= {"bridge": {"camera": "a", "partition_key": "b"}, "a3": {"camera": "a"}}
    images = images_of(rows)
    second = split_images(images, options, after(NOTHING, first), labelled(images))
    now = names_of(second, images)
    assert now.pop(image_id("bridge")) is None
    assert now.pop(image_id("a3")) == before[image_id("a0")]
    assert now == before
    assert any("1 images are left out" in remark for remark in second.remarks)


def test_shares_are_met_within_one_percent_and_categories_are_spread_at_10_000_images() -> None:
    rng = np.random.default_rng(5)
    cameras = rng.integers(0, 400, 10_000)
    images = images_of({str(n): {"camera": str(camera)} for n, camera in enumerate(cameras)})
    ids = images["image_id"].to_pylist()
    categories = {one: sorted({int(c) for c in rng.zipf(1.6, 3) % 12}) for one in ids}
    for options in (
        SplitOptions({"train": 0.8, "val": 0.1, "test": 0.1}, group_by=["camera"], stratify=True),
        SplitOptions({"train": 0.8, "val": 0.1, "test": 0.1}, stratify=True),
        SplitOptions({"train": 0.7, "val": 0.2, "test": 0.1}, group_by=["camera"]),
    ):
        splits = names_of(split_images(images, options, NOTHING, labelled(images, categories, 12)), images)
        counts = {name: sum(split == name for split in splits.values()) / 10_000 for name in options.shares}
        assert all(abs(counts[name] - share) < 0.01 for name, share in options.shares.items()), counts
        if options.stratify:
            for code in range(12):
                having = [one for one in ids if code in categories[one]]
                if len(having) < 300:
                    continue
                shares = {name: sum(splits[one] == name for one in having) / len(having) for name in options.shares}
                assert all(abs(shares[name] - share) < 0.03 for name, share in options.shares.items()), (code, len(having), shares)


def test_images_are_split_alike_whatever_their_order_of_arrival() -> None:
    rows = {str(n): {"camera": str(n % 17)} for n in range(200)}
    images = images_of(rows)
    options = SplitOptions(SHARES, group_by=["camera"], stratify=True)
    one = names_of(split_images(images, options, NOTHING, labelled(images)), images)
    reverse = images_of(dict(reversed(rows.items())))
    assert names_of(split_images(reverse, options, NOTHING, labelled(reverse)), reverse) == one
    salted = split_images(images, SplitOptions(SHARES, salt="2", group_by=["camera"], stratify=True), NOTHING, labelled(images))
    assert names_of(salted, images) != one


def test_given_splits_are_kept_and_the_rest_is_shared_out() -> None:
    images = images_of(
        {str(n): {"file_name": f"{'valid' if n % 5 == 0 else 'test'}/{n}.jpg" if n < 50 else f"{n}.jpg"} for n in range(100)}
    )
    splitting = split_images(images, SplitOptions({"train": 1.0}, given="folder[0]"), NOTHING, labelled(images))
    splits = names_of(splitting, images)
    assert [splits[image_id(str(n))] for n in (0, 1, 5, 60)] == ["valid", "test", "valid", "train"]
    assert splitting.facts["given_count"] == 50
    assert any("50 images are given no split" in remark for remark in splitting.remarks)

    table = pa.table({"file_name": ["60.jpg", "61.jpg", "nobody.jpg"], "split": ["val", "val", "val"]})
    by_table = split_images(images, SplitOptions({"train": 1.0}, given=table), after(NOTHING, splitting), labelled(images))
    assert names_of(by_table, images) == splits, "an image keeps the split that it has"
    assert any("2 images stay" in remark for remark in by_table.remarks)


def test_two_splits_for_one_image_are_refused() -> None:
    images = images_of({"a": {}, "b": {}})
    table = pa.table({"file_name": ["a.png", "a.png"], "split": ["val", "test"]})
    with pytest.raises(ConfigurationError, match="gives 1 images more than one split"):
        split_images(images, SplitOptions({"train": 1.0}, given=table), NOTHING, labelled(images))


def test_a_table_of_clusters_keeps_them_together_and_one_that_names_no_image_is_refused() -> None:
    images = images_of({str(n): {} for n in range(60)})
    table = pa.table({"image_id": [image_id(str(n)) for n in range(60)], "cluster": [n // 6 for n in range(60)]})
    splitting = split_images(images, SplitOptions(SHARES, groups=table), NOTHING, labelled(images))
    splits = names_of(splitting, images)
    assert all(len({splits[image_id(str(n))] for n in range(6 * c, 6 * c + 6)}) == 1 for c in range(10))
    assert splitting.facts["group_count"] == 10
    assert splitting.assignments is not None
    assert splitting.assignments["group_key"].null_count == 60, "clusters have other numbers next time"
    strangers = pa.table({"image_id": [image_id("x")], "group": ["1"]})
    with pytest.raises(ConfigurationError, match="none of its 1 rows names an image"):
        split_images(images, SplitOptions(SHARES, groups=strangers), NOTHING, labelled(images))


def test_images_taken_shortly_after_one_another_are_one_group() -> None:
    times = [f"2026-11-05T10:{minute:02}:00" for minute in (0, 4, 8, 30, 33, 59)]
    images = images_of({str(n): {"captured_at": time} for n, time in enumerate(times)} | {"no time": {}})
    splitting = split_images(images, SplitOptions({"a": 0.5, "b": 0.5}, group_by=["captured_within:5min"]), NOTHING, labelled(images))
    splits = names_of(splitting, images)
    assert splits[image_id("0")] == splits[image_id("1")] == splits[image_id("2")]
    assert splits[image_id("3")] == splits[image_id("4")]
    assert (splitting.facts["group_count"], splitting.facts["largest_group"]) == (2, 3)
    assert any("1 images have no captured_within:5min" in remark for remark in splitting.remarks)


def test_a_frozen_split_keeps_its_own_when_groups_merge() -> None:
    options = SplitOptions({"train": 0.8, "test": 0.2}, group_by=["camera"], frozen=["test"], max_left_out_ratio=1.0)
    held = {image_id("t"): "test", **{image_id(f"r{n}"): "train" for n in range(5)}}
    remembered = Remembered(pa.table({"image_id": list(held), "split": list(held.values())}), len(held))
    images = images_of({"t": {"camera": "a"}, **{f"r{n}": {"camera": "a"} for n in range(5)}})
    splits = names_of(split_images(images, options, remembered, labelled(images)), images)
    assert splits[image_id("t")] == "test"
    assert all(splits[image_id(f"r{n}")] is None for n in range(5))


def test_attributes_of_labels_name_groups() -> None:
    attributes = Attributes(["video"])
    attributes.add(np.array([0, 1, 1, 2]), pa.chunked_array([['{"video": 7}', '{"video": "7"}', '{"other": 1}', "no JSON"]]))
    at, codes, values = attributes.of("video")
    assert (at.tolist(), codes.tolist(), values) == ([0, 1], [0, 0], ["7"])


@pytest.mark.parametrize("wrong", ["colour", "attributes.", "file_name:(", "captured_within:5", "", 5])
def test_what_images_cannot_have_in_common_is_refused(wrong: object) -> None:
    images = images_of({"a": {}})
    with pytest.raises(ConfigurationError):
        split_images(images, SplitOptions(SHARES, group_by=[wrong]), NOTHING, labelled(images))  # type: ignore[list-item]


def test_a_column_that_no_image_has_keeps_nothing_together_and_is_refused() -> None:
    images = images_of({"a": {}, "b": {}})
    with pytest.raises(ConfigurationError, match="No image of the release has 'camera'"):
        split_images(images, SplitOptions(SHARES, group_by=["camera"]), NOTHING, labelled(images))
