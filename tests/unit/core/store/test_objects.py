"""Local files through the store: odd names, odd files, whole writes, and URIs that come back as they went in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import join_uri, local_path, normalize_uri, open_store, read_uri, without_credentials
from airflow_cv_dataops.core.store.uris import without_logins

HOSTILE_NAMES = [
    b"plain.png",
    b"with space.png",
    b"new\nline.png",
    b"100%.png",
    b"%41.png",
    b"a#b.png",
    b"what?.png",
    b"umlaut-\xc3\xa4.png",
    b"latin1-\xe4.png",
    b"back\\slash.png",
    b"semi;colon.png",
    b"quote'\".png",
    b".hidden.png",
    b"-dash.png",
]


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in HOSTILE_NAMES:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"bytes of " + name)
    return folder


def test_every_file_is_listed_whatever_its_name(hostile_folder: Path) -> None:
    paths = {found.path for found in open_store(str(hostile_folder)).list()}
    assert len(paths) == len(HOSTILE_NAMES)
    assert {"new\nline.png", "100%.png", "a#b.png", "umlaut-ä.png", "latin1-\\xe4.png"} <= paths


def test_every_listed_file_can_be_read_by_its_path_and_by_its_uri(hostile_folder: Path) -> None:
    store = open_store(str(hostile_folder))
    by_path = {store.read(found.path) for found in list(store.list())}
    by_uri = {read_uri(found.uri) for found in store.list()}
    assert by_path == by_uri == {b"bytes of " + name for name in HOSTILE_NAMES}


def test_uris_of_hostile_names_hold_nothing_that_a_uri_may_not(hostile_folder: Path) -> None:
    for found in open_store(str(hostile_folder)).list():
        assert found.uri.isascii()
        assert found.uri.isprintable()
        assert not set(found.uri) & set(' #?"\\\n')


def test_an_escaped_path_of_one_file_is_not_mixed_up_with_the_real_name_of_another(tmp_path: Path) -> None:
    for name in (b"\xe4.png", b"\\xe4.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(name)
    assert {read_uri(found.uri) for found in open_store(str(tmp_path)).list()} == {b"\xe4.png", b"\\xe4.png"}


def test_a_broken_link_is_listed_without_a_size_and_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    store = open_store(str(tmp_path))
    (found,) = store.list()
    assert (found.path, found.size) == ("gone.png", None)
    with pytest.raises(OSError, match="No such file"):
        store.read("gone.png")


def test_a_named_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    store = open_store(str(tmp_path))
    with pytest.raises(OSError, match="not a regular file"):
        store.read("pipe.png")
    with pytest.raises(OSError, match="not a regular file"):
        read_uri(str(tmp_path / "pipe.png"))


def test_an_absent_prefix_is_empty(tmp_path: Path) -> None:
    assert list(open_store(str(tmp_path / "not" / "there")).list()) == []


def test_a_file_as_prefix_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("{}")
    with pytest.raises(SourceError, match=r"labels\.json is a file; expected a folder"):
        list(open_store(str(tmp_path / "labels.json")).list())


def test_files_below_folders_are_listed_with_size_and_path(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.png").write_bytes(b"12345")
    (found,) = open_store(str(tmp_path)).list()
    assert (found.path, found.size) == ("a/b/c.png", 5)
    assert found.changed_at is not None


def test_a_copy_that_keeps_an_old_time_still_counts_as_changed_now(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"x")
    os.utime(tmp_path / "old.png", (1_000_000_000, 1_000_000_000))
    (found,) = open_store(str(tmp_path)).list()
    assert found.modified_at is not None
    assert found.modified_at.year == 2001
    assert found.changed_at is not None
    assert found.changed_at.year > 2020


def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert store.size("objects/ab/x.bin") is None
    first = store.write("objects/ab/x.bin", b"first")
    second = store.write("objects/ab/x.bin", b"second")
    assert first == second == store.uri_of("objects/ab/x.bin")
    assert store.size("objects/ab/x.bin") is not None
    assert read_uri(first) == b"second"
    assert os.listdir(tmp_path / "objects" / "ab") == ["x.bin"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path))
    store.write("x.bin", b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            store.write("x.bin", b"new")
    assert (tmp_path / "x.bin").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("odd", ["", "   "])
def test_an_empty_string_is_not_a_place(odd: str) -> None:
    with pytest.raises(ConfigurationError, match="not a place"):
        open_store(odd)


def test_an_unknown_scheme_is_a_configuration_error_without_credentials() -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_store("nonsense://user:secret@host/prefix")
    assert "nonsense://host/prefix" in str(raised.value).split(":", 1)[0] + str(raised.value)
    assert "Cannot open nonsense://host/prefix" in str(raised.value)


# A path segment as Linux allows it: any bytes but NUL and the slash.
SEGMENT = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))


@given(st.lists(SEGMENT, min_size=1, max_size=4))
def test_a_local_path_survives_the_way_through_its_uri(segments: list[bytes]) -> None:
    path = os.fsdecode(b"/" + b"/".join(segments))
    uri = normalize_uri("file://" + normalize_uri(path)[len("file://") :])
    assert local_path(uri) == path
    assert normalize_uri(uri) == uri


@pytest.mark.parametrize(
    ("given_uri", "expected"),
    [
        ("/data/a b", "file:///data/a%20b"),
        ("file:///data/a%20b/", "file:///data/a%20b"),
        ("/data/../etc", "file:///etc"),
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        ("/data/100%", "file:///data/100%25"),
    ],
)
def test_a_place_has_one_spelling(given_uri: str, expected: str) -> None:
    assert normalize_uri(given_uri) == expected


def test_parts_are_joined_with_one_slash() -> None:
    assert join_uri("s3://bucket/", "/digits/", "images") == "s3://bucket/digits/images"


@pytest.mark.parametrize(
    ("given_uri", "expected"),
    [
        ("postgresql+psycopg2://iceberg:pass%40word@db:5432/iceberg?sslmode=require", "postgresql+psycopg2://db:5432/iceberg"),
        ("s3://my_conn@bucket/prefix", "s3://bucket/prefix"),
        ("https://host/blob?sig=abcdef", "https://host/blob"),
        ("s3://bucket/an@sign", "s3://bucket/an@sign"),
        ("file:///data/a@b?c", "file:///data/a@b?c"),
    ],
)
def test_credentials_and_queries_are_taken_out_of_uris(given_uri: str, expected: str) -> None:
    assert without_credentials(given_uri) == expected


def test_the_start_of_a_file_can_be_read_alone(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    store = open_store(str(tmp_path))
    assert (store.read_start("a.bin", 4), store.read_start("a.bin", 99)) == (b"0123", b"0123456789")
    memory = open_store("memory://")
    memory.write("a.bin", b"0123456789")
    assert (memory.read_start("a.bin", 4), memory.read_start("a.bin", 99)) == (b"0123", b"0123456789")
    for absent in (store, memory):
        with pytest.raises(OSError, match=r"b\.bin"):
            absent.read_start("b.bin", 4)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    assert read_uri(str(tmp_path / "a.bin"), max_bytes=10) == b"0123456789"
    with pytest.raises(OSError, match="the file has 10 bytes, more than the 9 that are read"):
        read_uri(str(tmp_path / "a.bin"), max_bytes=9)


def test_a_file_that_says_it_is_empty_and_is_not_is_read_no_further_than_may_be() -> None:
    endless = Path("/proc/self/maps")
    if not endless.exists():
        pytest.skip("this system has no such files")
    assert endless.stat().st_size == 0
    with pytest.raises(OSError, match="more than the 10"):
        read_uri(str(endless), max_bytes=10)


def test_of_uris_in_a_text_those_with_a_password_or_a_signature_lose_it() -> None:
    text = "cannot open s3://lake/a?b=c, see http://h/p?q=1; 'postgresql://u:p@h/db' (https://a/b?sig=x)"
    assert without_logins(text) == "cannot open s3://lake/a?b=c, see http://h/p?q=1; 'postgresql://h/db' (https://a/b"
