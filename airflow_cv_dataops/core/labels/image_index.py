"""Images by what names may say of them: their paths and the ends of their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, strip_extension, without_layout
from airflow_cv_dataops.core.labels.name_parts import common_end, content_parts, folders_of_image, last_part, stem_parts
from airflow_cv_dataops.core.labels.places import expanded, fits, same_folder
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME
from airflow_cv_dataops.core.labels.splits import split_of, without_kind

# How many images of one name are told apart.
KEPT = 64
# Behind a path without extension: no path of a file has it.
_STEM = "\0"


class Images(NamedTuple):
    """The images of a partition.

    :param names: paths below the source's prefix.
    :param order: rows, in the order in which images with the same bytes stand for one another.
    """

    names: Sequence[str]
    image_ids: Sequence[str]
    uris: Sequence[str]
    order: Sequence[int]


class Question(NamedTuple):
    """A name that is looked for.

    :param name: as the label file writes it.
    :param alternative: a second name, tried where the first joins no image; ``""``: none.
    :param by_stem: whether the name may differ from the image's in its extension.
    :param folder: where the label file itself lies, layout folders aside: ``sets/val``; ``""``: that does not count.
    :param file: the label file's own name without extension; ``""``: that does not count.
    :param of_one_image: whether the label file is of this image alone.
    """

    name: str
    alternative: str = ""
    by_stem: bool = False
    folder: str = ""
    file: str = ""
    of_one_image: bool = False


class Answer(NamedTuple):
    """What was found.

    :param row: the image, -1 where none joins.
    :param reason: why none does, as the id of a finding.
    :param near: the images that were nearly meant, each with other bytes (at most 64): all that fit, or those of that name elsewhere.
    :param is_of_file: whether it is the label file's place that contradicts, not the name; of a joined image, that it might.
    """

    row: int = -1
    reason: str | None = None
    near: tuple[int, ...] = ()
    is_of_file: bool = False


def place_of(question: Question, here: Sequence[str], below: Sequence[str] = ()) -> list[str]:
    """Return the folders where a label file lies, and what it is named after, if that is a split or one of the folders of an image.

    :param below: the folders that the name itself has.
    """
    named_after = without_kind(question.file)
    folders = expanded(here)
    is_folder = all(any(same_folder(part, folder) for folder in folders) for part in expanded([named_after]))
    counts = named_after and (split_of(named_after) or is_folder)
    # A file of one image lies as that image does, whatever it says.
    return [*filter(None, question.folder.split("/")), *([named_after] if counts else ()), *(() if question.of_one_image else below)]


@lru_cache(maxsize=1 << 14)
def _shared(question: Question, here: tuple[str, ...], below: tuple[str, ...]) -> int:
    return fits(place_of(question, here, below), here)


class Rows:
    """Rows of images by key; of several with the same bytes the first."""

    def __init__(self, image_ids: Sequence[str]) -> None:
        self._image_ids = image_ids
        self._rows: dict[str, int | list[int]] = {}  # nearly always one: a list for each would take half a gigabyte for millions

    def add(self, key: str, row: int) -> None:
        known = self._rows.setdefault(key, row)
        if known == row:
            return
        several = [known] if isinstance(known, int) else known
        if len(several) < KEPT and self._image_ids[row] not in (self._image_ids[other] for other in several):
            self._rows[key] = [*several, row]

    def of(self, key: str) -> Sequence[int]:
        found = self._rows.get(key, ())
        return (found,) if isinstance(found, int) else found


class Index:
    """Images by their paths, and by the ends of their paths, as far as they are asked for."""

    def __init__(self, questions: Sequence[Question], images: Images) -> None:
        self._images = images
        self._exact = Rows(images.image_ids)
        self._whole = Rows(images.image_ids)
        self._ends = Rows(images.image_ids)
        names = {name for question in questions for name in question[:2]}
        forms = {(question.name, question.by_stem or not has_image_extension(question.name)) for question in questions}
        forms |= {(question.alternative, True) for question in questions if question.alternative}
        asked = {key for name, by_stem in forms for path in spellings(name) for key in self._keys(path, by_stem=by_stem or path != name)}
        depths = sorted({key.count("/") for key in asked})
        lasts = {last_part(key) for key in asked}
        for row in images.order:
            for own in literally(images, row):
                if own in names:
                    self._exact.add(own, row)
            for spelling in spellings(images.names[row]):
                for key in self._keys_of_image(spelling):
                    if last_part(key) in lasts:
                        self._whole.add(key, row)
                        for end in _ends_of_depth(key, depths):
                            if end in asked:
                                self._ends.add(end, row)

    def find(self, question: Question) -> Answer | None:
        """Return the image, or that several fit; ``None`` where none does."""
        first = self._find(question.name, question, by_stem=question.by_stem)
        if (first is not None and first.reason is None) or not question.alternative:
            return first
        second = self._find(question.alternative, question, by_stem=True)
        return second if first is None or (second is not None and second.reason is None) else first

    def _find(self, name: str, question: Question, *, by_stem: bool) -> Answer | None:
        if rows := self._exact.of(name):
            return self._chosen(rows, question)
        for spelling in spellings(name):
            for key in self._keys(spelling, by_stem=by_stem or not has_image_extension(spelling)):
                if rows := self._agreeing(key):
                    return self._chosen(rows, question)
        return None

    def _agreeing(self, key: str) -> Sequence[int]:
        """Return the images that agree longest with a path: it is theirs, or its end is, or theirs is its end."""
        whole, *shorter = _ends(key)
        found = self._whole.of(whole) or self._ends.of(whole)
        return found or next((rows for end in shorter if (rows := self._whole.of(end))), ())

    def _chosen(self, rows: Sequence[int], question: Question) -> Answer:
        """Return the only image, or the only one whose folder the label file lies in, or that agrees in the folders of a layout, too.

        ``labels/1.txt`` means ``images/1.jpg``, not the mask ``labels/1.png``.
        """
        if len(rows) == 1:
            return Answer(rows[0])
        images = self._images
        if (question.folder or question.file) and len(rows) < KEPT:
            # Of thousands of names in one file the folders are the same.
            place = question._replace(name="x", alternative="")
            below = tuple(content_parts(question.name)[:-1])
            shared = [_shared(place, tuple(folders_of_image(images.uris[row])), below) for row in rows]
            if max(shared) and shared.count(max(shared)) == 1:
                return Answer(rows[shared.index(max(shared))])
        # The alternative names the folder of the images.
        path = stem_parts(question.alternative or question.name)
        agreement = [common_end(path, stem_parts(images.names[row])) for row in rows]
        best = [row for row, length in zip(rows, agreement, strict=True) if length == max(agreement)]
        if len(best) > 1 or len(rows) == KEPT:
            return Answer(reason=AMBIGUOUS_FILE_NAME, near=tuple(rows))
        return Answer(best[0])

    def _keys(self, path: str, *, by_stem: bool) -> Iterator[str]:
        """Yield what a path is found by: itself, and itself without extension."""
        key = without_layout(path)
        if not key:
            return
        yield key
        if by_stem and has_image_extension(key):
            yield key + _STEM  # `a.jpg.txt` may be the label file of `a.jpg.png`
            yield strip_extension(key) + _STEM
        elif by_stem:
            yield key + _STEM

    def _keys_of_image(self, path: str) -> Iterator[str]:
        return self._keys(path, by_stem=has_image_extension(path))


class FoldedIndex(Index):
    """The same, whatever the letters' case."""

    def _keys(self, path: str, *, by_stem: bool) -> Iterator[str]:
        return super()._keys(path.casefold(), by_stem=by_stem)


