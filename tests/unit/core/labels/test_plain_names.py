"""Names that are the path of one image need no looking for: the same answers as if they were looked for."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels import plain_names
from airflow_cv_dataops.core.labels.join import match_images

FOLDERS = ["", "train/", "val/", "cam1/", "cam2/", "images/", "train/images/", "2026-11-05/raw/", "2026-11-06/raw/"]
FILES = ["1.jpg", "2.jpg", "1.png", "a b.jpg", "X.jpg", "x.jpg", "ä.jpg", "b%20c.jpg", "1"]
PREFIXES = ["s3://bucket/", "s3://bucket/train/", "file:///data/", "s3://bucket/cam1/"]
SOURCES = ["s3://labels/train.json", "s3://labels/val/a.csv", "s3://labels/cam1.csv", "s3://labels/cam2.csv"]
paths = st.builds("".join, st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)))


def column(values: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def answers(names: list[str], paths: list[str], prefix: str, sources: list[str]) -> list[object]:
    images = pa.table({"file_name": column(paths), "image_id": column(paths), "source_uri": column([prefix + path for path in paths])})
    matches = match_images(column(names), images, sources=column(sources))
    assert matches.position.to_pylist() == [row if row >= 0 else None for row in (matches.answers[at].row for at in matches.asked)]
    return [matches.answers[at] for at in matches.asked]


@settings(max_examples=examples(300), deadline=None)
@given(
    images=st.lists(paths, max_size=6, unique=True),
    named=st.lists(st.tuples(paths, st.integers(0, 9), st.sampled_from(SOURCES)), max_size=9),
    prefix=st.sampled_from(PREFIXES),
)
def test_the_image_of_a_plain_name_is_the_one_that_looking_for_it_finds(images, named, prefix):
    names = [images[at] if at < len(images) else name for name, at, _ in named]
    sources = [source for *_, source in named]
    found = answers(names, images, prefix, sources)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_names, "_PLAIN", "^$")
        assert answers(names, images, prefix, sources) == found


def test_a_plain_name_whose_image_another_name_claims_is_looked_for():
    # The file has the image's path as a name, and its bare name, too: only the path joins.
    source = ["s3://labels/all.json"] * 2
    first, second = answers(["train/1.jpg", "1.jpg"], ["train/1.jpg"], "s3://bucket/", source)
    assert (first.row, second.row, second.reason) == (0, -1, "contradicted_file_name")
