"""From what people say of a dataset to its cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import release, shared
from airflow_cv_dataops.common.arguments import as_flag, as_list, as_mapping
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.dataset_card import DatasetCardLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetDescriptionOperator(DatasetOperator):
    """Say what a dataset is, for people, and write the cards of the releases that its stages hold anew.

    What is not given, or renders to nothing, stays as it was said before. Texts are shown as they are, with their line breaks, not as
    Markdown.

    :param description: what is in the dataset and what it is for; at most 20,000 characters, as ``notes``. (templated)
    :param dataset_owner: who answers for it; at most 500 characters. Airflow's own ``owner`` is that of the task. (templated)
    :param license: an SPDX id such as ``CC-BY-4.0``, or words; at most 500 characters. (templated)
    :param notes: anything else that who uses it should know. (templated)
    :param stages: the stages in which a release goes up, first to last, e.g. ``["staging", "production"]``. (templated)
    :param others: further fields by name (lower-case letters, digits, ``_``), e.g. ``{"contact": "labels@example.com"}``. (templated)
    :param take_back: names of fields of which nothing is said any more. (templated)
    :param cards: whether cards are written anew; one that cannot be written is logged, and no reason to fail. (templated)
    :param said_by: who says so; default: DAG and task. (templated)
    """

    what_it_does = (
        "Writes what people say of the dataset (`descriptions`: description, owner, licence, notes, order of stages), and the cards of the "
        "releases that its stages hold."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "description",
        "dataset_owner",
        "license",
        "notes",
        "stages",
        "others",
        "take_back",
        "cards",
        "said_by",
    )
    operator_extra_links = (DatasetCardLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "description": release.said,
        "dataset_owner": release.said,
        "license": release.said,
        "notes": release.said,
        "stages": release.stages,
        "others": release.other_fields,
        "take_back": release.take_back,
        "cards": shared.flag,
    }
    unchecked_arguments = {
        **DatasetOperator.unchecked_arguments,
        "said_by": "any text, only recorded",
    }

    def __init__(
        self,
        *,
        description: str | None = None,
        dataset_owner: str | None = None,
        license: str | None = None,  # noqa: A002 (what the field is called)
        notes: str | None = None,
        stages: Sequence[str] | str | None = None,
        others: Mapping[str, str] | str | None = None,
        take_back: Sequence[str] | str = (),
        cards: bool | str = True,
        said_by: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.description = description
        self.dataset_owner = dataset_owner
        self.license = license
        self.notes = notes
        self.stages = stages
        self.others = others
        self.take_back = take_back
        self.cards = cards
        self.said_by = said_by

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.release.describe import describe_dataset

        return describe_dataset(
            dataset,
            description=self.description,
            owner=self.dataset_owner,
            license=self.license,
            notes=self.notes,
            stages=as_list("stages", self.stages),
            others=as_mapping("others", self.others) or None,
            take_back=tuple(as_list("take_back", self.take_back) or ()),
            cards=as_flag("cards", self.cards),
            said_by=self.said_by or f"{context['ti'].dag_id}.{context['ti'].task_id}",
            partition_key=partition_key,
        )

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("description", reads=("releases",), writes=("descriptions",))
