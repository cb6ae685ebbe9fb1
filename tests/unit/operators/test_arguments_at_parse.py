"""What a DAG's author has mistyped is said when the DAG is parsed, in the words of the task; what is not known by then waits for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseSensorOperator
from unit.every_argument import ARGUMENTS, INSTEAD
from unit.operators.bad_arguments import BAD, CASES, NEEDED, TOGETHER, case_id
from unit.operators.small_tasks import TaskInstance

from airflow_cv_dataops.common.checking import CheckedArguments, checked_names
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor

pytestmark = pytest.mark.once(reason="the rules are core's; test_checking asks on every version when Airflow has them asked")

LATER = "{{ params.later }}"


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_dataset: Callable[..., Dataset]) -> Dataset:
    """The dataset that tasks find without any connection."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset()


def refused(kind: type, arguments: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        kind(task_id="step", **{**NEEDED[kind], **arguments})
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_value_that_cannot_be_is_refused_with_task_argument_and_value(case: tuple[type, dict[str, Any]]) -> None:
    kind, arguments = case
    message = refused(kind, arguments)
    assert message.startswith(f"Task 'step' ({kind.__name__}): ")
    assert any(name in message.lower() for name in arguments)


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_task_refuses_the_same_in_the_same_words(case: tuple[type, dict[str, Any]]) -> None:
    kind, arguments = case
    said = refused(kind, arguments)
    task = kind(task_id="step", **NEEDED[kind])
    for name, value in arguments.items():
        setattr(task, name, value)  # as a template leaves it
    ti = TaskInstance()
    context = {"ti": ti, "task_instance": ti, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, 9, tzinfo=UTC)), "params": {}}
    with pytest.raises(ConfigurationError) as caught:
        (task.poke if isinstance(task, BaseSensorOperator) else task.execute)(context)
    assert said.endswith(str(caught.value))


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_template_waits_for_the_task(case: tuple[type, dict[str, Any]]) -> None:
    kind, arguments = case
    templates = {name: LATER for name in arguments if name in kind.template_fields}  # type: ignore[attr-defined]
    task = kind(task_id="step", **{**NEEDED[kind], **templates})
    assert all(getattr(task, name) == LATER for name in templates)


@pytest.mark.parametrize("case", [case for case in TOGETHER if len(case[1]) > 1], ids=case_id)
def test_arguments_that_contradict_each_other_wait_where_one_is_a_template(case: tuple[type, dict[str, Any]]) -> None:
    kind, arguments = case
    for name in arguments:
        kind(task_id="step", **{**NEEDED[kind], **arguments, name: LATER})


@pytest.mark.parametrize("kind", NEEDED, ids=lambda kind: kind.__name__)
def test_every_template_field_is_checked_or_says_why_not(kind: type[CheckedArguments]) -> None:
    checked, unchecked = set(checked_names(kind)), kind.unchecked_arguments
    assert set(kind.template_fields) - checked == set(unchecked)
    assert all(reason.strip() for reason in unchecked.values())


@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.__name__)
def test_every_argument_that_a_class_checks_has_a_value_here_that_it_refuses(kind: type[CheckedArguments]) -> None:
    above = {name for base in kind.__mro__[1:] if base in BAD for name in BAD[base]}
    assert set(checked_names(kind)) - set(BAD[kind]) - above == ({"suite_function"} if "suite" in BAD[kind] else set())


def test_the_dag_of_every_argument_gives_each_that_is_checked() -> None:
    for kind, arguments in ARGUMENTS.items():
        given = {*arguments, *INSTEAD.get(kind, {})}
        assert set(checked_names(kind)) - given <= {"suite_function", "context_root_dir", "owners"}, kind.__name__


@pytest.mark.parametrize("kind", NEEDED, ids=lambda kind: kind.__name__)
def test_defaults_are_in_order(kind: type[CheckedArguments]) -> None:
    """They are not asked when a DAG is parsed: it would cost every DAG."""
    kind(task_id="step", **NEEDED[kind]).check_arguments()


def test_a_dag_may_have_marks_of_its_own_for_templates() -> None:
    with DAG("own_marks", jinja_environment_kwargs={"variable_start_string": "<<", "variable_end_string": ">>"}):
        ImageIngestOperator(task_id="step", dataset="<< params.name >>", source="/images")
        ImageIngestOperator.partial(task_id="steps", dataset="<< params.name >>").expand(source=["/a"])
        with pytest.raises(ConfigurationError, match="Dataset name"):
            ImageIngestOperator(task_id="other", dataset="{{ params.name }}", source="/images")


def test_what_can_be_read_once_is_left_to_the_task() -> None:
    sensor = LabelFreshnessSensor(task_id="step", dataset="digits", label_sets=(name for name in ("team",)))
    assert list(sensor.label_sets or ()) == ["team"]


def test_a_regular_expression_of_given_splits_may_have_a_word_in_braces() -> None:
    """It is no place, in which something would have to be filled in."""
    given = "file_name:_{x}_(train|val)"
    task = DatasetPromotionOperator(task_id="step", dataset="digits", stage="staging", given_splits=given)
    assert task._split_options("2026-11-05").given == given


@pytest.mark.parametrize("name", ["groups", "given_splits"])
@pytest.mark.usefixtures("digits")
def test_a_table_of_splits_has_nothing_to_fill_in_but_the_partition(name: str) -> None:
    place = "/tables/{ds}.csv"
    said = refused(DatasetPromotionOperator, {"stage": "staging", name: place})
    assert f"{name}='/tables/{{ds}}.csv' has {{ds}}, which nothing fills in" in said
    task = DatasetPromotionOperator(task_id="step", dataset="digits", stage="staging")
    setattr(task, name, place)
    with pytest.raises(ConfigurationError) as caught:
        task._split_options("2026-11-05")
    assert said.endswith(str(caught.value))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (LabelAuditOperator, {"thresholds": 5}),
        (LabelAuditOperator, {"max_error_rate": 10**400}),
        (ImageIngestOperator, {"thresholds": {1: 2}}),
        (DatasetPromotionOperator, {"gates": 5}),
        (DatasetPromotionOperator, {"groups": Path("/groups.csv")}),
        (DatasetExportOperator, {"target": 5}),
        (DatasetValidationOperator, {"table": ["images"]}),
    ],
)
def test_a_value_of_a_kind_that_no_rule_has_thought_of_names_task_and_argument(kind: type, arguments: dict[str, Any]) -> None:
    assert next(iter(arguments)) in refused(kind, arguments).removeprefix(f"Task 'step' ({kind.__name__}): ")


def test_a_subclass_may_take_a_check_out_of_an_argument_that_it_sets_later() -> None:
    class WithOwnSource(ImageIngestOperator):
        argument_checks = {name: check for name, check in ImageIngestOperator.argument_checks.items() if name != "source"}

    WithOwnSource(task_id="step", dataset="digits", source="")
    with pytest.raises(ConfigurationError, match="source=''"):
        ImageIngestOperator(task_id="step", dataset="digits", source="")
