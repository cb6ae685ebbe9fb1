"""GX's page of a result, with what it leaves out: how severe a failure is, and that nothing was looked at; without what is empty here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

NOTHING = "nothing to check"
_SECTION = {
    "class_name": "ValidationResultsColumnSectionRenderer",
    "table_renderer": {"class_name": "ResultsTable", "module_name": __name__},
}


class ResultsPage(ValidationResultsPageRenderer):
    """The page. A data asset, a run's name and its time are of GX's own projects: who called says such things in words of their own."""

    def __init__(self) -> None:
        super().__init__(column_section_renderer=_SECTION)

    @classmethod
    def _render_validation_header(cls, validation_results: Any) -> Any:
        header = super()._render_validation_header(validation_results)
        words = header.subheader.string_template
        words["template"] = "${suite_title} ${expectation_suite_name}\n ${status_title} ${html_success_icon} ${success}"
        return header

    @classmethod
    def _render_validation_statistics(cls, validation_results: Any) -> Any:
        """Count those that had nothing to check, which GX takes for successes."""
        found = super()._render_validation_statistics(validation_results)
        nothing = sum(nothing_looked_at(one.result or {}) for one in validation_results.results)
        if nothing:
            found.table.append(["With Nothing To Check", nothing])
        return found

    @classmethod
    def _render_validation_info(cls, validation_results: Any) -> Any:
        found = super()._render_validation_info(validation_results)
        found.table = found.table[:1]
        return found


class ResultsTable(ValidationResultsTableContentBlockRenderer):
    """Rows of status, expectation, observed value and severity."""

    @classmethod
    def _process_content_block(cls, content_block: Any, has_failed_evr: bool, render_object: Any = None) -> None:
        looked = not any(nothing_looked_at(one.result or {}) for one in render_object or ())
        super()._process_content_block(content_block, has_failed_evr=has_failed_evr or not looked, render_object=render_object)
        content_block.header_row = [*content_block.header_row, "Severity"]

    @classmethod
    def _get_content_block_fn(cls, *args: Any, **kwargs: Any) -> Callable[..., Any] | None:
        row_of = super()._get_content_block_fn(*args, **kwargs)
        return row_of and _with_severity(row_of)


def nothing_looked_at(result: Mapping[str, Any]) -> bool:
    """Say whether an expectation's result is about no value at all: GX calls it a success, as nothing was unexpected."""
    rows = result.get("element_count")
    return rows is not None and rows == result.get("missing_count") and result.get("observed_value") is None


def _with_severity(row_of: Callable[..., Any]) -> Callable[..., Any]:
    def row(*args: Any, result: Any = None, **kwargs: Any) -> Any:
        rows = row_of(*args, result=result, **kwargs)
        severity = str(getattr(result.expectation_config.severity, "value", "critical"))
        for cells in rows:
            if nothing_looked_at(result.result or {}):
                count = result.result["element_count"]
                cells[0] = _sign("fa-exclamation-triangle", "text-warning")
                cells[2] = f"{NOTHING}: {f'none of {count:,} rows has the values' if count else 'no rows'}"
            cells.append(_sentence("$severity", {"severity": severity}, {"severity": {"classes": ["badge", f"badge-{severity}"]}}))
        return rows

    return row


def _sign(*classes: str) -> RenderedStringTemplateContent:
    return _sentence("$icon", {"icon": ""}, {"icon": {"classes": ["fas", *classes], "tag": "i"}})


def _sentence(template: str, params: dict[str, str], styling: dict[str, Any]) -> RenderedStringTemplateContent:
    return RenderedStringTemplateContent(
        content_block_type="string_template", string_template={"template": template, "params": params, "styling": {"params": styling}}
    )
