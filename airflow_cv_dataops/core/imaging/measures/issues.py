"""The names of quality issues; without what measures them, so that a DAG's file may ask."""

from __future__ import annotations

QUALITY_ISSUES = (
    "dark",
    "light",
    "low_contrast",
    "blurry",
    "low_information",
    "odd_aspect_ratio",
    "grayscale",
    "extension_mismatch",
    "odd_size",
)
