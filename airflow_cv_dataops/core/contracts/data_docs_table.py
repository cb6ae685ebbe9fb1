"""GX's table of results, with two things that it leaves out: how severe a failure is, and that nothing was looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer

NOTHING = "nothing to check"


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
