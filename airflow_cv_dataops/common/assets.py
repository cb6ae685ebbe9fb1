"""The asset of a stage, ``cv://<dataset>/<stage>``: other DAGs are scheduled on it, and it has an event whenever the stage moves.

Airflow imports this module wherever it looks at an asset of this scheme, DAG files and the page among them: nothing heavy here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias

from airflow_cv_dataops.common import settings
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.stage_names import check_stage
from airflow_cv_dataops.core.store.names import check_dataset_name

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.sdk import Context
    from openlineage.client.event_v2 import Dataset as OpenLineageDataset

    from airflow_cv_dataops.core.release.reader import Release
    from airflow_cv_dataops.core.step_lineage import StepLineage
    from airflow_cv_dataops.core.summary import StepResult

_SCHEME = "cv"
_OPENLINEAGE = "openlineage"


def release_asset(dataset: str, stage: str = "production", *, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of a stage, the same as ``Asset("cv://<dataset>/<stage>")``.

    :param extra: of the asset; an asset with one is not equal to one without.
    :raises ConfigurationError: dataset or stage cannot be called so.
    """
    return Asset(_uri(check_dataset_name(dataset), check_stage(stage)), extra=extra)


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """Return the parts of an asset's URI, which are a dataset and a stage. :raises ConfigurationError: they are not."""
    wanted = f"expected {_SCHEME}://<dataset>/<stage>, such as {_SCHEME}://traffic_signs/production"
    if parts.query or parts.fragment or parts.path.count("/") - parts.path.endswith("/") > 1:
        raise ConfigurationError(f"Asset {parts.geturl()!r} is no stage of a dataset: {wanted}.")
    try:
        check_dataset_name(parts.netloc)
        check_stage(parts.path.strip("/"))
    except ConfigurationError as error:
        raise ConfigurationError(f"Asset {parts.geturl()!r} is no stage of a dataset ({wanted}): {error}") from None
    return parts


def to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset | None:
    """Return the dataset's ``releases``, under the name that our own events give it, if the asset knows it, as one of an event does.

    Which catalog a dataset lies in is known to a connection, which nobody may look up where this is called: a forked process. A plain
    asset therefore is no dataset, where a guess might be another dataset than that of the promotion.
    """
    named = (asset.extra or {}).get(_OPENLINEAGE)
    if not isinstance(named, Mapping) or not all(isinstance(named.get(part), str) for part in ("namespace", "name")):
        return None
    from openlineage.client.event_v2 import Dataset

    return Dataset(namespace=named["namespace"], name=named["name"])


class ReleaseAssetMixin:
    """Emits the asset event of a stage that an operator has moved; stands before ``DatasetOperator`` among the operator's bases.

    The operator calls :meth:`declare_release_asset` once it has its ``dataset`` and ``stage``. A task that moved nothing, or was refused,
    emits nothing: who trains on the event would train for nothing.
    """

    stage_action: str = "promotion"
    """What moves the stage: the event's ``action``."""

    dataset: str
    stage: str
    task_id: str
    outlets: list[Any]
    hook: Any
    dag: Any
    _release_alias: AssetAlias | None = None

    def declare_release_asset(self) -> None:
        """Name the asset as an outlet, so that Airflow shows it before the first run; where names are templates, an alias for it."""
        if _is_template(self.dataset) or _is_template(self.stage):
            self._release_alias = AssetAlias(_uri(self.dataset, self.stage))
            self.outlets = [*self.outlets, self._release_alias]
            return
        try:
            asset = release_asset(self.dataset, self.stage)
        except ConfigurationError:  # the check of arguments says so
            return
        if not _among(asset, self.outlets):
            self.outlets = [*self.outlets, asset]

    def _finish(self, result: StepResult, context: Context) -> dict[str, Any]:
        summary: dict[str, Any] = super()._finish(result, context)  # type: ignore[misc]  # raises where the step was refused
        if "outlet_events" not in context:  # called by hand
            return summary
        asset = release_asset(self.dataset, self.stage)
        # Airflow emits an event for every asset that is among a task's outlets at its end.
        declared = _among(asset, self._outlets_in_dag())
        self.outlets = [outlet for outlet in self.outlets if not _among(asset, [outlet])]
        before = self._moved_by_an_earlier_try(context) if summary.get("unchanged") else None
        if summary.get("unchanged") and before is None:
            return summary
        extra, events = event_extra(summary, result.lineage, self.stage_action, before), context["outlet_events"]
        if declared:
            self.outlets = [*self.outlets, asset]
            events[asset].extra = extra
        else:  # Airflow knows of no such outlet of this task: names are templates, or it is mapped
            alias = self._release_alias or AssetAlias(asset.name)
            self.outlets = [*self.outlets, *([] if alias in self.outlets else [alias])]
            events[alias].add(asset, extra=extra)
        return summary

    def _outlets_in_dag(self) -> Sequence[Any]:
        """Return the outlets as the DAG has them: those of a mapped task are not those of its copies."""
        found: Sequence[Any] = self.dag.get_task(self.task_id).outlets
        return found

    def _moved_by_an_earlier_try(self, context: Context) -> Release | None:
        """Return what the stage is at, if a try of this very task brought it there, and died before Airflow knew.

        The retry finds the content unchanged. Were it silent, nobody would ever hear of the release.
        """
        from airflow_cv_dataops.core.release.stages import moved_by

        ti, run = context["ti"], context["dag_run"]
        if ti.try_number < 2 or run.start_date is None:
            return None
        return moved_by(self.hook.dataset(self.dataset), self.stage, dag_id=ti.dag_id, run_id=ti.run_id, since=run.start_date)


def event_extra(summary: Mapping[str, Any], lineage: StepLineage, action: str, release: Release | None = None) -> dict[str, Any]:
    """Return what an event says: the release, where the stage was before, what moved it, snapshots by table, counts.

    :param summary: of the step that moved the stage.
    :param lineage: of that step; the dataset's name in lineage is from there.
    :param release: the release, where the summary is of a later look at it.
    """
    counts = summary["counts"]
    extra = {
        "dataset": summary["dataset"],
        "stage": summary["stage"],
        "release": summary["release"],
        "parent": summary["parent"],
        "action": action,
        "snapshots": dict(release.snapshots if release else lineage.facts.get("snapshots") or {}),
        "counts": {name: counts[name] for name in ("images", "annotations", "splits") if name in counts},
    }
    table = next((use for use in lineage.outputs if use.table == "releases"), None)
    if table is not None:
        from airflow_cv_dataops.core.lineage.naming import dataset_name

        name = dataset_name(table, location_first=settings.lineage_options().location_first)
        extra[_OPENLINEAGE] = {"namespace": name.namespace, "name": name.name}
    return extra


def _uri(dataset: Any, stage: Any) -> str:
    return f"{_SCHEME}://{dataset}/{stage}"


def _is_template(value: Any) -> bool:
    """Tell whether it is known only at run time: Jinja, or what another task returns."""
    return not isinstance(value, str) or "{{" in value or "{%" in value


def _among(asset: Asset, outlets: Sequence[Any]) -> bool:
    """Tell whether an asset is among a task's outlets, whatever else is said of it there."""
    return any(isinstance(outlet, Asset) and (outlet.name, outlet.uri) == (asset.name, asset.uri) for outlet in outlets)
