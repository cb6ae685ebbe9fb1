"""Why a task failed: one line of its log where that says it all, Airflow's own traceback where it does not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_cv_dataops.common.reasons import PolicyFailure, ReasonAlone, StoppedWaiting, show_reasons_alone
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError

SAYS = "Task failed with exception"


@pytest.fixture
def written() -> Iterator[io.BytesIO]:
    """Logs as a task's process has them, JSON for its supervisor; what was configured before is there again after it."""
    from airflow.sdk._shared.logging.structlog import structlog_processors

    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    output = io.BytesIO()
    processors, _, writer = structlog_processors(json_output=True)
    structlog.configure(
        processors=[*processors, writer],
        logger_factory=structlog.BytesLoggerFactory(file=output),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    yield output
    structlog.configure(**before)
    logging.root.handlers[:], logging.root.level = handlers, level


def line_of(error: BaseException, output: io.BytesIO, says: str = SAYS) -> dict[str, Any]:
    """Fail as a task does, with a logger that was made and used before the reasons were to be shown alone."""
    log = structlog.get_logger(logger_name="task").bind(ti="1")
    log.info("Task started")
    show_reasons_alone()
    try:
        raise error
    except BaseException:
        log.exception(says)
    return json.loads(output.getvalue().splitlines()[-1])


@pytest.mark.parametrize("kind", [PolicyFailure, StoppedWaiting, ConfigurationError])
def test_a_failure_that_says_it_all_is_one_line_without_frames(kind: type[Exception], written: io.BytesIO) -> None:
    line = line_of(kind("63 of 1,200 labels\nare wrong"), written)
    assert (line["event"], line["level"], line["ti"]) == ("Task failed: 63 of 1,200 labels are wrong", "error", "1")
    assert not {"exception", "exc_info", "error_detail"} & line.keys()


def test_a_connection_that_is_not_there_is_one_line(written: io.BytesIO) -> None:
    line = line_of(AirflowNotFoundException("The conn_id `lake` isn't defined"), written)
    assert line["event"] == "Task failed: The conn_id `lake` isn't defined"
    assert not {"exception", "exc_info", "error_detail"} & line.keys()


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), AirflowFailException("of somebody else")])
def test_any_other_failure_keeps_its_traceback(error: Exception, written: io.BytesIO) -> None:
    line = line_of(error, written)
    assert line["event"] == SAYS
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["line_of"]


def test_an_event_that_airflow_words_otherwise_keeps_its_traceback(written: io.BytesIO) -> None:
    assert line_of(PolicyFailure("no"), written, "The task has failed")["exception"][0]["exc_value"] == "no"


def test_at_level_debug_the_traceback_stays(written: io.BytesIO, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="airflow_cv_dataops.common.reasons")
    assert line_of(PolicyFailure("no"), written)["exception"]


def test_the_exception_itself_stays_as_it_was_for_callbacks_and_listeners(written: io.BytesIO) -> None:
    error = PolicyFailure("no")
    line_of(error, written)
    assert isinstance(error, AirflowFailException)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "line_of"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SourceError("Cannot list s3://lake"), "Cannot list s3://lake (because of ValueError: no route)"),
        (SourceError("Cannot list s3://lake: no route"), "Cannot list s3://lake: no route"),
        (ConfigurationError("max_rows='x' is no number"), "max_rows='x' is no number"),
    ],
)
def test_what_an_error_comes_from_is_said_where_it_does_not_say_so_itself(error: Exception, says: str, written: io.BytesIO) -> None:
    error.__cause__ = ValueError("no route")
    assert line_of(error, written)["event"] == f"Task failed: {says}"


def test_a_name_in_a_reason_forges_no_line_and_turns_no_writing_round(written: io.BytesIO) -> None:
    line = line_of(PolicyFailure("label '\x1b[31mok\u202eko' is wrong\r\nTask succeeded"), written)
    assert line["event"] == "Task failed: label '\ufffd[31mok\ufffdko' is wrong Task succeeded"


def test_it_is_set_up_once(written: io.BytesIO) -> None:
    show_reasons_alone()
    show_reasons_alone()
    assert list(map(type, structlog.get_config()["processors"])).count(ReasonAlone) == 1


def test_where_structlog_is_not_as_expected_nothing_happens(written: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structlog, "get_config", lambda: {"processors": ()})
    show_reasons_alone()
    monkeypatch.setattr(structlog, "get_config", dict)
    show_reasons_alone()


def test_an_address_in_somebody_elses_words_keeps_its_password_for_itself(written: io.BytesIO) -> None:
    error = SourceError("Cannot open the catalog")
    error.__cause__ = ValueError("no postgresql://cv:pa55@db/lake (https://a.example/x?sig=51gn), see https://a.example/docs?page=2")
    error.add_note("asked of mysql://cv:pa55@db")
    said = line_of(error, written)["event"]
    assert "postgresql://db/lake" in said
    assert "https://a.example/docs?page=2" in said
    assert not [secret for secret in ("pa55", "51gn") if secret in said]


def test_an_error_that_cannot_say_anything_keeps_its_traceback(written: io.BytesIO) -> None:
    class SpeechlessError(SourceError):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert line_of(SpeechlessError(), written)["event"] == SAYS


def test_the_first_cause_is_said_also_where_it_is_not_the_last(written: io.BytesIO) -> None:
    error, middle = SourceError("Cannot read the labels"), SourceError("Cannot open s3://lake/a.json")
    error.__cause__, middle.__cause__ = middle, PermissionError("Access denied")
    assert line_of(error, written)["event"] == (
        "Task failed: Cannot read the labels (because of SourceError: Cannot open s3://lake/a.json, "
        "because of PermissionError: Access denied)"
    )


def test_causes_that_go_in_a_circle_end(written: io.BytesIO) -> None:
    error, other = SourceError("one"), SourceError("two")
    error.__cause__, other.__cause__ = other, error
    assert line_of(error, written)["event"].startswith("Task failed: one (because of SourceError: two")
