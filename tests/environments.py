"""Virtual environments of their own for tests of how this package is installed: made by uv, from the package index, in seconds."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from project import PROJECT_ROOT

# What a user has set for an installation of theirs is none of these tests' business; where their index is, is.
_SETTINGS = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CV_DATAOPS", "PYTHON", "VIRTUAL_ENV"))}


@cache
def uv() -> str:
    """Return uv's path; where it, or the package index, cannot be had, skip."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        pytest.skip("uv is not installed (scripts/install installs it)")
    asked = subprocess.run([found, "pip", "compile", "--quiet", "--no-deps", "-"], input="pip", text=True, capture_output=True)
    if asked.returncode:
        pytest.skip(f"this machine lacks a package index: {asked.stderr.strip()[-300:]}")
    return found


@dataclass(frozen=True)
class Published:
    """A version of a package, and when it came out."""

    version: str
    at: datetime


def newest(requirement: str, scratch: Path) -> Published:
    """Return the newest version that a requirement admits."""
    lock = scratch / "pylock.toml"
    _run([uv(), "pip", "compile", "--quiet", "--no-deps", "--format", "pylock.toml", "--output-file", str(lock), "-"], feed=requirement)
    [package] = tomllib.loads(lock.read_text())["packages"]
    lock.unlink()
    return Published(package["version"], package["wheels"][0]["upload-time"])


@cache
def wheel() -> Path:
    """Return this package as a wheel, built once."""
    dist = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, dist, ignore_errors=True)
    _run([uv(), "build", "--quiet", "--wheel", "--out-dir", str(dist), str(PROJECT_ROOT)])
    [built] = dist.glob("*.whl")
    return built


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    path: Path

    @classmethod
    def made(cls, path: Path) -> Environment:
        _run([uv(), "venv", "--quiet", "--python", sys.executable, str(path)])
        return cls(path)

    @property
    def python(self) -> str:
        return str(self.path / "bin" / "python")

    def install(self, *what: str) -> None:
        _run([uv(), "pip", "install", "--quiet", "--python", self.python, *what])

    def installed(self) -> dict[str, str]:
        listed = json.loads(_run([uv(), "pip", "list", "--quiet", "--format", "json", "--python", self.python]))
        return {package["name"]: package["version"] for package in listed}

    def conflicts(self) -> list[str]:
        """Return what a package wants that is not there, line by line."""
        checked = subprocess.run([uv(), "pip", "check", "--python", self.python], env=_SETTINGS, capture_output=True, text=True)
        return re.findall(r"^The package .*$", checked.stderr, re.MULTILINE)

    def run(self, *command: str, **settings: str) -> str:
        """Run a program of the environment and return what it printed."""
        return _run([str(self.path / "bin" / command[0]), *command[1:]], settings)


def _run(command: list[str], settings: Mapping[str, str] | None = None, feed: str | None = None) -> str:
    done = subprocess.run(command, env={**_SETTINGS, **(settings or {})}, input=feed, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout
