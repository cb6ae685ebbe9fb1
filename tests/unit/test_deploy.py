"""The files of deploy/ as far as they can be checked without the platforms that they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import PROJECT_ROOT
from unit.deployment import DEPLOY, compose, connections_of, env_example, helm_values, settings_of

from airflow_cv_dataops import __version__
from airflow_cv_dataops.hooks.dataset import DatasetHook

SERVICES: dict[str, Any] = compose()["services"]
AIRFLOW = SERVICES["airflow-scheduler"]["environment"]


def known_settings() -> set[tuple[str, str]]:
    """Return every option that Airflow, its providers here and this package describe."""
    from airflow.configuration import retrieve_configuration_description

    described = retrieve_configuration_description(include_providers=True)
    return {(section, option) for section, one in described.items() for option in one["options"]}


def transport_of(value: str) -> Any:
    from openlineage.client.transport import get_default_factory

    return get_default_factory().create(json.loads(value))


def test_compose_publishes_every_port_on_loopback_only() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {port for published in ports.values() for port in published if not str(port).startswith("127.0.0.1:")} == set()
    assert {name for name, published in ports.items() if published} == {"s3", "marquez", "marquez-web", "airflow-api-server"}


def test_compose_pins_every_image_and_checks_the_health_of_every_server() -> None:
    pinned = re.compile(r"[\w./-]+:\d+\.\d+[\w.-]*")
    assert [service["image"] for service in SERVICES.values() if not pinned.fullmatch(service["image"])] == []
    without_check = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without_check == {"airflow-init", "marquez-web"}  # the one ends; the other's image has no tool to ask with


def test_compose_has_no_secret_of_its_own_and_asks_for_each_that_it_needs() -> None:
    text = (DEPLOY / "docker-compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    example = env_example()
    assert asked == {name for name, value in example.items() if not value}
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    for word in ("PASSWORD", "SECRET", "FERNET_KEY", "ACCESS_KEY"):
        for name, value in re.findall(rf"^ *(\w*{word}\w*): (.+)$", text, re.MULTILINE):
            assert value.startswith("${"), name


def test_compose_sets_only_what_airflow_and_this_package_know() -> None:
    environments = [service["environment"] for name, service in SERVICES.items() if name.startswith("airflow-")]
    assert {setting for one in environments for setting in settings_of(one)} - known_settings() == set()
    assert settings_of(AIRFLOW)["cv_dataops", "marquez_url"] == "http://localhost:3000"


def test_compose_starts_components_after_what_they_need() -> None:
    assert {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()} == {
        "postgres": set(),
        "s3": set(),
        "marquez": {"postgres"},
        "marquez-web": {"marquez"},
        "airflow-init": {"postgres"},
        **{f"airflow-{name}": {"airflow-init", "s3"} for name in ("api-server", "scheduler", "dag-processor", "triggerer")},
        "airflow-worker": {"airflow-init", "s3", "redis"},
        "redis": set(),
    }


def test_the_connections_of_compose_are_the_catalog_and_the_buckets_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AIRFLOW.items():
        if name.startswith("AIRFLOW_CONN_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    config = DatasetHook().catalog_config()
    assert config.properties["uri"] == "postgresql+psycopg2://iceberg:icebergdbpassword@postgres:5432/iceberg"
    assert config.warehouse == "s3://lake/warehouse"
    s3 = {"access_key_id": "s3accesskey", "secret_access_key": "s3secretkey", "endpoint": "http://s3:9000"}
    assert s3.items() <= dict(config.object_options).items()
    uri, options = DatasetHook().storage("s3://s3@landing/signs")
    assert (uri, options["endpoint"]) == ("s3://landing/signs", "http://s3:9000")
    assert set(connections_of(AIRFLOW)) == {"cv_catalog_default", "s3"}


def test_lineage_of_compose_goes_to_its_marquez() -> None:
    transport = transport_of(settings_of(AIRFLOW)["openlineage", "transport"])
    assert (transport.kind, transport.url, transport.endpoint, transport.timeout) == ("http", "http://marquez:5000", "api/v1/lineage", 5)
    marquez = yaml.safe_load((DEPLOY / "marquez.yml").read_text())
    assert [connector["port"] for connector in marquez["server"]["applicationConnectors"]] == [5000]
    assert marquez["db"]["url"] == "jdbc:postgresql://postgres:5432/marquez"
    assert marquez["db"]["password"] == "${MARQUEZ_DB_PASSWORD}"
    assert {"MARQUEZ_DB_PASSWORD", "MARQUEZ_CONFIG"} <= set(SERVICES["marquez"]["environment"])


@pytest.fixture
def compose_client() -> Iterator[list[str]]:
    plugin = shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    if plugin:
        yield ["docker", "compose"]
    elif shutil.which("docker-compose"):
        yield ["docker-compose"]
    else:
        pytest.skip("docker compose is not installed (scripts/system-packages installs it, as root on Debian)")


def config(client: list[str], environment: dict[str, str], *asked: str) -> subprocess.CompletedProcess[str]:
    """Let the client resolve the file with these variables and no others."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    command = [*client, "--file", str(DEPLOY / "docker-compose.yaml"), *asked]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True)


