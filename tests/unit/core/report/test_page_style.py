"""Text of the page can be read: WCAG 2.2 asks for a contrast of 4.5 (success criterion 1.4.3)."""

from __future__ import annotations

import re

import pytest

from airflow_cv_dataops.core.report.document import resource

_COLOUR = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6});")
PAIRS = [
    *((text, ground) for text in ("ink", "soft") for ground in ("ground", "card", "stage")),
    *((name, f"{name}-ground") for name in ("error", "warning", "info")),
    *((text, "ground") for text in ("focus", "warning")),
    *((text, "card") for text in ("given", "suggested", "focus", "error", "warning", "info")),
]


def palettes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", resource("airflow_cv_dataops.core.report", "page.css"), re.DOTALL)[:2]
    colours = dict(_COLOUR.findall(light))
    return {"light": colours, "dark": {**colours, **dict(_COLOUR.findall(dark))}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(scheme, text, ground):
    colours = palettes()[scheme]
    lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
