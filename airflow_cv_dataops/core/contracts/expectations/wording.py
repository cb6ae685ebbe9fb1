"""What every expectation of ours has: its sentence in Data Docs, and a clear refusal of other engines than pandas."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any

from great_expectations.core import ExpectationValidationResult
from great_expectations.exceptions import InvalidExpectationConfigurationError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.render.renderer_configuration import RendererConfiguration, RendererValueType

Sentence = tuple[str, Mapping[str, Any]]


class InWords(BatchExpectation, ABC):
    """A batch expectation whose subclass gives a sentence with ``$names`` and what stands for them."""

    def sentence(self) -> Sentence:
        """Return what must hold, e.g. ``("A box must lie inside its image, give or take $tolerance px", {"tolerance": 1.0})``."""
        raise NotImplementedError

    @property
    def configuration(self) -> ExpectationConfiguration:
        """Return type and arguments; the column is named even where it is the default, so that Data Docs sorts by it."""
        found = super().configuration
        if hasattr(self, "column"):
            found.kwargs["column"] = self.column
        return found

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: dict | None = None) -> Any:
        """Return what GX must compute. :raises InvalidExpectationConfigurationError: the batch is no pandas DataFrame."""
        if execution_engine is not None and not isinstance(execution_engine, PandasExecutionEngine):
            raise InvalidExpectationConfigurationError(
                f"{type(self).__name__} reads pandas DataFrames only, not {type(execution_engine).__name__}: "
                "load the columns that it names into a DataFrame."
            )
        return super().get_validation_dependencies(execution_engine=execution_engine, runtime_configuration=runtime_configuration)

    def _with_share(self) -> Sentence:
        template, values = self.sentence()
        mostly = getattr(self, "mostly", 1)
        if isinstance(mostly, float | int) and mostly < 1:
            template, values = f"{template}, at least $mostly_percent % of the time", {**values, "mostly_percent": f"{100 * mostly:g}"}
        return f"{template}.", values

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: RendererConfiguration) -> RendererConfiguration:
        template, values = _of(renderer_configuration.configuration, renderer_configuration.result)._with_share()
        for name, value in values.items():
            renderer_configuration.add_param(name=name, param_type=RendererValueType.STRING, value=_said(value))
        renderer_configuration.template_str = template
        return renderer_configuration

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: dict | None = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        expectation = _of(configuration, result)
        template, values = expectation._with_share()
        condition = getattr(expectation, "row_condition", None)
        if condition:
            template = f"if $row_condition, then {template}"
            values = {**values, "row_condition": getattr(condition, "pass_through_filter", None) or repr(condition)}
        return [
            escaped_text(template, {name: _said(value) for name, value in values.items()}, (runtime_configuration or {}).get("styling"))
        ]


def escaped_text(template: str, values: Mapping[str, str], styling: Any = None) -> RenderedStringTemplateContent:
    """Return a text of Data Docs, in which GX escapes the values of ``$names``: the one kind in which it does."""
    content = {"template": template, "params": dict(values), "styling": styling or {}}
    return RenderedStringTemplateContent(content_block_type="string_template", string_template=content)


def _of(configuration: ExpectationConfiguration | None, result: ExpectationValidationResult | None) -> Any:
    found = configuration or (result.expectation_config if result else None)
    if found is None:
        raise ValueError("There is no expectation to describe.")
    return found.to_domain_obj()


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(_said, value)) if isinstance(value, list | tuple) else str(value)
