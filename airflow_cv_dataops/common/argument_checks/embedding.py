"""Checks of the arguments of the embedding of images."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_list, required_number
from airflow_cv_dataops.common.places import check_filled_in
from airflow_cv_dataops.core.arguments import as_place
from airflow_cv_dataops.core.errors import ConfigurationError


def model(name: str, value: Any) -> None:
    """A name of ours, or where a file is."""
    from airflow_cv_dataops.core.embeddings.arguments import is_built_in

    if not is_built_in(value):
        check_filled_in(name, as_place(name, value))


def embedding_model(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_embedding_model

    check_embedding_model(value)


def input_size(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_input_size

    check_input_size(as_size(name, value))


def as_size(name: str, value: Any) -> list[int] | None:
    """Return one whole number or several from a number, a list, or their text; ``None`` from nothing."""
    given = [value] if isinstance(value, (int, float)) else as_list(name, value)
    return None if given is None else [as_count(name, side) or 0 for side in given]


def mean(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_numbers

    check_numbers(name, as_numbers(name, value))


def std(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_numbers

    check_numbers(name, as_numbers(name, value), above=0.0)


def as_numbers(name: str, value: Any) -> list[float] | None:
    """Return numbers from a list or its text; ``None`` from nothing."""
    given = as_list(name, value)
    return None if given is None else [required_number(name, number) for number in given]


def resize(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_resize

    if value is not None:
        check_resize(value)


def channels(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_channels

    if value is not None:
        check_channels(value)


def layout(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_layout

    check_layout(value)


def batch_size(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_batch_size

    check_batch_size(as_count(name, value))


def threads(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_threads

    check_threads(as_count(name, value))


def one_origin(model: Any, embeddings: Any, embedding_model: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_one_origin

    check_one_origin(model, embeddings, embedding_model)


def only_with_model(model: Any, input_size: Any, mean: Any, std: Any, resize: Any, channels: Any, layout: Any, output_name: Any) -> None:
    from airflow_cv_dataops.core.embeddings.arguments import check_only_with_model

    given = {
        "input_size": input_size,
        "mean": mean,
        "std": std,
        "resize": resize,
        "channels": channels,
        "layout": layout,
        "output_name": output_name,
    }
    check_only_with_model(model, **given)


def only_with_embeddings(embeddings: Any, ids: Any, id_column: Any) -> None:
    """:raises ConfigurationError: nothing is imported that could have ids."""
    named = [name for name, value in (("ids", ids), ("id_column", id_column)) if value is not None]
    if embeddings is None and named:
        raise ConfigurationError(f"{', '.join(named)} would change nothing: they are of files that `embeddings` names, and it names none.")
