"""Which image of a partition a label file means by a name: the one rule of all formats, for labels and predictions alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, strip_extension, without_layout
from airflow_cv_dataops.core.labels.image_index import KEPT, Answer, FoldedIndex, Images, Index, Question, Rows, SplitIndex, literally
from airflow_cv_dataops.core.labels.name_parts import last_part
from airflow_cv_dataops.core.labels.records import ABSENT_IMAGE, CONTRADICTED_FILE_NAME
from airflow_cv_dataops.core.labels.splits import split_of, without_kind


def find_images(questions: Sequence[Question], images: Images) -> list[Answer]:
    """Return an answer to each question.

    Two paths agree where one is the end of the other, folders aside that only tell images from labels (``images``, ``labels``, …). Of
    the images that agree, the one with the very same path or address is taken, else the one that agrees longest. Several that agree as
    long are one if their bytes are the same, or if the label file lies in the folder of one of them. Letters' case may differ where no
    image agrees otherwise.
    """
    found = _beside(questions, images)
    found |= _very_same([question for question in questions if question not in found], images)
    for index in (Index, FoldedIndex, SplitIndex):
        lost = [question for question in questions if question not in found]
        if index is SplitIndex:
            lost = _of_known_splits(lost, images)
        if lost:
            known = index(lost, images)
            found.update((question, answer) for question in lost if (answer := known.find(question)))
    lost = [question for question in questions if question not in found]
    if lost:
        found.update(zip(lost, _reasons(lost, images), strict=True))
    return [found[question] for question in questions]


def _beside(questions: Sequence[Question], images: Images) -> dict[Question, Answer]:
    """Return the answers to names without a folder that several images have, one of them in the folder of the label file.

    That is, its folders are the end of the label file's, or the other way round; failing that, with the file's own name as a folder.
    """
    placed = (question for question in questions if (question.folder or question.file) and not question.of_one_image)
    bare = [question for question in placed if "/" not in question.name]
    names = {question.name for question in bare}
    counts = Counter(name for path in images.names if (name := last_part(path)) in names)
    found: dict[Question, Answer] = {}
    for with_file in (False, True):
        lost = [question for question in bare if counts[question.name] > 1 and question not in found]
        asked = {question: Question(path) for question in lost if (path := _path_beside(question, with_file=with_file)) != question.name}
        if asked:
            index = Index(list(asked.values()), images)
            answers = {question: answer for question, path in asked.items() if (answer := index.find(path)) and answer.row >= 0}
            found |= {question: answer for question, answer in answers.items() if "/" in without_layout(images.names[answer.row])}
    return found


def _path_beside(question: Question, *, with_file: bool) -> str:
    return "/".join(filter(None, (question.folder, without_kind(question.file) if with_file else "", question.name)))


def _very_same(questions: Sequence[Question], images: Images) -> dict[Question, Answer]:
    """Return the answers to names that are the path or address of one image: most are, and need no index."""
    asked = {question.name for question in questions}
    rows = Rows(images.image_ids)
    for row in images.order:
        for own in literally(images, row):
            if own in asked:
                rows.add(own, row)
    return {question: Answer(same[0]) for question in questions if len(same := rows.of(question.name)) == 1}


def _of_known_splits(questions: Sequence[Question], images: Images) -> list[Question]:
    """Return the questions that name a split that images lie in."""
    known = {split for name in images.names if (split := _split_in(name))}
    return [question for question in questions if known and not known.isdisjoint(map(_split_in, question[:2]))]


def _split_in(path: str) -> str | None:
    """Return the last split among the folders of a path."""
    return _split_of_folders(path[: path.rfind("/") + 1])


@lru_cache(maxsize=1 << 14)
def _split_of_folders(folders: str) -> str | None:
    return next((split for folder in reversed(without_layout(folders).split("/")) if (split := split_of(folder))), None)


def _reasons(lost: Sequence[Question], images: Images) -> Iterator[Answer]:
    """Say of each name that joins no image whether there is one of that name elsewhere."""
    asked = {name for question in lost for name in (*_file_names(question), *_stems(question))}
    named: dict[str, list[int]] = {}
    stems: dict[str, list[int]] = {}
    for row in images.order:
        name = last_part((spellings(images.names[row]) or [""])[0]).casefold()
        for found, key in ((named, name), (stems, strip_extension(name))):
            if key in asked and len(found.setdefault(key, [])) < KEPT:
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
