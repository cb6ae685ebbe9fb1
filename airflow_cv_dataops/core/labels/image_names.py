"""Which image of a partition a label file means by a name: the one rule of all formats, for labels and predictions alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, strip_extension, without_layout
from airflow_cv_dataops.core.labels.records import ABSENT_IMAGE, AMBIGUOUS_FILE_NAME, CONTRADICTED_FILE_NAME
from airflow_cv_dataops.core.labels.splits import same_part

# Behind a path without extension: no path of a file has it.
_STEM = "\0"
# What an archive has behind its name in the URI of a member.
_ARCHIVE = re.compile(r"\.(?:zip|tar(?:\.[a-z0-9]+)?|t[a-z0-9]+)!(?=/)", re.IGNORECASE)
# How many images of one name are told apart.
_KEPT = 64


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
    """

    name: str
    alternative: str = ""
    by_stem: bool = False
    folder: str = ""


class Answer(NamedTuple):
    """What was found.

    :param row: the image, -1 where none joins.
    :param reason: why none does, as the id of a finding.
    :param near: the images that were nearly meant, each with other bytes (at most 64): all that fit, or those of that name elsewhere.
    """

    row: int = -1
    reason: str | None = None
    near: tuple[int, ...] = ()


def find_images(questions: Sequence[Question], images: Images) -> list[Answer]:
    """Return an answer to each question.

    Two paths agree where one is the end of the other, folders aside that only tell images from labels (``images``, ``labels``, …). Of
    the images that agree, the one with the very same path or address is taken, else the one that agrees longest. Several that agree as
    long are one if their bytes are the same, or if the label file lies in the folder of one of them. Letters' case may differ where no
    image agrees otherwise.
    """
    found = _very_same(questions, images)
    for is_folded in (False, True):
        lost = [question for question in questions if question not in found]
        if lost:
            index = _Index(lost, images, is_folded=is_folded)
            found.update((question, answer) for question in lost if (answer := index.find(question)))
    lost = [question for question in questions if question not in found]
    if lost:
        found.update(zip(lost, _reasons(lost, images), strict=True))
    return [found[question] for question in questions]


def _very_same(questions: Sequence[Question], images: Images) -> dict[Question, Answer]:
    """Return the answers to names that are the path or address of one image: most are, and need no index."""
    asked = {question.name for question in questions}
    rows = _Rows(images.image_ids)
    for row in images.order:
        for own in _literally(images, row):
            if own in asked:
                rows.add(own, row)
    return {question: Answer(same[0]) for question in questions if len(same := rows.of(question.name)) == 1}


class _Index:
    """Images by their paths, and by the ends of their paths, as far as they are asked for."""

    def __init__(self, questions: Sequence[Question], images: Images, *, is_folded: bool) -> None:
        self._images = images
        self._is_folded = is_folded
        self._exact = _Rows(images.image_ids)
        self._whole = _Rows(images.image_ids)
        self._ends = _Rows(images.image_ids)
        names = {name for question in questions for name in question[:2]}
        forms = {(question.name, question.by_stem or not has_image_extension(question.name)) for question in questions}
        forms |= {(question.alternative, True) for question in questions if question.alternative}
        asked = {key for name, by_stem in forms for path in spellings(name) for key in self._keys(path, by_stem=by_stem or path != name)}
        depths = sorted({key.count("/") for key in asked})
        lasts = {last_part(key) for key in asked}
        for row in images.order:
            if not is_folded:
                for own in _literally(images, row):
                    if own in names:
                        self._exact.add(own, row)
            for spelling in spellings(images.names[row]):
                for key in self._keys(spelling, by_stem=has_image_extension(spelling)):
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
        if question.folder and len(rows) < _KEPT:
            own = own_folders(question)
            agreement = [len(own) - len(unlike_ends(own, address(images.uris[row])[:-1])[0]) for row in rows]
            if agreement.count(max(agreement)) == 1:
                return Answer(rows[agreement.index(max(agreement))])
        # The alternative names the folder of the images.
        path = stem_parts(question.alternative or question.name)
        agreement = [common_end(path, stem_parts(images.names[row])) for row in rows]
        best = [row for row, length in zip(rows, agreement, strict=True) if length == max(agreement)]
        if len(best) > 1 or len(rows) == _KEPT:
            return Answer(reason=AMBIGUOUS_FILE_NAME, near=tuple(rows))
        return Answer(best[0])

    def _keys(self, path: str, *, by_stem: bool) -> Iterator[str]:
        """Yield what a path is found by: itself, and itself without extension."""
        key = without_layout(path.casefold() if self._is_folded else path)
        if not key:
            return
        yield key
        if by_stem:
            yield (strip_extension(key) if has_image_extension(key) else key) + _STEM


