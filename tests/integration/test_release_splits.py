"""Splits of releases: groups stay together and images where they are, from release to release, in real tables."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from unit.core.release.release_rows import annotation_id, image_id, write_annotations, write_audit, write_findings, write_images

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

MakeDataset = Callable[..., Dataset]
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def promoted(dataset: Dataset, splits: SplitOptions | Mapping[str, float], **more: Any) -> dict[str, Any]:
    """Return the summary of a promotion that does not fail."""
    result = promote_dataset(dataset, splits=splits, **more)
    assert result.failure is None, result.failure
    return result.summary.to_dict()


def splits_of(dataset: Dataset) -> dict[str, str]:
    items = _release(dataset).items()
    return dict(zip(items["image_id"].to_pylist(), items["split"].to_pylist(), strict=True))


def _release(dataset: Dataset) -> Any:
    from airflow_cv_dataops.core.release.lookup import read_release

    return read_release(dataset, "production")


def test_over_growing_releases_neither_videos_nor_clusters_of_near_duplicates_straddle_and_no_image_moves(
    make_dataset: MakeDataset,
) -> None:
    """Clusters grow, merge and are numbered anew each time; videos go on from day to day. tests/unit has it over 20 releases."""
    dataset, rng = make_dataset(), random.Random(3)
    video: dict[str, str] = {}
    cluster: dict[str, int] = {}
    held: dict[str, str] = {}
    left_out = 0
    for day in range(6):
        key = f"2026-11-{day + 1:02}"
        names = [f"{key}-{number}" for number in range(40)]
        for name in names:
            video[name] = f"video{rng.randrange(2 + 3 * day // 2, 8 + 3 * day // 2)}"
            if cluster and rng.random() < 0.05:
                cluster[name] = rng.choice(list(cluster.values()))
            elif rng.random() < 0.3:
                cluster[name] = rng.randrange(10**6)
        write_images(dataset, key, names, more={name: {"file_name": f"{video[name]}/{name}.png"} for name in names})
        write_annotations(dataset, key, [(name, rng.choice("ab")) for name in names])
        renumbered = {number: str(at) for at, number in enumerate(sorted(set(cluster.values()), key=lambda _: rng.random()))}
        table = pa.table({"image_id": [image_id(name) for name in cluster], "cluster": [renumbered[n] for n in cluster.values()]})
        options = SplitOptions(SHARES, group_by=["folder"], groups=table, stratify=True, max_left_out_ratio=1.0)
        summary = promoted(dataset, options)
        splits = splits_of(dataset)
        for groups in (video, cluster):
            found: dict[object, set[str]] = defaultdict(set)
            for name, group in groups.items():
                if image_id(name) in splits:
                    found[group].add(splits[image_id(name)])
            assert all(len(names) == 1 for names in found.values())
        for one, split in splits.items():
            assert held.setdefault(one, split) == split
        left_out = summary["metrics"]["left_out_by_groups"]
        assert len(splits) + left_out == len(video)
        assert summary["splitting"]["kept"] + summary["splitting"]["new"] == len(splits)
    assert summary["release"] == "v6"
    assert left_out > 0, "some videos of different splits were tied together by near duplicates"


def test_images_by_attribute_of_their_labels_and_the_rows_of_the_memory(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    names = [f"{patient}{number}" for patient in "abcdefgh" for number in range(5)]
    write_images(dataset, "p", names)
    write_annotations(dataset, "p", [(name, "x") for name in names], attributes={name: json.dumps({"patient": name[0]}) for name in names})
    summary = promoted(dataset, SplitOptions(SHARES, group_by=["attributes.patient"]))
    splits = splits_of(dataset)
    assert all(len({splits[image_id(f"{patient}{number}")] for number in range(5)}) == 1 for patient in "abcdefgh")
    assert (summary["splitting"]["group_count"], summary["splitting"]["largest_group"], summary["splitting"]["new"]) == (8, 5, 40)
    rows = dataset.read("split_assignments").to_pylist()
    assert len(rows) == 48
    assert {row["group_key"] for row in rows} - {None} == {f"attributes.patient={patient}" for patient in "abcdefgh"}
    promoted(dataset, SplitOptions(SHARES, group_by=["attributes.patient"]), stage="staging")
    assert dataset.read("split_assignments").num_rows == 48, "nothing is new, so nothing is written"


def test_other_shares_move_no_image_and_only_a_new_salt_draws_anew(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", [f"{number}" for number in range(200)])
    promoted(dataset, {"train": 0.8, "test": 0.2})
    before = splits_of(dataset)
    assert dataset.load_table("split_assignments") is None, "a hash needs no memory"

    write_images(dataset, "q", [f"new {number}" for number in range(200)])
    summary = promoted(dataset, {"train": 0.5, "test": 0.5})
    now = splits_of(dataset)
    assert {one: now[one] for one in before} == before
    assert summary["splitting"]["kept"] == 200
    assert any("train has" in remark for remark in summary["splitting"]["unmet"]), "no image moves, so the shares cannot be met at once"
    new = [now[image_id(f"new {number}")] for number in range(200)]
    assert 60 < new.count("test") < 140

    promoted(dataset, {"train": 0.8, "test": 0.2}, partition_keys=["q"])
    assert splits_of(dataset) == {one: split for one, split in now.items() if one not in before}
    promoted(dataset, SplitOptions({"train": 0.5, "test": 0.5}, salt="again"))
    assert splits_of(dataset) != now


def test_groups_over_releases_that_were_split_by_image_are_refused_with_what_to_do(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    names = [f"{number}" for number in range(60)]
    write_images(dataset, "p", names, more={name: {"camera": f"c{int(name) // 10}"} for name in names})
    promoted(dataset, {"train": 0.5, "test": 0.5})
    result = promote_dataset(dataset, splits=SplitOptions({"train": 0.5, "test": 0.5}, group_by=["camera"]))
    assert result.failure is not None
    assert "left_out_by_groups_ratio: wanted <= 0.01" in result.failure
    assert "split_salt" in result.failure
    promoted(dataset, SplitOptions({"train": 0.5, "test": 0.5}, salt="by camera", group_by=["camera"]))
    splits = splits_of(dataset)
    assert all(len({splits[image_id(str(10 * camera + number))] for number in range(10)}) == 1 for camera in range(6))


def test_a_frozen_split_that_would_lose_an_image_keeps_the_stage_where_it_is(make_dataset: MakeDataset) -> None:
    dataset, options = make_dataset(), SplitOptions({"train": 0.5, "test": 0.5}, frozen=["test"])
    names = [f"{number}" for number in range(40)]
    write_images(dataset, "p", names)
    promoted(dataset, options)
    splits = splits_of(dataset)
    redrawn = promote_dataset(dataset, splits=SplitOptions({"train": 0.5, "test": 0.5}, salt="again", frozen=["test"]))
    assert redrawn.failure is not None, "images that are drawn into another split are lost to it as well"
    test = next(name for name in names if splits[image_id(name)] == "test")
    train = next(name for name in names if splits[image_id(name)] == "train")
    write_images(dataset, "p", [name for name in names if name != test])
    result = promote_dataset(dataset, splits=options)
    assert result.failure is not None
    assert "frozen_images_missing: wanted == 0, found 1" in result.failure
    write_images(dataset, "p", [*(name for name in names if name != train), *(f"more {number}" for number in range(20))])
    promoted(dataset, options)
    grown = splits_of(dataset)
    assert {one for one, split in splits.items() if split == "test"} < {one for one, split in grown.items() if split == "test"}


def test_splits_and_groups_from_files(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    names = [f"{number:03}" for number in range(100)]
    write_images(dataset, "p", names)
    groups = pa.table({"file_name": [f"{name}.png" for name in names], "group": [name[:2] for name in names]})
    pa.csv.write_csv(groups, str(tmp_path / "groups.csv"))
    given = tmp_path / "splits.csv"
    given.write_text("file_name,split\n" + "".join(f"{name}.png,holdout\n" for name in names[:10]))
    promoted(dataset, SplitOptions({"train": 0.5, "test": 0.5}, groups=str(tmp_path / "groups.csv"), given=str(given)))
    splits = splits_of(dataset)
    assert {splits[image_id(name)] for name in names[:10]} == {"holdout"}
    assert all(len({splits[image_id(f"{group:02}{number}")] for number in range(10)}) == 1 for group in range(10))
    keys = set(dataset.read("split_assignments")["group_key"].to_pylist())
    assert "group=00" in keys, "007 is not the number 7"
    with pytest.raises(SourceError, match="cannot be read"):
        promote_dataset(dataset, splits=SplitOptions(SHARES, groups=str(tmp_path / "absent.parquet")))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigurationError, match="expected one of image_id, source_uri, file_name, and group or cluster"):
        promote_dataset(dataset, splits=SplitOptions(SHARES, groups=str(tmp_path / "other.csv")))


def test_a_category_in_one_group_cannot_be_in_every_split_and_that_is_said(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    names = [f"{group}{number}" for group in "abcdefghij" for number in range(12)]
    write_images(dataset, "p", names, more={name: {"camera": name[0]} for name in names})
    write_annotations(dataset, "p", [(name, "rare" if name[0] == "a" else "common") for name in names])
    write_audit(dataset, "p", "some_check")
    summary = promoted(dataset, SplitOptions(SHARES, group_by=["camera"], stratify=True), gates=["split_share_error <= 0.05"])
    said = " ".join(summary["splitting"]["unmet"])
    assert said.count("has no image of rare") == 2
    assert summary["metrics"]["split_share_error"] == 0.0


def test_a_lost_race_leaves_no_memory(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an attempt wrote that lost is taken back, and would count for nothing if it was not."""
    dataset, options = make_dataset(), SplitOptions(SHARES, group_by=["camera"])
    write_images(dataset, "p", ["a", "b"], more={"a": {"camera": "x"}, "b": {"camera": "y"}})
    rival: list[StepResult] = []
    held = dataset.append_if_unchanged

    def append(table: str, rows: pa.Table, expected: str | None) -> str | None:
        if not rival:
            rival.append(StepResult(None, None))  # type: ignore[arg-type]
            write_images(dataset, "q", ["c"], more={"c": {"camera": "z"}})
            rival[0] = promote_dataset(dataset, splits=options, stage="other")
        return held(table, rows, expected)

    monkeypatch.setattr(dataset, "append_if_unchanged", append)
    summary = promoted(dataset, options)
    assert summary["release"] == "v2"
    assert rival[0].summary.to_dict()["release"] == "v1"
    rows = dataset.read("split_assignments").to_pylist()
    assert len(rows) == 6, "three images and three cameras, each once"
    assert {row["release"] for row in rows} == {"v1"}


def test_shares_in_another_order_move_no_image(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", [f"{number}" for number in range(100)])
    promoted(dataset, {"train": 0.8, "val": 0.1, "test": 0.1})
    before = splits_of(dataset)
    write_images(dataset, "q", ["new"])
    promoted(dataset, {"test": 0.1, "train": 0.8, "val": 0.1})
    assert {one: split for one, split in splits_of(dataset).items() if one in before} == before


def test_a_label_that_is_left_out_still_says_which_group_its_image_is_of(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    names = [f"{video}{number}" for video in "abcd" for number in range(10)]
    write_images(dataset, "p", names)
    write_annotations(dataset, "p", [(name, "x") for name in names], attributes={name: json.dumps({"video": name[0]}) for name in names})
    condemned = [("suspect_label", "warning", annotation_id("p", at)) for at in range(0, 40, 3)]
    write_findings(dataset, "p", *condemned, images=names[::3])
    write_audit(dataset, "p", "suspect_label")
    promoted(dataset, SplitOptions({"train": 0.5, "test": 0.5}, group_by=["attributes.video"]), exclude=["labels: suspect_label"])
    splits = splits_of(dataset)
    assert all(len({splits[image_id(f"{video}{number}")] for number in range(10)}) == 1 for video in "abcd")


def test_an_image_that_lies_in_two_groups_ties_them_together_and_in_two_given_splits_is_refused(make_dataset: MakeDataset) -> None:
    dataset, contents = make_dataset(), {"a0": "shared", "b0": "shared"}
    for key, letter in (("videoA", "a"), ("videoB", "b")):
        write_images(dataset, key, [f"{letter}{number}" for number in range(10)], contents=contents)
    promoted(dataset, SplitOptions({"train": 0.5, "test": 0.5}, group_by=["partition_key"]))
    assert len(set(splits_of(dataset).values())) == 1, "the two are one group"
    with pytest.raises(ConfigurationError, match="gives 1 images more than one split"):
        promote_dataset(dataset, splits=SplitOptions({"train": 1.0}, salt="2", given="partition_key"))


def test_a_frozen_split_that_there_is_not_is_refused(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    with pytest.raises(ConfigurationError, match="frozen_splits names tset, which is none of the splits test, train"):
        promote_dataset(dataset, splits=SplitOptions({"train": 0.5, "test": 0.5}, frozen=["tset"]))


def test_gates_find_the_same_when_a_release_moves_on(make_dataset: MakeDataset) -> None:
    """Images that groups leave out are none of it, and what a stage's own move measured is what the next is compared with."""
    dataset = make_dataset()
    options = SplitOptions({"train": 0.5, "test": 0.5}, group_by=["camera", "partition_key"], max_left_out_ratio=1.0)
    write_images(dataset, "p", ["a0", "a1"], more={"a0": {"camera": "a"}, "a1": {"camera": "a"}})
    write_images(dataset, "q", ["b0", "b1"], more={"b0": {"camera": "b"}, "b1": {"camera": "b"}})
    promoted(dataset, options)
    write_images(dataset, "q", ["b0", "b1", "tie"], more={"b0": {"camera": "b"}, "b1": {"camera": "b"}, "tie": {"camera": "a"}})
    write_annotations(dataset, "q", [("tie", "cat"), ("b0", "cat")])
    for key in ("p", "q"):
        write_audit(dataset, key, "some_check")
    gates = ["duplicates == 0", "annotations_of_other_images == 0", "images == 4", "left_out_by_groups == 1", "split_share_error == 0"]
    promoted(dataset, options, stage="staging", gates=gates)
    summary = promote_dataset(dataset, stage="approved", release="staging", gates=[*gates, "map50 >= 0.5"], metrics={"map50": 0.9})
    assert summary.failure is None, summary.failure
    write_images(dataset, "r", ["c0"], more={"c0": {"camera": "c"}})
    write_audit(dataset, "r", "some_check")
    promoted(dataset, options, stage="staging")
    worse = promote_dataset(dataset, stage="approved", release="staging", gates=["map50 >= previous"], metrics={"map50": 0.3})
    assert worse.failure is not None
    assert "wanted >= 0.9 (previous, which was 0.9), found 0.3" in worse.failure
