"""Wait until a partition's labels are complete and fresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import labels, shared
from airflow_cv_dataops.common.arguments import as_list_or_absent, as_number, required_number
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.sensors.base import ObservingSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.labels.freshness import LabelFreshness
    from airflow_cv_dataops.triggers.label_freshness import LabelFreshnessTrigger


class LabelFreshnessSensor(ObservingSensor):
    """Succeed once the partition's images have labels, imported since the images were last written, and new enough.

    :param dataset: name of the dataset. (templated)
    :param label_sets: those that have to be there and fresh, and whose labels count; default: all that the partition has. (templated)
    :param min_labelled_ratio: share of the partition's images, 0 to 1, that has to have a label, or the statement that nothing is there.
        (templated)
    :param max_age_hours: how old the newest label may be, by the time that the label file says, else since its import; default: however
        old. (templated)
    """

    what_it_does = "Reads `images`, `annotations` and `metrics` until the partition's labels are complete and fresh; writes nothing."
    template_fields: Sequence[str] = (*ObservingSensor.template_fields, "dataset", "label_sets", "min_labelled_ratio", "max_age_hours")
    never_empty = ("label_sets",)
    _last: LabelFreshness | None = None
    argument_checks = {
        **ObservingSensor.argument_checks,
        "dataset": shared.dataset,
        "label_sets": shared.names_or_absent("all label sets"),
        "min_labelled_ratio": shared.ratio,
        "max_age_hours": labels.label_age,
    }

    def __init__(
        self,
        *,
        dataset: str,
        label_sets: Sequence[str] | str | None = None,
        min_labelled_ratio: float | str = 1.0,
        max_age_hours: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.label_sets = label_sets
        self.min_labelled_ratio = min_labelled_ratio
        self.max_age_hours = max_age_hours

    def observe(self, partition_key: str) -> LabelFreshness:
        from airflow_cv_dataops.core.labels.freshness import observe_labels

        self._last = observe_labels(self.hook.dataset(self.dataset), partition_key, **self._condition(), last=self._last)
        return self._last

    def from_event(self, observed: Mapping[str, Any]) -> LabelFreshness:
        from airflow_cv_dataops.core.labels.freshness import LabelFreshness

        return LabelFreshness(**observed)

    def not_yet(self, observed: LabelFreshness) -> str:
        return observed.not_yet()

    def trigger(self, context: Context) -> LabelFreshnessTrigger:
        from airflow_cv_dataops.triggers.label_freshness import LabelFreshnessTrigger

        return LabelFreshnessTrigger(
            dataset=self.dataset,
            partition_key=self._resolve(context),
            cv_catalog_conn_id=self.cv_catalog_conn_id,
            aws_conn_id=self.aws_conn_id,
            poke_interval=self.poke_interval,
            **self._condition(),
        )

    def planned_lineage(self) -> StepLineage:
        dataset = self.hook.dataset(self.dataset)
        return StepLineage("sensor", inputs=(dataset.table_use("images"), dataset.table_use("annotations")))

    def observed_lineage(self, observed: LabelFreshness) -> StepLineage:
        from airflow_cv_dataops.core.labels.freshness import freshness_lineage

        condition = self._condition()
        words = [f"labels of at least {condition['min_labelled_ratio']:g} of the images, imported since these were written"]
        if condition["max_age_hours"] is not None:
            words.append(f"the newest at most {condition['max_age_hours']:g} h old")
        if condition["label_sets"]:
            words.append(f"in {', '.join(condition['label_sets'])}")
        return freshness_lineage(self.hook.dataset(self.dataset), observed, ", ".join(words))

    def _condition(self) -> dict[str, Any]:
        return {
            "label_sets": as_list_or_absent("label_sets", self.label_sets, "all label sets"),
            "min_labelled_ratio": required_number("min_labelled_ratio", self.min_labelled_ratio),
            "max_age_hours": as_number("max_age_hours", self.max_age_hours),
        }
