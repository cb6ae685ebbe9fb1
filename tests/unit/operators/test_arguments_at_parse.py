"""What a DAG's author has mistyped is said when the DAG is parsed, in the words of the task; what is not known by then waits for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseSensorOperator
from unit.every_argument import ARGUMENTS, INSTEAD
from unit.operators.bad_arguments import BAD, CASES, NEEDED, TOGETHER, case_id
from unit.operators.small_tasks import TaskInstance

from airflow_cv_dataops.common.checking import CheckedArguments, checked_names
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset

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
