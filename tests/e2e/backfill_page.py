"""Airflow's page (of 3.3), as a person uses it to backfill: open a DAG, Trigger > Backfill, choose, run, and read what became of it."""

from __future__ import annotations

from typing import Any

REPROCESS = {"none": "Missing Runs", "failed": "Missing and Errored Runs", "completed": "All Runs"}


def fill_backfill_form(page: Any, dag_id: str, first: str, last: str, *, reprocess: str = "none", max_active_runs: int = 1) -> Any:
    """Open the form of a DAG and fill it in, and return the button that starts the backfill.

    :param first: and ``last``: days, as ``2026-11-05``.
    """
    page.goto(f"{_root(page)}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog").first
    dialog.get_by_text("Backfill", exact=True).click()
    for label, day in (("From", first), ("To", last)):
        _choose_time(page, dialog, label, day)
    dialog.get_by_text(REPROCESS[reprocess], exact=True).click()
    dialog.locator("input[name=max_active_runs]").fill(str(max_active_runs))
    return dialog.get_by_role("button", name="Run Backfill")


def _choose_time(page: Any, dialog: Any, label: str, day: str) -> None:
    """Type a day and midnight into a field of the form, which opens a calendar."""
    field = dialog.get_by_role("group").filter(has=page.get_by_text(label, exact=True))
    field.get_by_test_id("datetime-input").click()
    page.get_by_placeholder("YYYY/MM/DD").fill(day.replace("-", "/"))
    page.get_by_placeholder("HH:mm").fill("00:00")
    page.keyboard.press("Escape")
    page.get_by_placeholder("YYYY/MM/DD").wait_for(state="hidden")


def _root(page: Any) -> str:
    scheme, _, rest = page.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
