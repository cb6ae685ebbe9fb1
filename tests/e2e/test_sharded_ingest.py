"""A sharded ingest as a DAG run, where there is nothing to map over."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


def test_a_source_without_files_has_no_shards_and_makes_the_partition_empty(deployment, tmp_path):
    (tmp_path / "nothing").mkdir()
    run = deployment.run("sharded_clothing", conf={"source": str(tmp_path / "nothing")})
    assert (run.state, run.tasks["sharded.shard"], run.tasks["sharded.commit"]) == ("success", "skipped", "success"), run.log[-3000:]
    assert run.xcom["sharded.commit"]["counts"]["images"] == 0
    assert len(deployment.dataset("sharded").load_table("images").snapshots()) == 1
