"""From audited tables to a release, and the stage to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.arguments import as_entries, as_flag, as_list_or_absent, as_mapping, as_number, required_number
from airflow_cv_dataops.common.assets import ReleaseAssetMixin
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.release.gates import Gate
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetPromotionOperator(ReleaseAssetMixin, DatasetOperator):
    """Make a release of the dataset and move a stage to it, if every gate holds.

    A failed gate fails the task, names each gate with wanted and found value, and changes nothing. Content equal to what
    the stage points to makes no new release, so retries and backfills are harmless. A stage that moved emits the event of its asset,
    ``cv://<dataset>/<stage>``.

    :param stage: the stage to move, e.g. ``staging`` or ``production``. (templated)
    :param release: a release that there is, by its name (``v3``) or by a stage that points to it (``staging``): the stage moves to it as it
        is; default: a new release of what the tables hold now. (templated)
    :param gates: conditions such as ``"label_error_rate <= 0.05"``, mappings with ``metric``, ``op`` and ``value``, or ``Gate``
        values. (templated)
    :param splits: share by split; the split of an image follows from its id alone. (templated)
    :param split_salt: change it to draw other splits. (templated)
    :param partition_keys: release these partitions only; default, also of a param that is null: the whole dataset. A template that
        renders to an empty text or list is refused. (templated)
    :param accept_outdated_audits: whether an audit counts although images, labels or predictions that it looked at were written since;
        without it such an audit counts as not done. (templated)
    :param leave_out_unaudited: release only the partitions that an audit has looked at as they are, so that runs of a backfill that work
        side by side do not refuse each other's unfinished partitions. (templated)
    :param metrics: further metrics for the gates by name, e.g. a model's score from XCom. (templated)
    :param notes: for people; kept with the release. (templated)
    """

    what_it_does = (
        "Asks the gates about the dataset's tables; if all hold, makes a release of what they hold now (`releases`, "
        "`release_items`) and moves the stage to it."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "stage",
        "release",
        "gates",
        "splits",
        "split_salt",
        "partition_keys",
        "leave_out_unaudited",
        "accept_outdated_audits",
        "metrics",
        "notes",
    )
    never_empty = ("partition_keys",)
    # A template that names no release must not make a new one in the place of the one that was approved.
    never_absent = ("release",)

    def __init__(
        self,
        *,
        stage: str = "production",
        release: str | None = None,
        gates: Sequence[Gate | str | Mapping[str, Any]] | str = (),
        splits: Mapping[str, float] | str | None = None,
        split_salt: str = "",
        partition_keys: Sequence[str] | str | None = None,
        leave_out_unaudited: bool | str = False,
        accept_outdated_audits: bool | str = False,
        metrics: Mapping[str, Any] | str | None = None,
        notes: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.release = release
        self.gates = gates
        self.splits = splits
        self.split_salt = split_salt
        self.partition_keys = partition_keys
        self.leave_out_unaudited = leave_out_unaudited
        self.accept_outdated_audits = accept_outdated_audits
        self.metrics = metrics
        self.notes = notes
        self.declare_release_asset()

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.release.promote import promote_dataset
        from airflow_cv_dataops.core.release.splits import DEFAULT_SPLITS

        metrics = {name: as_number(f"metrics[{name!r}]", value) for name, value in as_mapping("metrics", self.metrics).items()}
        splits = {name: required_number(f"splits[{name!r}]", share) for name, share in as_mapping("splits", self.splits).items()}
        return promote_dataset(
            dataset,
            stage=self.stage,
            release=self.release,
            gates=as_entries("gates", self.gates),
            splits=splits or DEFAULT_SPLITS,
            split_salt=self.split_salt,
            partition_keys=as_list_or_absent("partition_keys", self.partition_keys, "the whole dataset"),
            leave_out_unaudited=as_flag("leave_out_unaudited", self.leave_out_unaudited),
            accept_outdated_audits=as_flag("accept_outdated_audits", self.accept_outdated_audits),
            metrics={name: value for name, value in metrics.items() if value is not None},
            notes=self.notes,
            dag_id=context["ti"].dag_id,
            run_id=context["ti"].run_id,
            partition_key=partition_key,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.release.decision import LINEAGE_INPUTS, promotion_outputs

        return self.planned_step("promotion", reads=LINEAGE_INPUTS, writes=promotion_outputs(is_named=bool(self.release)))
