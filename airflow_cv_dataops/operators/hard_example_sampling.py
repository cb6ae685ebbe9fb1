"""From predictions to the images that are worth labelling next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import sampling
from airflow_cv_dataops.common.argument_checks.sampling import as_cap
from airflow_cv_dataops.common.arguments import as_count
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class HardExampleSamplingOperator(DatasetOperator):
    """Choose the unlabelled images that a model is least sure of, and write ``samples`` and a manifest for a labelling tool.

    :param strategy: ``entropy``, ``margin`` or ``least_confidence``. (templated)
    :param model: whose predictions to use; may be left out where there is one model. (templated)
    :param budget: at most this many images. (templated)
    :param max_per_class: at most this many images (a count), or this share of the budget (below 1), of one predicted category. (templated)
    :param seed: breaks ties; default: derived from dataset, partition and strategy. (templated)
    :param aggregate: ``max`` or ``mean`` over an image's boxes, where the model predicts boxes. (templated)
    :param labelled_in: ``partition``: labels of the run's own partition keep an image out; ``dataset``: also labels that a
        byte-identical image has in another partition. (templated)
    :param sample_id: names what this sampling owns: a rerun replaces its own sample. (templated)
    """

    what_it_does = (
        "Reads a model's `predictions`, chooses the unlabelled images of the partition that it is least sure of, and "
        "writes `samples`, a manifest for a labelling tool, and `metrics`."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "strategy",
        "model",
        "budget",
        "max_per_class",
        "seed",
        "aggregate",
        "labelled_in",
        "sample_id",
    )
    argument_checks = {
        **DatasetOperator.argument_checks,
        "strategy": sampling.strategy,
        "budget": sampling.budget,
        "max_per_class": sampling.max_per_class,
        "seed": sampling.seed,
        "aggregate": sampling.aggregate,
        "labelled_in": sampling.labelled_in,
        "sample_id": sampling.sample_id,
    }
    unchecked_arguments = {
        **DatasetOperator.unchecked_arguments,
        "model": "which models there are, the partition says",
    }

    def __init__(
        self,
        *,
        strategy: str = "entropy",
        model: str | None = None,
        budget: int | str = 100,
        max_per_class: float | str | None = None,
        seed: int | str | None = None,
        aggregate: str = "max",
        labelled_in: str = "partition",
        sample_id: str = "hard_examples",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strategy = strategy
        self.model = model
        self.budget = budget
        self.max_per_class = max_per_class
        self.seed = seed
        self.aggregate = aggregate
        self.labelled_in = labelled_in
        self.sample_id = sample_id

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.sampling.sample import sample_hard_examples

        return sample_hard_examples(
            dataset,
            partition_key,
            strategy=self.strategy,
            model=self.model or None,
            budget=as_count("budget", self.budget) or 0,
            max_per_class=as_cap("max_per_class", self.max_per_class),
            seed=as_count("seed", self.seed),
            aggregate=self.aggregate,
            labelled_in=self.labelled_in,
            sample_id=self.sample_id,
        )

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("sampling", reads=("images", "predictions", "annotations", "findings"), writes=("samples", "metrics"))
