"""An ingest over many workers: plan, mapped shards, one commit. ``sharded_image_ingest`` makes the three tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup, TriggerRule

from airflow_cv_dataops.common.argument_checks import ingest
from airflow_cv_dataops.common.arguments import as_flag, required_number
from airflow_cv_dataops.core.imaging.ingest.shards.lineage import shard_list_use, shard_rows_use
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.imaging.ingest.shards.shard_plan import IngestPlan, ShardResult
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult

PLAN_KEY = "plan"


def sharded_image_ingest(
    group_id: str = "ingest",
    *,
    max_files_per_shard: int = 5_000,
    max_bytes_per_shard: int = 1 << 30,
    max_active_shards: int | None = None,
    **arguments: Any,
) -> TaskGroup:
    """Ingest a partition with as many workers as the executor has, and commit it in one snapshot.

    Three tasks: ``plan`` lists the source once and cuts it into shards, mapped ``shard`` tasks take one each, ``commit`` makes
    all of them the partition. A shard that fails and is retried changes nothing in the end; until all are in, readers see the
    partition as it was. The rows equal those of :class:`ImageIngestOperator`. The summary is the one of ``commit``.

    :param max_files_per_shard: cut a shard at this many files, or more where 1,024 shards would not suffice.
    :param max_bytes_per_shard: cut a shard at this many bytes, likewise.
    :param max_active_shards: how many shards of a run work at once (``max_active_tis_per_dagrun``).
    :param arguments: those of :class:`ImageIngestOperator`, and of any operator (``retries``, ``pool``, ``queue``, …).
    """
    with TaskGroup(group_id) as group:
        plan = ImageShardPlanOperator(
            task_id="plan", max_files_per_shard=max_files_per_shard, max_bytes_per_shard=max_bytes_per_shard, **arguments
        )
        shard = ImageShardOperator.partial(
            task_id="shard", plan=plan.output[PLAN_KEY], max_active_tis_per_dagrun=max_active_shards, **arguments
        ).expand(index=plan.output)
        # A source without files has no shards: what is mapped is then skipped, and the empty partition is still to be committed.
        commit = ImageShardCommitOperator(
            task_id="commit", plan=plan.output[PLAN_KEY], results=shard.output, trigger_rule=TriggerRule.NONE_FAILED, **arguments
        )
        plan >> shard >> commit
    return group


class ImageShardPlanOperator(ImageIngestOperator):
    """List the source, once, and cut it into shards. Returns their numbers, to map over; the plan is in XCom ``plan``."""

    what_it_does = "Lists the source once, cuts the listing into shards, and writes it for them."
    template_fields: Sequence[str] = (*ImageIngestOperator.template_fields, "max_files_per_shard", "max_bytes_per_shard")
    argument_checks = {
        **ImageIngestOperator.argument_checks,
        "max_files_per_shard": ingest.shard_size,
        "max_bytes_per_shard": ingest.shard_size,
    }

    def __init__(self, *, max_files_per_shard: int | str = 5_000, max_bytes_per_shard: int | str = 1 << 30, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_files_per_shard = max_files_per_shard
        self.max_bytes_per_shard = max_bytes_per_shard

    def execute(self, context: Context) -> list[int]:  # type: ignore[override]
        from airflow_cv_dataops.core.imaging.ingest.shards.lineage import plan_lineage
        from airflow_cv_dataops.core.imaging.ingest.shards.steps import plan_shards

        dataset, partition_key = self.begin(context)
        source, options = self.located_source(partition_key)
        plan = plan_shards(
            dataset,
            partition_key,
            source,
            self.ingest_settings(),
            source_options=options,
            max_files_per_shard=int(required_number("max_files_per_shard", self.max_files_per_shard)),
            max_bytes_per_shard=int(required_number("max_bytes_per_shard", self.max_bytes_per_shard)),
            allow_empty=as_flag("allow_empty", self.allow_empty),
        )
        self.note_lineage(lambda: self.stable_lineage(plan_lineage(dataset, plan)))
        context["ti"].xcom_push(key=PLAN_KEY, value=plan)
        self.log.info("Planned %d shards", plan["shards"])
        return list(range(plan["shards"]))

    def planned_lineage(self) -> StepLineage:
        outputs = (shard_list_use(self.hook.dataset(self.dataset)),)
        return replace(super().planned_lineage(), outputs=outputs)


class ImageShardOperator(ImageIngestOperator):
    """Take one shard: read, decode, measure and copy its images, and write its rows as files that nobody sees yet."""

    what_it_does = (
        "Reads the image files of one shard, checks, measures and copies each, and writes rows that belong to no table before the commit."
    )
    template_fields: Sequence[str] = (*ImageIngestOperator.template_fields, "plan", "index")
    unchecked_arguments = {
        **ImageIngestOperator.unchecked_arguments,
        "plan": "what the planning task returns",
        "index": "what the planning task returns",
    }

    def __init__(self, *, plan: IngestPlan, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.index = index

    def execute(self, context: Context) -> ShardResult:  # type: ignore[override]
        from airflow_cv_dataops.core.imaging.ingest.shards.lineage import shard_lineage
        from airflow_cv_dataops.core.imaging.ingest.shards.steps import ingest_shard

        dataset, partition_key = self.begin(context)
        source, options = self.located_source(partition_key)
        result = ingest_shard(dataset, partition_key, source, self.plan, int(self.index), source_options=options, workers=self.workers)
        self.note_lineage(lambda: self.stable_lineage(shard_lineage(dataset, self.plan, result)))
        return result

    def planned_lineage(self) -> StepLineage:
        dataset = self.hook.dataset(self.dataset)
        inputs = (self.planned_source(), shard_list_use(dataset))
        return StepLineage("ingest", inputs=inputs, outputs=(shard_rows_use(dataset),))


class ImageShardCommitOperator(ImageIngestOperator):
    """Make all shards the partition, in one snapshot a table, from three columns of their rows (image ids and sizes).

    Only data files that hold an image of an odd size are written anew.
    """

    what_it_does = "Makes the rows of all shards the partition's `images` and `rejects`, in one snapshot each, and writes `metrics`."
    template_fields: Sequence[str] = (*ImageIngestOperator.template_fields, "plan", "results")
    unchecked_arguments = {
        **ImageIngestOperator.unchecked_arguments,
        "plan": "what the planning task returns",
        "results": "what the shards return",
    }

    def __init__(self, *, plan: IngestPlan, results: Sequence[ShardResult], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.results = results

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards

        if not self.plan:
            raise AirflowSkipException("There is no plan: the planning task was skipped.")
        # A slice is one request to the API server; to go through them would be one for each shard, and an error in the worker's log.
        results = self.results[:] if self.results is not None else ()
        return commit_shards(
            dataset,
            partition_key,
            self.plan,
            [result for result in results if result is not None],
            max_reject_ratio=required_number("max_reject_ratio", self.max_reject_ratio),
            allow_empty=as_flag("allow_empty", self.allow_empty),
        )

    def planned_lineage(self) -> StepLineage:
        return replace(super().planned_lineage(), inputs=(shard_rows_use(self.hook.dataset(self.dataset)),))

    def stable_lineage(self, lineage: StepLineage) -> StepLineage:
        return lineage  # it does not read the source
