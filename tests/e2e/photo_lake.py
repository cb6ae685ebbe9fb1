"""Thousands of small photos on an S3 server, the same ones each time, and connections to it and to a catalog in PostgreSQL."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from services import Service

from airflow_cv_dataops.core.store.objects import open_store
from airflow_cv_dataops.hooks.dataset import DatasetHook

SIDE = 64


@dataclass(frozen=True)
class PhotoLake:
    """A bucket with photos, one prefix a day, and a warehouse in another bucket."""

    landing: str
    warehouse: str
    catalog: str
    s3: dict[str, Any]

    @classmethod
    def new(cls, service: Callable[[str], Service]) -> PhotoLake:
        s3 = service("s3")
        return cls(
            landing=f"s3://{s3.create_bucket('landing')}/incoming",
            warehouse=f"s3://{s3.create_bucket('lake')}/warehouse",
            catalog=service("postgres").create_database("iceberg").replace("postgresql://", "postgresql+psycopg2://"),
            s3=s3.facts,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Airflow's connections ``aws_default`` and ``cv_catalog``."""
        extra = {"region_name": "us-east-1", "endpoint_url": self.s3["url"]}
        aws = {"conn_type": "aws", "login": self.s3["access_key"], "password": self.s3["secret_key"], "extra": extra}
        extra = {"type": "sql", "warehouse": self.warehouse, "aws_conn_id": "aws_default"}
        catalog = {"conn_type": "cv_catalog", "host": self.catalog, "extra": extra}
        return {
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
            "AIRFLOW_CONN_CV_CATALOG": json.dumps(catalog),
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def land(self, days: Sequence[str], photos: int) -> None:
        """Put so many photos of each day, and a few other files, into the landing bucket."""
        _, options = DatasetHook("cv_catalog").storage(self.landing)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            for landed in [pool.submit(_land, f"{self.landing}/{day}", options, day, photos) for day in days]:
                landed.result()


def _land(uri: str, options: Mapping[str, Any], day: str, photos: int) -> None:
    store = open_store(uri, options)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: store.write(*file), _files(day, photos)))


def _files(day: str, photos: int) -> Iterator[tuple[str, bytes]]:
    """Yield a day's files, some of them no images and some of them twice."""
    from PIL import Image

    for number in range(photos):
        yield f"photo_{number:05}.jpg", _photo(Image, f"{day}/{number}")
    photo = _photo(Image, f"{day}/0")
    yield "twin_of_0.jpg", photo
    yield "twin_of_every_day.jpg", _photo(Image, "everyday")
    yield "cut_off.jpg", photo[: len(photo) // 2]
    yield "no_image.jpg", b"no image at all"
    yield "empty_file.jpg", b""


def _photo(image: Any, seed: str) -> bytes:
    """Return a JPEG of 64 px whose content follows from the seed alone: sixteen coarse squares in each direction, made smooth."""
    pixels = random.Random(seed).randbytes(16 * 16 * 3)
    out = io.BytesIO()
    image.frombytes("RGB", (16, 16), pixels).resize((SIDE, SIDE)).save(out, "JPEG", quality=85)
    return out.getvalue()
