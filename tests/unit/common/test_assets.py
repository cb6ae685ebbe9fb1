"""The asset of a stage: one name for it whoever writes it, which outlets a promotion has, and what it is in lineage."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import DAG, Asset, AssetAlias
from unit.core.release.release_rows import write_images

from airflow_cv_dataops.common.assets import release_asset, sanitize_uri
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.lineage.naming import dataset_name
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.stages import moved_by
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator

DIGITS = "cv://digits/production"


def test_the_asset_is_that_which_its_uri_names() -> None:
    assert release_asset("digits") == Asset(DIGITS) == Asset(uri=DIGITS)
    assert (release_asset("digits").name, release_asset("digits").uri) == (DIGITS, DIGITS)
    assert Asset("cv://digits/production/").uri == release_asset("digits").normalized_uri == DIGITS
    assert release_asset("digits", "staging").uri == "cv://digits/staging"


@pytest.mark.parametrize(
    "uri",
    [
        *("cv://digits", "cv://digits/", "cv:///production", "cv://Digits/production", "cv://dig its/production"),
        *(
            "cv://digits/a/b",
            "cv://digits/v3",
            "cv://digits/main",
            "cv://digits/<b>",
            "cv://digits/production?at=now",
        ),
    ],
)
def test_an_asset_that_is_no_stage_of_a_dataset_is_refused_where_the_dag_is_read(uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no stage of a dataset.*expected cv://<dataset>/<stage>"):
        Asset(uri)


def test_a_user_in_an_asset_is_refused() -> None:
    """Airflow 3.1.3 takes what is before the @ away, with a warning, before it asks a provider; from 3.2 on nothing is dropped."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = Asset("cv://me@digits/production").uri
        except ConfigurationError as refused:
            answer = str(refused)
    is_warned = any("auth info" in str(warning.message) for warning in caught)
    is_dropped = airflow.__version__.startswith("3.1.") and answer == "cv://digits/production" and is_warned
    assert is_dropped or "is no stage of a dataset" in answer


@pytest.mark.parametrize(("dataset", "stage"), [("Digits", "production"), ("digits", "v3")])
def test_names_that_cannot_be_are_refused(dataset: str, stage: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        release_asset(dataset, stage)


def promote(**arguments: Any) -> DatasetPromotionOperator:
    with DAG("dataops", schedule=None, start_date=datetime(2026, 11, 1, tzinfo=UTC)):
        return DatasetPromotionOperator(task_id="promote", **{"dataset": "digits", **arguments})


def test_a_promotion_has_its_asset_as_an_outlet_beside_those_of_the_user() -> None:
    own = Asset("s3://lake/report")
    assert promote().outlets == [release_asset("digits")]
    assert promote(stage="staging", outlets=[own]).outlets == [own, release_asset("digits", "staging")]
    assert promote(outlets=[Asset(DIGITS)]).outlets == [Asset(DIGITS)], "once"


def test_where_names_are_templates_an_alias_stands_for_the_asset() -> None:
    assert promote(dataset="{{ params.dataset }}").outlets == [AssetAlias("cv://{{ params.dataset }}/production")]
    assert promote(stage="{% if 1 %}a{% endif %}").outlets == [AssetAlias("cv://digits/{% if 1 %}a{% endif %}")]


def test_a_name_that_cannot_be_is_refused_as_an_argument_of_the_task() -> None:
    with pytest.raises(ConfigurationError, match=r"Task 'promote' .* Dataset name 'Digits' cannot be used"):
        promote(dataset="Digits")


def test_a_plain_asset_is_no_dataset_and_that_of_an_event_is_the_one_of_our_lineage(make_dataset: Callable[..., Dataset]) -> None:
    assert translate_airflow_asset(Asset(DIGITS), None) is None, "which catalog it lies in is not known"
    name = dataset_name(make_dataset(made=True).table_use("releases"))
    told = Asset(DIGITS, extra={"release": "v1", "openlineage": {"namespace": name.namespace, "name": name.name}})
    converted = translate_airflow_asset(told, None)
    assert (converted.namespace, converted.name) == (name.namespace, "digits.releases")
    assert translate_airflow_asset(Asset(DIGITS, extra={"openlineage": {"namespace": 5}}), None) is None


def test_a_stage_knows_which_run_moved_it_and_since_when(make_dataset: Callable[..., Dataset]) -> None:
    dataset, now = make_dataset(), datetime(2026, 11, 5, 12, tzinfo=UTC)
    asked = {"dag_id": "dataops", "run_id": "r1", "since": now}
    assert moved_by(dataset, "production", **asked) is None
    write_images(dataset, "2026-11-05", ["a"])
    promote_dataset(dataset, dag_id="dataops", run_id="r1", recorded_at=now)
    found = moved_by(dataset, "production", **asked)
    assert found is not None
    assert found.name == "v1"
    assert moved_by(dataset, "staging", **asked) is None
    for other in ({"run_id": "r2"}, {"dag_id": "other"}, {"since": now + timedelta(seconds=1)}):
        assert moved_by(dataset, "production", **{**asked, **other}) is None
    promote_dataset(dataset, release="v1", stage="staging", dag_id="dataops", run_id="r2", recorded_at=now)
    assert moved_by(dataset, "production", **asked) == found, "where another stage was moved since"


def test_airflow_is_told_who_looks_after_the_scheme() -> None:
    from airflow_cv_dataops.get_provider_info import get_provider_info

    (told,) = get_provider_info()["asset-uris"]
    assert told["schemes"] == ["cv"]
    assert told["handler"].rpartition(".")[2] == sanitize_uri.__name__
