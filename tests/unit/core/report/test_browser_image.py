"""An image as a browser gets it: which, how large, and what is never read or decoded."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from unit.core.report.conftest import KEY, encoded, photo

from airflow_cv_dataops.core.errors import DatasetNotFoundError, SourceError, StoreError
from airflow_cv_dataops.core.imaging.decoding.decode import Limits
from airflow_cv_dataops.core.report import browser_image
from airflow_cv_dataops.core.report.browser_image import ImageTooLargeError, is_served, read_image_for_browser
from airflow_cv_dataops.core.store.dataset import Dataset


def id_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def shown(dataset: Dataset, content: bytes, **options: str) -> Image.Image:
    return Image.open(io.BytesIO(read_image_for_browser(dataset, id_of(content), **options).data))


def put(dataset: Dataset, key: str, **changes: object) -> None:
    """Write the dataset's one row anew, in another partition or with other values."""
    row = dataset.images(partition_key=KEY).drop_columns(["partition_key"]).to_pylist()[0]
    schema = pa.schema([field for field in dataset.images().schema if field.name != "partition_key"])
    dataset.replace_partition("images", key, pa.Table.from_pylist([{**row, **changes}], schema))


@pytest.fixture
def stored(make_dataset, store_images):
    """Return a dataset with one image."""

    def store(content: bytes, size: tuple[int, int] = (64, 48)) -> Dataset:
        dataset = make_dataset("cells")
        store_images(dataset, {"a.png": content}, size)
        return dataset

    return store


def test_a_photo_is_scaled_down_turned_upright_and_says_nothing_of_where_it_was_taken(stored):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to see it upright
    exif[0x010E] = "my street"
    exif.get_ifd(0x8825)[1] = "N"
    content = encoded(photo(3000, 1500), "JPEG", exif=exif, comment=b"my street")
    assert b"my street" in content
    dataset = stored(content, (1500, 3000))
    found = read_image_for_browser(dataset, id_of(content), partition_key=KEY)
    assert (found.media_type, b"my street" in found.data, b"Exif" in found.data) == ("image/jpeg", False, False)
    assert shown(dataset, content).size == (1024, 2048)


def test_transparent_sixteen_bit_and_many_framed_images_show(stored):
    transparent = encoded(Image.new("RGBA", (600, 400), (255, 0, 0, 0)))
    assert shown(stored(transparent, (600, 400)), transparent).getpixel((5, 5)) == (255, 255, 255)
    deep = encoded(Image.fromarray(np.full((200, 300), 32768, np.uint16)))
    assert shown(stored(deep, (300, 200)), deep).getpixel((5, 5)) == pytest.approx((128, 128, 128), abs=1)
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("blue", "red")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert shown(stored(moving, (200, 200)), moving).getpixel((9, 9)) == (0, 0, 255)


def test_a_tiny_image_is_enlarged_pixel_by_pixel_and_a_small_one_left_as_it_is(stored):
    tiny, small = photo(8, 6), photo(300, 200)
    large = shown(stored(encoded(tiny), (8, 6)), encoded(tiny))
    assert large.size == (512, 384)
    assert large.resize((8, 6), Image.Resampling.NEAREST).tobytes() == tiny.tobytes()
    assert shown(stored(encoded(small), (300, 200)), encoded(small)).tobytes() == small.tobytes()


@pytest.mark.parametrize("image_id", ["", "0" * 63, "0" * 65, "A" * 64, "../" * 21 + "x", "0" * 64 + "\n", "%2e%2e", "' OR 1=1 --"])
def test_what_is_no_image_id_is_looked_for_nowhere(stored, monkeypatch, image_id):
    dataset = stored(encoded(photo(64, 48)))
    monkeypatch.setattr(Dataset, "read_batches", lambda *_, **__: pytest.fail("was looked for"))
    with pytest.raises(DatasetNotFoundError, match="is no image id"):
        read_image_for_browser(dataset, image_id)


def test_an_image_of_another_dataset_is_not_there(stored, make_dataset):
    content = encoded(photo(64, 48))
    stored(content)
    other = make_dataset("others", made=True)
    with pytest.raises(DatasetNotFoundError, match="Dataset 'others' has no image"):
        read_image_for_browser(other, id_of(content))


def test_the_partition_is_where_to_look_first_and_no_more(stored, monkeypatch):
    content = encoded(photo(64, 48))
    dataset = stored(content)
    looked: list[str | None] = []
    read = Dataset.read_batches

    def noted(self: Dataset, table: str, **options: Any) -> Iterator[pa.Table]:
        looked.append(options["partition_key"])
        return read(self, table, **options)

    monkeypatch.setattr(Dataset, "read_batches", noted)
    assert shown(dataset, content, partition_key=KEY).size
    assert looked == [KEY]
    assert shown(dataset, content, partition_key="' OR true").size
    assert looked[1:] == ["' OR true", None]


