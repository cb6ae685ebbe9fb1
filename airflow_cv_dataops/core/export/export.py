"""A release to files that train: look, decide, write what is not there yet, and the manifest last."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter
from airflow_cv_dataops.core.export.exporters import exporter_of
from airflow_cv_dataops.core.export.manifest import MANIFEST, PLAN, json_bytes, read_json
from airflow_cv_dataops.core.export.options import RELEASE_PLACEHOLDER as RELEASE_PLACEHOLDER
from airflow_cv_dataops.core.export.options import ExportOptions, check_target
from airflow_cv_dataops.core.export.outcome import Outcome, in_words
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.plan import begin, plan_of, was_begun
from airflow_cv_dataops.core.export.selection import IMAGE_COLUMNS, Selection
from airflow_cv_dataops.core.export.survey import Survey, sharded, survey_release
from airflow_cv_dataops.core.export.targets.opening import open_target
from airflow_cv_dataops.core.export.targets.target import Target
from airflow_cv_dataops.core.export.transform.label import LABEL_COLUMNS
from airflow_cv_dataops.core.export.unexpected import UnexpectedFiles
from airflow_cv_dataops.core.export.writing import ExportWriter
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.slices import SlicedRelease
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.image_files import ImageFiles
from airflow_cv_dataops.core.store.objects import Place, join_uri
from airflow_cv_dataops.core.store.temporary_file import TemporaryFolder
from airflow_cv_dataops.core.summary import StepResult
from airflow_cv_dataops.core.wording import printable, readable

log = logging.getLogger(__name__)

_OPTIONS = ExportOptions()


def export_release(
    dataset: Dataset,
    release: str | date | datetime = "production",
    target: str | PathLike[str] | Place | None = None,
    options: ExportOptions = _OPTIONS,
    *,
    target_options: Mapping[str, Any] | None = None,
    replace: bool = False,
    partition_key: str | None = None,
) -> StepResult:
    """Write a release as files that train, below a folder or prefix of their own.

    The same release with the same options gives the same bytes. A run that was killed is finished by the next, which writes what is missing
    alone; the manifest comes last, and :func:`~.manifest.check_export` looks whether all is there.

    :param release: its name, a stage, or a time at which ``production`` pointed to it, as ``Dataset.release`` takes them.
    :param target: URI or path; ``{release}`` in it is the release's name. Default: ``exports/<release>/<format>`` below the dataset's root.
    :param options: which images and labels, in which format; default: COCO, images copied.
    :param target_options: obstore's configuration of the target; default: the dataset's own.
    :param replace: whether another export may be removed from the target first, with everything else that is below it.
    :param partition_key: of the run, for the summary.
    :return: with a ``failure`` where more labels would be left out than ``max_left_out_ratio`` allows, or nothing would be exported; then
        nothing was written.
    :raises DatasetNotFoundError: there is no such release.
    :raises ConfigurationError: an option cannot be used, or the target holds something else.
    :raises StoreError: the release's tables do not hold what was released.
    :raises OSError: an image cannot be read, or has changed since it was ingested; or a file cannot be written. Run it again.
    """
    started = time.monotonic()
    kind = exporter_of(options)
    if target is not None:
        _filled(Place.of(target, {}), "v1")  # before the release is read
    found = read_release(dataset, release)
    store = open_target(_place(dataset, found, options, target, target_options))
    plan = plan_of(found, options, kind)
    log.info("Exporting %s of %s as %s to %s", found.name, dataset.name, options.format, readable(store.uri))
    was_begun(store, plan, replace=replace)  # before all that takes long
    with SlicedRelease(found, IMAGE_COLUMNS, LABEL_COLUMNS) as whole:
        survey = survey_release(whole, kind, options, f"{dataset.name} {found.name}")
        outcome = Outcome(found, options, store.uri, survey, partition_key)
        if outcome.failure is None:
            work = _Work(dataset, store, kind(survey.layout, Counter()), options, survey, whole, plan)
            try:
                _check_links(work)
                _write(work, outcome, is_begun=begin(store, plan, replace=replace))
            finally:
                store.close()
    _tell(survey, outcome, store.uri)
    return outcome.result(time.monotonic() - started)


def _tell(survey: Survey, outcome: Outcome, uri: str) -> None:
    """Say in the log what whoever trains should know."""
    if survey.absent_categories:
        log.warning("No label of the release has the categories %s", ", ".join(survey.absent_categories))
    if by_fault := survey.left_out_by_fault:
        log.warning("Labels that are left out: %s", in_words(by_fault))
    if incomplete := survey.tally["images_incomplete"]:
        log.warning("%d images are exported without some of their labels: what these show passes for background", incomplete)
    if outcome.failure is None:
        log.info(
            "Exported to %s: %s", uri, f"{outcome.files_written:,} files written" if outcome.files_written else "all was there already"
        )


@dataclass(frozen=True)
class _Work:
    """What is written, where."""

    dataset: Dataset
    target: Target
    exporter: Exporter
    options: ExportOptions
    survey: Survey
    whole: SlicedRelease
    plan: Mapping[str, Any]

    def pictures(self) -> Iterator[Picture]:
        selection = Selection(type(self.exporter), self.options, self.survey.names)
        for part in self.whole.slices():
            yield from selection.pictures(part)


def _check_links(work: _Work) -> None:
    """:raises ConfigurationError: links were asked for, and there can be none: said before anything is written."""
    if work.options.images == "link":
        first = next(work.pictures(), None)
        if first is not None and not first.is_rewritten:
            work.target.check_link(first.storage_uri)


def _write(work: _Work, outcome: Outcome, *, is_begun: bool) -> None:
    """Write all files, and the manifest after them."""
    expected = UnexpectedFiles()
    with TemporaryFolder() as folder:
        writer = ExportWriter(work.target, work.exporter, work.options, ImageFiles(work.dataset), Path(folder.path), is_begun=is_begun)
        try:
            with Progress("images", work.survey.images, log) as progress:
                for file in writer.write(sharded(work.pictures(), work.options.shard_images), progress):
                    expected.expect(file.path)
            foreign = expected.among(work.target.paths())
            if expected.missing:
                raise OSError(
                    f"{expected.missing:,} files of the export are gone from {readable(work.target.uri)} again: somebody has removed "
                    "them meanwhile. Run it again, with a folder of its own."
                )
            outcome.written(work.exporter.tally, writer.parts, writer.written, foreign)
            manifest = json_bytes({**work.plan, **outcome.for_manifest()})
            if read_json(work.target, PLAN) != work.plan:
                raise ConfigurationError(
                    f"Another export has begun at {readable(work.target.uri)} meanwhile: give each a folder of its own."
                )
            if work.target.size(MANIFEST) is None or work.target.read(MANIFEST) != manifest:
                work.target.put(MANIFEST, manifest)
        finally:
            writer.close()
    if foreign:
        log.warning(
            "%d files at %s are no part of the export, the first: %s", len(foreign), readable(work.target.uri), printable(foreign[0])
        )


def _place(
    dataset: Dataset,
    release: Release,
    options: ExportOptions,
    target: str | PathLike[str] | Place | None,
    target_options: Mapping[str, Any] | None,
) -> Place:
    """Return where the export goes. :raises ConfigurationError: there is no place for it."""
    own = dataset.config.object_options if target_options is None else target_options
    if target is None:
        return Place(default_target(dataset, release.name, options.format), own)
    given = Place.of(target, own)
    return Place(_filled(given, release.name), given.options)


def _filled(target: Place, release: str) -> str:
    uri = target.uri.replace(RELEASE_PLACEHOLDER, release)
    check_target(target.uri, uri)
    return uri


def default_target(dataset: Dataset, release: str, format: str) -> str:  # noqa: A002 (the word of the option)
    """Return where an export goes that was given no target. :raises ConfigurationError: the catalog names no warehouse with a URI."""
    return join_uri(dataset.root_uri, "exports", release, format)
