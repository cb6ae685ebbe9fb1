"""What notebooks and scripts import: every name from one place, told in docs/python.md with examples that run here."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from project import PROJECT_ROOT

import airflow_cv_dataops
from airflow_cv_dataops import Dataset
from airflow_cv_dataops.core import errors

PAGE = PROJECT_ROOT / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
KEYS = ("2026-11-05", "2026-11-06")


def public_functions() -> list[str]:
    return [name for name in airflow_cv_dataops.__all__ if isinstance(getattr(airflow_cv_dataops, name), FunctionType)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two days of photos, labels of the first, one of them wrong, and a model's probabilities."""
    for key in KEYS:
        (tmp_path / "photos" / key).mkdir(parents=True)
        for number in range(12):
            Image.radial_gradient("L").resize((64 + number, 48)).save(tmp_path / "photos" / key / f"{number:02}.png")
    names, kinds = [f"{number:02}.png" for number in range(12)], ["cat", "dog"] * 6
    given = ["dog", *kinds[1:9]]  # the first is wrong, the last three are not labelled
    labels = zip(names, given, strict=False)
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{name},{kind}\n" for name, kind in labels))
    scores = [(0.95, 0.05) if kind == "cat" else (0.1, 0.9) for kind in kinds[:9]] + [(0.5, 0.5), (0.6, 0.4), (0.9, 0.1)]
    rows = (f"{name},{cat},{dog}\n" for name, (cat, dog) in zip(names, scores, strict=True))
    (tmp_path / "predictions.csv").write_text("image,cat,dog\n" + "".join(rows))
    vectors = pa.table({"image": names, "embedding": [[float(number), 1.0] for number in range(12)]})
    pq.write_table(vectors, tmp_path / "embeddings.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.once(reason="notebooks run without Airflow")
def test_the_examples_of_the_page_run_one_after_the_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook: dict[str, Any] = {}
    said = []
    for code in BLOCKS:
        exec(compile(code, str(PAGE), "exec"), notebook)
        said.append(capsys.readouterr().out)
    digits: Dataset = notebook["digits"]
    assert said[0].splitlines() == ["0.0 None", "v1"]
    assert {key: digits.images(partition_key=key).num_rows for key in KEYS} == dict.fromkeys(KEYS, 12)
    assert (digits.annotations().num_rows, digits.read("predictions").num_rows) == (9, 12)
    assert digits.read("findings", where="audit = 'dogs' and check = 'yet_another_dog'").num_rows == 5
    suspects = digits.read("findings", where="audit = 'label_audit' and check = 'suspect_label'")
    assert [uri.rpartition("/")[2] for uri in suspects["source_uri"].to_pylist()] == ["00.png"]
    assert digits.read("samples").num_rows == 3
    assert digits.read("embeddings").num_rows == 24  # by the descriptor, and those that were imported
    assert (digits.release("production").name, digits.release("staging").name) == ("v1", "v2")
    assert (folder / "audit.html").read_bytes().startswith(b"<!doctype html>")
    assert "no release or stage 'v99'" in said[-1]
    assert "no_such_file.csv" in said[-1]


def test_every_public_function_has_an_example_and_says_what_it_takes() -> None:
    calls = (node.func for code in BLOCKS for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    assert sorted(set(public_functions()) - called) == []
    told = re.findall(r"<!-- function: airflow_cv_dataops\.(\w+) -->", PAGE.read_text())
    assert sorted({*public_functions()} - {*told, "to_voc"}) == []  # which takes what to_coco takes


def test_every_public_name_is_on_the_page() -> None:
    text = PAGE.read_text()
    names = set(airflow_cv_dataops.__all__) - {"__version__", "Check"}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []


def test_every_error_is_handed_on_and_in_the_table_of_errors() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type) and value is not errors.CvDataOpsError}
    assert sorted(raised - set(airflow_cv_dataops.__all__)) == []
    assert set(re.findall(r"^\| `(\w+Error)` \|", PAGE.read_text(), re.MULTILINE)) == raised


def test_the_examples_import_from_the_one_place() -> None:
    modules = {node.module for code in BLOCKS for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)}
    assert modules == {"airflow_cv_dataops", "pathlib"}


def test_what_a_type_checker_sees_is_what_is_handed_on() -> None:
    source = ast.parse(inspect.getsource(airflow_cv_dataops))
    seen = {
        alias.name: node.module
        for block in ast.walk(source)
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"airflow_cv_dataops.{module}" for name, module in airflow_cv_dataops._MODULES.items()}
    assert all(getattr(airflow_cv_dataops, name) is not None for name in airflow_cv_dataops.__all__)
    assert dir(airflow_cv_dataops) == sorted(airflow_cv_dataops.__all__)  # what a notebook completes


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'promote'"):
        _ = airflow_cv_dataops.promote


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, airflow_cv_dataops; print(sorted(name for name in sys.modules if name.startswith('airflow_cv_dataops')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['airflow_cv_dataops', 'airflow_cv_dataops.version']"


def methods_of(owner: type) -> Iterator[str]:
    return (name for name, value in vars(owner).items() if isinstance(value, FunctionType) and not name.startswith("_"))


def test_a_dataset_knows_its_releases_and_hands_on_its_tables_methods() -> None:
    assert list(methods_of(Dataset)) == ["release", "description"]
    assert {"images", "annotations", "read", "read_batches", "snapshot_id"} <= set(dir(Dataset))
