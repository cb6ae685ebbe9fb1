from __future__ import annotations

import io
import json

import numpy as np
import pytest

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.masks.overlap import mask_evidence
from airflow_cv_dataops.core.audit.masks.pixel_scores import masks_by_pixel, soft_minimum
from airflow_cv_dataops.core.audit.masks.predicted import doubtful_mask, unusable_pixel_probabilities
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of, pixels_of

WIDTH, HEIGHT = 64, 48
URI = "s3://outputs/a.npy"
PLACES = [(x, y) for y in (2, 18, 34) for x in (2, 14, 26, 38, 50)]


def square(x, y, side=10):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def labels(*outlines, **more):
    return [{"task": "segmentation", "segmentation": json.dumps(outline), **more} for outline in outlines]


def predicted(*outlines, **more):
    rows = [{"task": "segmentation", "segmentation": json.dumps(outline), "category": "cell", "score": 0.9} for outline in outlines]
    return [{**row, **more} for row in rows]


IMAGES = [{"width": WIDTH, "height": HEIGHT}]
SQUARES = [square(*place) for place in PLACES]


@pytest.fixture
def with_pixels(audit_input):
    """Build an input whose image has pixel probabilities (an array, or the file's very bytes) of the classes cell and other."""

    def build(annotations, probabilities, *, classes=("cell", "other"), uri=URI, predictions=(), images=IMAGES):
        content = probabilities if isinstance(probabilities, bytes) else npy(probabilities)
        row = {"task": "segmentation", "pixel_probabilities": uri, "classes": json.dumps(classes)}
        data = audit_input(annotations, images=images, predictions=[row, *predictions])
        return AuditInput(data.images, data.annotations, data.predictions, None, {uri: content}.__getitem__)

    return build


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def certain(*outlines, inside=0.95, outside=0.02):
    """Return probabilities of cell (in the outlines) and other, (2, height, width)."""
    values = np.full((HEIGHT, WIDTH), outside, dtype=np.float32)
    for outline in outlines:
        values[pixels_of(mask_of(json.dumps(outline), WIDTH, HEIGHT))] = inside
    return np.stack([values, 1 - values])


def test_the_soft_minimum_is_cleanlabs():
    from cleanlab.internal.multilabel_scorer import softmin

    rng = np.random.default_rng(0)
    for values in (rng.random(500), rng.beta(9, 1, 4000), np.array([0.3]), np.zeros(9)):
        assert soft_minimum(values) == pytest.approx(softmin(values[None], axis=1, temperature=0.1)[0], abs=1e-12)
    assert soft_minimum(np.array([0.0, *[1.0] * 100])) == pytest.approx(0.0045, abs=1e-3), "one pixel in a hundred counts most"


def test_a_mask_on_pixels_that_the_model_holds_for_something_else_is_doubtful(with_pixels, flagged):
    shifted = [*SQUARES[:-1], square(44, 40, 6)]
    found = doubtful_mask(with_pixels(labels(*shifted), certain(*SQUARES)))
    assert flagged(found) == [str(len(SQUARES) - 1)]
    assert found["score"][0].as_py() == pytest.approx(0.02, abs=0.01)
    assert found["message"].to_pylist() == ["the pixels of this mask have a probability of 0.02 (soft minimum)"]
    assert doubtful_mask(with_pixels(labels(*SQUARES), certain(*SQUARES))) is None


def test_a_mask_as_doubtful_as_all_of_its_category_is_no_finding(with_pixels):
    assert doubtful_mask(with_pixels(labels(*SQUARES), certain(*SQUARES, inside=0.4))) is None


def test_masks_of_unknown_categories_and_crowds_are_not_judged(with_pixels):
    odd = [*labels(square(44, 40, 6), category="tree"), *labels(square(44, 40, 6), iscrowd=True), *labels([[1, 2]], "nonsense", {})]
    data = with_pixels([*labels(*SQUARES), *odd], certain(*SQUARES))
    assert masks_by_pixel(data).rows.tolist() == list(range(len(SQUARES)))


