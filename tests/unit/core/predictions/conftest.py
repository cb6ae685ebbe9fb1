"""What the tests of prediction files share."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.predictions.reading import read_predictions


@pytest.fixture
def read(tmp_path):
    """Read one file of predictions, given by its content and its name."""

    def read(data: bytes | str, name: str, **options):
        file = tmp_path / name
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_predictions(str(file), model="m", **options)

    return read
