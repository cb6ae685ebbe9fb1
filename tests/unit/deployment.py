"""The files of deploy/, read: what a component would get as its environment, and how its connections come out of our hook."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from project import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"

_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


def compose() -> dict[str, Any]:
    """Return docker-compose.yaml with every variable of .env.example filled in by a value that is its own name in lower case."""
    text = (DEPLOY / "docker-compose.yaml").read_text()
    filled = _VARIABLE.sub(lambda match: match[3] if match[2] == ":-" else match[1].lower().replace("_", ""), text)
    loaded: dict[str, Any] = yaml.safe_load(filled)
    return loaded


def env_example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def helm_values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    return loaded


def settings_of(environment: dict[str, str]) -> dict[tuple[str, str], str]:
    """Return Airflow's settings among environment variables, by section and option."""
    found = {name: re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name) for name in environment}
    return {(match[1].lower(), match[2].lower()): str(environment[name]) for name, match in found.items() if match}


def connections_of(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    prefix = "AIRFLOW_CONN_"
    return {name.removeprefix(prefix).lower(): json.loads(value) for name, value in environment.items() if name.startswith(prefix)}
