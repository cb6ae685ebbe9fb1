"""Archives as sources of images: honest ones are read whole, hostile ones do no harm."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from archives import DIRECTORY_ENTRY, LOCAL_HEADER, overlapping_zip, patched, tar_entry, write_tar, write_zip, zip_link, zip_stating
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import PATIENCE_SECONDS, forkserver
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources import ImageSource, image_source_from, open_image_source
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

FILES = {"a.png": b"first", "deep/er/b c.png": b"second" * 100, "deep/ä.png": b"third", "empty.png": b""}
KINDS = {".zip": None, ".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def contents(source: ImageSource) -> dict[str, bytes | str]:
    """Return what each member holds, by path, or why it cannot be read."""
    found: dict[str, bytes | str] = {}
    for info in source.list():
        assert info.path not in found
        assert info.uri.startswith(f"{source.uri}!/")
        try:
            found[info.path] = source.fetch(info)
        except OSError as error:
            found[info.path] = str(error)
    return found


def an_archive(folder: Path, suffix: str) -> Path:
    path = folder / f"day{suffix}"
    return write_zip(path, FILES) if suffix == ".zip" else write_tar(path, FILES, KINDS[suffix] or "w")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that temporary files go to: the test's own, as others run at the same time."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.mark.parametrize("suffix", KINDS)
def test_every_member_is_listed_and_read(tmp_path: Path, scratch: Path, suffix: str) -> None:
    path = an_archive(tmp_path, suffix)
    with open_image_source(str(path)) as source:
        assert contents(source) == FILES
        listed = {info.path: info for info in source.list()}
        assert listed["deep/ä.png"].uri == path.as_uri() + "!/deep/%C3%A4.png"
        assert {info.size for info in listed.values()} == {5, 600, 0}
        assert len({info.etag for info in listed.values()}) == 1
        assert all(info.etag and info.modified_at for info in listed.values())
    assert os.listdir(scratch) == []


def _fetch_all(spec: str, infos: list[object], results: object) -> None:
    source = image_source_from(json.loads(spec))
    results.put([source.fetch(info) for info in infos])  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_other_processes_read_the_same_archive_from_its_spec(tmp_path: Path, suffix: str) -> None:
    with open_image_source(str(an_archive(tmp_path, suffix))) as source:
        infos = list(source.list())
        context = forkserver()
        results = context.Queue()
        process = context.Process(target=_fetch_all, args=(json.dumps(source.spec), infos[::-1], results))
        process.start()
        assert results.get(timeout=PATIENCE_SECONDS) == list(FILES.values())[::-1]
        process.join(PATIENCE_SECONDS)
        # What another process owns is not removed by those that use it.
        assert contents(source) == FILES


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_threads_and_forks_may_read_at_once(tmp_path: Path, suffix: str) -> None:
    files = {f"{number}.png": bytes([number % 256]) * (1000 + number) for number in range(500)}
    path = write_zip(tmp_path / "a.zip", files) if suffix == ".zip" else write_tar(tmp_path / "a.tar.gz", files, "w:gz")
    with open_image_source(str(path)) as source:
        infos = list(source.list())
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(source.fetch, infos)) == list(files.values())
        children = []
        for _ in range(2):
            child = os.fork()
            if not child:
                os._exit(0 if [source.fetch(info) for info in infos] == list(files.values()) else 1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        assert source.fetch(infos[0]) == files["0.png"]


_KILLED_OWNER = """
import os, signal, sys
from airflow_cv_dataops.core.imaging.sources import open_image_source
source = open_image_source(sys.argv[1])
source.prepare()
print(source.spec["local_copy"]["path"], flush=True)
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_uses_is_not(tmp_path: Path, scratch: Path) -> None:
    path = an_archive(tmp_path, ".tar.gz")
    command = [sys.executable, "-c", _KILLED_OWNER, str(path)]
    killed = subprocess.run([*command, "killed"], capture_output=True, text=True).stdout.strip()
    with subprocess.Popen([*command, "alive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        alive = owner.stdout.readline().strip()
        for left in (killed, alive):
            assert os.path.exists(left)
            os.utime(left, (1_700_000_000, 1_700_000_000))
        with open_image_source(str(path)) as source:
            assert contents(source) == FILES
            assert os.path.exists(alive)
            assert not os.path.exists(killed)
        owner.communicate("")
    assert os.listdir(scratch) == []


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_paths_that_leave_the_archive_are_refused_and_are_not_written_as_they_are(tmp_path: Path, suffix: str) -> None:
    names = ["../../climbs.png", "deep/../../climbs.png", "/etc/absolute.png", "..\\back.png", "C:\\drive.png", "C:drive.png", ".."]
    files = {**dict.fromkeys(names, b"evil"), "./good//file.png": b"good"}
    path = write_zip(tmp_path / "a.zip", files) if suffix == ".zip" else write_tar(tmp_path / "a.tar", files)
    source = open_image_source(str(path))
    found = contents(source)
    assert found.pop("good/file.png") == b"good"
    assert len(found) == len(names)
    for name, why in found.items():
        assert isinstance(why, str), name
        assert "its path" in why
        assert not name.startswith((".", "/"))
        assert ".." not in name.split("/")
    assert sorted(os.listdir(tmp_path)) == [path.name]


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    def special(tar: tarfile.TarFile) -> None:
        tar.addfile(tar_entry("soft.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
        tar.addfile(tar_entry("hard.png", type=tarfile.LNKTYPE, linkname="a.png"))
        tar.addfile(tar_entry("device.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5))
        tar.addfile(tar_entry("pipe.png", type=tarfile.FIFOTYPE))
        tar.addfile(tar_entry("folder.png", type=tarfile.DIRTYPE))

    found = contents(open_image_source(str(write_tar(tmp_path / "a.tar", {"a.png": b"x"}, also=special))))
    assert found == {
        "a.png": b"x",
        "soft.png": "it is a link, and links are not followed",
        "hard.png": "it is a link, and links are not followed",
        "device.png": "it is neither a file nor a folder",
        "pipe.png": "it is neither a file nor a folder",
    }


def test_links_encrypted_members_and_odd_methods_in_a_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bzip2.png", b"x" * 100, zipfile.ZIP_BZIP2)
        archive.writestr("secret.png", b"x" * 100)
        archive.writestr(*zip_link("soft.png", "/etc/passwd"))
        archive.writestr("folder.png/", b"")

    def encrypt(data: bytearray) -> None:
        place = data.rfind(DIRECTORY_ENTRY, 0, data.rfind(b"secret.png"))
        data[place + 8] |= 1

    found = contents(open_image_source(str(patched(path, encrypt))))
    assert found == {
        "bzip2.png": "it is compressed by a method that is not supported (bzip2)",
        "secret.png": "it is encrypted",
        "soft.png": "it is a link, and links are not followed",
    }


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_of_members_with_one_name_the_last_counts_and_the_others_are_reported(tmp_path: Path, suffix: str) -> None:
    if suffix == ".zip":
        path = write_zip(tmp_path / "a.zip", [("a.png", b"old"), ("a.png", b"older"), ("./a.png", b"new"), ("b.png", b"b")])
    else:
        path = write_tar(tmp_path / "a.tar", {"a.png": b"old"}, also=lambda tar: tar.addfile(tar_entry("./a.png", 3), io.BytesIO(b"new")))
    source = open_image_source(str(path))
    uris = [info.uri for info in source.list()]
    assert len(uris) == len(set(uris))
    found = contents(source)
    assert found["a.png"] == b"new"
    assert found["a.png#1"] == "a later member of the archive has the same name and replaces it"


def test_a_member_that_decompresses_a_thousandfold_is_refused_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"good.png": os.urandom(1000), "bomb.png": bytes(80 * 2**20)})
    found = contents(open_image_source(str(path)))
    assert isinstance(found["good.png"], bytes)
    assert "max_ratio" in str(found["bomb.png"])


def test_a_zip_of_many_small_bombs_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{number}.png": bytes(2**20) for number in range(70)})
    with pytest.raises(SourceError, match=r"refused: more than 250 times its size .*max_ratio"):
        list(open_image_source(str(path)).list())
    generous = ArchiveLimits(max_ratio=2000)
    assert len(list(open_image_source(str(path), archive_limits=generous).list())) == 70


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_compressed_tar_that_is_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, scratch: Path, suffix: str) -> None:
    path = write_tar(tmp_path / f"a{suffix}", {"bomb.png": bytes(100 * 2**20)}, KINDS[suffix] or "w")
    with pytest.raises(SourceError, match=r"Cannot decompress .*max_ratio.*bomb"):
        list(open_image_source(str(path)).list())
    assert os.listdir(scratch) == []


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = overlapping_zip(tmp_path / "a.zip", 100, bytes(10 * 2**20))
    assert path.stat().st_size < 20_000
    found = contents(open_image_source(str(path)))
    assert len(found) == 100
    assert set(found.values()) == {"it shares bytes of the archive with another member: a decompression bomb"}


def test_a_member_that_lies_about_its_size_is_stopped_there(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"big.png": bytes(10 * 2**20), "small.png": b"x" * 50})

    def lie(data: bytearray) -> None:
        struct.pack_into("<L", data, data.find(DIRECTORY_ENTRY) + 24, 1000)
        struct.pack_into("<L", data, data.rfind(DIRECTORY_ENTRY) + 24, 51)

    found = contents(open_image_source(str(patched(path, lie))))
    assert found["big.png"] == "the member does not hold the 1,000 bytes that the archive states"
    assert found["small.png"] == "the member does not hold the 51 bytes that the archive states"


def test_a_stated_size_that_no_table_can_hold_is_cut(tmp_path: Path) -> None:
    (info,) = open_image_source(str(zip_stating(tmp_path / "a.zip", "a.png", 2**64 - 1))).list()
    assert info.size == 2**62
    with pytest.raises(OSError, match="max_total_bytes"):
        open_image_source(str(tmp_path / "a.zip")).fetch(info)


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_a_member_beyond_the_limit_is_not_read(tmp_path: Path, suffix: str) -> None:
    source = open_image_source(str(an_archive(tmp_path, suffix)), max_bytes=100)
    with pytest.raises(OSError, match="600 bytes; at most 100 are read") as raised:
        source.fetch(next(info for info in source.list() if info.size == 600))
    assert raised.value.errno == errno.EFBIG


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_the_number_of_members_is_limited(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(SourceError, match=r"more than 3 members \(max_members\)"):
        list(open_image_source(str(an_archive(tmp_path, suffix)), archive_limits=ArchiveLimits(max_members=3)).list())


def test_a_zip_that_lies_about_the_number_of_its_members_is_counted(tmp_path: Path) -> None:
    def lie(data: bytearray) -> None:
        struct.pack_into("<HH", data, data.rfind(b"PK\x05\x06") + 8, 1, 1)

    path = patched(an_archive(tmp_path, ".zip"), lie)
    with pytest.raises(SourceError, match="max_members"):
        list(open_image_source(str(path), archive_limits=ArchiveLimits(max_members=3)).list())


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.7])
def test_an_archive_that_is_cut_short_is_a_source_error(tmp_path: Path, suffix: str, share: float) -> None:
    files = {f"{number}.png": os.urandom(5_000) for number in range(20)}
    path = tmp_path / f"a{suffix}"
    write_zip(path, files) if suffix == ".zip" else write_tar(path, files, KINDS[suffix] or "w")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(SourceError, match=r"(Cannot (read|decompress) the|The) archive .*a\."):
        list(open_image_source(str(path)).list())


@pytest.mark.parametrize("suffix", KINDS)
def test_an_archive_that_is_something_else_is_a_source_error(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"<html>404 not found</html>" * 100)
    with pytest.raises(SourceError, match="archive"):
        list(open_image_source(str(tmp_path / f"a{suffix}")).list())
    with pytest.raises(SourceError, match="No such file"):
        list(open_image_source(str(tmp_path / f"absent{suffix}")).list())


def test_a_pipe_as_an_archive_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(SourceError, match="not a regular file"):
        list(open_image_source(str(tmp_path / "a.tar")).list())


def test_a_damaged_member_of_a_zip_is_refused_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": b"a" * 1000, "b.png": os.urandom(1000), "c.png": b"c" * 1000})

    def damage(data: bytearray) -> None:
        place = data.find(b"b.png")
        data[place + 100] ^= 0xFF
        data[data.find(LOCAL_HEADER)] = 0

    found = contents(open_image_source(str(patched(path, damage))))
    assert "damaged" in str(found["a.png"])
    assert "damaged" in str(found["b.png"])
    assert found["c.png"] == b"c" * 1000


def test_a_damaged_header_in_the_middle_of_a_tar_is_a_source_error_and_not_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{number}.png": bytes(600) for number in range(5)})
    with pytest.raises(SourceError, match="damaged behind member 3"):
        list(open_image_source(str(patched(path, lambda data: data.__setitem__(3 * 1536 + 150, 0xFF)))).list())


def test_a_header_that_asks_for_gigabytes_of_memory_is_refused(tmp_path: Path) -> None:
    entry = tar_entry("././@LongLink", 0, type=tarfile.GNUTYPE_LONGNAME)
    entry.size = 8 * 2**30
    (tmp_path / "a.tar").write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(SourceError, match=r"a header of 8,589,934,592 bytes"):
        list(open_image_source(str(tmp_path / "a.tar")).list())


def test_a_tar_whose_sizes_point_backwards_ends(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(3):
            entry = tar_entry(f"{number}.png", 5)
            entry.pax_headers = {"size": "-2048"}
            tar.addfile(entry, io.BytesIO(b"12345"))
    with pytest.raises(SourceError, match=r"Cannot read the archive|damaged"):
        list(open_image_source(str(tmp_path / "a.tar")).list())


def test_an_empty_archive_has_no_members(tmp_path: Path) -> None:
    assert contents(open_image_source(str(write_zip(tmp_path / "a.zip", {})))) == {}
    assert contents(open_image_source(str(write_tar(tmp_path / "a.tar", {})))) == {}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("padding", [b"", bytes(3), bytes(1000)])
def test_compressed_streams_in_a_row_count_as_one(tmp_path: Path, compress: object, padding: bytes) -> None:
    plain = write_tar(tmp_path / "plain.tar", {"a.png": b"x" * 3000}).read_bytes()
    data = b"".join(compress(plain[start : start + 1000]) for start in range(0, len(plain), 1000))  # type: ignore[operator]
    (tmp_path / "a.tar.gz").write_bytes(data + padding)  # the content decides, not the name
    assert contents(open_image_source(str(tmp_path / "a.tar.gz"))) == {"a.png": b"x" * 3000}


def test_names_that_are_not_utf_8_are_shown_escaped(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"caf\udce9.png": b"x"})
    (info,) = open_image_source(str(path)).list()
    assert (info.path, info.uri) == ("caf\\xe9.png", path.as_uri() + "!/caf%E9.png")


def test_what_was_not_listed_cannot_be_fetched(tmp_path: Path) -> None:
    from airflow_cv_dataops.core.store.objects import ObjectInfo

    source = open_image_source(str(an_archive(tmp_path, ".tar")))
    etag = next(source.list()).etag
    for version in (None, "7", "999999999+5:5:0:0"):
        with pytest.raises(OSError, match=r"was not listed|no place|ends in the middle"):
            source.fetch(ObjectInfo("a.png", "x", 5, etag, version))


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
@pytest.mark.parametrize("how", ["another task", "meanwhile"])
def test_members_of_an_archive_that_has_been_replaced_are_not_read(tmp_path: Path, suffix: str, how: str) -> None:
    path = an_archive(tmp_path, suffix)
    with open_image_source(str(path)) as source:
        listed = list(source.list())
        path.write_bytes(path.read_bytes()[::-1])
        reader = open_image_source(str(path)) if how == "another task" else source
        if suffix == ".tar.gz" and how == "meanwhile":
            assert reader.fetch(listed[0]) == b"first"  # from the copy
            return
        with pytest.raises(OSError, match="has been changed since it was listed"):
            reader.fetch(listed[0])


def test_limits_are_numbers_above_zero() -> None:
    with pytest.raises(ConfigurationError, match="max_members=0"):
        ArchiveLimits(max_members=0)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(sorted(KINDS)),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    cut=st.floats(0, 1),
)
def test_an_archive_with_any_bytes_changed_is_read_or_refused(
    tmp_path: Path, suffix: str, changes: list[tuple[float, int]], cut: float
) -> None:
    data = bytearray(an_archive(tmp_path, suffix).read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    (tmp_path / f"changed{suffix}").write_bytes(data[: len(data) if cut > 0.3 else int(cut * len(data))])
    with open_image_source(str(tmp_path / f"changed{suffix}")) as source:
        try:
            found = contents(source)
        except SourceError:
            return
    for path, content in found.items():
        assert path.encode()
        assert len(content) < 10_000
