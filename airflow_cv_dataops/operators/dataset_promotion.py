"""From audited tables to a release, and the stage to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import release, shared
from airflow_cv_dataops.common.argument_checks.release import split_shares, table_place
from airflow_cv_dataops.common.arguments import as_entries, as_flag, as_list_or_absent, as_mapping, as_number, given_text, required_number
from airflow_cv_dataops.common.assets import ReleaseAssetMixin
from airflow_cv_dataops.common.breach import BreachMixin
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.dataset_card import DatasetCardLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.release.exclusions.rules import Exclusion
    from airflow_cv_dataops.core.release.gates.gates import Gate
    from airflow_cv_dataops.core.release.splits.options import SplitOptions
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetPromotionOperator(ReleaseAssetMixin, BreachMixin, DatasetOperator):
    """Make a release of the dataset and move a stage to it, if every gate holds.

    A failed gate fails the task, names each gate with wanted and found value, and changes nothing. Content equal to what
    the stage points to makes no new release, so retries and backfills are harmless. A stage that moved emits the event of its asset,
    ``cv://<dataset>/<stage>``.

    :param stage: the stage to move, e.g. ``staging`` or ``production``. (templated)
    :param release: a release that there is, by its name (``v3``) or by a stage that points to it (``staging``): the stage moves to it as it
        is; default: a new release of what the tables hold now. (templated)
    :param gates: conditions such as ``"label_error_rate <= 0.05"`` or ``"images >= 0.95 * previous"``, mappings with ``metric``, ``op`` and
        ``value``, or ``Gate`` values. (templated)
    :param splits: share of the images by split. (templated)
    :param split_salt: change it to draw all splits anew. (templated)
    :param group_by: what images of one group have in common, so that they are in one split: columns of ``images`` (``camera``),
        ``attributes.<name>`` of their labels, ``folder``, ``folder[0]``, ``file_name:<regular expression>``, ``captured_within:10min``.
        (templated)
    :param groups: URI of a Parquet or CSV file with more groups, e.g. of near duplicates: ``image_id`` (or ``source_uri``, ``file_name``)
        and ``group`` (or ``cluster``). (templated)
    :param given_splits: where an image's split is given: as in ``group_by`` (``attributes.split``, ``folder[0]``), or such a file with a
        column ``split``. (templated)
    :param stratify: spread the images of each category over the splits by the shares, as far as groups allow. (templated)
    :param frozen_splits: splits, such as ``test``, that lose no image that the stage's release has in them. (templated)
    :param max_left_out_ratio: share of the images, 0 to 1, that may be left out because they tie together groups of different splits.
        (templated)
    :param exclude: rules by which findings leave out images and labels: ``"labels: suspect_label"``, ``"images: error"``, mappings with
        ``what``, ``check`` and ``severity``, or ``Exclusion`` values. (templated)
    :param partition_keys: release these partitions only; default, also of a param that is null: the whole dataset. A template that
        renders to an empty text or list is refused. (templated)
    :param accept_outdated_audits: whether an audit counts although images, labels or predictions that it looked at were written since;
        without it such an audit counts as not done. (templated)
    :param leave_out_unaudited: release only the partitions that an audit has looked at as they are, so that runs of a backfill that work
        side by side do not refuse each other's unfinished partitions. (templated)
    :param allow_backwards: whether the stage may move to a release that is older than the one that it is at. (templated)
    :param on_backwards: what becomes of a promotion that would be such a move, and whose gates hold: ``fail``, or ``skip`` (skip this
        task and what follows), for days that are promoted one by one and run again. (templated)
    :param allow_rolled_back: whether the stage may come back to what it was rolled back from. (templated)
    :param metrics: further metrics for the gates by name, e.g. a model's score from XCom. (templated)
    :param notes: for people; kept with the release. (templated)
    :param card: whether the release's card is written, which the task links to; one that cannot be written fails nothing. (templated)
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
        "group_by",
        "groups",
        "given_splits",
        "stratify",
        "frozen_splits",
        "max_left_out_ratio",
        "exclude",
        "partition_keys",
        "leave_out_unaudited",
        "accept_outdated_audits",
        "allow_backwards",
        "on_backwards",
        "allow_rolled_back",
        "metrics",
        "notes",
        "card",
    )
    # A template that renders to nothing must not let groups straddle splits, or condemned labels in.
    never_empty = ("partition_keys", "group_by", "groups", "given_splits", "frozen_splits", "exclude")
    operator_extra_links = (DatasetCardLink(), *DatasetOperator.operator_extra_links)
    # A template that names no release must not make a new one in the place of the one that was approved.
    never_absent = ("release",)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "stage": shared.stage,
        "release": release.release_to_move,
        "gates": release.gates,
        "splits": release.split_names,
        ("splits",): release.splits,
        "split_salt": release.split_salt,
        "group_by": release.group_by,
        "groups": release.groups,
        "given_splits": release.given_splits,
        "stratify": shared.flag,
        "frozen_splits": release.frozen_splits,
        "max_left_out_ratio": release.max_left_out_ratio,
        "exclude": release.exclusions,
        "partition_keys": release.partition_keys,
        "leave_out_unaudited": shared.flag,
        "accept_outdated_audits": shared.flag,
        "allow_backwards": shared.flag,
        "on_backwards": release.on_backwards,
        "allow_rolled_back": shared.flag,
        "metrics": release.handed_in,
        "notes": release.release_notes,
        "card": shared.flag,
        (
            *("release", "splits", "split_salt", "group_by", "groups", "given_splits", "stratify", "frozen_splits"),
            *("partition_keys", "leave_out_unaudited", "exclude"),
        ): release.moved_as_it_is,
    }

    def __init__(
        self,
        *,
        stage: str = "production",
        release: str | None = None,
        gates: Sequence[Gate | str | Mapping[str, Any]] | str = (),
        splits: Mapping[str, float] | str | None = None,
        split_salt: str = "",
        group_by: Sequence[str] | str | None = None,
        groups: str | None = None,
        given_splits: str | None = None,
        stratify: bool | str = False,
        frozen_splits: Sequence[str] | str | None = None,
        max_left_out_ratio: float | str = 0.01,
        exclude: Sequence[Exclusion | str | Mapping[str, Any]] | str | None = None,
        partition_keys: Sequence[str] | str | None = None,
        leave_out_unaudited: bool | str = False,
        accept_outdated_audits: bool | str = False,
        allow_backwards: bool | str = False,
        on_backwards: str = "fail",
        allow_rolled_back: bool | str = False,
        metrics: Mapping[str, Any] | str | None = None,
        notes: str | None = None,
        card: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.release = release
        self.gates = gates
        self.splits = splits
        self.split_salt = split_salt
        self.group_by = group_by
        self.groups = groups
        self.given_splits = given_splits
        self.stratify = stratify
        self.frozen_splits = frozen_splits
        self.max_left_out_ratio = max_left_out_ratio
        self.exclude = exclude
        self.partition_keys = partition_keys
        self.leave_out_unaudited = leave_out_unaudited
        self.accept_outdated_audits = accept_outdated_audits
        self.allow_backwards = allow_backwards
        self.on_backwards = on_backwards
        self.allow_rolled_back = allow_rolled_back
        self.metrics = metrics
        self.notes = notes
        self.card = card
        self.declare_release_asset()

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.release.promote import promote_dataset

        metrics = {name: as_number(f"metrics[{name!r}]", value) for name, value in as_mapping("metrics", self.metrics).items()}
        return promote_dataset(
            dataset,
            stage=self.stage,
            release=self.release,
            gates=as_entries("gates", self.gates),
            splits=self._split_options(partition_key),
            exclude=() if self.exclude is None else as_entries("exclude", given_text("exclude", self.exclude, "leave nothing out")),
            partition_keys=as_list_or_absent("partition_keys", self.partition_keys, "the whole dataset"),
            leave_out_unaudited=as_flag("leave_out_unaudited", self.leave_out_unaudited),
            accept_outdated_audits=as_flag("accept_outdated_audits", self.accept_outdated_audits),
            allow_backwards=as_flag("allow_backwards", self.allow_backwards),
            on_backwards=self.on_backwards,
            allow_rolled_back=as_flag("allow_rolled_back", self.allow_rolled_back),
            metrics={name: value for name, value in metrics.items() if value is not None},
            notes=self.notes,
            card=as_flag("card", self.card),
            dag_id=context["ti"].dag_id,
            run_id=context["ti"].run_id,
            partition_key=partition_key,
        )

    def _split_options(self, partition_key: str) -> SplitOptions:
        from airflow_cv_dataops.core.release.splits.options import SplitOptions

        groups, options = self._table("groups", self.groups, partition_key)
        given, more = self._table("given_splits", self.given_splits, partition_key)
        return SplitOptions(
            split_shares(self.splits),
            self.split_salt,
            tuple(as_list_or_absent("group_by", self.group_by, "splits by image") or ()),
            groups,
            given,
            as_flag("stratify", self.stratify),
            tuple(as_list_or_absent("frozen_splits", self.frozen_splits, "none") or ()),
            required_number("max_left_out_ratio", self.max_left_out_ratio),
            {**options, **more},
        )

    def _table(self, name: str, place: str | None, partition_key: str) -> tuple[str | None, Mapping[str, Any]]:
        """Return where a table lies, with no connection in it, and the options to open it with; what is no URI is left as it is."""
        from airflow_cv_dataops.core.release.splits.given import is_table

        if place is None or not is_table(table_place(name, place)):
            return place, {}
        return self.hook.storage(with_partition_key(place, partition_key))

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.release.decision import LINEAGE_INPUTS, promotion_outputs

        return self.planned_step("promotion", reads=LINEAGE_INPUTS, writes=promotion_outputs(is_named=bool(self.release)))
