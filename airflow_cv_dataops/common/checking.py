"""Arguments are checked when a DAG is parsed, as far as they are known by then: the DAG has an import error, not each of its runs.

What is checked, and by which function, each class says in ``argument_checks``; the rules themselves are those of ``core``, which asks them
again when a task runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter
from typing import Any, ClassVar, TypeAlias

from airflow.sdk import BaseOperator
from airflow.sdk.bases.operator import BaseOperatorMeta

from airflow_cv_dataops.common.arguments import absent_texts, defaults_of
from airflow_cv_dataops.common.places import path_text
from airflow_cv_dataops.core.errors import ConfigurationError

# Of one argument: called with its name and value. Of several: with the values of all.
ArgumentChecks: TypeAlias = Mapping[str | tuple[str, ...], Callable[..., None]]

_JINJA = {"variable_start_string": "{{", "block_start_string": "{%", "comment_start_string": "{#"}
_OF_A_LINE = ("line_statement_prefix", "line_comment_prefix")
_LONGEST_VALUE = 200


class CheckedType(BaseOperatorMeta):
    """Has an operator check its arguments once it is made.

    Here, and not at the end of an ``__init__``: a subclass may set attributes after it has called ours. Copies, and what Airflow makes of a
    serialized DAG, are not made by calling the class, and so are not checked again.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (of a metaclass)
        operator = super().__call__(*args, **kwargs)
        if "_airflow_from_mapped" not in kwargs:  # a mapped task's copy is made in the task itself, which says so without us
            operator.check_arguments()
        return operator


class CheckedArguments(BaseOperator, metaclass=CheckedType):
    """An operator whose arguments are checked when the DAG is parsed."""

    argument_checks: ClassVar[ArgumentChecks] = {}
    """By argument, what checks it; by several, what checks whether they go together. What is not known yet is not asked."""

    unchecked_arguments: ClassVar[Mapping[str, str]] = {}
    """By argument, why nothing about it can be told before the task runs. Every template field is here or in ``argument_checks``."""

    def check_arguments(self) -> None:
        """:raises ConfigurationError: an argument, as far as it is known, is one that the task would refuse."""
        given = {name: getattr(self, name) for name in checked_names(type(self)) if hasattr(self, name)}
        _check(
            type(self), self.task_id, given, self.template_fields, _Templates.of(self.template_ext, self.dag if self.has_dag() else None)
        )

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:  # type: ignore[override]  # Airflow's is a descriptor
        """Check what all copies of a mapped task have in common, too."""
        given = {name: path_text(value) for name, value in kwargs.items() if name in checked_names(cls)}
        templates = _Templates.of(cls.template_ext, kwargs.get("dag") or _dag_being_written())
        _check(cls, str(kwargs.get("task_id")), given, cls.template_fields, templates)
        return super().partial(**kwargs)


def _dag_being_written() -> Any:
    try:
        from airflow.sdk.definitions._internal.contextmanager import DagContext  # there is no other way to ask before a task is made
    except ImportError:
        return None
    return DagContext.get_current()


@lru_cache(maxsize=256)
def checked_names(kind: type[CheckedArguments]) -> tuple[str, ...]:
    """Return the arguments that a class checks, alone or beside others."""
    return tuple(dict.fromkeys(name for names in kind.argument_checks for name in _named(names)))


def of_the_whole(check: Callable[..., None]) -> Callable[..., None]:
    """Mark a check that can say nothing while a part of a list or mapping is not known: shares that have to sum to 1."""
    check.of_the_whole = True  # type: ignore[attr-defined]
    return check


@dataclass(frozen=True)
class _Templates:
    """How a text says that it is a template. :param marks: what begins something in it. :param files: suffixes of template files."""

    marks: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, files: Sequence[str], dag: Any) -> _Templates:
        """:param dag: may have marks of its own; ``None``: the task has none yet."""
        own = getattr(dag, "jinja_environment_kwargs", None) or {}
        lines = (own[name] for name in _OF_A_LINE if own.get(name))
        return cls((*(own.get(name, mark) for name, mark in _JINJA.items()), *lines), tuple(files))


