"""What people say of a dataset: the fields of its card, and the order of its stages.

Each field is a partition of its own of ``descriptions``, replaced in one commit: whoever writes another field at the same time disturbs
nothing, and of two who write the same one the last stays.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.arguments import check_list, expected
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.stage_names import check_stage
from airflow_cv_dataops.core.store.dataset import Dataset

log = logging.getLogger(__name__)

FIELDS = ("description", "owner", "license", "notes")
STAGES = "stages"

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST = {"description": 20_000, "notes": 20_000, "owner": 500, "license": 500}
_LONGEST_OTHER = 20_000
_MOST_OTHERS = 50
_MOST_STAGES = 20


@dataclass(frozen=True)
class Description:
    """What people say of a dataset; ``None`` where nobody has said anything.

    :param license: an SPDX id such as ``CC-BY-4.0``, or words.
    :param stages: the stages in which a release goes up, first to last; empty where the dataset knows no order.
    :param others: further fields, by name.
    """

    description: str | None = None
    owner: str | None = None
    license: str | None = None
    notes: str | None = None
    stages: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


def read_description(dataset: Dataset) -> Description:
    """Return what is said of a dataset now. :raises DatasetNotFoundError: there is no such dataset."""
    said = _said(dataset)
    others = {name: text for name, text in sorted(said.items()) if name not in FIELDS and name != STAGES}
    return Description(**{name: said.get(name) for name in FIELDS}, stages=tuple(json.loads(said.get(STAGES, "[]"))), others=others)


def stated_fields(
    *,
    description: str | None = None,
    owner: str | None = None,
    license: str | None = None,  # noqa: A002 (what the field is called)
    notes: str | None = None,
    stages: Sequence[str] | None = None,
    others: Mapping[str, str] | None = None,
    take_back: Sequence[str] = (),
) -> dict[str, str | None]:
    """Return the fields that are to change, with their values as they are stored; ``None`` takes one back.

    :raises ConfigurationError: a value or a name cannot be used.
    """
    given: dict[str, Any] = {"description": description, "owner": owner, "license": license, "notes": notes}
    told: dict[str, str | None] = {name: _text(name, value, _LONGEST[name]) for name, value in given.items() if value is not None}
    told |= _others(others or {})
    if stages is not None:
        told[STAGES] = _stages(stages)
    check_list("take_back", take_back)
    for name in take_back:
        if name in told:
            raise ConfigurationError(f"{name} is given and in take_back: it can be one of the two.")
        told[_field_name("take_back", name)] = None
    return told


def write_fields(dataset: Dataset, fields: Mapping[str, str | None], said_by: str | None, said_at: datetime | None) -> tuple[str, ...]:
    """Write the fields that differ from what is said now, each in one commit, and return their names."""
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    dataset.check_there()
    said, schema = _said(dataset), arrow_schema("descriptions")
    _warn_of_unsaid([name for name, value in fields.items() if value is None and name not in said], dataset)
    changed = tuple(name for name, value in fields.items() if said.get(name) != value)
    for name in changed:
        # What was taken back keeps its row: who did, and when.
        row = {"field": name, "value": fields[name], "said_by": said_by, "said_at": said_at or datetime.now(UTC)}
        dataset.replace_rows("descriptions", {"field": name}, pa.Table.from_pylist([row], schema=schema).drop_columns(["field"]))
    return changed


def _warn_of_unsaid(names: Sequence[str], dataset: Dataset) -> None:
    """Warn of what is taken back and was never said, which may be a slip of the pen; of a field that every dataset has, it is none."""
    if unknown := [name for name in names if name not in (*FIELDS, STAGES)]:
        ever = set(dataset.read("descriptions", columns=["field"])["field"].to_pylist())  # what was taken back before has a row, too
        for name in sorted(set(unknown) - ever):
            log.warning(
                "take_back names %r, which nobody has said of %s: %s.", name, dataset.name, expected(name, (*FIELDS, STAGES, *ever))
            )


def _said(dataset: Dataset) -> dict[str, str]:
    rows = dataset.read("descriptions", columns=["field", "value"])
    said = zip(rows["field"].to_pylist(), rows["value"].to_pylist(), strict=True)
    return {name: value for name, value in said if value is not None}


def _others(given: Mapping[str, str]) -> dict[str, str | None]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"others={given!r} cannot be used: expected texts by name, e.g. {{'contact': 'labels@example.com'}}.")
    if len(given) > _MOST_OTHERS:
        raise ConfigurationError(f"others has {len(given)} fields: at most {_MOST_OTHERS} fit on a card.")
    for name in given:
        if _field_name("others", name) in (*FIELDS, STAGES):
            raise ConfigurationError(f"others names {name!r}, which is an argument of its own.")
    return {name: _text(name, value, _LONGEST_OTHER) for name, value in given.items()}


def _field_name(argument: str, name: Any) -> str:
    if not isinstance(name, str) or not _FIELD.fullmatch(name):
        raise ConfigurationError(
            f"{argument} names {name!r}: expected the name of a field, lower-case letters, digits and _, first a letter, at most 64."
        )
    return name


def _text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a text; take_back=[{name!r}] takes back what was said.")
    if len(value) > longest:
        raise ConfigurationError(f"{name} has {len(value):,} characters: at most {longest:,} fit.")
    # What no table can hold.
    return value.strip().replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _stages(stages: Sequence[str]) -> str:
    check_list(STAGES, stages)
    if not stages:
        raise ConfigurationError(f"stages is empty: name at least one; take_back=[{STAGES!r}] takes back the order.")
    if len(stages) > _MOST_STAGES:
        raise ConfigurationError(f"stages names {len(stages)} stages: at most {_MOST_STAGES}.")
    for stage in stages:
        if not isinstance(stage, str):
            raise ConfigurationError(f"stages holds {stage!r}: expected names such as 'staging'.")
        check_stage(stage)
    if twice := sorted({stage for stage in stages if list(stages).count(stage) > 1}):
        raise ConfigurationError(f"stages names {', '.join(twice)} more than once: each stage has one place.")
    return json.dumps(list(stages))
