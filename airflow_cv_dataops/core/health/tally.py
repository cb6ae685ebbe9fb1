"""How often each of many values occurs, with a bound on how many are named."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

MOST_NAMES = 10_000
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Tally:
    """:param counts: by value, those that occur most.
    :param others: how often values occur that are not named. :param other_names: how many such values there are.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    other_names: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values()) + self.others

    @property
    def distinct(self) -> int:
        return len(self.counts) + self.other_names

    def may_hold(self, name: str) -> bool:
        """Say whether the value occurs, or may be one of those that are not named."""
        return name in self.counts or self.other_names > 0

    @classmethod
    def of(cls, counted: Mapping[str, int], most: int = MOST_NAMES) -> Self:
        """Name the most frequent values. A long one is told by its beginning and a digest, so that it stays apart from others."""
        ranked = sorted(((in_short(name), count) for name, count in counted.items()), key=lambda pair: (-pair[1], pair[0]))
        rest = ranked[most:]
        return cls(dict(ranked[:most]), sum(count for _, count in rest), len(rest))

    def to_json(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "others": self.others, "other_names": self.other_names}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["counts"], value["others"], value["other_names"])


def count_values(column: Any, into: Counter[str]) -> None:
    """Add how often each text of an Arrow column occurs; nulls do not count."""
    import pyarrow.compute as pc

    for entry in pc.value_counts(column).to_pylist():  # one a distinct value
        if entry["values"] is not None:
            into[entry["values"]] += entry["counts"]


def in_short(name: str) -> str:
    """Return a name of at most 120 characters that stays apart from other names."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 18]}… {hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"
