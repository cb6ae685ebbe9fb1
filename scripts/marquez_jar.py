"""Where Marquez comes from: its jar from Maven Central, or one that ``MARQUEZ_JAR`` names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

VERSION = "0.50.0"
ARTIFACT = f"io.github.marquezproject:marquez-api:{VERSION}"
MAIN_CLASS = "marquez.MarquezApp"
PATIENCE_SECONDS = 300


class UnavailableError(Exception):
    """This machine cannot have a server; the message says which and why."""


def marquez_command(folder: Path) -> list[str]:
    """Return the command that Marquez starts with, up to its arguments. :raises UnavailableError: there is no Java, Maven or jar."""
    java = shutil.which("java")
    if java is None:
        raise UnavailableError("java is not installed (scripts/system-packages installs it, as root on Debian)")
    jar = Path(os.environ["MARQUEZ_JAR"]) if "MARQUEZ_JAR" in os.environ else _downloaded(folder)
    if not jar.is_file():
        raise UnavailableError(f"MARQUEZ_JAR: there is no file {jar}")
    places = [str(jar), *map(str, sorted((folder / "dependencies").glob("*.jar")))]
    return [java, "-Xmx1g", "-cp", os.pathsep.join(places), MAIN_CLASS]


def _downloaded(folder: Path) -> Path:
    jar = folder / f"marquez-api-{VERSION}.jar"
    if jar.is_file():
        return jar
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("mvn is not installed (package maven; scripts/system-packages installs it, as root on Debian)")
    folder.mkdir(parents=True, exist_ok=True)
    _maven(maven, folder, "dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false")
    half = folder / "half"
    _maven(maven, folder, "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={half}")
    if not _is_whole(half / jar.name):
        _copy_dependencies(maven, folder)
    (half / jar.name).replace(jar)  # last: a jar that is there has all that it needs
    return jar


def _is_whole(jar: Path) -> bool:
    """Return whether the jar brings its libraries along."""
    with zipfile.ZipFile(jar) as archive:
        return any(name.startswith("io/dropwizard/") for name in archive.namelist())


def _copy_dependencies(maven: str, folder: Path) -> None:
    group, artifact, version = ARTIFACT.split(":")
    project = folder / "pom.xml"
    project.write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>marquez</groupId><artifactId>libraries</artifactId><version>1</version>"
        f"<dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        "</dependency></dependencies></project>"
    )
    _maven(maven, folder, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'dependencies'}", "-DincludeScope=runtime")


def _maven(maven: str, folder: Path, *arguments: str) -> None:
    log = folder / "maven.log"
    try:
        done = subprocess.run(
            [maven, "--batch-mode", "-Dstyle.color=never", *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"this machine lacks Marquez: {arguments[0]} of {ARTIFACT} had no answer in {PATIENCE_SECONDS} s") from None
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        raise UnavailableError(f"this machine lacks Marquez: Maven did not deliver {ARTIFACT} ({_why(done.stdout)}; log in {log})")


def _why(output: str) -> str:
    """Return what Maven could not find, or else its first error, without addresses."""
    found = re.search(r"(Could not find artifact \S+|\S+ was not found) in", output) or re.search(r"^\[ERROR\] (.*)", output, re.MULTILINE)
    return re.sub(r"https?://\S+", "", found[1])[:200] if found else "no reason given"
