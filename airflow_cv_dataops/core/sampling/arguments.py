"""What sampling may be asked for, beside strategy and budget; without what reads tables, so that a DAG's file may ask."""

from __future__ import annotations

import re
from typing import Any

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError

LABELLED_IN = ("partition", "dataset")
_LARGEST_SEED = 2**63 - 1
_SAMPLE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def check_labelled_in(labelled_in: Any) -> None:
    """:raises ConfigurationError: it is neither of the two."""
    check_choice("labelled_in", labelled_in, LABELLED_IN)


def check_seed(seed: Any) -> None:
    """:raises ConfigurationError: it cannot be kept as a number of 64 bits. :param seed: ``None``: one is derived."""
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED):
        raise ConfigurationError(f"seed={seed!r} cannot be used: expected a whole number from 0 to {_LARGEST_SEED}, or None.")


def check_sample_id(sample_id: Any) -> None:
    """:raises ConfigurationError: it cannot stand in a path."""
    if not isinstance(sample_id, str) or not _SAMPLE_ID.fullmatch(sample_id):
        raise ConfigurationError(f"sample_id={sample_id!r} cannot be used: expected letters, digits, _, - and ., first no - or .")
