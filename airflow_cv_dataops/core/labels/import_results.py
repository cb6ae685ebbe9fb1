"""What an import of labels or predictions leaves beside its rows: findings, a line in the log, and whether it failed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.findings import Findings, failure_by_policy, findings_table
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, SEVERITY_OF_PROBLEM, Problem
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import normalize_uri, without_credentials
from airflow_cv_dataops.core.store.partition_rows import check_may_empty
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    import pyarrow as pa

# Label files of a whole dataset name many images of other partitions; where most names fit nothing, it is the wrong file or layout.
MIN_MATCH_RATIO = 0.5


@dataclass(frozen=True)
class Import:
    """What was imported, and what was wrong with it.

    :param what: ``annotations``, ``backgrounds`` or ``predictions``, for messages. :param step: the owner of its findings and metrics.
    :param images: how many images the partition has.
    :param problems: of the files themselves.
    :param unmatched: names that joined no image, see :func:`~airflow_cv_dataops.core.labels.join.unmatched_names`.
    :param rows: how many rows were made. :param matched: how many of them joined an image.
    :param keep_unmatched: whether the others are kept. Else they are of other partitions: counted, and only those are findings that may
        mean an image of this one.
    """

    what: str
    step: str
    images: int
    problems: Sequence[Problem]
    unmatched: pa.Table
    rows: int
    matched: int
    keep_unmatched: bool

    @property
    def match_ratio(self) -> float:
        """Share of the rows that joined an image, 0 to 1; NaN (left out everywhere) where there are none."""
        return self.matched / self.rows if self.rows else float("nan")

    def refuse_to_lose(self, dataset: Dataset, partition_key: str, table: str, owner: str, source: str) -> None:
        """Refuse to put rows of which none joined an image in the place of rows that did: the source is of another day, split or name.

        :param owner: the label set or model.
        :raises EmptySourceError: the partition holds rows of this owner that joined (any rows, where those that join none are left out).
        """
        why = f"None of the {self.rows:,} {self.what} at {told_uri(normalize_uri(source))} joined an image"
        if self.rows:
            why = f"{why}: {self._without_image()}. {self._first_unmatched()}"
        advice = f"{self._question()} Where it is to have none of these {self.what} any more, set allow_empty=True and min_match_ratio=0."
        check_may_empty(dataset, partition_key, (table,), why, owner=owner, advice=advice, joined=self.keep_unmatched)

    def counts(self) -> dict[str, Any]:
        """Return the part of a summary's counts that both imports have."""
        return {
            "matched": self.matched,
            "unmatched": self.rows - self.matched,
            "unmatched_by": self._unmatched_by(),
            "problems": self._found(),
        }

    def metrics(self, counts: Mapping[str, Any]) -> list[Metric]:
        """Return counts as metrics, with the check as dimension where they are by check."""
        whole = [Metric(name, value) for name, value in counts.items() if not isinstance(value, Mapping)]
        by_check = [("problems", counts["problems"]), ("unmatched_by", counts["unmatched_by"])]
        parts = [Metric(name, number, {"check": check}) for name, numbers in by_check for check, number in numbers.items()]
        return [*whole, *parts, Metric("match_ratio", self.match_ratio)]

    def write_findings(self, dataset: Dataset, partition_key: str) -> DatasetUse:
        """Replace the step's findings of the partition, and return what was written, for lineage."""
        rows = findings_table(self.step, list(self._findings()))
        snapshot_id = dataset.replace_partition("findings", partition_key, rows, owner=self.step)
        return dataset.table_use("findings", partition_key=partition_key, owner=self.step, snapshot_id=snapshot_id, rows=rows.num_rows)

    def log(self, log: logging.Logger) -> None:
        """Say what was imported, and what joined no image and why."""
        problems = ", ".join(f"{number:,} {check}" for check, number in self._found().items()) or "none"
        kept = self.rows if self.keep_unmatched else self.matched
        lost = self._without_image() + ("" if self.images or not self.rows else ", as the partition has no image")
        words = (self.step, f"{self.rows:,}", self.what, f"{kept:,}", lost, problems)
        is_lost = self.rows > self.matched and (self.keep_unmatched or not self.matched)
        log.log(logging.WARNING if is_lost else logging.INFO, "%s: %s %s read, %s kept, %s; problems: %s", *words)

    def outcome(
        self, dataset: Dataset, partition_key: str, *, min_match_ratio: float, on_findings: str, fail_on: Sequence[str]
    ) -> tuple[str | None, bool]:
        """Return why the import failed, ``None`` where it did not, and whether it is to be skipped instead."""
        where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {self.step}"
        if not self.keep_unmatched:
            min_match_ratio = min(min_match_ratio, 1 / self.rows) if self.rows else 0.0  # one row shows that the names are of this kind
        if self.rows and self.match_ratio < min_match_ratio:
            share = f"{self.matched:,} of {self.rows:,} {self.what} joined an image of partition {partition_key} ({self.match_ratio:.1%})"
            lost = f"{self._without_image()}. {self._first_unmatched()}"
            question = self._question()
            if not self.keep_unmatched:
                return f"{share}: {lost}. {question} Where it may have none of them, set min_match_ratio=0.", False
            others = f" Of a file that holds {self.what} of other partitions, too, take this partition's alone: keep_unmatched=False."
            asked = f"{share}, fewer than min_match_ratio={min_match_ratio} asks for"
            return f"{asked}: {lost}. All are in {where}. {question}{others if self.matched else ''}", False
        first = f"; the first: {self.problems[0].told}" if self.problems else ""
        severities: Counter[str] = Counter()
        for check, number in self._found().items():
            severities[SEVERITY_OF_PROBLEM[check]] += number
        return failure_by_policy(severities, on_findings=on_findings, fail_on=fail_on, where=where + first)

    def _found(self) -> dict[str, int]:
        """Return the number of findings by check."""
        return dict(Counter(problem.check for problem in self.problems) + Counter(self._told["check"].to_pylist()))

    @property
    def _told(self) -> pa.Table:
        """Return those names that joined no image which are findings."""
        import pyarrow.compute as pc

        return self.unmatched if self.keep_unmatched else self.unmatched.filter(pc.equal(self.unmatched["check"], AMBIGUOUS_FILE_NAME))

    def _unmatched_by(self) -> dict[str, int]:
        """Return the number of rows that joined no image, by reason."""
        counted = self.unmatched.group_by("check").aggregate([("records", "sum")]).sort_by("check")
        return {row["check"]: row["records_sum"] for row in counted.to_pylist()}

    def _without_image(self) -> str:
        reasons = ", ".join(f"{number:,} {check}" for check, number in self._unmatched_by().items())
        return f"{self.rows - self.matched:,} without image" + (f" ({reasons})" if reasons else "")

    def _first_unmatched(self) -> str:
        return f"The first: {self.unmatched['message'][0].as_py()}" if self.images else "The partition has no image"

    def _question(self) -> str:
        if not self.images:
            return "Ingest its images before this import, or look whether partition_key is the one that they were ingested under."
        return "Is it the right source, split and day, and has the partition its images?"

    def _findings(self) -> Iterator[Findings]:
        import pyarrow as pa
        import pyarrow.compute as pc

        for check in sorted({problem.check for problem in self.problems}):
            own = [problem for problem in self.problems if problem.check == check]
            rows = pa.table(
                {
                    "message": pa.array([problem.message for problem in own], pa.string()),
                    "source_uri": pa.array([problem.source for problem in own], pa.string()),
                    "annotation_id": pa.array([problem.annotation_id for problem in own], pa.string()),
                }
            )
            yield Findings(check, SEVERITY_OF_PROBLEM[check], rows)
        told = self._told
        for check in sorted(told["check"].unique().to_pylist()):
            rows = told.filter(pc.equal(told["check"], check)).select(["message", "source_uri"])
            yield Findings(check, SEVERITY_OF_PROBLEM[check], rows)


def source_use(source: str, holds: str, format: str, *, files: int, size: int) -> DatasetUse:  # noqa: A002 (the word of the data model)
    """Describe the files of a source for lineage: one dataset, however many files. :param holds: ``labels`` or ``predictions``."""
    uri = without_credentials(normalize_uri(source))
    return DatasetUse(uri=uri, holds=holds, rows=files, files=files, bytes=size, storage_format=format)


def image_uses(dataset: Dataset, partition_key: str, snapshot_id: str | None, rows: int) -> tuple[DatasetUse, ...]:
    """Describe the images that names were joined with, for lineage; nothing where the dataset has none yet."""
    if snapshot_id is None:
        return ()
    return (dataset.table_use("images", partition_key=partition_key, snapshot_id=snapshot_id, rows=rows),)