@dataclass(frozen=True)
class _Known:
    """What is known of an argument. :param is_default: nobody has said anything. :param is_whole: no part of it is left for later."""

    value: Any
    is_default: bool = False
    is_whole: bool = True


def _check(
    kind: type[CheckedArguments], task_id: str, given: Mapping[str, Any], template_fields: Collection[str], templates: _Templates
) -> None:
    known = {
        name: found
        for name, value in given.items()
        if (found := _known(kind, name, value, templates if name in template_fields else None)) is not None
    }
    for names, check in kind.argument_checks.items():
        parts = [known[name] for name in _named(names) if name in known]
        is_partly_known = not all(part.is_whole for part in parts)
        if len(parts) < len(_named(names)) or all(part.is_default for part in parts):
            continue
        if is_partly_known and hasattr(check, "of_the_whole"):
            continue
        values = [part.value for part in parts]
        try:
            check(*((names, *values) if isinstance(names, str) else values))
        except ConfigurationError as error:
            raise ConfigurationError(f"Task {task_id!r} ({kind.__name__}): {_naming(names, str(error))}") from None  # it says no more
        except Exception as error:  # a value of a kind that no rule has thought of, which the task could not use either
            told = ", ".join(f"{name}={_excerpt(value)}" for name, value in zip(_named(names), values, strict=True))
            raise ConfigurationError(
                f"Task {task_id!r} ({kind.__name__}): {told} cannot be used ({type(error).__name__}: {error})."
            ) from error


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _naming(names: str | tuple[str, ...], message: str) -> str:
    """Return a message that names the argument, as those do not that are of parts of it."""
    named = _named(names)
    return message if any(name in message for name in named) else f"{' and '.join(named)}: {message}"


def _named(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _known(kind: type, name: str, value: Any, templates: _Templates | None) -> _Known | None:
    """Return what is known of an argument; ``None``: nothing. :param templates: ``None``: the argument is none."""
    default = defaults_of(kind).get(name, Parameter.empty)
    is_template = templates is not None
    if default is not Parameter.empty and (_is_same(value, default) or (is_template and _is_absent(kind, name, value))):
        return _Known(default, is_default=True)
    if templates is None:
        return None if _resolves_later(value) else _Known(value)
    return _known_part(value, templates)


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, (str, int, float, tuple)) and type(value) is type(default) and bool(value == default))


def _is_absent(kind: type, name: str, value: Any) -> bool:
    """Say whether a template field of this value has its default when the task runs."""
    return value is None or (isinstance(value, str) and value.strip() in absent_texts(kind, name))


def _known_part(value: Any, templates: _Templates) -> _Known | None:
    if _is_unknown(value, templates):
        return None
    if isinstance(value, Mapping):
        parts = {key: _known_part(entry, templates) for key, entry in value.items() if not _is_unknown(key, templates)}
        # Of a mapping in a mapping a part is as good as the whole; a list in one is one value.
        kept = {key: part for key, part in parts.items() if part is not None and (part.is_whole or isinstance(part.value, Mapping))}
        return _partly(value, {key: part.value for key, part in kept.items()}, [kept.get(key) for key in value])
    if isinstance(value, (list, tuple)):
        entries = [_known_part(entry, templates) for entry in value]
        return _partly(value, [part.value for part in entries if part is not None and part.is_whole], entries)
    return _Known(value)


def _partly(value: Any, part: Any, entries: Sequence[_Known | None]) -> _Known | None:
    if all(entry is not None and entry.is_whole for entry in entries):
        return _Known(value)
    return _Known(part, is_whole=False) if part else None


def _is_unknown(value: Any, templates: _Templates) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in templates.marks) or (bool(templates.files) and value.endswith(templates.files))
    if isinstance(value, Iterator):
        return True  # it gives what it has once, and the task needs it
    return not isinstance(value, (os.PathLike, type)) and (_resolves_later(value) or callable(value) or hasattr(value, "template_fields"))


def _resolves_later(value: Any) -> bool:
    """Say whether it is what another task returns, a param, or something else that Airflow asks for its value when the task runs."""
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
