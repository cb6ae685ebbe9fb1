"""Names of a release's metrics: of the whole (``annotations``), and of a slice of it (``annotations[category=stop]``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# By metric, what it is measured by. `source` is the prefix that images were ingested from, without the partition.
SLICES: Mapping[str, tuple[str, ...]] = {
    "images": ("split", "category", "source"),
    "annotations": ("split", "category", "source"),
    "labelled_ratio": ("split", "source"),
    "label_error_rate": ("split", "category", "source"),
    "categories": ("split", "source"),
}
# Of these a slice that is not there counts 0; of a ratio it has no value.
COUNTS = frozenset(("images", "annotations", "categories"))

PLAIN = r"[^<>=!\s](?:[^<>=!]*[^<>=!\s])?"
QUOTED = r'"(?:[^"\\]|\\.)*"'
SLICED = rf"(?:{QUOTED}|{PLAIN})\s*\[\s*[^\W\d]\w*\s*=\s*(?:{QUOTED}|[^\"\[\]]+)\s*\]"

_SLICED = re.compile(
    rf"(?P<metric>{QUOTED}|{PLAIN})\s*\[\s*(?P<dimension>[^\W\d]\w*)\s*=\s*(?:(?P<quoted>{QUOTED})|(?P<bare>[^\"\[\]]+))\s*\]", re.DOTALL
)
_WORD = re.compile(r"\w[\w.+/:-]*")
WARN = r"warn(?:ing)?\s*:"


@dataclass(frozen=True)
class SlicedMetric:
    """A metric of a slice. :param value: of the dimension; ``None``: of every value that there is, written ``*``."""

    metric: str
    dimension: str
    value: str | None

    def __str__(self) -> str:
        value = "*" if self.value is None else self.value if _WORD.fullmatch(self.value) else quoted(self.value)
        return f"{_base(self.metric)}[{self.dimension}={value}]"


def sliced(metric: str, dimension: str, value: str | None) -> str:
    """Return the one name of a metric's slice: ``annotations[category=stop]``, ``images[category="traffic light"]``.

    What is not a plain word (letters, digits, ``_.+/:-``) is quoted as in JSON, so that any category has a name of its own.

    :param value: ``None``: of every value, ``annotations[category=*]``; the value ``*`` itself is quoted.
    """
    return str(SlicedMetric(metric, dimension, value))


def unsliced(name: str) -> SlicedMetric | None:
    """Return what the name of a slice says, also where it is written otherwise than :func:`sliced` does; ``None``: it is of no slice."""
    match = _SLICED.fullmatch(name.strip())
    if match is None:
        return None
    if match["quoted"] is not None:
        value = unquoted(match["quoted"])
        if value is None:
            return None
    else:
        value = match["bare"].strip()
    if not value and match["quoted"] is None:
        return None
    return SlicedMetric(name_of(match["metric"]), match["dimension"], None if match["bare"] and value == "*" else value)


def slices_in(metrics: Mapping[str, Any], metric: str, dimension: str) -> Iterator[tuple[str, Any]]:
    """Yield value of the dimension and number of each slice of a metric that is among these."""
    begins = _base(metric)
    for name, number in metrics.items():
        found = unsliced(name) if name.startswith(begins) and name != metric else None
        if found is not None and (found.metric, found.dimension) == (metric, dimension) and found.value is not None:
            yield found.value, number


def name_text(name: str) -> str:
    """Return a metric's name as it is written in a gate: quoted, where it would else be read as something else."""
    found = unsliced(name)
    return name if found is not None and str(found) == name else _base(name)


def name_of(text: str) -> str:
    """Return the metric that a text names: the inverse of :func:`name_text`."""
    found = unsliced(text)
    if found is not None:
        return str(found)
    whole = unquoted(text)
    return text if whole is None else whole


def quoted(text: str) -> str:
    """Return a text as a JSON string, readable as far as it can be shown."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def unquoted(text: str) -> str | None:
    """Return the text that a JSON string writes; ``None``: it is none."""
    if not re.fullmatch(QUOTED, text, re.DOTALL):
        return None
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return None


def _base(metric: str) -> str:
    is_plain = re.fullmatch(PLAIN, metric) and not metric.startswith('"') and not re.match(WARN, metric)
    return metric if is_plain else quoted(metric)