def test_one_class_may_come_without_its_axis_and_in_a_compressed_archive(with_pixels, flagged):
    stream = io.BytesIO()
    np.savez_compressed(stream, probabilities=np.asfortranarray(certain(*SQUARES)[0].astype(np.float16)))
    shifted = labels(*SQUARES[:-1], square(44, 40, 6))
    found = doubtful_mask(with_pixels(shifted, stream.getvalue(), classes=("cell",), uri="s3://outputs/a.npz"))
    assert flagged(found) == [str(len(SQUARES) - 1)]


HEADER = npy(np.zeros((2, HEIGHT, WIDTH), dtype=np.float32))[:128]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (np.zeros((2, WIDTH, HEIGHT), dtype=np.float32), "they are 48 x 64 px, the image is 64 x 48 px"),
        (np.zeros((3, HEIGHT, WIDTH), dtype=np.float32), "2 class names do not fit 3 classes"),
        (np.zeros((2, HEIGHT, WIDTH), dtype=np.int64), "expected floats"),
        (np.zeros(7), "expected floats"),
        (np.full((2, HEIGHT, WIDTH), np.nan), "not finite, or outside 0 to 1"),
        (np.full((2, HEIGHT, WIDTH), 1.5), "not finite, or outside 0 to 1"),
        (np.array([object()]), "never unpickled"),
        (b"", "not a NumPy file"),
        (b"GIF89a", "not a NumPy file"),
        (HEADER + b"abc", "promises 24,576 bytes of numbers, 3 are there"),
        (HEADER.replace(b"(2, 48, 64)", b"(2, 10**9,)"), "not a NumPy file"),
        (HEADER.replace(b"(2, 48, 64)", b"(99999, 4, 99999)"[:11]), "not a NumPy file"),
    ],
)
def test_files_that_cannot_be_used_are_findings_and_judge_nothing(with_pixels, content, says):
    data = with_pixels(labels(*SQUARES), content)
    [found] = unusable_pixel_probabilities(data).to_pylist()
    assert says in found["message"]
    assert (found["source_uri"], doubtful_mask(data)) == ("s3://photos/a.jpg", None)


def test_a_file_that_is_gone_is_a_finding(with_pixels):
    data = with_pixels(labels(*SQUARES), certain(*SQUARES))

    def gone(uri):
        raise OSError("no such file")

    [found] = unusable_pixel_probabilities(AuditInput(data.images, data.annotations, data.predictions, None, gone)).to_pylist()
    assert found["message"] == "the pixel probabilities of model m cannot be used: no such file"


def test_a_store_that_does_not_answer_is_no_finding(with_pixels):
    data = with_pixels(labels(*SQUARES), certain(*SQUARES))

    def outage(uri):
        raise StoreError("Cannot read s3://b/p.npy: 503")

    with pytest.raises(StoreError):
        unusable_pixel_probabilities(AuditInput(data.images, data.annotations, data.predictions, None, outage))


def test_a_mask_that_differs_from_the_predicted_one_is_doubtful(audit_input, flagged):
    smaller = [*SQUARES[:-1], square(*PLACES[-1], side=7)]
    found = doubtful_mask(audit_input(labels(*smaller), images=IMAGES, predictions=predicted(*SQUARES)))
    assert flagged(found) == [str(len(SQUARES) - 1)]
    # 49 of 100 px² in common, boxes that the rasteriser draws as 7 x 7 and 10 x 10 pixels
    assert found["message"].to_pylist() == ["the predicted mask overlaps this one by IoU 0.49 only"]
    assert json.loads(found["suggestion"][0].as_py()) == {"category": "cell", "score": 0.9, "segmentation": SQUARES[-1]}
    assert doubtful_mask(audit_input(labels(*SQUARES), images=IMAGES, predictions=predicted(*SQUARES))) is None


def test_predicted_masks_of_another_category_or_image_say_nothing(audit_input):
    smaller = labels(*SQUARES[:-1], square(*PLACES[-1], side=7))
    elsewhere = [*predicted(*SQUARES[:-1]), *predicted(SQUARES[-1], category="other"), *predicted(SQUARES[-1], image_id="z" * 64)]
    assert doubtful_mask(audit_input(smaller, images=IMAGES, predictions=elsewhere)) is None


def test_pixel_probabilities_go_before_predicted_masks(with_pixels):
    smaller = labels(*SQUARES[:-1], square(*PLACES[-1], side=7))
    assert doubtful_mask(with_pixels(smaller, certain(*SQUARES), predictions=predicted(*SQUARES))) is None


