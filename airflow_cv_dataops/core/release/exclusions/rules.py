"""Rules on findings by which a release leaves out images and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import SEVERITIES

WHAT = ("images", "labels")
_TEXT = re.compile(r"\s*(?P<what>\w+)\s*:\s*(?P<rest>\S.*?)\s*")
_WORD = re.compile(r"[A-Za-z0-9_*?.\[\]-]+")
_EXAMPLES = "expected e.g. 'labels: suspect_label', 'images: error' or 'labels: warning duplicate_*'"


@dataclass(frozen=True)
class Exclusion:
    """One rule: ``Exclusion("labels", check="suspect_label")``.

    :param what: ``labels``: the labels that a finding is about; ``images``: the images that a finding is about, or one of whose labels it
        is about, with all their labels.
    :param check: of the finding; a glob such as ``duplicate_*``; ``*``: any.
    :param severity: of the finding, ``error``, ``warning`` or ``info``; ``*``: any.
    :raises ConfigurationError: a rule that would leave out whatever there is a finding about, or that cannot be read.
    """

    what: str
    check: str = "*"
    severity: str = "*"

    def __post_init__(self) -> None:
        if self.what not in WHAT:
            raise ConfigurationError(f"Exclusion of {self.what!r}: {_EXAMPLES}.")
        if self.severity not in (*SEVERITIES, "*"):
            raise ConfigurationError(f"Exclusion {self}: severity {self.severity!r} is none of {', '.join(SEVERITIES)}.")
        if not isinstance(self.check, str) or not _WORD.fullmatch(self.check):
            raise ConfigurationError(f"Exclusion {self}: {self.check!r} is no check; {_EXAMPLES}.")
        if self.check == "*" and self.severity == "*":
            raise ConfigurationError(f"Exclusion {self} would leave out whatever there is a finding about: name a check or a severity.")

    def __str__(self) -> str:
        return f"{self.what}: {' '.join(word for word in (self.severity, self.check) if word != '*') or '*'}"

    def matches(self, check: str, severity: str) -> bool:
        """Whether a finding of this check and severity is one that it goes by."""
        return self.severity in ("*", severity) and fnmatchcase(check, self.check)


def parse_exclusions(rules: Sequence[Exclusion | str | Mapping[str, Any]]) -> tuple[Exclusion, ...]:
    """Return rules from values, texts or mappings with ``what``, ``check`` and ``severity``. :raises ConfigurationError: one is neither."""
    check_list("exclude", rules)
    parsed = tuple(map(_parsed, rules))
    if len(set(parsed)) < len(parsed):
        raise ConfigurationError("exclude names a rule twice.")
    return parsed


def _parsed(rule: Exclusion | str | Mapping[str, Any]) -> Exclusion:
    if isinstance(rule, Exclusion):
        return rule
    if isinstance(rule, Mapping):
        if unknown := sorted(set(map(str, rule)) - {"what", "check", "severity"}) or "what" not in rule:
            raise ConfigurationError(f"Exclusion {dict(rule)!r} cannot be read ({unknown}): expected the keys what, check and severity.")
        return Exclusion(**{str(name): value for name, value in rule.items() if value is not None})
    match = _TEXT.fullmatch(rule) if isinstance(rule, str) else None
    words = match["rest"].split() if match else []
    severities = [word for word in words if word in SEVERITIES]
    checks = [word for word in words if word not in SEVERITIES]
    if match is None or len(severities) > 1 or len(checks) > 1:
        raise ConfigurationError(f"Exclusion {rule!r} cannot be read: {_EXAMPLES}.")
    return Exclusion(match["what"], *(checks or ["*"]), *(severities or ["*"]))
