"""What Airflow discovers of the package, in this Airflow's own words."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airflow_cv_dataops.get_provider_info import get_provider_info

INFO = get_provider_info()


def modules(kind: str) -> list[str]:
    return [module for entry in INFO[kind] for module in entry["python-modules"]]


def member(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("schema", ["provider_info.schema.json"])
def test_the_provider_info_is_valid_for_this_airflow(schema: str) -> None:
    jsonschema.validate(INFO, json.loads(files("airflow").joinpath(schema).read_text()))


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers", "hooks"])
def test_every_module_imports_and_defines_what_it_is_listed_for(kind: str) -> None:
    suffix = {"operators": "Operator", "sensors": "Sensor", "triggers": "Trigger", "hooks": "Hook"}[kind]
    for module in modules(kind):
        defined = [name for name, value in vars(importlib.import_module(module)).items() if getattr(value, "__module__", None) == module]
        assert any(name.endswith(suffix) for name in defined), module


def test_class_paths_import() -> None:
    from airflow.sdk import BaseHook, BaseOperatorLink

    (connection,) = INFO["connection-types"]
    hook = member(connection["hook-class-name"])
    assert issubclass(hook, BaseHook)
    assert (hook.conn_type, hook.hook_name) == (connection["connection-type"], connection["hook-name"])
    for path in INFO["extra-links"]:
        assert issubclass(member(path), BaseOperatorLink)


def test_entry_points_are_declared() -> None:
    points = {(point.group, point.value) for point in distribution("airflow-cv-dataops").entry_points}
    assert ("apache_airflow_provider", "airflow_cv_dataops.get_provider_info:get_provider_info") in points
    assert ("airflow.plugins", "airflow_cv_dataops.plugins.cv_dataops:CvDataOpsPlugin") in points
    assert distribution("airflow-cv-dataops").metadata["Name"] == INFO["package-name"]


def test_options_of_the_configuration_are_the_ones_that_the_code_reads() -> None:
    from airflow_cv_dataops.common import settings

    options = INFO["config"]["cv_dataops"]["options"]
    source = Path(settings.__file__).read_text()
    assert set(options) == {"home", "marquez_url", "lineage_names", "lineage_failed_severities"}
    assert all(f'_get("{name}")' in source for name in options)


ASK = """
import contextlib, io, json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.cli.cli_parser import get_parser

def printed(command):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        arguments = get_parser().parse_args(["providers", command, "--output", "json"])
        arguments.func(arguments)
    return out.getvalue()

(form,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "cv_catalog"]
lists = {command: printed(command) for command in ("list", "hooks", "links", "triggers")}
print("TOLD " + json.dumps({"form": form.model_dump(), **lists}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``airflow providers`` prints, by command, and what the web page gets for our connection's form, as the API server makes it."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "false", "COLUMNS": "400"}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.rpartition("TOLD ")[2])
    return found


@pytest.mark.integration
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("list", ["airflow-cv-dataops"]),
        ("hooks", ["airflow_cv_dataops.hooks.dataset.DatasetHook", "cv_catalog", "CV DataOps catalog"]),
        ("links", INFO["extra-links"]),
        ("triggers", ["airflow_cv_dataops.triggers.image_arrival", "airflow_cv_dataops.triggers.dataset_release"]),
    ],
)
def test_airflow_lists_what_we_provide(told: dict[str, Any], command: str, expected: list[str]) -> None:
    for text in expected:
        assert text in told[command]


@pytest.fixture
def form(told: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = told["form"]
    return shown


@pytest.mark.integration
def test_the_connection_form_has_our_fields(form: dict[str, Any]) -> None:
    fields = {name: field["schema"] for name, field in form["extra_fields"].items()}
    titles = {"type": "Catalog type", "warehouse": "Warehouse", "aws_conn_id": "AWS connection id", "properties": "More catalog properties"}
    assert {name: schema["title"] for name, schema in fields.items()} == titles
    assert all(set(schema["type"]) == {"string", "null"} for schema in fields.values())
    assert form["extra_fields"]["type"]["value"] == "sql"
    assert "s3://bucket/warehouse" in form["extra_fields"]["warehouse"]["description"]


@pytest.mark.integration
def test_the_connection_form_relabels_the_host_and_hides_what_has_no_use(form: dict[str, Any]) -> None:
    standard = form["standard_fields"]
    assert (standard["host"]["title"], standard["host"]["hidden"]) == ("Catalog URI", False)
    assert "postgresql+psycopg2://db:5432/iceberg" in standard["host"]["placeholder"]
    assert standard["password"]["title"] == "Password or token"
    assert (standard["port"]["hidden"], standard["url_schema"]["hidden"]) == (True, True)
