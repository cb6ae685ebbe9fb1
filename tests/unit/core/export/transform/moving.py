"""Labels, and how pictures are resized, for tests of labels that follow."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.placement import Resize
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of_value, pixels_of

coordinate = st.floats(-300, 300)
length = st.floats(0.5, 300)
fraction = st.integers(0, 20).map(lambda part: part / 20)
a_crop = st.tuples(fraction, fraction, fraction, fraction).filter(lambda crop: crop[0] < crop[2] and crop[1] < crop[3])
a_resize = st.builds(
    Resize,
    size=st.none() | st.tuples(st.integers(8, 400), st.integers(8, 400)),
    fit=st.sampled_from(["within", "stretch", "cover", "pad"]),
    crop=st.none() | a_crop,
)


def detection(*box, **more):
    return Label("1", "detection", bbox=box, **more)


def shaped(segmentation, **more):
    return Label("1", "segmentation", segmentation=segmentation, **more)


def drawn(segmentation, width, height):
    mask = mask_of_value(segmentation, width, height)
    return np.zeros((height, width), bool) if mask is None else pixels_of(mask)


def mask_of_pixels(rows, columns, width=100, height=100):
    pixels = np.zeros((height, width), bool)
    pixels[rows, columns] = True
    return pixels
