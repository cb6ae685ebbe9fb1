"""The pool of a sampling, from the tables: which images may be chosen, and how what is known of them is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.sampling.naming import ids_named, similar_to
from airflow_cv_dataops.core.sampling.one_file import OneFileRows
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.pool import Known, Pool
from airflow_cv_dataops.core.sampling.reading import (
    Labels,
    Scope,
    TableRows,
    may_repeat,
    model_among,
    models_of,
    read_images,
    read_labels,
    unaudited,
)
from airflow_cv_dataops.core.sampling.units import AUTO, Plan
from airflow_cv_dataops.core.sampling.vectors import Embeddings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_LIMITING = ("phash", "issues", "captured_at", "camera")
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Pooled:
    """What a sampling goes by.

    :param images: how many images the scope has, each once. :param files: image_id, source_uri and file_name of all files.
    :param left_out: how many of them are not in the pool, by reason, each counted once.
    :param preselected: rows of the pool. :param not_in_pool: names of preselected images that are not in the pool (labelled, say).
    :param rows: how many rows of each table were read.
    :param unaudited: partitions of the pool that no audit has looked at, where a score goes by findings.
    :param labelled_since: how many images of the batch that is replaced have a label by now, and so are not in the pool.
    :param has_findings: the scope has findings of any step.
    """

    images: int
    files: pa.Table
    pool: Pool
    plan: Plan
    left_out: Mapping[str, int]
    declared_empty: int
    preselected: Sequence[int]
    not_in_pool: Sequence[str]
    rows: Mapping[str, int]
    labelled_since: int = 0
    unaudited: Sequence[str] = ()
    has_findings: bool = True


def make_pool(scope: Scope, own: tuple[str, str], options: SampleOptions, where: str) -> Pooled:
    """Read the scope. :param own: partition key and id of the sample that is made. :param where: what is looked at, for messages."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wants = options.units.plan(options.strategy, options.scores, has_embeddings=True)
    images, files = read_images(scope, (*_LIMITING, *wants.image_columns))
    labels = read_labels(scope, own, options.labelled_in)
    models = models_of(scope)
    embeddings = _embeddings(scope, options, wants)
    reasons = _reasons(images, labels, options)
    is_pool = reasons == 0
    chosen = images if is_pool.all() else images.filter(pa.array(is_pool))
    vectors = None if embeddings is None else embeddings.of(chosen["image_id"])
    plan = options.units.plan(options.strategy, options.scores, has_embeddings=vectors is not None and len(vectors) > 0)
    model = _model(list(models), plan, options, where)
    known = pa.chunked_array([labels.ids, labels.queued]) if options.candidates == "unlabelled" else pa.chunked_array([labels.queued])
    repeated = _repeated(files)
    pool = Pool(
        images=chosen,
        predictions={name: _predictions(scope, name, repeated) for name in models},
        model=model,
        annotations=scope.rows("annotations") if options.candidates == "labelled" else None,
        findings=scope.rows("findings"),
        embeddings=vectors,
        known=Known(labels.categories, None if embeddings is None else embeddings.some_of(pc.unique(known))),
        similar_to=None if embeddings is None or not options.similar_to else similar_to(scope, embeddings, files, options),
        aggregate=options.aggregate,
        empty_score=options.empty_score,
    )
    goes_by_findings = "findings" in plan.needs
    named = ImagePlaces(images["image_id"]).of(ids_named("preselected", options.preselected, files))
    place = np.cumsum(is_pool) - 1
    return Pooled(
        images=images.num_rows,
        files=files,
        pool=pool,
        plan=plan,
        left_out={name: int((reasons == code).sum()) for code, name in enumerate(_reason_names(options)) if code},
        declared_empty=int(pc.sum(pc.is_in(images["image_id"], value_set=labels.empty)).as_py() or 0),
        preselected=[int(place[row]) for row in named.tolist() if is_pool[row]],
        not_in_pool=[images["source_uri"][row].as_py() for row in named.tolist() if not is_pool[row]],
        rows={
            "images": files.num_rows,
            "annotations": labels.annotation_rows,
            "predictions": sum(models.values()) if "models" in plan.needs else models.get(model or "", 0),
            "samples": labels.sample_rows,
            **({} if embeddings is None else {"embeddings": len(embeddings.matrix)}),
        },
        labelled_since=int(pc.sum(pc.is_in(labels.own, value_set=labels.ids)).as_py() or 0) if options.candidates == "unlabelled" else 0,
        unaudited=unaudited(scope, sorted(pc.unique(chosen["partition_key"]).to_pylist())) if goes_by_findings else (),
        has_findings=not goes_by_findings or next(scope.rows("findings").batches(["check"], 1), None) is not None,
    )


def _embeddings(scope: Scope, options: SampleOptions, wants: Plan) -> Embeddings | None:
    """Return the embeddings, if they are of use and there are any."""
    if "embeddings" not in wants.needs and not (options.strategy == AUTO or options.similar_to):
        return None
    return Embeddings.of_scope(scope, options.embedding_model)


def _model(models: Sequence[str], plan: Plan, options: SampleOptions, where: str) -> str | None:
    goes_by_one = bool({"predictions", "probabilities"} & plan.needs)
    if not models:
        if plan.needs & {"predictions", "probabilities", "models"}:
            log.warning("No predictions in %s: nothing can be sampled. Import predictions first.", where)
        return None
    if options.model is None and len(models) > 1 and not goes_by_one:
        return None  # nobody asks what one model takes the images for
    return model_among(models, options.model, where)


def _predictions(scope: Scope, model: str, repeated: pa.Array) -> TableRows | OneFileRows:
    from pyiceberg.expressions import EqualTo

    rows = scope.rows("predictions", EqualTo("model", model))
    return OneFileRows(rows, repeated) if len(repeated) else rows


def _repeated(files: pa.Table) -> pa.Array:
    """Return the ids of images of which there are several files: byte-identical ones, or one that is in several partitions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = pc.value_counts(files["image_id"].filter(pa.array(may_repeat(files["image_id"]))))
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _reason_names(options: SampleOptions) -> tuple[str, ...]:
    return ("", "already_labelled" if options.candidates == "unlabelled" else "not_labelled", "queued", "poor_quality")


def _reasons(images: pa.Table, labels: Labels, options: SampleOptions) -> np.ndarray:
    """Return for each image why it is not in the pool, a number of ``_reason_names``; 0: it is. The first reason counts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = images["image_id"]
    reasons = np.zeros(images.num_rows, dtype=np.int8)
    is_labelled = np.asarray(pc.is_in(ids, value_set=labels.ids))
    reasons[is_labelled if options.candidates == "unlabelled" else ~is_labelled] = 1
    if options.leave_out_queued:
        reasons[(reasons == 0) & np.asarray(pc.is_in(ids, value_set=labels.queued))] = 2
    if options.leave_out_issues:
        wanted = pa.array(sorted(options.leave_out_issues), pa.string())
        issues = images["issues"].combine_chunks()
        has = pc.is_in(pc.list_flatten(issues), value_set=wanted)
        rows = np.asarray(pc.list_parent_indices(issues))[np.asarray(has)]
        is_poor = np.zeros(images.num_rows, dtype=bool)
        is_poor[rows] = True
        reasons[(reasons == 0) & is_poor] = 3
    return reasons
