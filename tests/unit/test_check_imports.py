"""The walls that ``scripts/check_imports.py`` guards."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from project import PROJECT_ROOT


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_imports", PROJECT_ROOT / "scripts" / "check_imports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("layer", ["operators", "sensors", "triggers", "hooks", "links", "plugins", "notifications", "common"])
def test_every_layer_of_the_surface_is_looked_at(layer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = script()
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    path = tmp_path / layer / "one.py"
    path.parent.mkdir()
    path.write_text("def read():\n    import obstore\n    return open('file')\n")
    assert [problem.rpartition(": ")[2] for problem in module.check(path)] == [
        "the Airflow surface leaves obstore to core",
        "the Airflow surface opens no files",
    ]
