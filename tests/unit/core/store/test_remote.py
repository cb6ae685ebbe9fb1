"""An object store's keys as they are: odd ones neither widen a prefix nor stop its listing, and folders are no files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_s3 import FakeS3, fake_s3

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources.arrival import aobserve_arrival, observe_arrival
from airflow_cv_dataops.core.store import s3_keys
from airflow_cv_dataops.core.store.objects import open_store, read_uri
from airflow_cv_dataops.core.store.remote import RemoteObjects

ODD_PREFIXES = ["landing/#7", "landing/what?", "landing/a%41b", "landing/100%", "landing/a b+c", "landing/Größe", "landing/a\\b"]
UNADDRESSABLE = ["in//x.png", "in/a/../b.png", "in/./c.png", "in/new\nline.png", "in/bell\x07.png", "in//"]


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with fake_s3(page=3) as fake:
        yield fake


@pytest.mark.parametrize("prefix", ODD_PREFIXES)
def test_a_prefix_means_itself_whatever_characters_it_has(s3: FakeS3, prefix: str) -> None:
    s3.objects = {"landing/other.png": b"other", "landing/aAb/x.png": b"decoded", "landing/a/x.png": b"cut"}
    store = open_store(f"s3://b/{prefix}", s3.options)
    assert list(store.list()) == []
    uri = store.write("x #1.png", b"mine")
    assert s3.objects[f"{prefix}/x #1.png"] == b"mine"
    assert [(found.path, found.uri) for found in store.list()] == [("x #1.png", uri)]
    assert store.read("x #1.png") == read_uri(uri, s3.options) == b"mine"
    assert store.size("x #1.png") == 4
    assert b"".join(RemoteObjects(f"s3://b/{prefix}", s3.options).get("x #1.png")[1]) == b"mine"


@pytest.mark.parametrize("prefix", ["a//b", "a/../b", "./a", "a\nb"])
def test_a_prefix_that_cannot_be_meant_is_refused(s3: FakeS3, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="its key"):
        open_store(f"s3://b/{prefix}", s3.options)


@pytest.mark.parametrize("odd", UNADDRESSABLE)
def test_an_odd_key_costs_itself_and_not_the_listing(s3: FakeS3, odd: str) -> None:
    plain = [f"{number}.png" for number in range(8)]
    s3.objects = {f"in/{name}": b"image" for name in plain} | {odd: b"image", "in/zz/last.png": b"image"}
    store = open_store("s3://b/in", s3.options)
    listed = {found.path: found for found in store.list()}
    assert sorted(listed) == sorted([*plain, "zz/last.png", odd.removeprefix("in/")])
    assert listed[odd.removeprefix("in/")].uri == f"s3://b/{odd}"
    assert all(store.fetch(listed[name]) == b"image" for name in plain)
    with pytest.raises(OSError, match="its key"):
        store.fetch(listed[odd.removeprefix("in/")])
    with pytest.raises(OSError, match="read"):
        read_uri(f"s3://b/{odd}", s3.options)


@pytest.mark.parametrize("odd", UNADDRESSABLE)
def test_waiting_counts_images_beside_an_odd_key(s3: FakeS3, odd: str) -> None:
    s3.objects = {f"in/{number}.png": b"image" for number in range(7)} | {odd: b"image"}
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=1)
    expected = 8  # an ingest would take the odd one too, and reject it
    assert observe_arrival("s3://b/in", options=s3.options, now=now).images == expected
    assert asyncio.run(aobserve_arrival("s3://b/in", options=s3.options, now=now)).images == expected


def test_another_kind_of_store_names_the_odd_key(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_keys, "_SCHEMES", ())
    s3.objects = {"in/new\nline.png": b""}
    with pytest.raises(SourceError, match=r"Cannot list s3://b/in: it holds a key .*in/new\\nline\.png"):
        list(open_store("s3://b/in", s3.options).list())


def test_objects_that_stand_for_folders_are_told_from_empty_files(s3: FakeS3) -> None:
    folders = ["in/", "in/sub/", "in/sub/deep/", "in/lone/", "in/z/"]
    files = ["in/empty.png", "in/sub.png", "in/sub/deep/x.png", "in/sub/y", "in/zero"]
    s3.objects = dict.fromkeys([*folders, *files], b"")
    listed = {found.path: found.is_folder for found in open_store("s3://b/in", s3.options).list()}
    expected = {key.removeprefix("in/").rstrip("/"): key.endswith("/") for key in [*folders, *files]}
    assert listed == expected


def test_folders_beside_an_odd_key_are_told_as_well(s3: FakeS3) -> None:
    s3.objects = dict.fromkeys(["in/", "in/0.png", "in/sub/", "in/sub//x.png", "in/sub/y.png", "in/t/"], b"")
    listed = [(found.path.rstrip("/"), found.is_folder) for found in open_store("s3://b/in", s3.options).list()]
    assert sorted(listed) == [("", True), ("0.png", False), ("sub", True), ("sub//x.png", False), ("sub/y.png", False), ("t", True)]


def test_waiting_counts_no_folders(s3: FakeS3) -> None:
    s3.objects = dict.fromkeys(["in/", "in/sub/", "in/sub/a", "in/lone/"], b"")
    assert observe_arrival("s3://b/in", options=s3.options, pattern="*").images == 1
    assert asyncio.run(aobserve_arrival("s3://b/in", options=s3.options, pattern="*")).images == 1


def test_what_cannot_be_read_is_told_in_the_same_words_each_time(s3: FakeS3) -> None:
    store = open_store("s3://b/in", s3.options)
    said = []
    for _ in range(2):
        with pytest.raises(OSError, match="not found") as raised:
            store.read("gone.png")
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert " in " not in said[0].partition("Error performing GET")[2].partition(" - ")[0]
