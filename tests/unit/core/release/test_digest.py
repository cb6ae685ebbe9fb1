"""The digest of a set of rows: the same whatever their order and however many are looked at together."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.util import hash_pandas_object
from property_tests import examples

from airflow_cv_dataops.core.release import digest
from airflow_cv_dataops.core.release.digest import digest_of, digest_rows, row_hashes

SCHEMA = pa.schema([("name", pa.string()), ("size", pa.float64())])
ROWS = st.lists(
    st.fixed_dictionaries({"name": st.none() | st.text(max_size=3), "size": st.none() | st.floats(allow_nan=False)}), max_size=12
)


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@settings(max_examples=examples(60), deadline=None)
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_order_nor_batches_matter(rows, random, size):
    whole = digest_rows(table(rows), SCHEMA.names)
    shuffled = random.sample(rows, len(rows))
    batches = [shuffled[start : start + size] for start in range(0, len(rows), size)]
    assert digest_of(row_hashes(table(batch)) for batch in batches) == whole


@pytest.mark.parametrize(
    "other",
    [[], [{"name": "a", "size": 1.0}] * 2, [{"name": "a", "size": 2.0}], [{"name": None, "size": 1.0}], [{"name": "a", "size": None}]],
)
def test_other_rows_have_another_digest(other):
    assert digest_rows(table(other), SCHEMA.names) != digest_rows(table([{"name": "a", "size": 1.0}]), SCHEMA.names)


def test_a_large_table_is_looked_at_in_parts(monkeypatch):
    rows = table([{"name": str(number), "size": number} for number in range(10)])
    whole = digest_rows(rows, SCHEMA.names)
    monkeypatch.setattr(digest, "_ROWS_AT_ONCE", 3)
    assert digest_rows(rows, SCHEMA.names) == whole


@settings(max_examples=examples(60), deadline=None)
@given(ROWS, st.sampled_from([["name"], ["size"], ["size", "name"]]))
def test_a_row_is_hashed_as_pandas_hashes_it(rows, columns):
    """A release's content_id is made of these hashes: they stay what they are."""
    wanted = table(rows).select(columns)
    assert row_hashes(wanted).tolist() == hash_pandas_object(wanted.to_pandas(), index=False).tolist()


def test_long_texts_and_dictionaries_have_the_hashes_of_texts():
    texts = [None, "x" * 300, "y" * 500, "x" * 300, "", "ä" * 200]
    wanted = hash_pandas_object(pa.table({"text": pa.array(texts)}).to_pandas(), index=False).tolist()
    for column in (pa.array(texts), pa.array(texts, pa.large_string()), pa.array(texts).dictionary_encode()):
        assert row_hashes(pa.table({"text": column})).tolist() == wanted
