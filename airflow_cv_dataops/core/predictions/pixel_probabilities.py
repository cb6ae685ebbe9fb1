"""Files of pixel probabilities, one for each image: looked at here, read by the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile, store_failure
from airflow_cv_dataops.core.labels.file_names import strip_extension
from airflow_cv_dataops.core.labels.records import clean_text
from airflow_cv_dataops.core.predictions.array_files import HEADER_BYTES, MAX_FILE_BYTES, probability_header

EXTENSIONS = (".npy", ".npz")
_FILES_PER_BATCH = 512
# NumPy reads a header as a Python literal, and Python 3.11 raises SystemError where two threads parse literals at the same time.
_PARSING = Lock()


@dataclass(frozen=True)
class PixelFile:
    """:param image: the image's name: the file's path without ``.npy`` or ``.npz``. :param classes: names, in the order of the array."""

    image: str
    classes: tuple[str, ...]
    bytes: int


def look_at(
    source: Source, files: Sequence[SourceFile], classes: Mapping[int, str] | None
) -> Iterator[tuple[SourceFile, PixelFile | Exception]]:
    """Yield each file with what it says of itself, or with why it cannot be used; of an ``.npy`` only the beginning is read.

    :param classes: names by number, for files that do not have them.
    :raises StoreError: the store does not answer, or refuses: nothing can be said of any file.
    """
    names = None if classes is None else tuple(classes[number] for number in sorted(classes))

    def look(file: SourceFile) -> PixelFile | Exception:
        try:
            return _pixel_file(source, file, names)
        except StoreError as error:
            raise store_failure(error, len(files)) from error
        except (OSError, ValueError) as error:
            return error

    # An archive has to be read as a whole: one at a time.
    at_once = 1 if any(file.path.lower().endswith(".npz") for file in files) else 16
    with ThreadPoolExecutor(at_once) as pool:
        for start in range(0, len(files), _FILES_PER_BATCH):
            batch = files[start : start + _FILES_PER_BATCH]
            yield from zip(batch, pool.map(look, batch), strict=True)


def _pixel_file(source: Source, file: SourceFile, names: tuple[str, ...] | None) -> PixelFile:
    size = source.size(file)
    if size > MAX_FILE_BYTES:
        raise ValueError(f"the file has {size:,} bytes, more than the {MAX_FILE_BYTES:,} that are read")
    if not size:
        raise ValueError("not a NumPy file: it is empty")  # an object store has no first bytes of it, and says so as of an outage
    is_archive = file.path.lower().endswith(".npz")
    start = source.start(file, size if is_archive else min(size, HEADER_BYTES))
    with _PARSING:
        header, stated = probability_header(start, file.path, size)
    count = header.shape[0] if len(header.shape) == 3 else 1
    classes = stated or names or tuple(str(number) for number in range(count))
    if len(classes) != count or len(set(classes)) != count:
        raise ValueError(f"{len(set(classes)):,} different class names do not fit an array of {count:,} classes")
    return PixelFile(clean_text(strip_extension(file.path)), tuple(clean_text(name) for name in classes), size)
