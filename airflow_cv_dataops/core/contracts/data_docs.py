"""Great Expectations' own page of a validation result (Data Docs) as one file that needs no network and runs no script.

GX's renderers say what is on the page, in their words and their order. Theirs is a site of files that loads style sheets, fonts and
scripts from elsewhere and escapes little of what data holds; here everything is escaped first (data_docs_view.py), passed through a
list of allowed elements after (markup.py), and styled by a sheet of our own. Equal results make equal pages: no clock, no random ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.contracts.data_docs_view import page_body
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.plots import cut

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

_NAME = 200


def data_docs_page(result: ExpectationSuiteValidationResult, *, title: str, facts: Mapping[str, str]) -> bytes:
    """Return the page of a validation result as an HTML file.

    :param result: of ``batch.validate(suite)`` or a checkpoint; left as it is.
    :param title: what was validated, e.g. ``Contract annotations of traffic_signs, 2026-11-05``.
    :param facts: what else readers want to know of the run, by name; shown in this order.
    """
    from airflow_cv_dataops.core.contracts.data_docs_renderers import ResultsPage

    document = ResultsPage().render(_timeless(result))
    body = page_body(document.to_json_dict(), title=title, facts=facts)
    return html_document(cut(title, _NAME), body, style=[resource(__package__, "data_docs.css")], script="", data={})


def _timeless(result: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """Return a copy without what differs from run to run: when a batch was loaded, which checkpoint ran when."""
    shown = copy(result)
    shown.meta = {name: value for name, value in result.meta.items() if name == "great_expectations_version"}
    return shown
