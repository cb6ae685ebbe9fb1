"""docs/deployment.md and docs/deployment-aws.md: their snippets do what the pages say of them."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from project import PROJECT_ROOT
from unit.deployment import helm_values
from unit.test_deploy import known_settings, transport_of

from airflow_cv_dataops.hooks.dataset import DatasetHook

pytestmark = pytest.mark.once(reason="the page names settings of the newest providers")

PAGE = "".join((PROJECT_ROOT / "docs" / name).read_text() for name in ("deployment.md", "deployment-aws.md"))
BASH = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXPORTS = re.findall(r"^export AIRFLOW__([A-Z_]+?)__([A-Z_]+)=(.*)$", PAGE, re.MULTILINE)
FILES = dict(re.findall(r"^cat > (\S+\.json) <<'JSON'\n(.*?)^JSON$", PAGE, re.MULTILINE | re.DOTALL))


def transports() -> list[str]:
    exported = [shlex.split(value)[0] for _, option, value in EXPORTS if option == "TRANSPORT"]
    return [*exported, FILES["transport.json"]]


def test_every_setting_that_is_exported_exists() -> None:
    assert len(EXPORTS) == 4
    assert {(section.lower(), option.lower()) for section, option, _ in EXPORTS} <= known_settings()


def test_every_setting_that_is_named_exists() -> None:
    named = re.findall(r"`\[(\w+)\] (\w+)`", PAGE)
    mwaa = re.findall(r"`(cv_dataops|openlineage)\.(\w+)`", PAGE)
    assert len(named) >= 5
    assert len(mwaa) == 3
    assert {*named, *mwaa} <= known_settings()


@pytest.mark.parametrize("value", transports())
def test_every_transport_is_one_that_the_client_makes(value: str) -> None:
    transport = transport_of(value)
    assert transport.kind in ("http", "composite")
    if "change-me" in value:
        assert transport.config.auth.get_bearer() == "Bearer change-me"


def test_the_compression_timeout_and_receivers_are_those_of_the_snippets() -> None:
    first, both, _ = (json.loads(value) for value in transports())
    transport = transport_of(json.dumps(first))
    assert (str(transport.config.compression), transport.timeout) == ("gzip", 5)
    made = transport_of(json.dumps(both)).transports
    assert sorted(one.kind for one in made) == ["file", "http"]


def test_the_secret_of_helm_holds_a_connection_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CV_CATALOG_DEFAULT", FILES["cv_catalog.json"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "role-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "role-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = DatasetHook().catalog_config()
    assert (config.properties["type"], config.warehouse) == ("glue", "s3://lake/warehouse")
    assert config.properties["client.access-key-id"] == "role-key"
    [made] = re.findall(r"kubectl create secret generic (\S+)", PAGE)
    assert made in str(helm_values()["extraEnvFrom"])
    assert set(re.findall(r"--from-file=(\w+)=", PAGE)) == {"AIRFLOW_CONN_CV_CATALOG_DEFAULT", "AIRFLOW__OPENLINEAGE__TRANSPORT"}


def test_versions_on_the_page_are_those_of_the_files() -> None:
    for name in ("3.1", "3.2", "3.3", "lowest"):
        text = (PROJECT_ROOT / "constraints" / f"airflow-{name}.txt").read_text()
        [version] = re.findall(r"^apache-airflow==(.+)$", text, re.MULTILINE)
        [row] = [line for line in PAGE.splitlines() if line.startswith("| ") and f"constraints/airflow-{name}.txt" in line]
        assert version in row.split("|")[1], name
    charts = set(re.findall(r"--version (\S+) --namespace", PAGE + (PROJECT_ROOT / "deploy" / "helm-values.yaml").read_text()))
    assert charts == {"1.22.0"}


def test_the_policy_is_explained_statement_by_statement() -> None:
    policy: dict[str, Any] = json.loads((PROJECT_ROOT / "deploy" / "iam-policy.json").read_text())
    explained = {name for cell in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)}
    assert {statement["Sid"] for statement in policy["Statement"]} <= explained


def test_shell_snippets_are_shell() -> None:
    import subprocess

    assert len(BASH) >= 8
    for snippet in BASH:
        done = subprocess.run(["bash", "-n"], input=snippet, capture_output=True, text=True)
        assert done.returncode == 0, (snippet, done.stderr)
