"""``python -m airflow_cv_dataops``: exit codes, clean output, and nothing made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.core.release.release_rows import write_images

from airflow_cv_dataops import __main__ as command_line
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.store import partition_keys
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.version import __version__

HOSTILE = "day\x1b[31m\u202e\x07"


@pytest.fixture
def home(make_dataset: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A catalog with a partition that this package would refuse, as another writer may have left it."""
    monkeypatch.setattr(partition_keys, "check_partition_key", lambda key: key)
    write_images(make_dataset("digits"), HOSTILE, ["1", "2"])
    return str(tmp_path / "cv_dataops")


def run(*arguments: str) -> int:
    try:
        return command_line.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def test_a_list_is_a_table_and_the_catalog_is_named_beside_it(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--home", home) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[:5] == ["dataset", "partitions", "newest", "images", "labels"]
    assert out.splitlines()[2].split()[:2] == ["digits", "1"]
    assert err == f"Catalog: sqlite:///{home}/catalog.db (embedded)\n"


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["table", "json"])
def test_hostile_names_reach_no_terminal(home: str, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]) -> None:
    for asked in (["list"], ["show", "digits"], ["show", "digits", "--partition", "x"], ["show", "digits", "--partition", HOSTILE]):
        run(*asked, "--home", home, *more)
        out, err = capsys.readouterr()
        assert not {"\x1b", "\u202e", "\x07"} & set(out + err), asked


def test_json_is_all_of_standard_output(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json", "--home", home) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == {"catalog", "looked_at", "datasets"}
    assert [(one["name"], one["images_count"], one["newest_partition"]) for one in listed["datasets"]] == [("digits", 2, HOSTILE)]
    assert run("show", "digits", "--json", "--home", home) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [one["images"] for one in shown["dataset"]["partitions"]] == [2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "digitz"], 1, "Did you mean 'digits'?"),
        (["show", "digits", "--partition", "day"], 1, "has no partition 'day'"),
        (["show", "Digits"], 2, "Dataset name 'Digits' cannot be used"),
        (["show", "digits", "--limit", "0"], 2, "'0' is no number of 1 or more"),
        (["list", "--conn-id", "lake"], 2, "not allowed with argument"),
        (["weigh"], 2, "invalid choice"),
        ([], 2, "are required"),
    ],
)
def test_the_exit_code_says_what_went_wrong(
    home: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(*arguments[:1], *(["--home", home] if arguments else []), *arguments[1:]) == code
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err


def test_an_error_of_a_catalog_is_one_line_without_secrets(
    home: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any) -> None:
        raise RuntimeError(f"cannot reach sqlite:///{home}?password=hunter2\nat all")

    config = command_line.embedded_catalog(home)
    properties = {**config.properties, "password": "hunter2"}
    monkeypatch.setattr(command_line, "embedded_catalog", lambda _: type(config)(config.name, properties))
    monkeypatch.setattr("airflow_cv_dataops.core.catalogue.datasets.list_datasets", refuse)
    assert run("list", "--home", home) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1].startswith("RuntimeError: cannot reach")
    assert "hunter2" not in said[1]


def test_version_and_help_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"airflow_cv_dataops {__version__}\n"
    for arguments in (["--help"], ["list", "--help"], ["show", "--help"]):
        assert run(*arguments) == 0
        assert "python -m airflow_cv_dataops show digits --partition 2026-11-05" in capsys.readouterr().out


def test_without_a_catalog_nothing_is_made_and_airflow_is_left_alone(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CV_DATAOPS"))}
    code = (
        "import sys; from airflow_cv_dataops.__main__ import main; main(['list']); main(['list', '--json']); "
        "print('airflow' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "AIRFLOW_HOME": str(tmp_path / "airflow")},
    )
    assert done.stdout.startswith("There is no dataset in this catalog yet.")
    assert json.loads(done.stdout[done.stdout.index("{") :])["datasets"] == []
    assert done.stderr.splitlines()[-1] == "False"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_ends_it_calmly(home: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_cv_dataops", "list", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.wait(), process.stderr.read().splitlines()[1:]) == (0, [])
    process.stderr.close()


def test_a_list_that_could_not_tell_all_says_so_in_its_exit_code(
    home: str, make_dataset: Callable[..., Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make_dataset("broken")
    write_images(broken, "2026-11-05", ["1"])
    found = broken.load_table("images")
    assert found is not None
    Path(local_path(found.metadata_location)).unlink()
    assert run("list", "--home", home) == 1
    out = capsys.readouterr().out
    assert "digits" in out
    assert "broken cannot be read: " in out
    assert run("list", "--home", home, "--json") == 1
    datasets = json.loads(capsys.readouterr().out)["datasets"]
    assert [entry["problem"] is None for entry in datasets] == [False, True]


def test_an_answer_that_cannot_be_written_is_no_traceback(home: str) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no disk that is always full")
    with open("/dev/full", "w") as full:
        asked = [sys.executable, "-m", "airflow_cv_dataops", "list", "--home", home]
        ended = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr, "cannot be written" in ended.stderr) == (1, False, True)
