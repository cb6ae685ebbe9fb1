"""Evaluations as rows, as text and as files, hostile ones among them."""

from __future__ import annotations

import math

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.sampling.evaluations import Evaluation, read_evaluations

ROWS = [{"labels": 100, "value": 0.81}, {"labels": "200", "value": "0.86"}]
READ = [Evaluation(100, 0.81), Evaluation(200, 0.86)]


def test_rows_text_and_files_say_the_same(tmp_path):
    (tmp_path / "e.csv").write_text("\ufeffLabels, value,model\n100,0.81,m\n200,0.86,m\n")
    (tmp_path / "e.json").write_text('[{"labels": 100, "value": 0.81}, {"labels": 200, "value": 0.86}]')
    assert read_evaluations(ROWS) == read_evaluations(READ) == READ
    assert read_evaluations('[{"labels": 100, "value": 0.81}, {"labels": 200, "value": 0.86}]') == READ
    assert read_evaluations(str(tmp_path / "e.csv")) == READ
    assert read_evaluations((tmp_path / "e.json").as_uri()) == READ


def test_images_say_how_sure_a_share_is():
    [row] = read_evaluations([{"labels": 100, "value": 0.8, "images": 100}])
    assert row.standard_error == pytest.approx(math.sqrt(81 / 102 * 21 / 102 / 100))
    [perfect] = read_evaluations([{"labels": 100, "value": 1, "images": 98}])
    assert perfect.standard_error == pytest.approx(math.sqrt(0.99 * 0.01 / 98))
    [given] = read_evaluations([{"labels": 100, "value": 0.8, "images": 100, "standard_error": 0.1}])
    assert given.standard_error == 0.1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"labels": 1}, "no list of rows"),
        (7, "no list of rows"),
        (["a"], "row 1 is no row"),
        ([{"labels": 100}], "row 1 has no value"),
        ([{"labels": 100, "value": "many"}], "value='many': expected a finite number"),
        ([{"labels": 100, "value": math.nan}], "expected a finite number"),
        ([{"labels": 100, "value": True}], "expected a finite number"),
        ([{"labels": 10**400, "value": 1}], "expected a finite number"),
        ([{"labels": 0, "value": 0.5}], "labels=0: expected a whole number from 1"),
        ([{"labels": 1.5, "value": 0.5}], "labels=1.5"),
        ([{"labels": 10, "value": 0.5, "standard_error": 0}], "standard_error=0"),
        ([{"labels": 10, "value": 50, "images": 100}], "only of a share"),
        ("[" * 100_000, "is no JSON"),
        ("evaluations.txt", "expected rows, JSON text"),
        ("", "expected rows, JSON text"),
        ([{"labels": 1, "value": 0}] * 10_001, "10,001 rows"),
    ],
)
def test_what_cannot_be_used_is_said(given, told):
    with pytest.raises(ConfigurationError, match=told):
        read_evaluations(given)


def test_files_that_are_no_evaluations_are_said_to_be_none(tmp_path):
    for name, data, told in [
        ("a.csv", b"count,accuracy\n1,2\n", "no column labels and none value; it has count, accuracy"),
        ("b.csv", b"", "it has none"),
        ("c.csv", b"\xff\xfe\x00", "no text in UTF-8"),
        ("d.json", b'{"labels": 1}', "no list of rows"),
        ("e.csv", b"labels,value\n1,2,3\n4\n", "row 2 has no value"),
        ("f.csv", b'labels,value\n1,"' + b"x" * 200_000 + b'"\n', "is no CSV"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigurationError, match=told):
            read_evaluations(str(tmp_path / name))
    with pytest.raises(SourceError, match="cannot be read"):
        read_evaluations(str(tmp_path / "absent.csv"))
    (tmp_path / "large.csv").write_bytes(b"labels,value\n" + b"1,2\n" * 300_000)
    with pytest.raises(SourceError, match="more than the 1,000,000"):
        read_evaluations(str(tmp_path / "large.csv"))
