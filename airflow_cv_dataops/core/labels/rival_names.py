"""Names that join an image and cannot mean it: of another split or folder, whose files are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, without_layout
from airflow_cv_dataops.core.labels.image_index import Answer, Images, Question, place_of
from airflow_cv_dataops.core.labels.name_parts import common_end, content_parts, folders_of_image, stem_parts
from airflow_cv_dataops.core.labels.places import expanded, in_other_split, is_elsewhere, plain, same_folder, without_machine
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, CONTRADICTED_FILE_NAME
from airflow_cv_dataops.core.labels.splits import without_kind

_ON_A_DISK = re.compile(r"[/\\]|[A-Za-z]:[/\\]|file:")


def without_rivals(questions: Sequence[Question], answers: Sequence[Answer], images: Images) -> list[Answer]:
    """Return the answers without those that the image's address, the label file's place, or another name speaks against.

    Paths are compared below the source's prefix, so ``test/1.png`` fits the ``1.png`` of a source that ends in ``train/``. It is refused
    where its folders and those of the image's address are of two splits, differ in numbers alone (``cam1/``, ``2026-11-05/raw/``), or
    where other names have the address's folder in the place of its own; so it is where the label file lies in another split, or where
    another one lies in the image's folder and this one in its like (``cam1.csv``, ``cam2.csv``). Where one image is claimed by
    ``test/1.png`` and ``train/1.png``, neither of which is the end of the other, it is given to the one that agrees longest with the
    image's address, and to none where that does not tell; of ``1.png`` and ``1.jpg`` to the one with its extension; of two names in one
    file to the one that is its path.
    """
    checked = list(answers)
    places = _Places(questions, images)
    claims: dict[int, list[int]] = {}
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if answer.row < 0:
            continue
        said = places.speak(question, images.names[answer.row], images.uris[answer.row])
        checked[number] = said._replace(near=(answer.row,)) if said.reason else said._replace(row=answer.row)
        if said.reason is None:
            claims.setdefault(answer.row, []).append(number)
    for row, numbers in claims.items():
        if len(numbers) > 1:
            for number, why in zip(numbers, _of_others([questions[number] for number in numbers], images, row), strict=True):
                checked[number] = why or checked[number]
    return checked


def _of_others(questions: Sequence[Question], images: Images, row: int) -> list[Answer | None]:
    """Return for each of several names of one image why another is to have it; ``None`` where nothing is wrong."""
    image, here = images.names[row], folders_of_image(images.uris[row])
    refused = _of_other_files(questions, image, row)
    for place, is_path in enumerate(_of_one_file(questions, image)):
        if not is_path:
            refused[place] = Answer(reason=CONTRADICTED_FILE_NAME, near=(row,))
    rest = [place for place, why in enumerate(refused) if why is None]
    paths = [_settled_path(questions[place], image, here) for place in rest]
    for place, why in zip(rest, _settled(paths, [*here, content_parts(image)[-1]], row), strict=True):
        refused[place] = why
    return refused


class _Places:
    """Where images lie, against what names say of that. Millions of names have few folders: what was found of folders is kept."""

    def __init__(self, questions: Sequence[Question], images: Images) -> None:
        folders = {folder for question in questions for name in question[:2] for folder in _folders(name)}
        # Of each folder of a name how many parts of the name follow it, those of a layout aside.
        self._named = {place for folder in folders for place in enumerate(reversed(without_layout(folder.casefold()).split("/")))}
        # Of each part of the label files' places how many precede it.
        files = {(question.folder, question.file) for question in questions if not question.of_one_image}
        self._of_files = {(at, plain(part)) for place in files for at, part in enumerate(_file_place(*place))}
        images_folders = {_folder(uri) for uri in images.uris} if len(files) > 1 else set()
        self._of_images = {plain(part) for folder in images_folders for part in folders_of_image(folder)}
        self._known: dict[tuple[object, ...], Answer] = {}

    def speak(self, question: Question, image: str, uri: str) -> Answer:
        """Say why an image that a name fits is, by its address, not the one that is meant; without reason where it may be."""
        name, alternative, _, folder, file, of_one_image = question
        key = (_folders(name), _folders(alternative), _folders(image), _folder(uri), folder, file, of_one_image, _is_on_a_disk(name))
        if key not in self._known:
            self._known[key] = self._said(question, image, uri)
        return self._known[key]

    def _said(self, question: Question, image: str, uri: str) -> Answer:
        path, here = _meant(question, image), folders_of_image(uri)
        if self._differ(question, path, content_parts(image), uri):
            return Answer(reason=CONTRADICTED_FILE_NAME)
        place = place_of(question, here, path[:-1])
        if in_other_split(place, here) or (len(path) == 1 and self._is_of_another_file(question, here)):
            return Answer(reason=CONTRADICTED_FILE_NAME, is_of_file=True)
        return Answer(is_of_file=is_elsewhere(place, here))

    def _differ(self, question: Question, path: Sequence[str], own: Sequence[str], uri: str) -> bool:
        above, here = path[: -len(own)], folders_of_image(uri)
        here = here[: len(here) - len(own) + 1]
        if not above:
            return False
        if is_elsewhere(_place(question.name, above), here):
            return True
        agreeing = common_end(above, here)
        if agreeing in (len(above), len(here)):
            return False
        return (len(own) + agreeing, here[-1 - agreeing].casefold()) in self._named

    def _is_of_another_file(self, question: Question, here: Sequence[str]) -> bool:
        """Say whether a label file lies where another has a folder of the image, in one like it or in one of other images."""
        if question.of_one_image:
            return False
        folders = {plain(folder): folder for folder in expanded(here)}
        for at, part in enumerate(_file_place(question.folder, question.file)):
            if plain(part) in folders:
                continue
            rivals = [folder for key, folder in folders.items() if (at, key) in self._of_files]
            if any(plain(part) in self._of_images or is_elsewhere([part], [rival]) for rival in rivals):
                return True
        return False


@lru_cache(maxsize=1 << 14)
def _file_place(folder: str, file: str) -> tuple[str, ...]:
    return tuple(expanded([*filter(None, (*folder.split("/"), without_kind(file)))]))


def _place(name: str, parts: Sequence[str]) -> Sequence[str]:
    return without_machine(parts) if _is_on_a_disk(name) else parts


def _is_on_a_disk(name: str) -> bool:
    return _ON_A_DISK.match(name) is not None


def _of_other_files(questions: Sequence[Question], image: str, row: int) -> list[Answer | None]:
    """Return for each of several names of one image why its extension speaks against it; ``None`` where nothing does."""
    own = _extension(image)
    stated = [_extension(question.name) for question in questions]
    if len({extension for extension in stated if extension}) < 2:
        return [None] * len(questions)
    reason = CONTRADICTED_FILE_NAME if own in stated else AMBIGUOUS_FILE_NAME
    return [Answer(reason=reason, near=(row,)) if extension and extension != own else None for extension in stated]


def _of_one_file(questions: Sequence[Question], image: str) -> list[bool]:
    """Say of each of several names of one image whether it may be its name, where its file has the image's path as a name, too."""
    own = stem_parts(image)
    are_paths = [any(stem_parts(path)[-len(own) :] == own for path in spellings(question.name)) for question in questions]
    files = [(question.folder, question.file) for question in questions]
    told = {file for file, is_path, question in zip(files, are_paths, questions, strict=True) if is_path and not question.of_one_image}
    return [is_path or file not in told for file, is_path in zip(files, are_paths, strict=True)]


