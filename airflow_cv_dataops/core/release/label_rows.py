"""What there is to know of each row of ``annotations`` before it trains anything: its image, its category, its box, and whether it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.release.image_index import ImageIndex

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BBOX_SIDES = ("x", "y", "width", "height")
# Why a label trains nothing, by the number of the reason; the first is none.
REASONS = ("", "of_another_image", "without_category", "without_box", "without_area", "outside_the_image")


@dataclass(frozen=True)
class LabelRows:
    """Facts of rows of ``annotations``, one of each a row.

    :param at: the place of each one's image, -1 where it is not among the images.
    :param codes: index of the category, -1 where there is none.
    :param corners: float32 (rows, 4): x1, y1, x2, y2 in pixels, cut off at the image's border.
    :param is_empty: it is no label, but states that nothing is in its image.
    :param is_whole: it is about the image as a whole.
    :param reason: place in ``REASONS``.
    """

    at: np.ndarray
    codes: np.ndarray
    corners: np.ndarray
    is_empty: np.ndarray
    is_whole: np.ndarray
    reason: np.ndarray

    @classmethod
    def of(cls, labels: pa.Table, images: pa.Table, classes: pa.Array) -> Self:
        """Look at rows of ``annotations``. :param images: image_id, width and height of the images, each once."""
        import numpy as np
        import pyarrow.compute as pc

        at = ImageIndex(images["image_id"]).of(labels["image_id"])
        codes = pc.fill_null(pc.index_in(labels["category"], value_set=classes), -1).to_numpy()
        whole = is_whole(labels)
        corners, has_area = _corners(labels, images, at)
        is_inside = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
        has_box = labels["bbox"].is_valid().to_numpy()
        reason = np.select([at < 0, codes < 0, whole, ~has_box, ~has_area, ~is_inside], [1, 2, 0, 3, 4, 5], default=0).astype(np.int8)
        return cls(at, codes, corners, is_background(labels), whole, reason)

    @property
    def trains(self) -> np.ndarray:
        found: np.ndarray = (self.reason == 0) & ~self.is_empty
        return found

    def images_of(self, without_labels: str, count: int) -> np.ndarray:
        """Return which images are chosen. One whose labels all train nothing holds something: nobody has stated that it is empty."""
        import numpy as np

        def have(rows: np.ndarray) -> np.ndarray:
            return np.bincount(self.at[rows & (self.at >= 0)], minlength=count) > 0

        if without_labels == "all":
            return np.ones(count, bool)
        found = have(self.trains)
        return found | (have(self.is_empty) & ~have(~self.is_empty)) if without_labels == "stated" else found

    def left_out(self) -> dict[str, int]:
        """Return how many labels train nothing, by reason."""
        import numpy as np

        counts = np.bincount(self.reason[~self.is_empty], minlength=len(REASONS)).tolist()
        return {reason: count for reason, count in zip(REASONS, counts, strict=True) if reason and count}


def is_whole(labels: pa.Table) -> np.ndarray:
    """Return which labels are about an image as a whole."""
    import pyarrow.compute as pc

    found: np.ndarray = pc.and_(pc.equal(labels["task"], "classification"), labels["bbox"].is_null()).to_numpy().astype(bool)
    return found


def _corners(labels: pa.Table, images: pa.Table, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x1, y1, x2, y2 inside the image as float32 (labels, 4), and which boxes are finite and have an area before they are cut."""
    import numpy as np
    import pyarrow.compute as pc

    x, y, width, height = (pc.fill_null(pc.struct_field(labels["bbox"], side), np.nan).to_numpy() for side in _BBOX_SIDES)
    across, down = (np.append(images[side].to_numpy(), 0)[at] for side in ("width", "height"))  # -1: that of no image
    has_area = np.isfinite(x) & np.isfinite(y) & np.isfinite(width) & np.isfinite(height) & (width > 0) & (height > 0)
    edges = ((x, across), (y, down), (x + width, across), (y + height, down))
    return np.stack([np.clip(edge, 0, most) for edge, most in edges], axis=1).astype(np.float32), has_area