def _literally(images: Images, row: int) -> tuple[str, str, str]:
    """Return the path, the URI and the local path of an image."""
    uri = images.uris[row]
    return images.names[row], uri, uri.removeprefix("file://")


class _Rows:
    """Rows of images by key; of several with the same bytes the first."""

    def __init__(self, image_ids: Sequence[str]) -> None:
        self._image_ids = image_ids
        self._rows: dict[str, int | list[int]] = {}  # nearly always one: a list for each would take half a gigabyte for millions

    def add(self, key: str, row: int) -> None:
        known = self._rows.setdefault(key, row)
        if known == row:
            return
        several = [known] if isinstance(known, int) else known
        if len(several) < _KEPT and self._image_ids[row] not in (self._image_ids[other] for other in several):
            self._rows[key] = [*several, row]

    def of(self, key: str) -> Sequence[int]:
        found = self._rows.get(key, ())
        return (found,) if isinstance(found, int) else found


def _reasons(lost: Sequence[Question], images: Images) -> Iterator[Answer]:
    """Say of each name that joins no image whether there is one of that name elsewhere."""
    asked = {name for question in lost for name in (*_file_names(question), *_stems(question))}
    named: dict[str, list[int]] = {}
    stems: dict[str, list[int]] = {}
    for row in images.order:
        name = last_part((spellings(images.names[row]) or [""])[0]).casefold()
        for found, key in ((named, name), (stems, strip_extension(name))):
            if key in asked and len(found.setdefault(key, [])) < _KEPT:
                found[key].append(row)
    for question in lost:
        same = [row for name in _file_names(question) for row in named.get(name, ())]
        near = [row for stem in _stems(question) for row in stems.get(stem, ())]
        if question.by_stem or any(not has_image_extension(name) for name in _file_names(question)):
            same = [*same, *near]
        reason = CONTRADICTED_FILE_NAME if same else ABSENT_IMAGE
        yield Answer(reason=reason, near=tuple(dict.fromkeys(same or near)))


def _file_names(question: Question) -> list[str]:
    return [name for spelling in spellings(question.name) if (name := last_part(spelling).casefold())]


def _stems(question: Question) -> list[str]:
    lasts = [last_part(spelling).casefold() for name in question[:2] for spelling in spellings(name)]
    return list(dict.fromkeys(strip_extension(last) if has_image_extension(last) else last for last in lasts if last))


def last_part(path: str) -> str:
    """Return a path's file name."""
    return path.rpartition("/")[2]


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


def stem_parts(name: str) -> list[str]:
    """Return the parts of a path, layout folders among them, without the extension of an image."""
    plain = (spellings(name) or [""])[0]
    return (strip_extension(plain) if has_image_extension(plain) else plain).split("/")


def content_parts(name: str) -> list[str]:
    """Return the parts of a path without those of a layout, and without the extension of an image."""
    return without_layout("/".join(stem_parts(name))).split("/")


def address(uri: str) -> list[str]:
    """Return :func:`content_parts` of an image's URI, without scheme, host and query; an archive ``train.tar!`` is a folder ``train``."""
    path = unquote(uri.rpartition("://")[2].partition("?")[0].partition("/")[2])
    return content_parts(_ARCHIVE.sub("", path))


def own_folders(question: Question) -> list[str]:
    """Return the folders of a name where its label file lies; a file of one image lies as that image does, whatever it says."""
    return [*question.folder.split("/"), *(() if question.by_stem else content_parts(question.name)[:-1])]


def unlike_ends(path: Sequence[str], other: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what remains of two paths before the end in which they agree, spellings of a split aside."""
    length = 0
    for own, theirs in zip(reversed(path), reversed(other), strict=False):
        if not same_part(own, theirs):
            break
        length += 1
    return path[: len(path) - length], other[: len(other) - length]


def common_end(path: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts of two paths agree from their ends, whatever their case."""
    length = 0
    for own, theirs in zip(reversed(path), reversed(other), strict=False):
        if own.casefold() != theirs.casefold():
            break
        length += 1
    return length
