"""Notifiers of tasks that found a breach: who is told, with what words, and that the task's outcome stays what it was."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import DAG, BaseNotifier
from unit.core.release.release_rows import write_annotations, write_images
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ti

from airflow_cv_dataops.common.breach import BreachMixin
from airflow_cv_dataops.common.reasons import NotYetKnown
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import Breach, StepResult, Summary
from airflow_cv_dataops.operators.base import DatasetOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator

__all__ = ["add_connection", "context", "embedded", "ti"]

MESSAGE = "digits, partition 2026-11-05:\nlabels: 3 of 4 images lack one"
PROBLEMS = ({"check": "labels", "severity": "error", "message": "3 of 4 images lack a label"},)
HOSTILE = "category {{ ti.run_id }} {% raw %} <!channel> & \x1b[31m\0"

sent: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_sent(context: dict[str, Any]) -> None:
    sent.clear()
    context["dag"] = DAG("dataops", schedule=None)  # as every task's context has


class ChannelNotifier(BaseNotifier):
    """A real one: Airflow renders its fields when it is called."""

    template_fields = ("text", "title")

    def __init__(self, text: str = "{{ breach.message }}", title: str = "{{ breach.dataset }}/{{ breach.partition_key }}") -> None:
        super().__init__()
        self.text = text
        self.title = title

    def notify(self, context: Any) -> None:
        sent.append((self.title, self.text))


class AsynchronousNotifier(ChannelNotifier):
    notify = BaseNotifier.notify

    async def async_notify(self, context: Any) -> None:
        await asyncio.sleep(0)
        sent.append(("asynchronously", self.text))


class BreachingOperator(BreachMixin, DatasetOperator):
    """A step that finds something, or nothing, and has a policy for it."""

    def __init__(self, *, policy: str = "warn", message: str = MESSAGE, holds: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy, self.message, self.holds = policy, message, holds

    def run_step(self, dataset: Dataset, partition_key: str, context: Any) -> StepResult:
        summary = Summary(dataset.name, partition_key, counts={"findings": 3}, report_uri="file:///reports/1.html")
        failure = None if self.policy == "warn" or self.holds else "3 findings; see there"
        breach = None if self.holds else Breach(self.message, PROBLEMS)
        return StepResult(summary, self.planned_lineage(), failure, skip=self.policy == "skip", breach=breach)

    def planned_lineage(self) -> StepLineage:
        return StepLineage("audit")


def breaching(*notifiers: Any, **arguments: Any) -> BreachingOperator:
    return BreachingOperator(task_id="health", dataset="digits", notifiers=list(notifiers), **arguments)


@pytest.mark.parametrize(
    ("policy", "outcome", "raised"), [("fail", "failed", AirflowFailException), ("skip", "skipped", AirflowSkipException)]
)
def test_a_notifier_is_called_with_the_summary_in_xcom_before_the_task_fails_or_skips(
    policy: str, outcome: str, raised: type[Exception], context: dict[str, Any], ti: TaskInstance
) -> None:
    def tell(context: Any) -> None:
        sent.append((context["ti"].pushed["return_value"]["counts"], context["breach"]["outcome"]))

    with pytest.raises(raised, match="3 findings"):
        breaching(ChannelNotifier(), tell, policy=policy).execute(context)
    assert sent == [("digits/2026-11-05", MESSAGE), ({"findings": 3}, outcome)]


def test_a_breach_that_only_warns_is_told_as_well_and_the_task_goes_on(context: dict[str, Any], ti: TaskInstance) -> None:
    summary = breaching(ChannelNotifier(text="{{ breach.outcome }}: {{ breach.report_uri }}")).execute(context)
    assert summary["counts"] == ti.pushed["return_value"]["counts"] == {"findings": 3}
    assert sent == [("digits/2026-11-05", "success: file:///reports/1.html")]


@pytest.mark.parametrize(("tries", "told"), [(1, []), (2, []), (3, [("failed", "3 findings")])])
def test_what_may_pass_later_is_tried_again_and_told_when_no_try_is_left(
    tries: int, told: list[Any], context: dict[str, Any], ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsettled(BreachingOperator):
        def run_step(self, dataset: Dataset, partition_key: str, context: Any) -> StepResult:
            return replace(super().run_step(dataset, partition_key, context), may_pass_later=True)

    monkeypatch.setattr(ti, "try_number", tries)
    task = Unsettled(
        task_id="t", dataset="digits", policy="fail", notifiers=[ChannelNotifier("{{ breach.message }}", "{{ breach.outcome }}")]
    )
    task.message = "3 findings"
    with pytest.raises(
        NotYetKnown, match="3 findings; see there; other runs may be at work on it" + ("$" if told else ", so that")
    ) as raised:
        task.execute(context)
    assert not isinstance(raised.value, AirflowFailException), "Airflow never tries again after one"
    assert sent == told
    assert ti.pushed["return_value"]["counts"] == {"findings": 3}


def test_at_the_last_try_policy_may_skip_and_what_fails_nothing_is_told_at_once(
    context: dict[str, Any], ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsettled(BreachingOperator):
        def run_step(self, dataset: Dataset, partition_key: str, context: Any) -> StepResult:
            return replace(super().run_step(dataset, partition_key, context), may_pass_later=True)

    notifiers = [ChannelNotifier("{{ breach.message }}", "{{ breach.outcome }}")]
    Unsettled(task_id="t", dataset="digits", notifiers=notifiers).execute(context)
    assert [outcome for outcome, _ in sent] == ["success"]
    skipping = Unsettled(task_id="t", dataset="digits", notifiers=notifiers, policy="skip")
    with pytest.raises(NotYetKnown):
        skipping.execute(context)
    monkeypatch.setattr(ti, "try_number", 3)
    with pytest.raises(AirflowSkipException):
        skipping.execute(context)


def test_a_result_that_would_skip_and_has_no_reason_to_is_a_success(context: dict[str, Any]) -> None:
    class Lenient(BreachingOperator):
        def run_step(self, dataset: Dataset, partition_key: str, context: Any) -> StepResult:
            return replace(super().run_step(dataset, partition_key, context), skip=True)

    Lenient(task_id="t", dataset="digits", notifiers=[ChannelNotifier(text="{{ breach.outcome }}")]).execute(context)
    assert sent == [("digits/2026-11-05", "success")]


def test_where_all_holds_nobody_is_told(context: dict[str, Any], ti: TaskInstance) -> None:
    breaching(ChannelNotifier(), policy="fail", holds=True).execute(context)
    assert (sent, ti.pushed) == ([], {})


def test_the_context_has_all_that_a_notifier_may_want(context: dict[str, Any]) -> None:
    breaching(lambda context: sent.append(context["breach"])).execute(context)
    (told,) = sent
    assert told.pop("summary")["counts"] == {"findings": 3}
    assert told == {
        "dataset": "digits",
        "partition_key": "2026-11-05",
        "task_id": "health",
        "outcome": "success",
        "message": MESSAGE,
        "escaped": MESSAGE,
        "problems": [dict(PROBLEMS[0])],
        "report_uri": "file:///reports/1.html",
    }
    assert "breach" not in context


def test_a_notifier_that_raises_is_logged_and_changes_neither_the_outcome_nor_who_else_is_told(
    context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    class DownNotifier(ChannelNotifier):
        def notify(self, context: Any) -> None:
            context["breach"].clear()
            raise AirflowSkipException("the channel does not answer")

    def down(context: Any) -> None:
        raise ConnectionError("the channel does not answer")

    notifiers = (DownNotifier(), down, ChannelNotifier("{{ no.such.thing }}"), ChannelNotifier())
    with caplog.at_level(logging.ERROR), pytest.raises(AirflowFailException, match="3 findings"):
        breaching(*notifiers, policy="fail").execute(context)
    assert sent == [("digits/2026-11-05", MESSAGE)]
    told = [record.getMessage() for record in caplog.records if "was not told" in record.getMessage()]
    (function,) = [line for line in told if line.startswith("Notifier 2 of 4 (")]
    assert "<locals>.down) failed: " in function
    assert "3 of 4 images lack one" in function
    assert any(line.startswith("Notifier 3 of 4 (ChannelNotifier) failed: ") for line in told)


@pytest.mark.parametrize("native", [False, True])
def test_what_stands_in_the_data_is_not_rendered_again_and_is_no_markup_where_it_is_escaped(native: bool, context: dict[str, Any]) -> None:
    context["dag"] = DAG("dataops", schedule=None, render_template_as_native_obj=native)
    notifier = ChannelNotifier(text="{{ breach.escaped }}", title="{{ breach.message }}")
    for _ in range(2):  # a notifier that several tasks share keeps its templates
        breaching(notifier, message=HOSTILE).execute(context)
    shown = "category {{ ti.run_id }} {% raw %} <!channel> & \ufffd[31m\ufffd"
    assert sent == [(shown, shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))] * 2
    assert notifier.text == "{{ breach.escaped }}"


def test_notifiers_share_no_fields(context: dict[str, Any]) -> None:
    """Airflow puts a notifier's fields into the context that it is called with."""
    breaching(ChannelNotifier(title="secret"), lambda context: sent.append(sorted(context.keys() & {"title", "text"}))).execute(context)
    assert sent[1] == []