def test_an_image_that_was_left_in_place_is_read_there_until_it_changes(stored, tmp_path):
    content = encoded(photo(64, 48))
    dataset, file = stored(content), tmp_path / "camera 1" / "ä#1.png"
    file.parent.mkdir()
    file.write_bytes(content)
    put(dataset, KEY, storage_uri=file.as_uri(), source_uri=file.as_uri())
    assert shown(dataset, content).size == (512, 384)
    file.write_bytes(encoded(photo(64, 48, seed=1)))
    with pytest.raises(DatasetNotFoundError, match=r"cannot be read: the file has changed since it was ingested"):
        read_image_for_browser(dataset, id_of(content))
    file.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"cannot be read: FileNotFoundError"):
        read_image_for_browser(dataset, id_of(content))


def test_a_row_that_names_another_file_gives_nothing_of_it_away(stored, tmp_path):
    content = encoded(photo(64, 48))
    dataset, secret = stored(content), tmp_path / "airflow.cfg"
    secret.write_text("[core]\nfernet_key = secret")
    for place in (secret.as_uri(), f"{dataset.root_uri}/objects/../../../../airflow.cfg", "file:///dev/zero", tmp_path.as_uri()):
        put(dataset, KEY, storage_uri=place)
        with pytest.raises(DatasetNotFoundError) as error:
            read_image_for_browser(dataset, id_of(content))
        assert "fernet" not in str(error.value)
    put(dataset, KEY, storage_uri=secret.as_uri(), image_id=id_of(secret.read_bytes()))
    with pytest.raises(SourceError, match="cannot be decoded here") as error:  # not even to those who know what is in it
        read_image_for_browser(dataset, id_of(secret.read_bytes()))
    assert "fernet" not in str(error.value)


def test_nothing_is_fetched_from_the_web(stored):
    content = encoded(photo(64, 48))
    dataset = stored(content)
    put(dataset, KEY, storage_uri="HTTP://169.254.169.254/latest/meta-data")
    with pytest.raises(DatasetNotFoundError, match="left at a web address"):
        read_image_for_browser(dataset, id_of(content))
    assert not is_served(id_of(content), "https://host/a.png")
    assert is_served(id_of(content), "s3://bucket/a.png")


def test_a_pixel_bomb_is_not_decoded_whatever_its_row_says(stored, monkeypatch):
    bomb = encoded(Image.new("1", (9_000, 9_000)))
    assert len(bomb) < 20_000
    dataset = stored(bomb, (9_000, 9_000))
    with pytest.raises(ImageTooLargeError, match=r"s3://photos/a\.png is too large to be shown: 9,000 x 9,000 pixels; at most 64,000,000"):
        read_image_for_browser(dataset, id_of(bomb))
    put(dataset, KEY, width=10, height=10)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(ImageTooLargeError, match="9000 x 9000 pixels"):
        read_image_for_browser(dataset, id_of(bomb))


def test_a_file_of_too_many_bytes_is_not_read_whatever_its_row_says(stored, monkeypatch, tmp_path):
    content = encoded(photo(64, 48))
    dataset, file = stored(content), tmp_path / "a.png"
    monkeypatch.setattr(browser_image, "VIEWING_LIMITS", Limits(max_bytes=len(content) - 1))
    with pytest.raises(ImageTooLargeError, match="bytes; at most"):
        read_image_for_browser(dataset, id_of(content))
    file.write_bytes(content + bytes(100))
    put(dataset, KEY, bytes=1, storage_uri=file.as_uri())
    monkeypatch.setattr("airflow_cv_dataops.core.store.objects.read_regular_file", lambda *_: pytest.fail("was read"))
    with pytest.raises(DatasetNotFoundError, match=r"the file has [\d,]+ bytes, more than"):
        read_image_for_browser(dataset, id_of(content))


def test_a_store_that_does_not_answer_is_not_said_to_lack_the_image(stored, monkeypatch):
    content = encoded(photo(64, 48))
    dataset = stored(content)

    def outage(*_: object, **__: object) -> bytes:
        raise StoreError("503")

    monkeypatch.setattr("airflow_cv_dataops.core.store.image_files.read_uri", outage)
    with pytest.raises(StoreError, match="503"):
        read_image_for_browser(dataset, id_of(content))


def test_a_large_picture_waits_for_another(stored, monkeypatch):
    content = encoded(photo(64, 48))
    dataset = stored(content)
    monkeypatch.setattr(browser_image, "_LARGE_PIXELS", 64 * 48 - 1)
    held: list[bool] = []
    read = browser_image._bytes_of
    monkeypatch.setattr(browser_image, "_bytes_of", lambda *given: held.append(browser_image._ONE_LARGE.locked()) or read(*given))
    assert shown(dataset, content).size == (512, 384)
    assert (held, browser_image._ONE_LARGE.locked()) == ([True], False)
