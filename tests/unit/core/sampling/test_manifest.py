from __future__ import annotations

import json

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.manifest import label_studio_tasks, manifest_bytes, manifest_path


def test_a_partition_key_is_percent_encoded_in_the_path():
    assert manifest_path("hard_examples", "2026-11-05") == "samples/hard_examples/2026-11-05.jsonl"
    assert manifest_path("hard_examples", "../a b/ü") == "samples/hard_examples/..%2Fa%20b%2F%C3%BC.jsonl"


def test_long_partition_keys_give_short_and_distinct_names():
    paths = {manifest_path("s", "ü" * 249 + last) for last in "ab"}
    assert len(paths) == 2
    assert all(len(path.split("/")[-1]) < 200 for path in paths)


@pytest.mark.parametrize("sample_id", ["", "..", "a/b", ".hidden", "a" * 101, None])
def test_a_sample_id_that_cannot_stand_in_a_path_is_refused(sample_id):
    with pytest.raises(ConfigurationError, match="sample_id"):
        manifest_path(sample_id, "key")


def test_a_manifest_becomes_label_studio_tasks():
    manifest = manifest_bytes([{"rank": 1, "image_id": "x", "storage_uri": "s3://photos/ä.jpg", "score": 0.5}])
    assert "ä".encode() in manifest
    [task] = label_studio_tasks(manifest)
    assert task["data"]["image"] == "s3://photos/ä.jpg"
    assert task["data"]["image_id"] == "x"
    assert json.dumps(task)
