"""Prefixes and list files as sources of images."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources import ImageSource, image_source_from, open_image_source
from airflow_cv_dataops.core.imaging.sources.archive import ArchiveSource
from airflow_cv_dataops.core.imaging.sources.list_file import ListSource
from airflow_cv_dataops.core.imaging.sources.prefix import PrefixSource
from airflow_cv_dataops.core.store.objects import open_store, read_uri


def entries(source: ImageSource) -> dict[str, bytes | str]:
    """Return what each entry holds, by path, or why it cannot be read."""
    found: dict[str, bytes | str] = {}
    for info in source.list():
        assert info.path not in found
        try:
            found[info.path] = source.fetch(info)
        except OSError as error:
            found[info.path] = str(error)
    return found


def a_list(path: Path, *values: object, column: str = "uri") -> Path:
    rows = [{column: value} for value in values]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        path.write_text("\n".join([column, *(f'"{value or ""}"' for value in values)]))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    for name in ("a.png", "b c.png", "deep/d.png"):
        (tmp_path / "pictures" / name).write_bytes(name.encode())
    return tmp_path / "pictures"


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("s3://bucket/prefix", PrefixSource),
        ("s3://bucket/prefix.zip/", PrefixSource),
        ("s3://bucket/list.PARQUET", ListSource),
        ("s3://bucket/list.csv", ListSource),
        ("s3://bucket/list.jsonl", ListSource),
        ("list.ndjson", ListSource),
        ("s3://bucket/a.zip", ArchiveSource),
        ("a.tar", ArchiveSource),
        ("a.tar.gz", ArchiveSource),
        ("a.TGZ", ArchiveSource),
        ("a.tar.bz2", ArchiveSource),
        ("a.tar.xz", ArchiveSource),
        ("photos.gz", PrefixSource),
    ],
)
def test_the_uri_says_what_kind_of_source_it_is(uri: str, kind: type[ImageSource]) -> None:
    assert type(open_image_source(uri, options={"region": "us-east-1"})) is kind


def test_a_local_folder_is_a_prefix_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "day.zip").mkdir()
    assert type(open_image_source(str(tmp_path / "day.zip"))) is PrefixSource


def test_a_prefix_is_listed_and_read_as_its_store_does(pictures: Path) -> None:
    source = open_image_source(str(pictures))
    assert list(source.list()) == list(open_store(str(pictures)).list())
    assert entries(source) == {"a.png": b"a.png", "b c.png": b"b c.png", "deep/d.png": b"deep/d.png"}


def test_uris_of_a_source_are_free_of_credentials_but_its_spec_still_opens_it() -> None:
    source = open_image_source("s3://someone:secret@bucket/list.csv", options={"region": "us-east-1"})
    assert source.uri == "s3://bucket/list.csv"
    assert json.loads(json.dumps(source.spec))["uri"] == "s3://someone:secret@bucket/list.csv"


@pytest.mark.parametrize("name", ["images.parquet", "images.csv", "images.jsonl", "images.ndjson"])
@pytest.mark.parametrize("column", ["uri", "Path", "image"])
def test_a_list_names_images_by_relative_absolute_and_full_paths(pictures: Path, name: str, column: str) -> None:
    absolute, full = str(pictures / "b c.png"), (pictures / "deep" / "d.png").as_uri()
    uri = str(a_list(pictures / name, "a.png", absolute, full, column=column))
    with open_image_source(uri) as source, image_source_from(json.loads(json.dumps(source.spec))) as again:
        assert entries(source) == {"a.png": b"a.png", "b c.png": b"b c.png", "deep/d.png": b"deep/d.png"}
        listed = list(source.list())
        assert [again.fetch(info) for info in listed] == [b"a.png", b"b c.png", b"deep/d.png"]
        assert [read_uri(info.uri) for info in listed] == [b"a.png", b"b c.png", b"deep/d.png"]


def test_a_local_entry_is_described_as_a_listing_of_its_folder_would(pictures: Path) -> None:
    found = {info.uri: info for info in open_image_source(str(a_list(pictures / "l.csv", "a.png", "deep/d.png"))).list()}
    listed = {info.uri: info for info in open_store(str(pictures)).list()}
    assert found == {uri: listed[uri] for uri in found}
    assert len(found) == 2


def test_an_entry_outside_of_the_lists_folder_has_its_whole_path_as_its_name(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "lists").mkdir()
    (info,) = open_image_source(str(a_list(tmp_path / "lists" / "l.csv", "../pictures/a.png"))).list()
    assert (info.uri, info.path) == ((pictures / "a.png").as_uri(), str(pictures / "a.png")[1:])


def test_an_image_that_is_named_twice_is_listed_once(pictures: Path) -> None:
    source = open_image_source(str(a_list(pictures / "l.jsonl", "a.png", "./a.png", "deep/../a.png", (pictures / "a.png").as_uri())))
    assert [info.path for info in source.list()] == ["a.png"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "names no place"),
        (None, "names no place"),
        (17, "names no place"),
        ("s3://conn@bucket/a.png", "names a connection or holds credentials"),
        ("s3://bucket/", "names no file"),
        ("s3://bucket", "names no file"),
        ("https://host/a.png?signature=secret", "holds a query"),
        ("a\u0000.png", "control characters"),
    ],
)
def test_a_row_without_a_usable_uri_is_an_entry_that_says_why(pictures: Path, value: object, why: str) -> None:
    source = open_image_source(str(a_list(pictures / "l.jsonl", "a.png", value)))
    good, bad = source.list()
    assert good.path == "a.png"
    assert bad.uri == (pictures / "l.jsonl").as_uri() + "#2"
    with pytest.raises(OSError, match=f"row 2 of the list .*{why}"):
        image_source_from(source.spec).fetch(bad)


def test_lines_that_are_no_json_are_entries_and_texts_are_uris(pictures: Path) -> None:
    path = pictures / "l.jsonl"
    path.write_bytes(b'"a.png"\n{"uri": "deep/d.png"}\n{broken\n\n[1]\n' + b"[" * 100_000 + b"\n\xff\xfe\n")
    found = entries(open_image_source(str(path)))
    assert (found["a.png"], found["deep/d.png"]) == (b"a.png", b"deep/d.png")
    assert [name for name, what in found.items() if isinstance(what, str)] == ["row 3", "row 4", "row 5", "row 6"]


def test_a_missing_image_is_an_entry_that_cannot_be_read(pictures: Path) -> None:
    found = entries(open_image_source(str(a_list(pictures / "l.csv", "nowhere.png"))))
    assert "No such file" in str(found["nowhere.png"])


def test_a_list_in_an_object_store_may_not_name_files_of_the_worker() -> None:
    from airflow_cv_dataops.core.imaging.sources.list_file import _located, _UnusableError

    for value in ("/etc/passwd", "file:///etc/passwd"):
        with pytest.raises(_UnusableError, match="not a local one"):
            _located(value, "s3://bucket/lists")
    for value in ("../../a.png", "..", "x/"):
        with pytest.raises(_UnusableError, match="names no file"):
            _located(value, "s3://bucket/lists")
    assert _located("../a.png", "s3://bucket/lists").uri == "s3://bucket/a.png"
    assert (_located("x/a.png", "s3://bucket/lists").path, _located("s3://other/a.png", "s3://bucket/lists").path) == (
        "x/a.png",
        "other/a.png",
    )


@pytest.mark.parametrize(
    ("listed_at", "entry", "given"),
    [
        ("s3://bucket/l.csv", "s3://other", True),
        ("s3://bucket/l.csv", "s3a://other", True),
        ("s3://bucket/l.csv", "gs://other", False),
        ("s3://bucket/l.csv", "https://host", False),
        ("/data/l.csv", "s3://bucket", True),
        ("/data/l.csv", "http://host", False),
    ],
)
def test_keys_go_only_to_the_kind_of_store_that_they_are_for(listed_at: str, entry: str, given: bool) -> None:
    source = open_image_source(listed_at, options={"region": "us-east-1"})
    assert isinstance(source, ListSource)
    assert source._are_for(entry) is given


def test_images_on_a_web_server_are_read(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a b.png").write_bytes(b"over http")
    handler = partial(QuietHandler, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        found = entries(open_image_source(str(a_list(tmp_path / "l.csv", f"{root}/a%20b.png", f"{root}/gone.png")), max_bytes=100))
        small = open_image_source(str(tmp_path / "l.csv"), max_bytes=5)
        with pytest.raises(OSError, match="9 bytes; at most 5 are read"):
            small.fetch(next(small.list()))
        server.shutdown()
    place = root[len("http://") :]
    assert found[f"{place}/a%20b.png"] == b"over http"
    assert "404" in str(found[f"{place}/gone.png"])


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_what_the_list_says_about_remote_images_is_taken_and_nobody_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "inventory.parquet"
    pq.write_table(
        pa.table(
            {
                "URI": ["s3://bucket/a.png", "s3://bucket/b.png"],
                "Size": [5, None],
                "e_tag": ['"x"', None],
                "last_modified": [datetime(2026, 11, 5, tzinfo=UTC), None],
            }
        ),
        path,
    )
    one, other = open_image_source(str(path), options={"endpoint": "http://127.0.0.1:9", "region": "us-east-1"}).list()
    assert (one.size, one.etag, one.modified_at) == (5, '"x"', datetime(2026, 11, 5, tzinfo=UTC))
    assert (other.size, other.etag, other.modified_at) == (None, None, None)


def test_the_column_can_be_named(pictures: Path) -> None:
    path = str(a_list(pictures / "l.csv", "a.png", column="photo"))
    assert [info.path for info in open_image_source(path, list_column="photo").list()] == ["a.png"]
    with pytest.raises(SourceError, match=r"no column any of uri, .*; it has: photo\. Name it with list_column"):
        list(open_image_source(path).list())
    with pytest.raises(SourceError, match="no column 'nope'"):
        list(open_image_source(path, list_column="nope").list())


@pytest.mark.parametrize("name", ["l.parquet", "l.csv", "l.jsonl"])
def test_a_list_that_is_absent_is_a_source_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=f"Cannot read the list .*{name}"):
        list(open_image_source(str(tmp_path / name)).list())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_parquet_list_that_cannot_be_read_is_a_source_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "l.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"Cannot read the list .*l\.parquet"):
        list(open_image_source(str(tmp_path / "l.parquet")).list())


@pytest.mark.parametrize(("name", "content"), [("l.csv", b""), ("l.csv", b"a,b\n1,2\n")])
def test_a_list_without_a_column_of_uris_is_a_source_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="no column"):
        list(open_image_source(str(tmp_path / name)).list())


def test_csv_rows_of_any_length_and_bytes_of_any_kind_are_read(pictures: Path) -> None:
    odd = os.path.join(os.fsencode(pictures), b"caf\xe9.png")
    with open(odd, "wb") as file:
        file.write(b"odd")
    (pictures / "l.csv").write_bytes(b"\xef\xbb\xbfid,uri\n1,a.png,more\n2\n3,caf\xe9.png\n4,deep/d.png\n")
    found = entries(open_image_source(str(pictures / "l.csv")))
    assert list(found.values()) == [b"a.png", "row 2 of the list names no place", b"odd", b"deep/d.png"]
    assert list(found) == ["a.png", "row 2", "caf\\xe9.png", "deep/d.png"]


def test_bytes_in_a_parquet_list_are_text(pictures: Path) -> None:
    pq.write_table(pa.table({"uri": pa.array([b"a.png", b"\xff"], pa.binary())}), pictures / "l.parquet")
    found = entries(open_image_source(str(pictures / "l.parquet")))
    assert found["a.png"] == b"a.png"
    assert len(found) == 2


JSON_VALUES = (
    st.none() | st.integers() | st.floats() | st.text() | st.sampled_from(["a.png", "file:///x", "s3://b/\ud800", "\ud800", "\udcff"])
)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(["uri", "size", "etag", "modified_at", "x"]), JSON_VALUES)), junk=st.binary(max_size=40)
)
@pytest.mark.parametrize("name", ["l.jsonl", "l.csv", "l.parquet"])
def test_whatever_a_list_holds_it_is_read_or_refused(pictures: Path, name: str, rows: list[dict[str, object]], junk: bytes) -> None:
    if name == "l.csv":
        lines = ["uri,size,etag,modified_at", *(",".join(str(value) for value in row.values()) for row in rows)]
        content = "\n".join(lines).encode("utf-8", "surrogatepass") + junk
    else:
        content = "\n".join(map(json.dumps, rows)).encode() + b"\n" + junk
    (pictures / name).write_bytes(content)
    source = open_image_source(str(pictures / name))
    try:
        listed = list(source.list())
    except SourceError:
        return
    assert len({info.uri for info in listed}) == len(listed)
    for attribute, kind in (
        ("uri", pa.string()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("etag", pa.string()),
        ("version", pa.string()),
    ):
        pa.array([getattr(info, attribute) for info in listed], kind)
    pa.array([info.modified_at for info in listed], pa.timestamp("us", tz="UTC"))
    for info in listed:
        if not info.uri.startswith("s3://"):
            with contextlib.suppress(OSError):
                source.fetch(info)


def test_a_file_beyond_the_limit_is_not_read(pictures: Path) -> None:
    import errno

    source = open_image_source(str(pictures), max_bytes=5)
    by_path = {info.path: info for info in source.list()}
    assert source.fetch(by_path["a.png"]) == b"a.png"
    with pytest.raises(OSError, match="10 bytes; at most 5 are read") as raised:
        source.fetch(by_path["deep/d.png"])
    assert raised.value.errno == errno.EFBIG


def test_an_empty_uri_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a place"):
        open_image_source("")
