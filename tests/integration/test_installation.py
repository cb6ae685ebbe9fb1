"""Into an Airflow that somebody has: what the documented commands leave as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from environments import Environment, Published, newest, wheel
from unit.test_constraints import minima

pytestmark = [
    pytest.mark.integration,
    pytest.mark.installation,
    pytest.mark.once(reason="makes environments of its own, with every version of Airflow"),
]

# Beside Airflow: what many a deployment has, and what this package shares libraries with.
NEIGHBOURS = [f"apache-airflow-providers-{name}" for name in ("amazon", "celery", "cncf-kubernetes", "openlineage", "postgres")]
FAB = "apache-airflow-providers-fab"
LEAST = minima()["apache-airflow"]
NEWEST = "newest"
AIRFLOWS = [f"{which} {minor}" for minor in ("3.1", "3.2", "3.3") for which in (NEWEST, "the one before")] + [LEAST]


def airflow(which: str, scratch: Path) -> Published:
    """Return a version by its number, or by ``newest 3.2`` and ``the one before 3.2``."""
    if which == LEAST:
        return newest(f"apache-airflow=={LEAST}", scratch)
    minor = which.split()[-1]
    last = newest(f"apache-airflow=={minor}.*", scratch)
    return last if which.startswith(NEWEST) else newest(f"apache-airflow=={minor}.*,<{last.version}", scratch)


def existing(path: Path, version: Published, *, as_released: bool, beside: list[str]) -> Environment:
    """Make an Airflow as on the day it came out, much as its published constraints have it, or with the newest that it admits."""
    environment = Environment.made(path)
    until = [f"--exclude-newer={version.at.date().isoformat()}T23:59:59Z"] if as_released else []
    environment.install(f"apache-airflow=={version.version}", *beside, *until)
    return environment


def moved(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    return {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}


@pytest.mark.parametrize("as_released", [True, False], ids=["as released", "newest libraries"])
@pytest.mark.parametrize("which", AIRFLOWS)
def test_the_command_for_an_existing_airflow_moves_neither_it_nor_its_providers(which: str, as_released: bool, tmp_path: Path) -> None:
    version = airflow(which, tmp_path)
    beside = NEIGHBOURS if which == LEAST else [*NEIGHBOURS, FAB]  # of both see below
    environment = existing(tmp_path / "venv", version, as_released=as_released, beside=beside)
    before, conflicts = environment.installed(), environment.conflicts()
    environment.install(f"apache-airflow=={version.version}", str(wheel()))
    after = environment.installed()
    changed = moved(before, after)
    print(f"\nAirflow {version.version}, {len(before)} packages: {len(after) - len(before)} are new, moved: {changed or 'none'}")
    assert "airflow-cv-dataops" in after
    assert {name for name in changed if name.startswith("apache-airflow")} == set()
    assert set(environment.conflicts()) <= set(conflicts)
    if as_released:
        assert changed == {}


def test_pip_itself_moves_nothing_and_takes_what_is_installed_as_constraints(tmp_path: Path) -> None:
    environment = existing(tmp_path / "venv", airflow("the one before 3.3", tmp_path), as_released=True, beside=NEIGHBOURS)
    environment.install("pip")
    version = environment.run("airflow", "version", AIRFLOW_HOME=str(tmp_path)).strip()
    (tmp_path / "installed.txt").write_text(environment.run("pip", "list", "--format=freeze", "--disable-pip-version-check"))
    for constraints in ([], ["--constraint", str(tmp_path / "installed.txt")]):
        asked = ["--dry-run", "--quiet", "--report", str(tmp_path / "report.json"), *constraints]
        environment.run("pip", "install", *asked, f"apache-airflow=={version}", str(wheel()))
        report = json.loads((tmp_path / "report.json").read_text())
        new = {re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower() for package in report["install"]}
        assert "airflow-cv-dataops" in new
        assert new & set(environment.installed()) == set()


def test_with_pyiceberg_held_back_the_installation_is_refused_and_without_that_line_only_it_moves(tmp_path: Path) -> None:
    """PyIceberg up to 0.11 does not retry a refused commit, and is what Airflow's published constraints hold."""
    version = airflow("newest 3.2", tmp_path)
    environment = existing(tmp_path / "venv", version, as_released=True, beside=NEIGHBOURS)
    environment.install("pyiceberg==0.11.1")
    before = environment.installed()
    lines = [f"{name}=={installed}" for name, installed in before.items()]
    (tmp_path / "installed.txt").write_text("\n".join(lines))
    command = [f"apache-airflow=={version.version}", str(wheel()), "--constraint", str(tmp_path / "installed.txt")]
    with pytest.raises(AssertionError, match=r"pyiceberg==0\.11\.1"):
        environment.install(*command)
    (tmp_path / "installed.txt").write_text("\n".join(line for line in lines if not line.startswith("pyiceberg==")))
    environment.install(*command)
    assert set(moved(before, environment.installed())) == {"pyiceberg"}


def test_with_fab_of_airflow_3_1_5_and_before_its_provider_must_move_along(tmp_path: Path) -> None:
    """Those providers want SQLAlchemy 1.4, and PyIceberg's SQL catalog wants 2."""
    version = airflow(LEAST, tmp_path)
    environment = existing(tmp_path / "venv", version, as_released=True, beside=[FAB])
    before = environment.installed()
    assert before["sqlalchemy"].startswith("1.4.")
    (tmp_path / "installed.txt").write_text("\n".join(f"{name}=={installed}" for name, installed in before.items()))
    command = [f"apache-airflow=={version.version}", str(wheel())]
    with pytest.raises(AssertionError, match=r"(?i)sqlalchemy"):
        environment.install(*command, "--constraint", str(tmp_path / "installed.txt"))
    environment.install(*command, f"{FAB}>=3.1.2")
    assert environment.conflicts() == []
    changed = moved(before, environment.installed())
    print(f"\nmoved: {changed}")
    assert {"sqlalchemy", FAB} <= set(changed)
    assert {"apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"} & set(changed) == set()
