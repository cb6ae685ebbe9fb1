"""The suite with which each table is validated where no other is given: what holds of any healthy dataset, whatever it shows.

``critical`` is what breaks a training or makes rows lie; ``warning`` is what somebody should look at. Rules of a task or a column that a
dataset does not have find nothing to check there, which is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import REJECT_REASONS, SEVERITIES, model_of

if TYPE_CHECKING:
    import great_expectations as gx
    from great_expectations.expectations.expectation import Expectation

_TASKS = {
    "annotations": ("classification", "detection", "segmentation", "keypoints", "background"),
    "predictions": ("classification", "detection", "segmentation"),
}
_WARNING: Any = "warning"
_SHA256 = r"^[0-9a-f]{64}$"
_HEX_32 = r"^[0-9a-f]{32}$"
_HEX_16 = r"^[0-9a-f]{16}$"
_MOST_JOINED = 0.5  # where fewer do, the labels are of other images, or the names are spelled otherwise
_MOST_INSIDE = 0.9  # where fewer do, they were drawn on images of another size or orientation
_MODEL_BOXES = 0.95  # models draw some boxes over the border
_FINITE = 1e308


def default_suite(table: str, *, categories: Sequence[str] | None = None) -> gx.ExpectationSuite:
    """Return the default suite of a table, named after it.

    :param categories: the names that the labels of ``annotations`` and ``predictions`` may have; ``None``: any.
    :raises ConfigurationError: there is no such table, it has no categories, or no name is given.
    """
    import great_expectations as gx

    model_of(table)
    is_wrong = categories is not None and (
        isinstance(categories, str) or not categories or not all(isinstance(one, str) for one in categories)
    )
    if is_wrong or (categories is not None and table not in _TASKS):
        tables = " and ".join(_TASKS)
        raise ConfigurationError(f"categories={categories!r} cannot be used for {table}: expected names, for the tables {tables}.")
    expectations = list(_SUITES[table]())
    if categories is not None:
        from airflow_cv_dataops.core.contracts.expectations.labels import ExpectKnownCategory

        expectations.append(ExpectKnownCategory(categories=list(categories)))
    return gx.ExpectationSuite(name=table, expectations=expectations)


def _images() -> Iterator[Expectation]:
    from airflow_cv_dataops.core.contracts.expectations.images import ExpectImageSizeBetween

    yield from _keys("partition_key", "source_uri", "image_id", "storage_uri")
    yield _unique("partition_key", "source_uri")
    yield _matches("image_id", _SHA256)
    yield ExpectImageSizeBetween(min_width=1, min_height=1)
    yield _between("bytes", least=1)
    yield _between("frames", least=1)
    for name, most in {"brightness": 1, "contrast": 0.5, "saturation": 1, "entropy": 8}.items():
        yield _between(name, least=0, most=most, severity=_WARNING)
    yield _between("exif_orientation", least=1, most=8, severity=_WARNING)
    for name in ("phash", "dhash"):
        yield _matches(name, _HEX_16, severity=_WARNING)


def _rejects() -> Iterator[Expectation]:
    yield from _keys("partition_key", "source_uri", "file_name")
    yield _unique("partition_key", "source_uri")
    yield _among("reason", REJECT_REASONS)
    yield _between("bytes", least=0, severity=_WARNING)


def _annotations() -> Iterator[Expectation]:
    import great_expectations.expectations as gxe

    from airflow_cv_dataops.core.contracts.expectations.boxes import ExpectBoxHasExtent, ExpectBoxInsideImage
    from airflow_cv_dataops.core.contracts.expectations.segmentations import ExpectSegmentationMatchesBox

    yield from _keys("partition_key", "label_set", "annotation_id", "file_name")
    yield _unique("partition_key", "annotation_id")
    yield _among("task", _TASKS["annotations"])
    yield from _joined()
    yield _given("category", ["classification", "detection", "segmentation", "keypoints"])
    yield _given("bbox_x", ["detection"])
    yield _given("segmentation", ["segmentation"])
    yield ExpectBoxHasExtent()
    yield ExpectBoxInsideImage(severity=_WARNING)
    yield ExpectBoxInsideImage(mostly=_MOST_INSIDE, meta={"name": "box_inside_image.most"})
    yield ExpectSegmentationMatchesBox(severity=_WARNING)
    yield _between("area", least=0, most=_FINITE, severity=_WARNING)
    for side in ("width", "height"):
        yield gxe.ExpectColumnPairValuesToBeEqual(
            column_A=f"stated_{side}",
            column_B=f"image_{side}",
            ignore_row_if="either_value_is_missing",
            severity=_WARNING,
            description=f"the image's {side} as the label file states it must be the image's {side}",
        )


def _predictions() -> Iterator[Expectation]:
    from airflow_cv_dataops.core.contracts.expectations.boxes import ExpectBoxHasExtent, ExpectBoxInsideImage

    yield from _keys("partition_key", "model", "prediction_id", "file_name")
    yield _unique("partition_key", "model", "prediction_id")
    yield _among("task", _TASKS["predictions"])
    yield _between("score", least=0, most=1)
    yield from _joined()
    yield _given("bbox_x", ["detection"])
    yield ExpectBoxHasExtent(mostly=_MODEL_BOXES, severity=_WARNING)
    yield ExpectBoxInsideImage(mostly=_MODEL_BOXES, severity=_WARNING)


def _findings() -> Iterator[Expectation]:
    yield from _keys("partition_key", "audit", "finding_id", "check", "message")
    yield _unique("partition_key", "audit", "finding_id")
    yield _among("severity", SEVERITIES)
    yield _between("score", least=0, most=1)


def _samples() -> Iterator[Expectation]:
    yield from _keys("partition_key", "sample_id", "image_id", "storage_uri", "strategy")
    yield _unique("partition_key", "sample_id", "image_id")
    yield _unique("partition_key", "sample_id", "rank")
    yield _matches("image_id", _SHA256)
    yield _between("rank", least=1)
    yield _between("score", least=0, most=1)


def _embeddings() -> Iterator[Expectation]:
    yield from _keys("partition_key", "embedding_model", "image_id", "source_uri", "embedding")
    yield _unique("partition_key", "embedding_model", "image_id")
    yield _matches("image_id", _SHA256)


def _metrics() -> Iterator[Expectation]:
    yield from _keys("partition_key", "step", "metric", "value")
    yield _unique("partition_key", "step", "metric", "dimensions")
    yield _between("value", least=-_FINITE, most=_FINITE)


def _profiles() -> Iterator[Expectation]:
    yield from _keys("partition_key", "profile", "input_version")
    yield _unique("partition_key")
    yield _matches("input_version", _HEX_16)


def _releases() -> Iterator[Expectation]:
    yield from _keys("sequence", "release", "stage", "content_id", "items_id", "snapshots")
    yield _unique("sequence")
    yield _between("sequence", least=1)
    yield _matches("content_id", _HEX_32)
    yield _between("images", least=1)
    yield _between("annotations", least=0)
    yield _among("action", ("promotion", "rollback"))


def _release_items() -> Iterator[Expectation]:
    from airflow_cv_dataops.core.contracts.expectations.images import ExpectOneSplitPerImage

    yield from _keys("image_id", "partition_key", "source_uri", "split")
    yield _matches("image_id", _SHA256)
    yield ExpectOneSplitPerImage()


def _split_assignments() -> Iterator[Expectation]:
    yield from _keys("release", "items_id", "split")
    yield _unique("release", "items_id", "image_id", "group_key")
    yield _matches("image_id", _SHA256)


def _exclusions() -> Iterator[Expectation]:
    yield from _keys("release", "items_id", "rule", "check", "image_id", "partition_key")
    yield _among("severity", SEVERITIES)
    yield _matches("image_id", _SHA256)


def _descriptions() -> Iterator[Expectation]:
    yield from _keys("field", "said_at")


def _deletions() -> Iterator[Expectation]:
    yield from _keys("request", "digest", "reason", "releases", "deleted_at")


def _joined() -> Iterator[Expectation]:
    """Yield two: single ones that joined no image are lost, which somebody should see; where most are, they are of something else."""
    from airflow_cv_dataops.core.contracts.expectations.labels import ExpectLabelJoinedImage

    yield ExpectLabelJoinedImage(severity=_WARNING)
    yield ExpectLabelJoinedImage(mostly=_MOST_JOINED, meta={"name": "label_joined_image.most"})


def _keys(*columns: str) -> Iterator[Expectation]:
    import great_expectations.expectations as gxe

    for name in columns:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name)


def _given(column: str, tasks: Sequence[str]) -> Expectation:
    """Return that rows of these tasks have a value."""
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    return gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=Column("task").is_in(list(tasks)))


def _unique(*columns: str) -> Expectation:
    import great_expectations.expectations as gxe

    if len(columns) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=columns[0])
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(columns))


def _among(column: str, values: Sequence[str]) -> Expectation:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values))


def _matches(column: str, pattern: str, severity: Any = "critical") -> Expectation:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=pattern, severity=severity)


def _between(column: str, *, least: float, most: float | None = None, severity: Any = "critical") -> Expectation:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most, severity=severity)


_SUITES: Mapping[str, Callable[[], Iterator[Expectation]]] = {
    "images": _images,
    "rejects": _rejects,
    "annotations": _annotations,
    "predictions": _predictions,
    "findings": _findings,
    "samples": _samples,
    "embeddings": _embeddings,
    "metrics": _metrics,
    "profiles": _profiles,
    "releases": _releases,
    "release_items": _release_items,
    "split_assignments": _split_assignments,
    "exclusions": _exclusions,
    "descriptions": _descriptions,
    "deletions": _deletions,
}
