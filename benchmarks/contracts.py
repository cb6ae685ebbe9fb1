"""A contract on one large partition of annotations: seconds and memory, beside Great Expectations on a plain frame of the same table.

    python benchmarks/contracts.py --annotations 1000000 --json

The annotations are those of ``structural_audit.py``: made from a seed, ten an image, 1 % of them faulty, a tenth with a polygon. Each
measurement is a process of its own and begins when Great Expectations has been imported (``import_seconds``):

- ``default``: our step with the table's default suite, storage, findings, metrics and page included;
- ``ten_rules``: the same with ten rules on seven columns;
- ``peer``: these ten rules in Great Expectations as its documentation has it, on ``to_pandas()`` of the whole table with text as Python
  objects, as pandas up to version 2 holds it, and without findings, metrics and page;
- ``peer_pandas_3``: the same with the text type that pandas 3 takes by itself.

``peak_mb`` is the process's highest resident memory, ``extra_mb`` what it rose by in the measurement.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.dataset import open_dataset

KEY, SEED = "all", 20261105
TASKS = ["classification", "detection", "segmentation", "keypoints", "background"]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as home:
        in_a_process(write, home, options.annotations)
        result: dict[str, Any] = {"annotations": options.annotations}
        for name in options.only or CASES:
            for number, value in in_a_process(run, name, home).items():
                result[f"{name}_{number}"] = value
    show(result, as_json=options.json)


def write(home: str, annotations: int) -> dict[str, Any]:
    """Make the dataset."""
    images, labels = make_tables(annotations, max(annotations // 10, 1), 0.1, SEED)
    dataset = open_dataset("benchmark", home=home)
    dataset.replace_partition("images", KEY, images)
    dataset.replace_partition("annotations", KEY, labels.drop_columns(["label_set"]), owner="default")
    return {}


def run(name: str, home: str) -> dict[str, Any]:
    """Measure one case in this process."""
    started = time.perf_counter()
    import great_expectations.expectations

    assert great_expectations
    imported = time.perf_counter() - started
    found = measured(lambda: CASES[name](home))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"import_seconds": round(imported, 2), **{key: found[key] for key in ("seconds", "cpu_seconds", "extra_mb")},
            "peak_mb": round(peak, 1), **found["result"]}  # fmt: skip


def ours(home: str, suite: Any) -> Mapping[str, Any]:
    from airflow_cv_dataops.core.contracts.validate import validate_table

    result = validate_table(open_dataset("benchmark", home=home), KEY, suite=suite, on_findings="warn")
    counts = result.summary.counts
    return {"expectations": counts["expectations"], "failed": counts["failed"]}


def peer(home: str, *, objects: bool) -> Mapping[str, Any]:
    """Do what a user would: the whole table as a frame, boxes as columns of their own, the suite in a batch."""
    import great_expectations as gx
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    text = {pa.string(): pd.StringDtype("python", na_value=np.nan)} if objects else {}
    frame = open_dataset("benchmark", home=home).annotations(partition_key=KEY).to_pandas(types_mapper=text.get)
    boxes = pd.DataFrame(frame["bbox"].tolist(), index=frame.index).add_prefix("bbox_")
    frame = pd.concat([frame, boxes], axis=1)
    asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("dataset").add_dataframe_asset("annotations")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    result = batch.validate(gx.ExpectationSuite("rules", expectations=ten_rules()))
    return {"expectations": len(result.results), "failed": sum(not one.success for one in result.results)}


def ten_rules() -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="annotation_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="image_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="category"),
        gxe.ExpectColumnValuesToBeUnique(column="annotation_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="image_id", regex="^[0-9a-f]{64}$"),
        gxe.ExpectColumnValuesToBeInSet(column="task", value_set=TASKS),
        gxe.ExpectColumnValuesToBeInSet(column="category", value_set=list(CATEGORIES)),
        gxe.ExpectColumnValuesToBeBetween(column="bbox_width", min_value=0, strict_min=True),
        gxe.ExpectColumnValuesToBeBetween(column="bbox_x", min_value=0, max_value=640, mostly=0.99),
    ]


CASES: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "default": lambda home: ours(home, None),
    "ten_rules": lambda home: ours(home, ten_rules),
    "peer": lambda home: peer(home, objects=True),
    "peer_pandas_3": lambda home: peer(home, objects=False),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=sorted(CASES), help="these cases alone; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