def test_asynchronous_notifiers_and_functions_and_generators_run_to_their_end(context: dict[str, Any]) -> None:
    async def tell(context: Any) -> None:
        await asyncio.sleep(0)
        sent.append("a coroutine")

    def yielding(context: Any) -> Any:
        yield
        sent.append("a generator")

    breaching(AsynchronousNotifier(), tell, yielding).execute(context)
    assert sent == [("asynchronously", MESSAGE), "a coroutine", "a generator"]


def test_a_single_notifier_needs_no_list(context: dict[str, Any]) -> None:
    BreachingOperator(task_id="t", dataset="digits", notifiers=ChannelNotifier()).execute(context)
    assert len(sent) == 1


@pytest.mark.parametrize("wrong", ["slack", ChannelNotifier, 7], ids=["text", "class", "number"])
def test_what_cannot_be_called_is_refused_when_the_dag_is_parsed(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be called"):
        breaching(wrong)


def test_templates_of_notifiers_are_left_for_the_breach_when_the_tasks_own_are_rendered(context: dict[str, Any]) -> None:
    operator = BreachingOperator(task_id="t", dataset="{{ params.name }}", notifiers=[ChannelNotifier()])
    operator.render_template_fields({**context, "params": {"name": "digits"}})
    operator.execute(context)
    assert sent == [("digits/2026-11-05", MESSAGE)]


def serialised(*notifiers: Any) -> str:
    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # the latter on 3.1
    with DAG("d", schedule=None, start_date=datetime(2026, 11, 1), default_args={"notifiers": list(notifiers)}) as dag:
        BreachingOperator(task_id="plain", dataset="digits", notifiers=list(notifiers))
        BreachingOperator(task_id="by_default", dataset="digits")
        BreachingOperator.partial(task_id="mapped", notifiers=list(notifiers)).expand(dataset=["digits", "signs"])
    document = json.loads(json.dumps(serialization.to_dict(dag)))
    assert set(serialization.from_dict(document).task_dict) == {"plain", "by_default", "mapped"}
    document["dag"].pop("_processor_dags_folder", None)
    return json.dumps(document)


def test_a_dag_with_notifiers_serialises_the_same_each_time_and_with_nothing_of_what_they_hold() -> None:
    """An address in memory would make a new version of the DAG whenever it is parsed."""
    once, again = (serialised(ChannelNotifier(text="token-1234"), breaching) for _ in range(2))
    assert once == again
    assert "token-1234" not in once
    assert " at 0x" not in once


def test_default_args_and_mapped_tasks_bring_their_notifiers(context: dict[str, Any]) -> None:
    notifier = ChannelNotifier()
    with DAG("d", schedule=None, start_date=datetime(2026, 11, 1), default_args={"notifiers": [notifier]}):
        by_default = BreachingOperator(task_id="by_default", dataset="digits")
        mapped = BreachingOperator.partial(task_id="mapped", notifiers=[notifier]).expand(dataset=["digits", "signs"])
    assert by_default.notifiers == (notifier,)
    mapped.unmap({"dataset": "digits"}).execute(context)
    assert sent == [("digits/2026-11-05", MESSAGE)]


def test_airflows_mail_notifier_says_what_the_docs_let_it_say(context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    smtp = pytest.importorskip("airflow.providers.smtp.notifications.smtp")
    monkeypatch.setattr(smtp.SmtpNotifier, "notify", lambda self, context: sent.append((self.subject, self.html_content)))
    mail = smtp.SmtpNotifier(
        to="labels@example.com",
        from_email="airflow@example.com",
        subject="{{ breach.dataset }} {{ breach.partition_key }}: {{ breach.task_id }}",
        html_content="<pre>{{ breach.escaped }}</pre>",
    )
    breaching(mail, message="2 labels of <b>").execute(context)
    assert sent == [("digits 2026-11-05: health", "<pre>2 labels of &lt;b&gt;</pre>")]


def test_an_audit_tells_what_it_found_also_where_it_only_warns(context: dict[str, Any], embedded: Dataset) -> None:
    write_images(embedded, "2026-11-05", ["a", "b"])
    write_annotations(embedded, "2026-11-05", [("a", "cat"), ("b", "cat"), ("b", "cat")])
    for policy in ("warn", "fail"):
        audit = LabelAuditOperator(
            task_id="audit",
            dataset="digits",
            report=False,
            limits={"duplicate_bbox": 0},
            on_findings=policy,
            notifiers=[lambda context: sent.append(context["breach"])],
        )
        if policy == "warn":
            audit.execute(context)
        else:
            with pytest.raises(AirflowFailException, match="above the limit"):
                audit.execute(context)
    warned, failed = sent
    assert (warned["outcome"], failed["outcome"]) == ("success", "failed")
    assert warned["message"] == failed["message"]
    assert warned["message"].startswith(
        "digits, partition 2026-11-05: 1 check is above the limit: duplicate_bbox (at most 0 wanted, 1 found)"
    )
    (duplicate,) = [problem for problem in warned["problems"] if problem["check"] == "duplicate_bbox"]
    assert (duplicate["findings"], duplicate["message"]) == (1, "1 finding of duplicate_bbox")


def test_a_promotion_tells_which_gates_do_not_hold_also_those_that_only_warn(context: dict[str, Any], embedded: Dataset) -> None:
    write_images(embedded, "2026-11-05", ["a", "b"])

    def promote(*gates: str) -> DatasetPromotionOperator:
        tell = [lambda context: sent.append(context["breach"])]
        return DatasetPromotionOperator(task_id="promote", dataset="digits", gates=list(gates), notifiers=tell)

    promote("images >= 2").execute(context)
    assert sent == []
    write_images(embedded, "2026-11-05", ["a", "b", "c"])
    promote("images >= 2", "warn: labelled_ratio >= 0.5").execute(context)
    with pytest.raises(AirflowFailException, match="1 of 1 gates failed"):
        promote("images >= 9").execute(context)
    warned, refused = sent
    assert warned["message"].splitlines() == [
        "digits, partition 2026-11-05: 1 of 2 gates do not hold, stage 'production' moved to v2 all the same",
        "labelled_ratio: wanted >= 0.5, found 0",
    ]
    assert refused["message"].splitlines() == [
        "digits, partition 2026-11-05: 1 of 1 gates do not hold, stage 'production' stays at v2",
        "images: wanted >= 9, found 3",
    ]
    assert [problem["severity"] for told in sent for problem in told["problems"]] == ["warning", "error"]
