"""Names that join an image and cannot mean it: of another split or folder, whose files are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, without_layout
from airflow_cv_dataops.core.labels.image_index import Answer, Images, Question, own_folders
from airflow_cv_dataops.core.labels.name_parts import address, common_end, content_parts
from airflow_cv_dataops.core.labels.places import expanded, in_other_split, is_elsewhere, overlap, same_folder, without_machine
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, CONTRADICTED_FILE_NAME

_ON_A_DISK = re.compile(r"[/\\]|[A-Za-z]:[/\\]|file:")


def without_rivals(questions: Sequence[Question], answers: Sequence[Answer], images: Images) -> list[Answer]:
    """Return the answers without those that the image's address, the label file's place, or another name speaks against.

    Paths are compared below the source's prefix, so ``test/1.png`` fits the ``1.png`` of a source that ends in ``train/``. It is refused
    where its folders and those of the image's address are of two splits, differ in numbers alone (``cam1/``, ``2026-11-05/raw/``), or
    where other names have the address's folder in the place of its own; so it is where the label file lies in another split. Where one
    image is claimed by ``test/1.png`` and ``train/1.png``, neither of which is the end of the other, it is given to the one that agrees
    longest with the image's address, and to none where that does not tell; of ``1.png`` and ``1.jpg`` to the one with its extension; of
    the label files ``cam1.csv`` and ``cam2.csv`` to the one that is named like a folder of the image.
    """
    checked = list(answers)
    places = _Places(questions)
    claims: dict[int, list[int]] = {}
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if answer.row < 0:
            continue
        if why := places.speak_against(question, images.names[answer.row], images.uris[answer.row]):
            checked[number] = why._replace(near=(answer.row,))
        else:
            claims.setdefault(answer.row, []).append(number)
    for row, numbers in claims.items():
        if len(numbers) > 1:
            named = [questions[number] for number in numbers]
            paths = [_place(question.name, _meant(question, images.names[row])) for question in named]
            refused = _of_other_files(named, images.names[row], row)
            rest = [place for place, why in enumerate(refused) if why is None]
            for place, why in zip(rest, _settled([paths[place] for place in rest], address(images.uris[row]), row), strict=True):
                refused[place] = why
            if any(question.folder for question in named):
                refused = [why or other for why, other in zip(refused, _of_other_label_folders(named, images.uris[row], row), strict=True)]
            for number, why in zip(numbers, refused, strict=True):
                checked[number] = why or checked[number]
    return checked


class _Places:
    """Where images lie, against what names say of that. Millions of names have few folders: what was found of folders is kept."""

    def __init__(self, questions: Sequence[Question]) -> None:
        folders = {folder for question in questions for name in question[:2] for folder in _folders(name)}
        # Of each folder of a name how many parts of the name follow it, those of a layout aside.
        self._named = {place for folder in folders for place in enumerate(reversed(without_layout(folder.casefold()).split("/")))}
        self._known: dict[tuple[object, ...], Answer | None] = {}

    def speak_against(self, question: Question, image: str, uri: str) -> Answer | None:
        """Say why an image that a name fits is, by its address, not the one that is meant; ``None`` where it may be."""
        name, alternative, folder, of_one_image = question.name, question.alternative, question.folder, question.of_one_image
        key = (_folders(name), _folders(alternative), _folders(image), _folder(uri), folder, of_one_image, _is_on_a_disk(name))
        if key not in self._known:
            is_of_file = not self._differ(question, image, uri)
            is_against = not is_of_file or _lies_in_other_split(question, uri)
            self._known[key] = Answer(reason=CONTRADICTED_FILE_NAME, is_of_file=is_of_file) if is_against else None
        return self._known[key]

    def _differ(self, question: Question, image: str, uri: str) -> bool:
        path, own = _meant(question, image), content_parts(image)
        above = path[: -len(own)]
        if not above:
            return False
        here = address(uri, is_image=True)[: -len(own)]
        if is_elsewhere(_place(question.name, above), _place(uri, here)):
            return True
        agreeing = common_end(above, here)
        if agreeing in (len(above), len(here)):
            return False
        return (len(own) + agreeing, here[-1 - agreeing].casefold()) in self._named


def _lies_in_other_split(question: Question, uri: str) -> bool:
    return bool(question.folder) and in_other_split(own_folders(question), address(uri, is_image=True)[:-1])


def _of_other_label_folders(questions: Sequence[Question], uri: str, row: int) -> list[Answer | None]:
    """Return for each of several names of one image why its label file's place speaks against it; ``None`` where nothing does.

    Of ``cam1/labels.csv`` and ``cam2/labels.csv`` the one belongs to images in a folder ``cam1``; of two annotators' folders either may.
    """
    here = expanded(_place(uri, address(uri, is_image=True)[:-1]))
    said = [tuple(expanded(own_folders(question))) if question.folder else () for question in questions]
    shared = {place: overlap(place, here).shared for place in set(said)}

    def belongs_elsewhere(own: tuple[str, ...]) -> bool:
        return any(
            len(theirs) == len(own) and any(at not in shared[own] and not same_folder(theirs[at], own[at]) for at in shared[theirs])
            for theirs in shared
        )

    return [Answer(-1, CONTRADICTED_FILE_NAME, (row,), is_of_file=True) if belongs_elsewhere(place) else None for place in said]


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
