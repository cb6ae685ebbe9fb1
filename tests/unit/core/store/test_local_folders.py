"""Links to folders below a local source: followed, each folder once, and what is not followed is said."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_cv_dataops.core.store.local import LocalStore
from airflow_cv_dataops.core.store.objects import open_store, read_uri


def listed(root: Path) -> list[str]:
    return sorted(found.path for found in open_store(root).list())


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_a_root_that_is_a_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    filled(tmp_path / "disk", "a.png")
    (tmp_path / "in").symlink_to(tmp_path / "disk")
    assert listed(tmp_path / "in") == ["a.png"]


def test_a_linked_folder_is_followed_and_its_files_are_read_under_the_links_name(tmp_path: Path) -> None:
    filled(tmp_path / "disk" / "deep", "b.png")
    filled(tmp_path / "in", "a.png")
    (tmp_path / "in" / "moved").symlink_to(tmp_path / "disk")
    assert listed(tmp_path / "in") == ["a.png", "moved/deep/b.png"]
    (_, moved) = sorted(open_store(tmp_path / "in").list(), key=lambda found: found.path)
    assert moved.uri == (tmp_path / "in" / "moved" / "deep" / "b.png").as_uri()
    assert read_uri(moved.uri) == open_store(tmp_path / "in").read(moved.path) == b"b.png"


def test_links_that_go_round_in_circles_end(tmp_path: Path) -> None:
    filled(tmp_path / "in" / "one", "a.png")
    filled(tmp_path / "disk", "b.png")
    (tmp_path / "in" / "one" / "self").symlink_to(tmp_path / "in" / "one")
    (tmp_path / "in" / "one" / "out").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "disk")
    assert listed(tmp_path / "in") == ["one/a.png", "one/out/b.png"]


def test_a_folder_is_listed_once_under_its_own_name_however_many_links_lead_to_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path / "in" / "2026-11-05", "a.png")
    filled(tmp_path / "disk" / "sub", "b.png")
    for name in ("aaa", "latest"):
        (tmp_path / "in" / name).symlink_to("2026-11-05")
    (tmp_path / "in" / "b1").symlink_to(tmp_path / "disk" / "sub")
    (tmp_path / "in" / "b2").symlink_to(tmp_path / "disk")
    with caplog.at_level(logging.INFO):
        assert listed(tmp_path / "in") == ["2026-11-05/a.png", "b1/b.png"]
    assert "2 links below" in caplog.text
    assert "lead to folders that are listed already; the first: " in caplog.text


def test_a_link_to_a_folder_that_the_source_lies_in_brings_in_no_other_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path / "2026-11-04", "old.png")
    filled(tmp_path / "2026-11-05", "new.png")
    (tmp_path / "2026-11-05" / "up").symlink_to("..")
    assert listed(tmp_path / "2026-11-05") == ["new.png"]
    assert "1 links below" in caplog.text
    assert "are not followed; the first: " in caplog.text


def test_a_link_that_leads_nowhere_is_listed_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path / "in", "a.png")
    (tmp_path / "in" / "moved").symlink_to(tmp_path / "gone")
    assert listed(tmp_path / "in") == ["a.png", "moved"]
    assert "1 of what lies at" in caplog.text
    assert "the first: moved" in caplog.text


def test_a_store_says_what_is_there_where_nothing_is_listed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    assert LocalStore((tmp_path / "empty").as_uri()).why_nothing() == "the folder is there, and no file is in it or below it"
    assert LocalStore((tmp_path / "link").as_uri()).why_nothing() == f"it is a link to '{tmp_path}/unmounted', where nothing is"
    assert LocalStore((tmp_path / "absent").as_uri()).why_nothing() == "there is no file or folder of that name"