def _settled_path(question: Question, image: str, here: Sequence[str]) -> Sequence[str]:
    """Return the path that a name means; of a file of one image, which two people may have made each, without their folders."""
    path = _place(question.name, _meant(question, image))
    if not question.of_one_image:
        return path
    return [*(folder for folder in path[:-1] if any(same_folder(folder, theirs) for theirs in here)), *path[-1:]]


def _settled(paths: Sequence[Sequence[str]], place: Sequence[str], row: int) -> list[Answer | None]:
    """Return for each of several names of one image why it is not to have it; ``None`` where nothing is wrong."""
    longest = max(paths, key=len, default=())
    if all(_is_end(path, longest) for path in paths):
        return [None] * len(paths)
    agreement = [common_end(path, place) for path in paths]
    best = [path for path, length in zip(paths, agreement, strict=True) if length == max(agreement)]
    told = max(best, key=len)
    if not all(_is_end(path, told) for path in best):
        return [Answer(reason=AMBIGUOUS_FILE_NAME, near=(row,)) if len(path) > 1 else None for path in paths]
    return [None if _is_end(path, told) else Answer(reason=CONTRADICTED_FILE_NAME, near=(row,)) for path in paths]


def _is_end(path: Sequence[str], other: Sequence[str]) -> bool:
    return common_end(path, other) == min(len(path), len(other))


def _meant(question: Question, image: str) -> list[str]:
    """Return the spelling of a name by which it joins its image."""
    own = content_parts(image)
    paths = [content_parts(spelling) for name in question[:2] if name for spelling in spellings(name)]
    return max(paths, key=lambda path: common_end(path, own), default=[])


def _folders(name: str) -> tuple[str, ...]:
    return tuple([_folder(spelling) for spelling in spellings(name)]) if name else ()


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if has_image_extension(name) else ""
