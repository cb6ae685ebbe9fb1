"""What predicted boxes say about given ones, worked out once for all checks of detection labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import AuditInput, boxes_of, derived
from airflow_cv_dataops.core.audit.detection.boxes import DetectionBoxes, comparable_boxes
from airflow_cv_dataops.core.audit.detection.overlap import Overlaps, best_pair, box_overlaps, highest
from airflow_cv_dataops.core.audit.detection.precision import confidence_of
from airflow_cv_dataops.core.audit.detection.unmatched import Unmatched, unmatched

if TYPE_CHECKING:
    import numpy as np

# From this overlap on, a prediction and a label are the same object (as in COCO's AP50).
SAME_OBJECT = 0.5


@dataclass(frozen=True, eq=False)
class DetectionEvidence:
    """Labels, predictions and their overlaps (of boxes, or of masks), and what follows from them.

    ``label`` and ``prediction`` are places in ``boxes.labels`` and ``boxes.predictions``; a *pair* is a place in ``overlaps``.
    """

    boxes: DetectionBoxes
    overlaps: Overlaps

    @property
    def labels(self) -> int:
        return len(self.boxes.labels.row)

    @property
    def predictions(self) -> int:
        return len(self.boxes.predictions.row)

    @cached_property
    def same_category(self) -> np.ndarray:
        """By pair: label and prediction are of one category."""
        return self.boxes.labels.category[self.overlaps.label] == self.boxes.predictions.category[self.overlaps.prediction]

    @cached_property
    def with_crowd(self) -> np.ndarray:
        """By pair: the label is a crowd region."""
        return self.boxes.is_crowd[self.overlaps.label]

    @cached_property
    def pair_confidence(self) -> np.ndarray:
        """By pair: the prediction's :attr:`confidence`."""
        return self.confidence[self.overlaps.prediction]

    @cached_property
    def fits(self) -> np.ndarray:
        """By prediction: a label of its category is the same object."""
        return self._any_pair(self.same_category & ~self.with_crowd)

    @cached_property
    def in_crowd(self) -> np.ndarray:
        """By prediction: at least half of it lies in a crowd region of its category, so that no label of its own is to be expected."""
        return self._any_pair(self.same_category & self.with_crowd) & ~self.fits

    @cached_property
    def confidence(self) -> np.ndarray:
        """By prediction: how likely it is on an object of its category, 0 to 1, by the class's own precision at that score."""
        boxes = self.boxes
        return confidence_of(boxes.score, self.fits, ~self.in_crowd, boxes.model, boxes.predictions.category)

    @cached_property
    def unmatched(self) -> Unmatched:
        """By prediction: how likely it is on an object, given that no label fits it."""
        return unmatched(self.boxes, self.fits, ~self.in_crowd)

    @cached_property
    def own_label(self) -> np.ndarray:
        """By prediction: the pair with the label of its category that it overlaps most; -1 where there is none."""
        pairs = self.same_category & ~self.with_crowd
        return self._best_of_predictions(pairs)

    @cached_property
    def nearest_label(self) -> np.ndarray:
        """By prediction: the pair with the label of any category that it overlaps most; -1 where there is none."""
        return self._best_of_predictions(~self.with_crowd)

    @cached_property
    def most_overlap(self) -> np.ndarray:
        """By prediction: its highest overlap with any label, crowds included; 0 where it is below 0.1."""
        return highest(self.overlaps.prediction, self.overlaps.overlap, self.predictions)

    @cached_property
    def own_support(self) -> np.ndarray:
        """By label: the highest confidence of a prediction of its category that is the same object; 0 where there is none."""
        return self._support(self.same_category & (self.overlaps.overlap >= SAME_OBJECT))

    def any_support(self, overlap: float) -> np.ndarray:
        """By label: the highest confidence of a prediction of any category with at least this overlap; 0 where there is none."""
        return self._support(self.overlaps.overlap >= overlap)

    def _support(self, pairs: np.ndarray) -> np.ndarray:
        return highest(self.overlaps.label[pairs], self.pair_confidence[pairs], self.labels)

    def _any_pair(self, pairs: np.ndarray) -> np.ndarray:
        import numpy as np

        found = np.zeros(self.predictions, dtype=bool)
        found[self.overlaps.prediction[pairs & (self.overlaps.overlap >= SAME_OBJECT)]] = True
        return found

    def _best_of_predictions(self, pairs: np.ndarray) -> np.ndarray:
        import numpy as np

        at = np.flatnonzero(pairs)
        best = best_pair(self.overlaps.prediction[at], self.overlaps.overlap[at], self.predictions)
        return np.where(best < 0, -1, at[best]) if len(at) else best


@derived
def box_evidence(data: AuditInput) -> DetectionEvidence | None:
    """Compare the given boxes with the predicted ones; ``None`` where there is nothing to compare."""
    boxes = comparable_boxes(data, data.boxes, boxes_of(data.predictions.column("bbox")))
    return None if boxes is None else DetectionEvidence(boxes, box_overlaps(boxes))
