"""Lineage: what was made of something that is no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.audit.inputs import METRIC, AuditInputVersion
from airflow_cv_dataops.core.health.look import Look, read_steps
from airflow_cv_dataops.core.health.verdict import Verdict
from airflow_cv_dataops.core.metrics import AUDIT, LABEL_IMPORT, PREDICTION_IMPORT, SAMPLING
from airflow_cv_dataops.core.store.partition_files import PartitionFile, partition_files, version_of

_HELD = ("images", "annotations")
_RELEASE_COLUMNS = ("sequence", "release", "stage", "snapshots", "partition_keys")


def judge_lineage(look: Look) -> Iterator[Verdict]:
    """Yield what in the partition is older than what it was made from."""
    audits = _audits(look)
    yield _unaudited(look, audits)
    yield _outdated_audit(look, audits)
    yield _older_than_images(look, "outdated_labels", LABEL_IMPORT, "labels")
    yield _older_than_images(look, "outdated_predictions", PREDICTION_IMPORT, "predictions")
    yield _outdated_sample(look)
    yield from _releases(look)


def _audits(look: Look) -> dict[str, list[AuditInputVersion]]:
    """Return by audit of the partition what it looked at; nothing where a former version did not record it."""
    return _audits_among(row for row in look.metrics if row["partition_key"] == look.key)


def _audits_at(look: Look, snapshot_id: str | None) -> dict[str, list[AuditInputVersion]]:
    """Return the same as of a snapshot of ``metrics``."""
    return {} if snapshot_id is None else _audits_among(read_steps(look.dataset, [look.key], snapshot_id))


def _audits_among(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[AuditInputVersion]]:
    audits: dict[str, list[AuditInputVersion]] = {}
    for row in rows:
        if row["step"].startswith(AUDIT):
            seen = audits.setdefault(row["step"].removeprefix(AUDIT), [])
            if row["metric"] == METRIC:
                seen.append(AuditInputVersion.of(row["dimensions"], row["input_version"]))
    return audits


def _unaudited(look: Look, audits: Mapping[str, Any]) -> Verdict:
    check = "unaudited"
    if audits:
        return look.holds(check, f"audited by {', '.join(sorted(audits))}")
    if not look.profile.annotations:
        return look.not_judged(check, "there is no label to audit")
    audited = sum(bool(look.steps_of(key, AUDIT)) for key in look.keys)
    if audited * 2 <= len(look.keys):
        return look.not_judged(check, f"no audit has looked at it; {audited} of {len(look.keys)} partitions before it were audited")
    return look.breach(
        check, f"no audit has looked at {look.profile.annotations:,} labels; those of {audited} partitions before it were audited"
    )


def _outdated_audit(look: Look, audits: Mapping[str, list[AuditInputVersion]]) -> Verdict:
    check, known = "outdated_audit", {name: seen for name, seen in audits.items() if seen}
    if not known:
        why = "its audits have not recorded what they looked at: a former version made them" if audits else "there is no audit"
        return look.not_judged(check, why)
    changed = {name: tables for name, seen in sorted(known.items()) if (tables := _changed(look, seen))}
    if changed:
        told = "; ".join(f"{name}: {', '.join(tables)} written again since" for name, tables in changed.items())
        return look.breach(check, f"audits of what is no more: {told}", value=float(len(changed)), expected="0")
    return look.holds(check, f"{', '.join(sorted(known))}: of what is there now", value=0.0)


def _changed(look: Look, seen: list[AuditInputVersion]) -> list[str]:
    files: dict[str, list[PartitionFile]] = {table: list(look.partitions.files_of(table, look.key)) for table in look.partitions.files}
    if any(one.table == "findings" for one in seen):
        snapshot = look.dataset.snapshot_id("findings")
        files["findings"] = partition_files(look.dataset, "findings", snapshot, look.key).get(look.key, [])
    return sorted(one.table for one in seen if not one.is_current(files.get(one.table, [])))


def _older_than_images(look: Look, check: str, prefix: str, what: str) -> Verdict:
    """Compare imports with when the newest image came: its ``ingested_at``, which a rerun that finds the same does not change."""
    imports, newest = look.steps_of(look.key, prefix), look.profile.newest_image
    if not imports or newest is None:
        return look.not_judged(check, f"no import of {what} has recorded when it ran" if newest else "there is no image")
    older = sorted(step.removeprefix(prefix) for step, at in imports.items() if at < newest)
    if older:
        message = f"{what} of {', '.join(older)} were imported before the newest images came, {newest:%Y-%m-%d %H:%M} UTC"
        return look.breach(check, message, value=float(len(older)), expected="0")
    return look.holds(check, f"{what} were imported after the newest image came", value=0.0)


def _outdated_sample(look: Look) -> Verdict:
    check = "outdated_sample"
    samples, predictions = look.steps_of(look.key, SAMPLING), look.steps_of(look.key, PREDICTION_IMPORT)
    if not samples or not predictions:
        return look.not_judged(check, "there is no sample" if not samples else "no import of predictions has recorded when it ran")
    newest = max(predictions.values())
    older = sorted(step.removeprefix(SAMPLING) for step, at in samples.items() if at < newest)
    if older:
        return look.breach(check, f"chosen before the newest predictions came: {', '.join(older)}", value=float(len(older)), expected="0")
    return look.holds(check, "samples are of the newest predictions", value=0.0)


def _releases(look: Look) -> Iterator[Verdict]:
    """Compare what the release at each stage holds of the partition with what is there, and with what audits had looked at by then."""
    rows = look.dataset.read("releases", columns=_RELEASE_COLUMNS).sort_by("sequence").to_pylist()
    for stage, row in sorted({row["stage"]: row for row in rows}.items()):
        dimensions = {"stage": stage, "release": row["release"]}
        held = _held(look, row)
        if isinstance(held, str):
            for check in ("outdated_release", "unaudited_release"):
                yield look.not_judged(check, held, dimensions=dimensions)
            continue
        name = f"{row['release']} ({stage})"
        changed = [table for table in _HELD if version_of(held[table]) != version_of(look.partitions.files_of(table, look.key))]
        if changed:
            yield look.breach("outdated_release", f"{name} holds other {' and '.join(changed)} than there are now", dimensions=dimensions)
        else:
            yield look.holds("outdated_release", f"{name} holds the partition as it is", dimensions=dimensions)
        yield _unaudited_release(look, name, held, _audits_at(look, json.loads(row["snapshots"]).get("metrics")), dimensions)


def _unaudited_release(
    look: Look,
    name: str,
    held: Mapping[str, list[PartitionFile]],
    audits: Mapping[str, list[AuditInputVersion]],
    dimensions: Mapping[str, str],
) -> Verdict:
    check = "unaudited_release"
    of_held = [
        audit for audit, seen in audits.items() if seen and all(one.is_current(held[one.table]) for one in seen if one.table in held)
    ]
    if of_held:
        return look.holds(check, f"{name} holds what {', '.join(sorted(of_held))} had looked at", dimensions=dimensions)
    if any(not seen for seen in audits.values()):
        return look.not_judged(check, "its audits have not recorded what they looked at", dimensions=dimensions)
    return look.breach(check, f"{name} holds the partition, and no audit had looked at it as it is held", dimensions=dimensions)


def _held(look: Look, row: Mapping[str, Any]) -> dict[str, list[PartitionFile]] | str:
    """Return the files of the partition by table that a release holds, or why they cannot be told."""
    narrowed = json.loads(row["partition_keys"]) if row["partition_keys"] else None
    snapshots = json.loads(row["snapshots"])
    if narrowed is not None and look.key not in narrowed:
        return f"{row['release']} does not hold the partition"
    held = {}
    for table in (*_HELD, "metrics"):
        found, snapshot_id = look.dataset.load_table(table), snapshots.get(table)
        if found is not None and snapshot_id is not None and found.snapshot_by_id(int(snapshot_id)) is None:
            return f"snapshot {snapshot_id} of {table}, which {row['release']} holds, is no longer there"
        if table in _HELD:
            held[table] = partition_files(look.dataset, table, snapshot_id, look.key).get(look.key, [])
    return held if held["images"] else f"{row['release']} does not hold the partition"
