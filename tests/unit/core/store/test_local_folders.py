"""Links to folders below a local source: followed, each folder once, and what is not followed is said."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from airflow_cv_dataops.core.errors import SourceError
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


def test_a_store_remembers_the_links_behind_which_nothing_is(tmp_path: Path) -> None:
    """Not a folder of its own that is empty, nor a link to what is listed under another name."""
    filled(tmp_path / "in" / "sub", "a.png")
    filled(tmp_path / "disk", "b.png")
    for folder in ("in/own", "unmounted", "deep"):
        (tmp_path / folder).mkdir()
    for name, target in (("gone", "gone"), ("cam 1", "unmounted"), ("disk", "disk"), ("again", "disk"), ("deep", "deep")):
        (tmp_path / "in" / name).symlink_to(tmp_path / target)
    (tmp_path / "deep" / "cam2").symlink_to(tmp_path / "gone")
    store = LocalStore((tmp_path / "in").as_uri())
    for _ in range(2):
        assert {found.path for found in store.list()} == {"sub/a.png", "again/b.png", "gone", "deep/cam2"}
        assert sorted(store.dead_links) == [(tmp_path / "in" / name).as_uri() for name in ("cam 1", "deep/cam2", "gone")]


def test_a_root_that_links_to_an_empty_folder_is_just_empty(tmp_path: Path) -> None:
    (tmp_path / "unmounted").mkdir()
    (tmp_path / "in").symlink_to(tmp_path / "unmounted")
    store = LocalStore((tmp_path / "in").as_uri())
    assert (list(store.list()), store.dead_links) == ([], [])


def test_of_a_file_and_links_to_it_the_links_are_repeated(tmp_path: Path) -> None:
    filled(tmp_path / "in" / "sub", "v2.json")
    filled(tmp_path / "disk", "out.json", "other.json")
    (tmp_path / "in" / "disk").symlink_to(tmp_path / "disk")
    places = {"a.json": "in/sub/v2.json", "v2.json": "in/sub/v2.json", "out.json": "disk/out.json", "z.json": "elsewhere/z.json"}
    filled(tmp_path / "elsewhere", "z.json")
    for name, target in places.items():
        (tmp_path / "in" / name).symlink_to(tmp_path / target)
    (tmp_path / "in" / "zz.json").symlink_to("z.json")
    store = LocalStore((tmp_path / "in").as_uri())
    paths = sorted(found.path for found in store.list())
    assert paths == ["a.json", "disk/other.json", "disk/out.json", "out.json", "sub/v2.json", "v2.json", "z.json", "zz.json"]
    assert store.repeated_links(paths, by_name=False) == {"a.json", "v2.json", "out.json", "zz.json"}
    assert store.repeated_links(paths, by_name=True) == {"v2.json", "out.json"}
    assert store.repeated_links(["disk/other.json"], by_name=False) == set()


def test_a_folder_behind_a_visible_link_is_listed_under_it_although_a_hidden_one_leads_there_too(tmp_path: Path) -> None:
    filled(tmp_path / "in" / "..2026_11_05" / "labels", "a.txt")  # as Kubernetes mounts a volume
    (tmp_path / "in" / "..data").symlink_to("..2026_11_05")
    (tmp_path / "in" / "labels").symlink_to("..data/labels")
    filled(tmp_path / "disk", "b.txt")
    (tmp_path / "in" / ".current").symlink_to(tmp_path / "disk")
    (tmp_path / "in" / "v1").symlink_to(tmp_path / "disk")
    assert listed(tmp_path / "in") == ["labels/a.txt", "v1/b.txt"]


def test_a_house_keeping_folder_that_may_not_be_listed_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "in", "a.png")
    for name in ("lost+found", ".Trashes", "private"):
        filled(tmp_path / "in" / name, "b.png")
    scandir, refused = os.scandir, [b"lost+found", b".Trashes"]

    def refuse(path: bytes) -> object:
        if os.path.basename(path) in refused:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert listed(tmp_path / "in") == ["a.png", "private/b.png"]
    refused.append(b"private")
    with pytest.raises(SourceError, match="private"):
        listed(tmp_path / "in")
