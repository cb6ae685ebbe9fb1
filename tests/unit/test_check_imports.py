"""The walls that ``scripts/check_imports.py`` guards: each planted fault is one that it has to see."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from project import PROJECT_ROOT

pytestmark = pytest.mark.once(reason="it reads sources, and is the linter's on the newest version")


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The script, which reads a file that it has read before no second time."""
    spec = importlib.util.spec_from_file_location("check_imports", PROJECT_ROOT / "scripts" / "check_imports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "check_imports", module)  # where dataclasses look for their module
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def planted(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return what is said of a package with these files, each ``(path, content)``."""
    root = tmp_path / "airflow_cv_dataops"

    def said(files: Mapping[str, str]) -> list[str]:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(script, "PACKAGE", root)
        paths = sorted(root.rglob("*.py"))
        inside = list(script.imports_inside(paths))
        return [*script.homeless(paths), *script.upward(inside), *script.circles(inside)]

    return said


def test_the_package_is_as_it_should_be(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main() == 0, capsys.readouterr().out


@pytest.fixture
def copied(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the package, at which the script looks."""
    folder = Path(shutil.copytree(script.PACKAGE, tmp_path / "airflow_cv_dataops", ignore=shutil.ignore_patterns("__pycache__")))
    monkeypatch.setattr(script, "PACKAGE", folder)
    return folder


def test_a_circle_planted_in_the_package_fails_the_check_and_is_shown_with_its_lines(
    script: ModuleType, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = copied / "core" / "audit" / "audit_input.py"
    lines = len(planted.read_text().splitlines())
    with planted.open("a") as file:
        file.write("\n\ndef evidence(data):\n    from airflow_cv_dataops.core.audit.detection.evidence import box_evidence\n")
    assert script.main() == 1
    said = capsys.readouterr().out.splitlines()
    audit = "airflow_cv_dataops/core/audit"
    assert said[0] == f"a circle: {audit}/audit_input -> {audit}/detection -> {audit}/audit_input"
    assert said[1] == f"    {planted}:{lines + 4}: core.audit.audit_input imports core.audit.detection.evidence"
    assert said[2].startswith(f"    {copied}/core/audit/detection/boxes.py:")
    assert len(said) == 3


def test_an_import_that_goes_up_is_said_once_with_where_to_read(
    script: ModuleType, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (copied / "core" / "store" / "dataset.py").open("a") as file:
        file.write("\n\ndef release(dataset):\n    from airflow_cv_dataops.core.release.lookup import read_release\n")
    assert script.main() == 1
    [said] = capsys.readouterr().out.splitlines()
    assert "airflow_cv_dataops/core/store must not import airflow_cv_dataops/core/release, which does not stand below it" in said
    assert "docs/architecture.md" in said


@pytest.mark.parametrize(
    "back",
    [
        "from airflow_cv_dataops.core.audit.one import a",
        "import airflow_cv_dataops.core.audit.one",
        "def later():\n    from airflow_cv_dataops.core.audit import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from airflow_cv_dataops.core.audit.one import a",
        "import importlib\nimportlib.import_module('airflow_cv_dataops.core.audit.one')",
        "COMMAND = ('-m', 'airflow_cv_dataops.core.audit.one')",
        "try:\n    import airflow_cv_dataops.core.audit.one as one\nexcept ImportError:\n    one = None",
        "class Late:\n    from airflow_cv_dataops.core.audit.one import *",
    ],
    ids=["of names", "of a module", "inside a function", "for types alone", "by a call", "by a string", "tried", "in a class"],
)
def test_two_files_that_import_each_other_are_a_circle_wherever_the_import_stands(planted, back: str) -> None:
    (said,) = planted({"core/audit/one.py": "from airflow_cv_dataops.core.audit.two import b", "core/audit/two.py": back})
    assert said.startswith("a circle: airflow_cv_dataops/core/audit/one -> airflow_cv_dataops/core/audit/two -> ")


def test_two_folders_can_be_a_circle_where_no_two_files_are(planted) -> None:
    (said,) = planted(
        {
            "core/audit/boxes/a.py": "from airflow_cv_dataops.core.audit.masks import c",
            "core/audit/masks/b.py": "from airflow_cv_dataops.core.audit.boxes import d",
            "core/audit/masks/c.py": "",
            "core/audit/boxes/d.py": "",
        }
    )
    assert said.startswith("a circle: airflow_cv_dataops/core/audit/boxes -> airflow_cv_dataops/core/audit/masks -> ")


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("core/store/a.py", "core.imaging.sources.b"),
        ("core/imaging/ingest/a.py", "core.labels.b"),
        ("core/imaging/decoding/a.py", "core.imaging.ingest.b"),
        ("core/sampling/a.py", "core.release.b"),
        ("core/drift/a.py", "core.health.b"),
        ("core/errors.py", "core.step_lineage"),
        ("core/release/a.py", "operators.b"),
        ("common/a.py", "hooks.b"),
        ("sensors/a.py", "operators.b"),
    ],
)
def test_nothing_imports_what_stands_beside_or_above_it(planted, importer: str, imported: str) -> None:
    (said,) = planted({importer: f"import airflow_cv_dataops.{imported}", imported.replace(".", "/") + ".py": ""})
    assert "must not import" in said


@pytest.mark.parametrize(
    ("face", "imported"), [("core/__init__.py", "core.release.promote"), ("core/imaging/__init__.py", "core.imaging.ingest.ingest")]
)
def test_the_face_of_a_folder_with_floors_pulls_in_none_of_its_rooms(planted, face: str, imported: str) -> None:
    (said,) = planted({face: f"from airflow_cv_dataops.{imported} import a", imported.replace(".", "/") + ".py": ""})
    assert "__init__ is run before every room of its folder, and imports none of them" in said


def test_core_does_not_import_the_package_s_face(planted) -> None:
    (said,) = planted({"__init__.py": "", "core/lineage/facets.py": "from airflow_cv_dataops import open_dataset"})
    assert "airflow_cv_dataops/core must not import airflow_cv_dataops/__init__" in said


@pytest.mark.parametrize("name", ["core/cellar/a.py", "core/cellar.py", "cellar/__init__.py", "core/imaging/cellar/a.py"])
def test_a_new_room_is_given_a_place_before_anybody_knows_it(planted, name: str) -> None:
    (said,) = planted({name: "import os"})
    assert "/cellar has no floor yet: give it one in FLOORS" in said


def test_an_import_of_what_lies_below_is_fine(planted) -> None:
    assert planted({"core/release/a.py": "from airflow_cv_dataops.core.store.dataset import Dataset", "core/store/dataset.py": ""}) == []


@pytest.mark.parametrize("layer", ["operators", "sensors", "triggers", "hooks", "links", "plugins", "notifications", "common"])
def test_every_layer_of_the_surface_is_looked_at(script: ModuleType, layer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(script, "PACKAGE", tmp_path)
    path = tmp_path / layer / "one.py"
    path.parent.mkdir()
    path.write_text("from . import two\n\ndef read():\n    import obstore\n    from pyarrow import fs\n    return open('file')\n")
    assert [problem.rpartition(": ")[2] for problem in script.check(path)] == [
        "name modules from airflow_cv_dataops on, not from where they are imported",
        "the Airflow surface leaves obstore to core",
        "the Airflow surface leaves pyarrow to core",
        "the Airflow surface opens no files",
    ]


def test_core_imports_no_airflow(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(script, "PACKAGE", tmp_path)
    path = tmp_path / "core" / "one.py"
    path.parent.mkdir()
    path.write_text("def read():\n    from airflow.sdk import Context\n    return __import__('airflow.models')\n")
    assert [problem.rpartition(": ")[2] for problem in script.check(path)] == [
        "core must not import Airflow (airflow.sdk.Context)",
        "core must not import Airflow (airflow.models)",
    ]
