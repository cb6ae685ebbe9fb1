"""Names of labels and predictions to the images of their partition: each distinct name once, plain ones without a Python object."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from airflow_cv_dataops.core.labels.file_names import strip_extension
from airflow_cv_dataops.core.labels.image_index import Answer, Images, Question
from airflow_cv_dataops.core.labels.image_names import find_images
from airflow_cv_dataops.core.labels.name_parts import folders_of
from airflow_cv_dataops.core.labels.plain_names import PlainNames, codes_of
from airflow_cv_dataops.core.labels.records import excerpt
from airflow_cv_dataops.core.labels.rival_names import without_rivals

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

# The folder of an Ultralytics or YOLOv5 run: the mode that it is named after is no split.
_RUN = re.compile(r"/runs/(?:(?:detect|segment|classify|pose|obb)/(?:train|val|predict|track)|(?:train|val|test|detect)/exp)[-0-9]*/")


@dataclass(frozen=True)
class Matches:
    """Names with their images.

    :param position: of each name its image's row, int64; null where it joins none.
    :param answers: of each distinct name. :param asked: of each name its place among the answers, int64.
    """

    position: pa.Array
    answers: Sequence[Answer]
    asked: np.ndarray


class _Answers(Sequence[Answer]):
    """Of most names only the row is known, and only the others have an answer of their own."""

    def __init__(self, rows: np.ndarray, others: Mapping[int, Answer]) -> None:
        self._rows, self._others = rows, others

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Answer: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Answer]: ...
    def __getitem__(self, place: int | slice) -> Answer | Sequence[Answer]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        return self._others.get(place) or Answer(int(self._rows[place]))


class _Texts(Sequence[str]):
    """A column of texts that are looked at one now and then."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self._column[row].as_py()

    def __iter__(self) -> Iterator[str]:
        for chunk in self._column.chunks:
            yield from chunk.to_pylist()


def match_images(
    names: pa.ChunkedArray,
    images: pa.Table,
    alternatives: pa.ChunkedArray | None = None,
    *,
    by_stem: pa.ChunkedArray | bool = False,
    sources: pa.ChunkedArray | None = None,
    of_one_image: pa.ChunkedArray | bool = False,
) -> Matches:
    """Return, for each name, its image in ``images``, or why it joins none.

    :param alternatives: second names, tried where the first joins no image.
    :param by_stem: names that may differ from the image's in their extension.
    :param sources: URIs of the files that the names are from: where these lie tells images of one name apart.
    :param of_one_image: names that are from files of one image each.
    """
    import numpy as np
    import pyarrow as pa

    rows = len(names)
    second = pa.chunked_array([pa.repeat("", rows)]) if alternatives is None else alternatives.fill_null("")
    place, place_texts = _places_of_files(sources, _flags(of_one_image, rows))
    flags = 2 * _flags(by_stem, rows) + _flags(of_one_image, rows)
    # A label file names an image again for each of its labels: each distinct name is looked up once.
    asked = codes_of(names)
    for part in (codes_of(second), place, flags):
        asked = codes_of(pa.chunked_array([pa.array(asked * (part.max(initial=0) + 1) + part)]))
    first = np.unique(asked, return_index=True)[1]
    distinct = names.take(pa.array(first))
    others = second.take(pa.array(first))
    place, flags = place[first], flags[first]

    def question(number: int) -> Question:
        folder, file = place_texts[place[number]]
        flag = flags[number]
        return Question(distinct[number].as_py(), others[number].as_py(), bool(flag & 2), folder, file, bool(flag & 1))

    plain = PlainNames(distinct, others, place * 4 + flags, images)
    while True:
        doubtful, shown = plain.others(), plain.representatives()
        known = _images(images, as_lists=bool(len(doubtful)))
        asked_of = {number: question(number) for number in sorted({*doubtful.tolist(), *shown})}
        found = dict(zip(doubtful.tolist(), find_images([asked_of[number] for number in doubtful.tolist()], known), strict=True))
        found |= {number: Answer(row) for number, row in shown.items()}
        first_answers = [found[number] for number in asked_of]
        answers = without_rivals(list(asked_of.values()), first_answers, known)
        told = dict(zip(asked_of, answers, strict=True))
        claimed = {found[number].row for number in doubtful.tolist()}
        if not plain.leave({number for number, row in shown.items() if told[number] != Answer(row)}, claimed):
            break
    _warn_of_other_places(list(asked_of.values()), answers, known)
    settled = plain.rows.copy()
    for number in doubtful.tolist():
        settled[number] = told[number].row
    position = settled[asked] if rows else np.empty(0, dtype=np.int64)
    own = {number: told[number] for number in doubtful.tolist()}
    return Matches(pa.array(position, mask=position < 0), _Answers(settled, own), asked)


def _images(images: pa.Table, *, as_lists: bool) -> Images:
    """Return images as what looks for names takes them. :param as_lists: each will be looked at, and more than once."""
    import pyarrow.compute as pc

    names, ids, uris = (images.column(name) for name in ("file_name", "image_id", "source_uri"))
    if not as_lists:
        return Images(_Texts(names), _Texts(ids), _Texts(uris), range(0))
    return Images(names.to_pylist(), ids.to_pylist(), uris.to_pylist(), pc.sort_indices(uris).to_pylist())


def _flags(value: pa.ChunkedArray | bool, rows: int) -> np.ndarray:
    import numpy as np

    return np.full(rows, value, dtype=np.int64) if isinstance(value, bool) else np.asarray(value).astype(np.int64)


def _places_of_files(sources: pa.ChunkedArray | None, of_one_image: np.ndarray) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Return of each row the place of what follows, and the folders of label files, those of a layout aside, with their names.

    Names are without extension, and blank where a file is of one image.
    """
    import numpy as np

    if sources is None:
        return np.zeros(len(of_one_image), dtype=np.int64), [("", "")]
    codes = codes_of(sources)
    uris = sources.take(np.unique(codes, return_index=True)[1]).to_pylist()
    folders = ["/".join(folders_of(_RUN.sub("/", uri))) for uri in uris]
    files = [strip_extension(uri.rpartition("/")[2]) for uri in uris]
    texts: dict[tuple[str, str], int] = {}
    numbers = [
        [texts.setdefault(pair, len(texts)) for pair in ((folder, file), (folder, ""))] for folder, file in zip(folders, files, strict=True)
    ]
    return np.array(numbers, dtype=np.int64).reshape(-1, 2)[codes, of_one_image], list(texts)


def _warn_of_other_places(questions: Sequence[Question], answers: Sequence[Answer], images: Images) -> None:
    """Warn of images that were joined though the file that names them lies in the folder of another day or camera."""
    doubtful = [number for number, answer in enumerate(answers) if answer.row >= 0 and answer.is_of_file]
    if doubtful:
        first, image = questions[doubtful[0]], images.uris[answers[doubtful[0]].row]
        log.warning(
            "%d names joined images of a folder that differs in a number or a date from that of the file that names them: the first is %s "
            "in %s, and its image is %s. Where names repeat from folder to folder it is another image; write the folder into the names.",
            *(len(doubtful), excerpt(first.name), "/".join(filter(None, (first.folder, first.file))), image),
        )
