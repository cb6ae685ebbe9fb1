"""From a request that images must go to a dataset without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import maintenance
from airflow_cv_dataops.common.arguments import as_list, required_flag
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class ImageDeletionOperator(DatasetOperator):
    """Delete images for good: their rows in every table, their bytes, every identical copy; ingests do not take them again.

    Releases that were made before are told, and hold the images still, or lose them, too. Killed at any line, the next run goes on.

    :param reason: why, for people; kept with digests of the images. (templated)
    :param image_ids: sha256 of the files' bytes, in hex. (templated)
    :param sources: every image of such a ``source_uri``, or of one that begins with a URI that ends with ``/``. (templated)
    :param where: every image with a row in ``images``, now or in a snapshot that there still is, that this Iceberg filter lets through,
        e.g. ``"camera = 'X100' and captured_at < '2026-01-01T00:00:00+00:00'"``. (templated)
    :param releases: ``keep``: releases, tags and branches stay as they are; ``erase``: the images are taken out of them, too. (templated)
    :param dry_run: change nothing, and say what is there. (templated)
    """

    what_it_does = (
        "Deletes images for good: their rows in every table, their stored bytes, pages that show them, and with `releases='erase'` what "
        "older releases hold of them. Ingests do not take them again."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "reason",
        "image_ids",
        "sources",
        "where",
        "releases",
        "dry_run",
    )
    argument_checks = {
        **DatasetOperator.argument_checks,
        "reason": maintenance.reason,
        "image_ids": maintenance.image_ids,
        "sources": maintenance.sources,
        "where": maintenance.where,
        "releases": maintenance.releases,
        "dry_run": maintenance.given_flag,
        ("image_ids", "sources", "where"): maintenance.selection,
    }
    never_absent: Sequence[str] = ("dry_run", "releases")

    def __init__(
        self,
        *,
        reason: str,
        image_ids: Sequence[str] | str = (),
        sources: Sequence[str] | str = (),
        where: str | None = None,
        releases: str = "keep",
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reason = reason
        self.image_ids = image_ids
        self.sources = sources
        self.where = where
        self.releases = releases
        self.dry_run = dry_run

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.deletion.delete import delete_images

        return delete_images(
            dataset,
            image_ids=tuple(as_list("image_ids", self.image_ids) or ()),
            sources=tuple(as_list("sources", self.sources) or ()),
            where=self.where or None,
            reason=self.reason,
            releases=self.releases,
            dry_run=required_flag("dry_run", self.dry_run),
            partition_key=partition_key,
            dag_id=context["ti"].dag_id,
            run_id=context["ti"].run_id,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.deletion.named import TABLES_OF_IMAGES

        return self.planned_step("deletion", reads=TABLES_OF_IMAGES, writes=("images", "annotations"))
