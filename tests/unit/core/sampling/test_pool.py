"""What a pool reads of its tables."""

from __future__ import annotations

from unit.core.sampling.pools import Listed, classified, images

from airflow_cv_dataops.core.sampling.pool import Pool


class Noting(Listed):
    """Notes which columns are asked for."""

    def batches(self, columns, batch_rows):
        self.asked = [*getattr(self, "asked", []), tuple(columns)]
        return super().batches(columns, batch_rows)


def read(pool, batch_rows):
    found = list(pool.outputs(("category",), batch_rows=batch_rows))
    return [(int(image), name) for part in found for image, name in zip(part.image, part.table["category"].to_pylist(), strict=True)]


def test_rows_of_other_images_are_left_out_and_ids_are_looked_up_once():
    names = ["b", "x", "a", None, "b", "c"]
    rows = Noting("predictions", [classified(name, category=f"category {at}") for at, name in enumerate(names)])
    pool = Pool(images("abc"), {"m": rows}, "m")
    expected = [(1, "category 0"), (0, "category 2"), (1, "category 4"), (2, "category 5")]
    assert [read(pool, size) for size in (2, 1, 4, 100)] == [expected] * 4
    assert rows.asked == [("image_id", "category"), *[("category",)] * 3]


def test_what_was_not_read_to_its_end_is_looked_up_again():
    pool = Pool(images("ab"), {"m": Listed("predictions", [classified("b", category="cat"), classified("a", category="dog")])}, "m")
    assert next(pool.outputs(("category",), batch_rows=1)).image.tolist() == [1]
    assert read(pool, 1) == [(1, "cat"), (0, "dog")]