FILLED = {name: value or name.lower().replace("_", "") for name, value in env_example().items()}


@pytest.mark.deployment
def test_the_compose_client_accepts_the_file_and_refuses_it_without_its_secrets(compose_client: list[str]) -> None:
    done = config(compose_client, FILLED, "config")
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert {name: resolved[name]["environment"] for name in ("postgres", "s3", "marquez")} == {
        name: SERVICES[name]["environment"] for name in ("postgres", "s3", "marquez")
    }
    assert {name: str(value) for name, value in resolved["airflow-scheduler"]["environment"].items()} == AIRFLOW
    for missing in (name for name, value in env_example().items() if not value):
        refused = config(compose_client, {name: value for name, value in FILLED.items() if name != missing}, "config")
        assert refused.returncode != 0, missing
        assert "fill in deploy/.env" in refused.stderr


@pytest.mark.deployment
def test_the_compose_client_resolves_the_workers_of_celery_with_their_queue(compose_client: list[str]) -> None:
    done = config(compose_client, {**FILLED, "AIRFLOW_EXECUTOR": "CeleryExecutor"}, "--profile", "celery", "config")
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert set(resolved) == set(SERVICES)
    scheduler, worker = resolved["airflow-scheduler"], resolved["airflow-worker"]
    assert scheduler["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert worker["environment"].items() >= scheduler["environment"].items()
    assert {name: one["condition"] for name, one in worker["depends_on"].items()} == {
        "airflow-init": "service_completed_successfully",
        "s3": "service_healthy",
        "redis": "service_healthy",
    }
    assert (worker["image"], worker["volumes"]) == (scheduler["image"], scheduler["volumes"])


def test_helm_sets_only_what_airflow_and_this_package_know() -> None:
    values = helm_values()
    configured = {(section, option) for section, options in values["config"].items() for option in options}
    from_environment = settings_of({one["name"]: one["value"] for one in values["workers"]["env"]})
    assert configured | set(from_environment) <= known_settings()
    assert {("cv_dataops", "marquez_url"), ("openlineage", "namespace")} <= configured


def test_helm_keeps_secrets_out_and_gives_decoders_a_disk() -> None:
    values = helm_values()
    assert yaml.safe_load(values["extraEnvFrom"]) == [{"secretRef": {"name": "cv-dataops"}}]
    assert "password" not in (DEPLOY / "helm-values.yaml").read_text().lower()
    workers = values["workers"]
    [mount] = workers["extraVolumeMounts"]
    assert {"name": "TMPDIR", "value": mount["mountPath"]} in workers["env"]
    [volume] = workers["extraVolumes"]
    assert (volume["name"], volume["emptyDir"]) == (mount["name"], {"sizeLimit": "50Gi"})
    roles = {part: values[part]["serviceAccount"]["annotations"] for part in ("workers", "triggerer", "apiServer")}
    assert len({str(role) for role in roles.values()}) == 1


def test_the_image_is_of_the_tested_airflow_and_of_files_that_are_there() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    arguments = dict(re.findall(r"^ARG (\w+)=\"?([^\"\n]+)\"?$", dockerfile, re.MULTILINE))
    tested = dict(line.split("==") for line in (PROJECT_ROOT / arguments["CONSTRAINTS"]).read_text().splitlines() if "==" in line)
    version = tested["apache-airflow"]
    assert arguments["AIRFLOW_VERSION"] == version
    assert {package for package in arguments["PROVIDERS"].split() if package not in tested} == set()
    copied = [name for line in re.findall(r"^COPY --chown=\S+ (.+) \S+$", dockerfile, re.MULTILINE) for name in line.split()]
    for name in copied:
        assert (PROJECT_ROOT / name.replace("${CONSTRAINTS}", arguments["CONSTRAINTS"])).exists(), name
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert let_in == {name for name in copied if "$" not in name} | {"constraints"}
    images = {service["image"] for name, service in SERVICES.items() if name.startswith("airflow-")}
    values = helm_values()
    assert images == {f"airflow-cv-dataops:{version}"}
    assert (values["airflowVersion"], values["defaultAirflowTag"]) == (version, version)


@pytest.mark.parametrize("file", ["Dockerfile", "mwaa/requirements.txt", "astronomer/requirements.txt"])
def test_extras_and_wheels_are_those_of_the_package(file: str) -> None:
    import tomllib

    extras = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = (DEPLOY / file).read_text()
    [named] = re.findall(r"cv-dataops\[([\w,]+)\]", text)
    assert set(named.split(",")) <= set(extras)
    assert set(re.findall(r"airflow_cv_dataops-([\d.]+)-py3-none-any\.whl", text)) <= {__version__}


def test_every_file_of_deploy_is_told_of_in_the_docs() -> None:
    page = "".join((PROJECT_ROOT / "docs" / name).read_text() for name in ("deployment.md", "deployment-aws.md"))
    files = [path.relative_to(DEPLOY).as_posix() for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.name != ".env"]
    told = [name for name in files if f"deploy/{name}" in page]
    assert sorted(set(files) - set(told)) == ["Dockerfile.dockerignore"]
    assert all(Path(PROJECT_ROOT / match).exists() for match in re.findall(r"\.\./(deploy/[\w./-]+)", page))
