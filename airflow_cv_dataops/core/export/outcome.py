"""What came of an export: whether it may be written at all, its counts, its summary and its lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.export.manifest import MANIFEST, Part
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.survey import Survey
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.summary import StepResult, Summary

LINEAGE_INPUTS = ("releases", "release_items", "images", "annotations")
_GROUPS = ("images_left_out", "labels_left_out", "not_carried")


class Outcome:
    """What there is to say of one export. It failed before anything was written where :attr:`failure` is not ``None``."""

    def __init__(self, release: Release, options: ExportOptions, uri: str, survey: Survey, partition_key: str | None) -> None:
        self._release = release
        self._options = options
        self._uri = uri
        self._survey = survey
        self._partition_key = partition_key
        self._noticed: Mapping[str, int] = {}
        self._parts: Sequence[Part] = ()
        self._run: dict[str, int] = {"files_written": 0, "unexpected_files": 0}
        self._is_written = False
        self.failure = self._failure()

    def written(self, noticed: Mapping[str, int], parts: Sequence[Part], files_written: int, unexpected: Sequence[str]) -> None:
        """Take what was found out while files were written. :param noticed: what the exporter counted."""
        self._noticed, self._parts, self._is_written = noticed, parts, True
        self._run = {"files_written": files_written, "unexpected_files": len(unexpected)}

    def for_manifest(self) -> dict[str, Any]:
        """Return what the manifest says beside the plan: the same for equal exports."""
        parts = [{"path": part.path, "sha256": part.sha256, "files": part.files, "bytes": part.bytes} for part in self._parts]
        return {"counts": self._counts(), "categories": list(self._survey.layout.categories), "parts": parts}

    def result(self, seconds: float) -> StepResult:
        """Return summary and lineage."""
        counts = self._counts() | self._run
        release = self._release
        facts = {
            "release": release.name,
            "contentId": release.content_id,
            "format": self._options.format,
            "target": self._uri,
            "manifestUri": f"{self._uri}/{MANIFEST}" if self._is_written else None,
            "images": counts["images"],
            "labels": counts["labels"],
            "splits": counts["splits"],
            "leftOut": {"images": sum(counts["images_left_out"].values()), "labels": sum(counts["labels_left_out"].values())},
            "notCarried": counts["not_carried"],
        }
        summary = Summary(
            dataset=release.dataset.name,
            partition_key=self._partition_key,
            snapshot_id=release.snapshots.get("release_items"),
            counts=counts,
            metrics={"left_out_ratio": self._survey.left_out_ratio},
            duration_seconds=seconds,
            details={
                "release": release.name,
                "format": self._options.format,
                "export_uri": self._uri if self._is_written else None,
                "manifest_uri": facts["manifestUri"],
                "content_id": release.content_id,
                "categories": len(self._survey.layout.categories),
            },
        )
        inputs = tuple(
            release.dataset.table_use(table, snapshot_id=release.snapshots.get(table))
            for table in LINEAGE_INPUTS
            if table == "releases" or table in release.snapshots
        )
        output = DatasetUse(
            uri=self._uri, holds="export", storage_format=self._options.format, files=counts["files"], bytes=counts["bytes"]
        )
        parameters = {name: value for name, value in self._options.as_json().items() if value is not None}
        return StepResult(
            summary, StepLineage("export", inputs, (output,) if self._is_written else (), facts=facts, parameters=parameters), self.failure
        )

    def _counts(self) -> dict[str, Any]:
        tally = self._survey.tally
        counts: dict[str, Any] = {
            "images": self._survey.images,
            "labels": tally["labels_exported"],
            "splits": dict(self._survey.layout.splits),
            **{name: tally[name] for name in ("images_background", "images_unlabelled", "images_incomplete", "images_turned_upright")},
            **{name: tally[name] for name in ("images_not_upright", "images_resized", "labels_cut", "labels_of_other_label_sets")},
        }
        for group in _GROUPS:
            found = {name.partition(".")[2]: count for name, count in tally.items() if name.startswith(f"{group}.") and count}
            counts[group] = dict(sorted(found.items()))
        for name, count in sorted(self._noticed.items()):
            group, _, which = name.partition(".")
            if count:
                (counts[group] if which else counts)[which or group] = count
        return counts | {"files": sum(part.files for part in self._parts), "bytes": sum(part.bytes for part in self._parts)}

    def _failure(self) -> str | None:
        """Say why nothing is written, if so."""
        what = f"{self._release.name} as {self._options.format}"
        counts = self._counts()
        why = ", ".join(f"{count:,} {reason}" for reason, count in counts["labels_left_out"].items())
        if (ratio := self._survey.left_out_ratio) > self._options.max_left_out_ratio:
            return (
                f"Exporting {what} would leave out {ratio:.1%} of the labels, more than the {self._options.max_left_out_ratio:.1%} of "
                f"max_left_out_ratio ({why}). Nothing was written: mend the labels, or choose a format that has a place for them."
            )
        if self._options.categories and not counts["labels"] and (others := counts["labels_left_out"].get("other_category")):
            return (
                f"No label that could be exported of {what} is of categories={list(self._options.categories)}: {others:,} are of others. "
                "All images would pass for empty. Nothing was written: mind upper and lower case."
            )
        if not counts["images"]:
            left = ", ".join(f"{count:,} {reason}" for reason, count in counts["images_left_out"].items()) or "the release holds none"
            return f"There is no image to export of {what} (images: {left}{'; labels: ' + why if why else ''}). Nothing was written."
        return None
