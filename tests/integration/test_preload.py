"""airflow_cv_dataops.preload: what a task that is forked from a process with it need not import any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it asks about libraries, which are the same in all sets of versions"),
]

INGEST = """
import json, sys
import airflow_cv_dataops.preload
before = set(sys.modules)
from airflow_cv_dataops.operators.sharded_image_ingest import sharded_image_ingest
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.dataset import open_dataset
source, home = sys.argv[1:]
dataset = open_dataset("digits", home=home)
plan = plan_shards(dataset, "2026-11-05", source)
result = commit_shards(dataset, "2026-11-05", plan, [ingest_shard(dataset, "2026-11-05", source, plan, 0, workers=1)])
print(json.dumps([result.summary.counts["images"], sorted({name.split(".")[0] for name in set(sys.modules) - before})]))
"""


def test_an_ingest_after_the_preload_imports_no_large_library_any_more(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(3):
        Image.effect_noise((40, 30), 20 + number).save(source / f"{number}.png")
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow")}
    command = [sys.executable, "-c", INGEST, str(source), str(tmp_path / "home")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    images, imported = json.loads(done.stdout.splitlines()[-1])
    assert images == 3
    assert not set(imported) & {"boto3", "numpy", "obstore", "openlineage", "pandas", "pyarrow", "pyiceberg", "sqlalchemy"}