def test_images_with_pixel_probabilities_and_others_are_judged_in_one_audit(with_pixels, flagged):
    other = {"image_id": "b" * 64, "source_uri": "s3://photos/b.jpg"}
    by_pixels, by_masks = [*SQUARES[:-1], square(44, 40, 6)], [*SQUARES[:-1], square(*PLACES[-1], side=7)]
    given = [*labels(*by_pixels), *labels(*by_masks, **other)]
    images = [*IMAGES, {**IMAGES[0], **other}]
    data = with_pixels(given, certain(*SQUARES), predictions=predicted(*SQUARES, image_id="b" * 64), images=images)
    assert flagged(doubtful_mask(data)) == ["14", "29"]


def test_mask_overlaps_are_those_of_the_pixels(audit_input):
    """Polygons, with holes by RLE, against numpy on decoded pixels; crowds by the prediction's area."""
    rng = np.random.default_rng(4)
    drawn = [rng.uniform(-5, 70, (5, 2)).ravel().round(1).tolist() for _ in range(16)]
    run = {"size": [HEIGHT, WIDTH], "counts": [200, 300, 400, HEIGHT * WIDTH - 900]}
    given = [*labels(*([polygon] for polygon in drawn[:7])), *labels(run), *labels([drawn[7]], iscrowd=True)]
    outputs = predicted(*([polygon] for polygon in drawn[8:]), run)
    evidence = mask_evidence(audit_input(given, images=IMAGES, predictions=outputs))
    boxes, found = evidence.boxes, evidence.overlaps
    pairs = zip(boxes.labels.row[found.label], boxes.predictions.row[found.prediction], strict=True)
    computed = dict(zip(pairs, found.overlap.tolist(), strict=True))
    for a, label in enumerate(given):
        for b, output in enumerate(outputs):
            mine, other = (pixels_of(mask_of(row["segmentation"], WIDTH, HEIGHT)) for row in (label, output))
            union = other.sum() if label.get("iscrowd") else (mine | other).sum()
            expected = (mine & other).sum() / union
            assert computed.get((a, b), 0) == pytest.approx(expected if expected >= 0.1 else 0, abs=1e-5)


def test_masks_are_drawn_as_pycocotools_draws_them(shared_data):
    """All 475 outlines of the photographs, polygons and RLE."""
    coco = pytest.importorskip("pycocotools.mask")
    document = json.loads((shared_data("coco_ccby") / "instances.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for annotation in document["annotations"]:
        (width, height), outline = sizes[annotation["image_id"]], annotation["segmentation"]
        runs = coco.frPyObjects(outline, height, width)
        expected = coco.decode(coco.merge(runs) if isinstance(runs, list) else runs)
        mask = mask_of(json.dumps(outline), width, height)
        assert (pixels_of(mask) == expected).all() if mask else not expected.any()


@pytest.mark.parametrize(
    "hostile",
    [
        [[1e300, 0, -1e300, 1e300, 0, 0]],
        [[10**400, 0, 1, 1, 2, 2]],
        [[0, 0, 1e9, 0, 1e9, 1e9, 0, 1e9]],
        {"size": [HEIGHT, WIDTH], "counts": "\u00ff"},
        {"size": [HEIGHT, WIDTH], "counts": [-1, HEIGHT * WIDTH + 1]},
        {"size": [2**30, 2**30], "counts": [2**60]},
        {"size": [HEIGHT, WIDTH], "counts": "P" * 1000},
        {"size": "x"},
        "text",
        [],
        [[]],
        [["1", 2, 3, 4, 5, 6]],
        [[True, 2, 3, 4, 5, 6]],
    ],
)
def test_hostile_outlines_are_no_masks_or_small_ones(hostile):
    mask = mask_of(json.dumps(hostile), WIDTH, HEIGHT)
    assert mask is None or pixels_of(mask).shape == (HEIGHT, WIDTH)


def test_json_that_is_none_is_no_mask():
    assert [mask_of(text, WIDTH, HEIGHT) for text in ("", "[[1,", "[" * 100_000, "NaN", "[[NaN, 1, 2, 3, 4, 5]]")] == [None] * 5