class SplitIndex(FoldedIndex):
    """The same, whatever the spelling of a split; ``val`` is the ``val2017`` of an image, too."""

    def _keys(self, path: str, *, by_stem: bool) -> Iterator[str]:
        return super()._keys(_with_splits(path, _without_number), by_stem=by_stem)

    def _keys_of_image(self, path: str) -> Iterator[str]:
        return super()._keys(_with_splits(path, split_of), by_stem=has_image_extension(path))


def _with_splits(path: str, named: Callable[[str], str | None]) -> str:
    *folders, name = without_layout(path).split("/")
    return "/".join([*(named(folder) or folder for folder in folders), name])


def _without_number(folder: str) -> str | None:
    return None if any(letter.isdigit() for letter in folder) else split_of(folder)


def literally(images: Images, row: int) -> tuple[str, str, str]:
    """Return the path, the URI and the local path of an image."""
    uri = images.uris[row]
    return images.names[row], uri, uri.removeprefix("file://")


def _ends(path: str) -> list[str]:
    """Return the path, and what remains of it without its first folders, longest first."""
    ends = [path]
    while (cut := path.find("/")) >= 0:
        path = path[cut + 1 :]
        ends.append(path)
    return ends


def _ends_of_depth(path: str, depths: Sequence[int]) -> Iterator[str]:
    """Yield those ends of a path that have so many folders."""
    for depth in depths:
        head, *end = path.rsplit("/", depth + 1)
        if len(end) > depth:
            yield path[len(head) + 1 :]
        elif len(end) == depth:
            yield path
