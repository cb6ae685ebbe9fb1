"""The docs say what the code does: generated pages are fresh, links resolve, snippets run."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from project import PROJECT_ROOT

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.diff.step import report_diff
from airflow_cv_dataops.core.embeddings.embedding import embed_images
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.health.health import check_health
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.sampling.review.review import review_sample
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.summary import StepResult, Summary

ON_CORE = pytest.mark.once(reason="what is read or run is the same on every version of Airflow")
PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
OPERATOR_PAGES = sorted([*(PROJECT_ROOT / "docs/operators").glob("*.md"), *(PROJECT_ROOT / "docs/sensors").glob("*.md")])

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_CONNECTION = re.compile(r"^export AIRFLOW_CONN_(\w+)='(.*)'$", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT_ROOT).as_posix()


def blocks(language: str, *words: str) -> list[object]:
    """Return the code blocks of all pages in a language that hold all the words, each with a name for the test's report."""
    found = []
    for page in PAGES:
        for kind, code in _FENCE.findall(page.read_text()):
            if kind == language and all(word in code for word in words):
                found.append(pytest.param(code, id=f"{name_of(page)}-{len(found)}"))
    return found


def anchors(page: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as GitHub makes them."""
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text())):
        yield re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def test_generated_pages_are_up_to_date(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(PROJECT_ROOT / "scripts")  # where Python finds the scripts beside one that is run
    specification = importlib.util.spec_from_file_location("make_docs", PROJECT_ROOT / "scripts" / "make_docs.py")
    make_docs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(make_docs)
    stale = [name_of(path) for path, text in make_docs.pages() if path.read_text() != text]
    assert not stale, "run `make docs`"


@ON_CORE
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_and_headings_resolve(page: Path):
    broken = []
    for link in _LINK.finditer(_FENCE.sub("", page.read_text())):
        target, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (page.parent / target).resolve() if target else page
        if not found.exists() or (anchor and anchor not in set(anchors(found))):
            broken.append(link["target"])
    assert not broken


@pytest.mark.parametrize("code", blocks("python", "DAG("))
def test_a_dag_in_the_docs_parses(code: str, monkeypatch: pytest.MonkeyPatch):
    from airflow.sdk import DAG

    entered: list[DAG] = []
    enter = DAG.__enter__
    monkeypatch.setattr(DAG, "__enter__", lambda dag: entered.append(dag) or enter(dag))
    exec(compile(code, "docs", "exec"), {"__name__": "dag_in_the_docs"})
    [dag] = entered
    assert dag.tasks
    dag.check_cycle()


@pytest.mark.parametrize("code", blocks("python"))
def test_python_in_the_docs_imports_names_that_exist(code: str):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small dataset in ``home``."""
    folder = tmp_path_factory.mktemp("digits")
    small_digits(folder)
    return folder


@ON_CORE
@pytest.mark.parametrize("code", blocks("python", 'open_dataset("digits")'))
def test_a_reading_snippet_runs(code: str, digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("CV_DATAOPS_HOME", str(digits / "home"))
    monkeypatch.chdir(digits)
    module: dict[str, object] = {}
    exec(compile(code, "docs", "exec"), module)
    if "train" in module:
        assert set(module["train"]["split"]) == {"train"}  # type: ignore[index]


@ON_CORE
@pytest.mark.parametrize("code", blocks("json"))
def test_json_in_the_docs_is_a_summary_of_today(code: str):
    found = json.loads(code)
    shared = list(Summary(dataset=None, partition_key=None).to_dict())
    assert list(found)[: len(shared)] == shared


@ON_CORE
def test_the_examples_of_summaries_have_the_keys_that_the_steps_give(tmp_path: Path):
    """The examples themselves are those of scripts/demo.py; metrics, and counts by check, may be shortened."""
    summaries = {page: (result.summary.to_dict(), result.summary.numbers()) for page, result in all_steps(tmp_path).items()}
    for page, (summary, numbers) in summaries.items():
        text = (PROJECT_ROOT / "docs" / "operators" / f"{page}.md").read_text()
        [told] = [json.loads(code) for kind, code in _FENCE.findall(text) if kind == "json" and '"dataset"' in code]
        assert list(told) == list(summary), page
        assert list(told["counts"]) == list(summary["counts"]), page
        assert page == "dataset_promotion" or list(told["metrics"]) == list(summary["metrics"]), page
        assert set(told["metrics"]) <= set(numbers["metrics"]), page  # what finds nothing here did so there


def test_connections_in_the_docs_make_a_catalog(monkeypatch: pytest.MonkeyPatch):
    from airflow_cv_dataops.hooks.dataset import DatasetHook

    examples = dict(_CONNECTION.findall((PROJECT_ROOT / "docs/connection.md").read_text()))
    for name, value in examples.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", value)
    catalogs = {name for name, value in examples.items() if json.loads(value)["conn_type"] == "cv_catalog"}
    assert catalogs == {"CV_LOCAL", "CV_CATALOG_DEFAULT", "CV_REST", "CV_GLUE"}
    for name in catalogs:
        config = DatasetHook(name.lower()).catalog_config()
        assert config.warehouse is not None, name
        if config.warehouse.startswith("s3://"):
            assert config.object_options["access_key_id"] == "access-key"
            assert config.properties["client.region"] == "eu-central-1"


def test_every_operator_and_sensor_has_a_page_with_its_arguments():
    from airflow_cv_dataops.get_provider_info import get_provider_info

    info = get_provider_info()
    modules = [module for kind in ("operators", "sensors") for entry in info[kind] for module in entry["python-modules"]]
    names = {page.name for page in OPERATOR_PAGES}
    documented = {found for page in OPERATOR_PAGES for found in re.findall(r"<!-- arguments: ([\w.]+)\.\w+ -->", page.read_text())}
    # A TaskGroup takes the arguments of its operators: its page names its own and links to theirs.
    documented |= {module for module in modules if module.endswith(".sharded_image_ingest") and f"{module.rpartition('.')[2]}.md" in names}
    assert documented == set(modules)


@ON_CORE
def test_every_page_is_in_the_index():
    index = PROJECT_ROOT / "docs" / "index.md"
    linked = {(index.parent / link["target"]).resolve() for link in _LINK.finditer(index.read_text())}
    assert {page for page in PAGES if page.is_relative_to(index.parent) and page != index} <= linked


def all_steps(folder: Path) -> dict[str, StepResult]:
    """Run all steps on thirty images, and return what each has done by its page."""
    source = folder / "source"
    source.mkdir()
    for number in range(30):
        Image.effect_noise((32, 32), 10 + number).save(source / f"{number}.png")
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(27)))
    likely = [(0.9, 0.1), (0.2, 0.8)]
    table = "".join(f"{number}.png,{likely[number % 2][0]},{likely[number % 2][1]}\n" for number in range(30))
    (folder / "predictions.csv").write_text("file,a,b\n" + table)
    digits, key = open_dataset("digits", home=str(folder / "home")), "2026-11-05"
    return {
        "image_ingest": ingest_images(digits, key, source),
        "label_import": import_labels(digits, key, folder / "labels.csv", format="csv"),
        "prediction_import": import_predictions(digits, key, folder / "predictions.csv", model="m"),
        "image_embedding": embed_images(digits, key),
        "label_audit": audit_labels(digits, key, on_findings="warn"),
        "dataset_health": check_health(digits, key, on_findings="warn"),
        "hard_example_sampling": sample_hard_examples(digits, key, strategy="entropy", budget=2),
        "sampling_review": reviewed(digits, key),
        "dataset_promotion": promote_dataset(digits, splits={"train": 1.0}),  # the images are noise, and would fall as chance has it
        "dataset_diff": report_diff(digits),
        "dataset_export": export_release(digits, options=ExportOptions(format="imagefolder")),
    }


def reviewed(digits: Dataset, key: str) -> StepResult:
    """Review a sample beside another one, whose images somebody took at random; nobody has labelled any yet."""
    sample_hard_examples(digits, key, budget=2, sample_id="random", manifest=None)
    evaluations = [{"labels": 10 * 2**n, "value": 0.9 - 2**-n / 4} for n in range(4)]
    return review_sample(digits, key, compared_with="random", evaluations=evaluations)


def small_digits(folder: Path) -> None:
    """Make a dataset ``digits`` with twelve images, labels, findings and a release."""
    source = folder / "source"
    source.mkdir()
    for number in range(12):
        Image.effect_noise((32, 32), 10 + number).save(source / f"{number}.png")
    labels = folder / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{number}.png,{number % 3}\n" for number in range(12)))
    dataset = open_dataset("digits", home=str(folder / "home"))
    ingest_images(dataset, "2026-11-05", str(source))
    import_labels(dataset, "2026-11-05", str(labels), format="csv")
    audit_labels(dataset, "2026-11-05", on_findings="warn")
    assert promote_dataset(dataset).failure is None
