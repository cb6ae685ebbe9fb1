"""How a release's images are to be split."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_cv_dataops.core.arguments import check_flag, check_list, is_text
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.splits.given import check_table, is_table
from airflow_cv_dataops.core.release.splits.group_keys import parse_key

DEFAULT_SPLITS: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}

_LONGEST_NAME = 100
_NAME = re.compile(r"[^\0-\x1f\x7f]+")


@dataclass(frozen=True)
class SplitOptions:
    """How images are split. By default by a hash of the image's id; with any of ``group_by``, ``groups``, ``given`` or ``stratify`` so
    that these hold as well, and shares are met as closely as they allow.

    An image keeps the split that it got in any earlier release of the same salt, whatever is asked for later.

    :param shares: share of the images by split, positive, in sum 1.
    :param salt: another one draws all splits anew.
    :param group_by: what images of one group have in common, which is never in two splits: a column of ``images`` (``camera``,
        ``partition_key``), ``attributes.<name>`` of their labels, ``folder``, ``folder[0]`` (the first of the path, ``folder[-1]`` the
        last), ``file_name:<regular expression>`` (what its first group, or the whole of it, matches) or ``captured_within:10min``
        (images that were taken at most that long one after the other). Images that share any of them are one group.
    :param groups: a table with more of such groups, e.g. of near duplicates: columns ``image_id`` (or ``source_uri``, ``file_name``) and
        ``group`` (or ``cluster``). URI of a Parquet or CSV file, or an Arrow table.
    :param given: where an image's split is given: as in ``group_by``, e.g. ``attributes.split`` or ``folder[0]``, or a table as in
        ``groups`` with a column ``split``. Images without one are split by the shares.
    :param stratify: spread the images of each category over the splits by the shares, as far as groups allow.
    :param frozen: splits, such as ``test``, that lose no image that the stage's release has in them: they only grow.
    :param max_left_out_ratio: share of the images, 0 to 1, that may be left out because they would tie together what is in two splits.
    :param storage_options: obstore's, for the URIs of tables.
    :raises ConfigurationError: an argument cannot be used.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SPLITS))
    salt: str = ""
    group_by: Sequence[str] = ()
    groups: Any = None
    given: Any = None
    stratify: bool = False
    frozen: Sequence[str] = ()
    max_left_out_ratio: float = 0.01
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", dict(zip(*check_splits(self.shares), strict=True)))
        check_flag("stratify", self.stratify)
        check_list("group_by", self.group_by)
        check_list("frozen_splits", self.frozen)
        if not isinstance(self.salt, str) or not is_text(self.salt):
            raise ConfigurationError(f"split_salt={self.salt!r} is no text.")
        ratio = self.max_left_out_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
            raise ConfigurationError(f"max_left_out_ratio={ratio!r} is no share from 0 to 1.")
        for name in self.frozen:
            check_split_name(name)
        for entry in self.group_by:
            parse_key(entry)
        if self.groups is not None:
            check_table("groups", self.groups)
        if self.given is not None and not is_table(self.given):
            parse_key(self.given)

    @property
    def is_plain(self) -> bool:
        """Whether a split is a function of the image's id alone."""
        return not self.group_by and self.groups is None and self.given is None and not self.stratify

    @property
    def asks_rows(self) -> bool:
        """Whether it goes by what rows of ``images``, or tables and labels, say of images."""
        return bool(self.group_by) or self.groups is not None or self.given is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the ``releases`` table; of tables of groups and splits where they lie, not what they hold."""
        return {
            "shares": dict(self.shares),
            "salt": self.salt,
            "group_by": list(self.group_by),
            "groups": _named(self.groups),
            "given": _named(self.given),
            "stratify": self.stratify,
            "frozen": list(self.frozen),
            "is_plain": self.is_plain,
        }


def check_splits(splits: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """Return names and shares. :raises ConfigurationError: they are not positive shares that sum to 1."""
    if not splits:
        raise ConfigurationError("splits is empty: expected shares by name such as {'train': 0.8, 'val': 0.1, 'test': 0.1}.")
    try:
        names, shares = [str(name) for name in splits], [float(share) for share in splits.values()]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"splits {splits!r} cannot be used: expected numbers by name.") from error
    for name in names:
        check_split_name(name)
    if any(not math.isfinite(share) or share <= 0 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise ConfigurationError(
            f"splits {dict(splits)!r} cannot be used: shares must be positive and sum to 1 (they sum to {sum(shares):g})."
        )
    return names, shares


def check_split_name(name: str) -> str:
    """Return the name. :raises ConfigurationError: it is blank, too long, or has characters that cannot be printed."""
    if not isinstance(name, str) or name != name.strip() or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or not is_text(name):
        raise ConfigurationError(f"{str(name)[:_LONGEST_NAME]!r} cannot be the name of a split.")
    return name


def _named(table: Any) -> str | None:
    from airflow_cv_dataops.core.store.objects import without_credentials

    if table is None or isinstance(table, str):
        return None if table is None else without_credentials(table)
    return f"a table of {len(table):,} rows"
