"""What is known of an argument when a DAG is parsed, and what is left for the task."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
from airflow import sdk
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.definitions.param import DagParam

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

LATER = "{{ params.later }}"
# Airflow before 3.1.8 has no literal(): a value that is not rendered is written in raw there.
LITERAL = getattr(sdk, "literal", "{{% raw %}}{}{{% endraw %}}".format)


def promotion(**arguments: Any) -> DatasetPromotionOperator:
    return DatasetPromotionOperator(task_id="promote", dataset="digits", **arguments)


def audit(**arguments: Any) -> LabelAuditOperator:
    return LabelAuditOperator(task_id="audit", dataset="digits", **arguments)


@pytest.mark.parametrize(
    "value",
    [LATER, "{% if x %}a{% endif %}", "{# nothing #}x", LITERAL("cocoo"), lambda context, jinja_env: "coco"],
    ids=["value", "statement", "comment", "literal", "function"],
)
def test_what_a_template_writes_is_not_known(value: Any) -> None:
    LabelImportOperator(task_id="t", dataset="d", source="/data", format=value)


def test_what_another_task_returns_or_a_param_holds_is_not_known() -> None:
    with DAG("d", params={"format": "coco"}) as dag:
        before = BaseOperator(task_id="before")
        LabelImportOperator(task_id="t", dataset="d", source="/data", format=before.output)  # type: ignore[attr-defined]
        LabelImportOperator(task_id="u", dataset="d", source="/data", format=DagParam(dag, "format"))  # type: ignore[arg-type]


def test_beside_a_template_the_other_entries_of_a_list_are_checked() -> None:
    promotion(gates=[f"images >= {LATER}", "images >= 10"])
    with pytest.raises(ConfigurationError, match="'images => 10' cannot be read"):
        promotion(gates=[f"images >= {LATER}", "images => 10"])


def test_an_import_error_says_what_is_wrong_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        promotion(gates=["images => 10"])
    assert "".join(traceback.format_exception(caught.value)).count("'images => 10' cannot be read") == 1


def test_a_gate_of_which_a_part_is_a_template_waits_as_a_whole() -> None:
    promotion(gates=[{"metric": "images", "op": ">=", "value": LATER}])


def test_beside_a_template_the_other_entries_of_a_mapping_are_checked() -> None:
    audit(thresholds={"suspect_label": {"mode": LATER}, LATER: {"x": 1}})
    with pytest.raises(ConfigurationError, match="'duplicate_bbox' has no threshold iuo"):
        audit(thresholds={"suspect_label": {"mode": LATER}, "duplicate_bbox": {"iou": LATER, "iuo": 0.5}})


def test_shares_that_have_to_sum_to_1_wait_for_the_last_of_them() -> None:
    promotion(splits={"train": 0.8, "test": LATER})
    with pytest.raises(ConfigurationError, match="cannot be the name of a split"):
        promotion(splits={"train ": 0.8, "test": LATER})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_left_out_ratio", "0.5"),
        ("stratify", "true"),
        ("splits", '{"a": 0.5, "b": 0.5}'),
        ("gates", '["images >= 1"]'),
        ("stratify", ""),
    ],
)
def test_texts_are_read_as_the_task_reads_them(name: str, text: str) -> None:
    promotion(**{name: text})


def test_a_check_of_ones_own_is_one_that_may_be_left_out() -> None:
    from unit.operators.bad_arguments import twice

    audit(checks=[twice], disabled=["twice"])
    with pytest.raises(ConfigurationError, match="did you mean 'unused_category'"):
        audit(checks=[twice], disabled=["unused_categorie"])


class CocoImport(LabelImportOperator):
    """A user's own, which knows what it reads only after ours is made."""

    template_fields = (*LabelImportOperator.template_fields, "place")

    def __init__(self, *, place: str, **kwargs: Any) -> None:
        super().__init__(source="/data", format="undecided", **kwargs)
        self.place = place
        self.format = "coco" if place == "here" else "cocoo"


def test_a_subclass_may_set_arguments_after_ours() -> None:
    assert CocoImport(task_id="t", dataset="d", place="here").format == "coco"
    with pytest.raises(ConfigurationError, match=r"Task 't' \(CocoImport\): format='cocoo'"):
        CocoImport(task_id="t", dataset="d", place="there")


class FileImport(LabelImportOperator):
    """A user's own, whose arguments may be template files."""

    template_ext = (".format",)


def test_a_template_file_is_left_alone() -> None:
    FileImport(task_id="t", dataset="d", source="/data", format="which.format")


def test_what_all_copies_of_a_mapped_task_share_is_checked() -> None:
    shared: Mapping[str, Any] = {"task_id": "t", "dataset": "d", "source": "/data"}
    with DAG("d") as dag:
        LabelImportOperator.partial(**shared, format=LATER).expand(label_set=["a", "b"])
        with pytest.raises(ConfigurationError, match=r"Task 'u' \(LabelImportOperator\): format='cocoo'"):
            LabelImportOperator.partial(**{**shared, "task_id": "u"}, format="cocoo")
    assert dag.task_ids == ["t"]


def test_contradictions_are_not_told_of_a_part_of_the_arguments() -> None:
    with DAG("d"):
        DatasetPromotionOperator.partial(task_id="t", dataset="d", release="v1").expand(partition_keys=[None])


def test_a_copy_is_not_checked_again() -> None:
    task = LabelImportOperator(task_id="t", dataset="d", source="/data", format="coco")
    task.format = "cocoo"
    assert copy.copy(task).format == copy.deepcopy(task).format == task.prepare_for_execution().format == "cocoo"


def test_default_args_are_checked() -> None:
    with DAG("d", default_args={"on_findings": "wran"}), pytest.raises(ConfigurationError, match=r"did you mean 'warn'\?"):
        LabelAuditOperator(task_id="t", dataset="d")


def test_a_template_that_renders_native_objects_is_left_alone() -> None:
    with DAG("d", render_template_as_native_obj=True):
        promotion(splits=LATER, stratify=LATER, max_left_out_ratio=LATER)
