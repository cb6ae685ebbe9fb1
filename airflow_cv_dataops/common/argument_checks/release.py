"""Checks of the arguments of promotion, rollback and description."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import (
    as_entries,
    as_flag,
    as_list,
    as_list_or_absent,
    as_mapping,
    as_number,
    given_text,
    required_number,
)
from airflow_cv_dataops.common.checking import of_the_whole
from airflow_cv_dataops.common.places import check_filled_in


def release_to_move(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import check_named

    if value is not None:
        check_named(value)


def on_backwards(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import check_on_backwards

    check_on_backwards(value)


def gates(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.gates.gates import parse_gates

    parse_gates(as_entries(name, value))


def exclusions(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.exclusions.rules import parse_exclusions

    parse_exclusions(as_entries(name, given_text(name, value, "leave nothing out")))


def split_names(name: str, value: Any) -> None:
    """Names and numbers, of those splits that are known."""
    from airflow_cv_dataops.core.release.splits.options import check_split_name

    for split, share in as_mapping(name, value).items():
        check_split_name(split)
        required_number(f"{name}[{split!r}]", share)


@of_the_whole
def splits(value: Any) -> None:
    from airflow_cv_dataops.core.release.splits.options import check_splits

    check_splits(split_shares(value))


def split_shares(given: Any) -> dict[str, float]:
    """Return shares by split, as they are given or by default."""
    from airflow_cv_dataops.core.release.splits.options import DEFAULT_SPLITS

    shares = {name: required_number(f"splits[{name!r}]", share) for name, share in as_mapping("splits", given).items()}
    return shares or dict(DEFAULT_SPLITS)


def split_salt(name: str, value: Any) -> None:
    _split_options(salt=value)


def group_by(name: str, value: Any) -> None:
    _split_options(group_by=as_list_or_absent(name, value, "splits by image") or ())


def groups(name: str, value: Any) -> None:
    _split_options(groups=table_place(name, value))


def table_place(name: str, value: Any) -> Any:
    """Return where a table lies, in which nothing is left to be filled in; what is no such place as it is.

    A regular expression may have a word in braces.
    """
    from airflow_cv_dataops.core.release.splits.given import is_table

    given = given_text(name, value, "do without")
    return check_filled_in(name, given) if isinstance(given, str) and is_table(given) else given


def given_splits(name: str, value: Any) -> None:
    _split_options(given=table_place(name, value))


def frozen_splits(name: str, value: Any) -> None:
    _split_options(frozen=as_list_or_absent(name, value, "none") or ())


def max_left_out_ratio(name: str, value: Any) -> None:
    _split_options(max_left_out_ratio=required_number(name, value))


def _split_options(**options: Any) -> None:
    from airflow_cv_dataops.core.release.splits.options import SplitOptions

    SplitOptions(**options)


def partition_keys(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import check_partition_keys

    check_partition_keys(as_list_or_absent(name, value, "the whole dataset"))


def handed_in(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import handed_in_number

    for metric, found in as_mapping(name, value).items():
        if (read := as_number(f"{name}[{metric!r}]", found)) is not None:
            handed_in_number(metric, read)


def release_notes(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import check_notes

    check_notes(value)


@of_the_whole
def moved_as_it_is(*given: Any) -> None:
    """A release that there is, beside what only new ones can have."""
    release, shares, salt, group_by, groups, given_splits, stratify, frozen, keys, leave_out, exclude = given
    if release is None:
        return
    from airflow_cv_dataops.core.release.arguments import check_moved_as_it_is
    from airflow_cv_dataops.core.release.exclusions.rules import parse_exclusions
    from airflow_cv_dataops.core.release.splits.options import SplitOptions

    options = SplitOptions(
        split_shares(shares),
        salt,
        tuple(as_list("group_by", group_by) or ()),
        groups,
        given_splits,
        as_flag("stratify", stratify),
        tuple(as_list("frozen_splits", frozen) or ()),
    )
    rules = parse_exclusions(as_entries("exclude", exclude))
    check_moved_as_it_is(release, options, as_list("partition_keys", keys), as_flag("leave_out_unaudited", leave_out), rules)


def rolled_back_to(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import check_rolled_back_to

    check_rolled_back_to((value or "").strip() or None)


def reason(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.arguments import checked_reason

    checked_reason(value)


def newer_than(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.stage_names import release_number

    release_number(value)


def said(name: str, value: Any) -> None:
    """A field of what people say of a dataset."""
    from airflow_cv_dataops.core.release.descriptions import stated_fields

    stated_fields(**{"owner" if name == "dataset_owner" else name: value})


def stages(name: str, value: Any) -> None:
    said(name, as_list(name, value))


def other_fields(name: str, value: Any) -> None:
    said(name, as_mapping(name, value) or None)


def take_back(name: str, value: Any) -> None:
    said(name, tuple(as_list(name, value) or ()))
