"""What a promotion or a rollback may be asked for; without releases, so that a DAG's file may ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_choice, check_list, is_text
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.partition_keys import check_partition_key

if TYPE_CHECKING:
    from airflow_cv_dataops.core.release.exclusions.rules import Exclusion
    from airflow_cv_dataops.core.release.splits.options import SplitOptions

_RELEASE = re.compile(r"v\d+")


def check_notes(notes: Any) -> None:
    """:raises ConfigurationError: they are no text, and not ``None``."""
    if notes is not None and not (isinstance(notes, str) and is_text(notes)):
        raise ConfigurationError(f"notes={notes!r} is no text.")


def check_partition_keys(partition_keys: Sequence[str] | None) -> Sequence[str] | None:
    """Return the keys. :raises ConfigurationError: there is none in the list, or one cannot be a key."""
    check_list("partition_keys", partition_keys)
    if partition_keys is not None and not partition_keys:
        raise ConfigurationError("partition_keys is empty: name at least one, or leave it out for the whole dataset.")
    for key in partition_keys or ():
        check_partition_key(key)
    return partition_keys


def check_on_backwards(on_backwards: Any) -> None:
    """:raises ConfigurationError: the policy is unknown."""
    check_choice("on_backwards", on_backwards, ("fail", "skip"))


def check_named(release: Any) -> None:
    """:raises ConfigurationError: it is the name of no release, and of no stage."""
    if not isinstance(release, str) or not release.strip() or release == "None":
        raise ConfigurationError(f"release={release!r} names none: expected e.g. 'staging' or 'v3'; leave it out for a new release.")


def check_moved_as_it_is(
    release: str,
    splits: SplitOptions,
    partition_keys: Sequence[str] | None,
    leave_out_unaudited: bool,
    exclusions: Sequence[Exclusion],
) -> None:
    """:raises ConfigurationError: beside a release that there is, something is asked for that only a new one can have."""
    from airflow_cv_dataops.core.release.splits.options import DEFAULT_SPLITS

    is_plain = splits.is_plain and not splits.frozen and (splits.shares, splits.salt) == (DEFAULT_SPLITS, "")
    if not is_plain or partition_keys is not None or leave_out_unaudited or exclusions:
        raise ConfigurationError(
            f"release={release!r} is moved to as it is: splits, partition_keys, leave_out_unaudited and exclude are for new releases."
        )


def handed_in_number(name: str, value: Any) -> float:
    """Return a number that was handed in for the gates; one that is not finite fails its gate."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigurationError(f"metrics[{name!r}]={value!r} is not a number.")
    try:
        number = float(value)
    except OverflowError as error:
        raise ConfigurationError(f"metrics[{name!r}] is a number of more digits than can be compared.") from error
    return value if isinstance(value, int) else number


def check_rolled_back_to(to: Any) -> None:
    """:raises ConfigurationError: it is not the name of a release, and not ``None``."""
    if to is not None and (not isinstance(to, str) or not _RELEASE.fullmatch(to)):
        raise ConfigurationError(
            f"to={to!r} is not the name of a release: expected e.g. 'v3'; leave it out for the one before the present."
        )


def checked_reason(reason: Any) -> str:
    """Return the reason. :raises ConfigurationError: it says nothing, or cannot be kept."""
    if not isinstance(reason, str) or not reason.strip() or reason.strip() == "None":
        raise ConfigurationError(
            f"reason={reason!r} says nothing: say why the release is taken back, e.g. 'labels of camera 3 are shifted'."
        )
    if not is_text(reason):
        raise ConfigurationError(f"reason={reason!r} cannot be kept: it holds half a character.")
    return reason.strip()
