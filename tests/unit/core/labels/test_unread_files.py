"""When files that were listed and not read stop an import."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.labels.annotation_files import Source
from airflow_cv_dataops.core.labels.unread_files import UnreadFiles
from airflow_cv_dataops.core.store.objects import open_store

OPTIONS = {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1"}


def source(uri: str | Path = "s3://bay/in") -> Source:
    return Source(open_store(uri, OPTIONS), [], is_file=False)


def test_the_error_says_how_many_of_how_many_which_first_and_why() -> None:
    opened = source()
    unread = UnreadFiles(opened, 1_200, 0.0)
    unread.check()
    for name in ("b.json", "a.json"):
        unread.add(opened.file(name), PermissionError(13, "Permission denied"))
    how_many = r"2 of 1,200 files could not be read, more than max_unreadable_ratio=0\.0 allows"
    first = r"the first: s3://bay/in/b\.json: .*Permission denied"
    with pytest.raises(SourceError, match=rf"^{how_many}; {first}\. That may pass, so nothing was committed\. .*max_unreadable_ratio=1"):
        unread.check()


@pytest.mark.parametrize("key", ["a//b.json", "./a.json", "new\nline.json"])
def test_a_key_that_nobody_can_ask_for_does_not_count(key: str) -> None:
    opened = source()
    unread = UnreadFiles(opened, 1, 0.0)
    unread.add(opened.file(key), OSError("the object cannot be read"))
    unread.check()


def test_an_odd_local_name_and_a_file_that_is_gone_count(tmp_path: Path) -> None:
    opened = source(tmp_path)
    for name in ("new\nline.json", "gone.json"):
        unread = UnreadFiles(opened, 1, 0.0)
        unread.add(opened.file(name), FileNotFoundError(2, "No such file or directory"))
        with pytest.raises(SourceError, match="1 of 1 files could not be read"):
            unread.check()


@given(st.integers(1, 50).flatmap(lambda files: st.tuples(st.just(files), st.integers(0, files))), st.floats(0, 1))
def test_a_share_up_to_the_ratio_passes(counts: tuple[int, int], ratio: float) -> None:
    files, bad = counts
    opened = source()
    unread = UnreadFiles(opened, files, ratio)
    for number in range(bad):
        unread.add(opened.file(f"{number}.json"), OSError(5, "Input/output error"))
    if bad <= ratio * files:
        unread.check()
    else:
        with pytest.raises(SourceError):
            unread.check()
