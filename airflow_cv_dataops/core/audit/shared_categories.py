"""Whether labels and predictions speak of the same categories: where no name is shared, nothing can be compared, whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.label_errors.judged_labels import classes_by_model, classification_rows
from airflow_cv_dataops.core.audit.masks.pixel_scores import probability_files
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.predictions.batches import stored_classes

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

_MOST_NAMED = 10
_LONGEST_NAME = 60


@dataclass(frozen=True)
class SharedCategories:
    """The categories of labels, and of one model's predictions of the same kind; at least one each.

    :param kind: ``boxes``, ``masks``, ``classes`` (class probabilities) or ``pixels`` (their probabilities).
    """

    kind: str
    model: str
    labels: frozenset[str]
    predictions: frozenset[str]

    @property
    def is_disjoint(self) -> bool:
        return not self.labels & self.predictions

    @property
    def only_labels(self) -> list[str]:
        """What the model does not know, or at least never predicts here."""
        return sorted(self.labels - self.predictions)

    @property
    def only_predictions(self) -> list[str]:
        return sorted(self.predictions - self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the summary: at most ten names each."""
        names = {"only_labels": _capped(self.only_labels), "only_predictions": _capped(self.only_predictions)}
        return {"model": self.model, "kind": self.kind, **names}


# Given what the labels and predictions of a partition share, return the same of all partitions.
Elsewhere = Callable[[SharedCategories], SharedCategories]


def shared_categories(data: AuditInput, checks: Sequence[Check]) -> list[SharedCategories]:
    """Return the categories of labels and predictions, by the kinds that some check compares, and by model.

    Where either side has none there is nothing to compare, and no entry. Predictions of images outside the partition do not count.
    """
    read = {name for check in checks for name in check.reads}
    found = []
    for kind, (columns, sides) in _KINDS.items():
        if columns <= read and len(data.predicted_images(sorted(columns))):
            labels, by_model = sides(data)
            found += [SharedCategories(kind, model, labels, names) for model, names in by_model if labels and names]
    return found


def check_shared(found: Iterable[SharedCategories], taxonomy: Sequence[str] | None, elsewhere: Elsewhere, where: str) -> None:
    """Refuse predictions that share no category with the labels of their kind.

    A small partition may well have one category labelled and another one predicted: what counts then is whether any is shared in the
    taxonomy or in other partitions.

    :param where: which predictions, for the message.
    :raises ConfigurationError: none is shared.
    """
    for shared in found:
        if shared.is_disjoint and shared.predictions.isdisjoint(taxonomy or ()) and elsewhere(shared).is_disjoint:
            raise ConfigurationError(
                f"Model {shared.model!r} shares no category with the labels, so that nothing can be compared: its "
                f"{_PREDICTED[shared.kind]} in {where} have {_listed(shared.predictions)}, {_LABELLED[shared.kind]} have "
                f"{_listed(shared.labels)}. Import the predictions with the names that the labels have (coco_reference for COCO results, "
                "classes for probabilities), name the models and label_sets that belong together, or disable the checks that compare them."
            )


def in_words(shared: SharedCategories) -> str:
    """Say what the model has nothing to say about, for the log."""
    return (
        f"Model {shared.model!r} has no {_listed(shared.only_labels)} among its {_PREDICTED[shared.kind]} here, so that it says nothing, "
        f"or little, about these labels; it has {_listed(shared.predictions)}."
    )


_PREDICTED = {"boxes": "boxes", "masks": "masks", "classes": "class probabilities", "pixels": "pixel probabilities"}
_LABELLED = {
    "boxes": "labels with a box",
    "masks": "labels with a mask",
    "classes": "classification labels",
    "pixels": "labels with a mask",
}


def _boxes(data: AuditInput) -> tuple[frozenset[str], Iterator[tuple[str, frozenset[str]]]]:
    return _labels_with(data, "bbox"), _predicted(data, "bbox")


def _masks(data: AuditInput) -> tuple[frozenset[str], Iterator[tuple[str, frozenset[str]]]]:
    return _labels_with(data, "segmentation"), _predicted(data, "segmentation")


def _classes(data: AuditInput) -> tuple[frozenset[str], Iterable[tuple[str, frozenset[str]]]]:
    labels = _names(data, classification_rows(data.annotations))
    return labels, [(model, frozenset(names)) for model, names in sorted(classes_by_model(data).items())]


def _pixels(data: AuditInput) -> tuple[frozenset[str], Iterable[tuple[str, frozenset[str]]]]:
    """A file's classes are one text for all files of a model, as a rule."""
    by_model: dict[str, set[str]] = {}
    files = probability_files(data).group_by(["model", "classes"]).aggregate([]).sort_by("model")
    for row in files.to_pylist():
        by_model.setdefault(row["model"], set()).update(stored_classes(row["classes"]))
    return _labels_with(data, "segmentation"), [(model, frozenset(names)) for model, names in by_model.items()]


# By kind the columns that a check reads who compares it, and what returns the labels' categories and each model's.
_KINDS: dict[str, tuple[set[str], Callable[[AuditInput], tuple[frozenset[str], Iterable[tuple[str, frozenset[str]]]]]]] = {
    "boxes": ({"predictions.bbox", "predictions.category"}, _boxes),
    "masks": ({"predictions.segmentation", "predictions.category"}, _masks),
    "classes": ({"predictions.probabilities", "predictions.classes"}, _classes),
    "pixels": ({"predictions.pixel_probabilities", "predictions.classes"}, _pixels),
}


def _labels_with(data: AuditInput, column: str) -> frozenset[str]:
    import numpy as np

    return _names(data, np.flatnonzero(data.annotations[column].is_valid().to_numpy()))


def _names(data: AuditInput, rows: np.ndarray) -> frozenset[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    return frozenset(pc.unique(data.annotations["category"].take(pa.array(rows)).drop_null()).to_pylist())


def _predicted(data: AuditInput, column: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the models with the categories of what they predict in images of the partition."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = data.predictions
    is_such = pc.and_(pc.and_(rows[column].is_valid(), rows["category"].is_valid()), pa.array(data.predicted_image_row >= 0))
    pairs = rows.select(["model", "category"]).filter(is_such).group_by(["model", "category"]).aggregate([])
    for model in sorted(pc.unique(pairs["model"]).to_pylist()):
        yield model, frozenset(pairs["category"].filter(pc.equal(pairs["model"], model)).to_pylist())


def _capped(names: Sequence[str]) -> list[str]:
    shown = [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in names[:_MOST_NAMED]]
    return [*shown, f"… and {len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else shown


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_capped(sorted(names)))
