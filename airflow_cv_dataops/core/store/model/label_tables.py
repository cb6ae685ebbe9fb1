"""What people and models say of images."""

from __future__ import annotations

from airflow_cv_dataops.core.store.model.table_model import BBOX, IMAGE_ID, PARTITION_KEY, Column, TableModel, key_column

ANNOTATIONS = TableModel(
    "annotations",
    "One label: a human's, or one that was given.",
    (
        key_column(),
        Column(
            "label_set",
            "string",
            "Which import owns the row, e.g. `default` or `round_2`; a rerun replaces its own label set.",
            required=True,
        ),
        Column("annotation_id", "string", "Stable id: 32 hex digits from label set, label file and position in it.", required=True),
        Column("image_id", "string", IMAGE_ID + " Null where the label joined no image of the partition."),
        Column("source_uri", "string", "The image's source; null where the label joined no image."),
        Column(
            "file_name",
            "string",
            "The image's file name as the label file states it; of VOC with the folder of the XML where it states none.",
            required=True,
        ),
        Column(
            "task",
            "string",
            "`classification`, `detection`, `segmentation` or `keypoints`; `background` states that nothing is there.",
            required=True,
        ),
        Column("category", "string", "Name of the category; null where the label file names none that it defines."),
        Column("bbox", BBOX, "Top-left corner, width and height in pixels of the upright image; COCO convention (no +1)."),
        Column(
            "segmentation",
            "string",
            'COCO JSON: a list of polygons `[[x1, y1, …], …]` in pixels, or an RLE `{"size": [h, w], "counts": …}`.',
        ),
        Column("area", "double", "Area in square pixels as the label file states it."),
        Column("iscrowd", "boolean", "COCO's iscrowd: the label covers a group."),
        Column("keypoints", "list<double>", "COCO triplets x, y, visibility (0 not labelled, 1 hidden, 2 visible)."),
        Column("stated_width", "int", "Width of the image as the label file states it, pixels."),
        Column("stated_height", "int", "Height of the image as the label file states it, pixels."),
        Column("annotator", "string", "Who labelled, where known."),
        Column("labeled_at", "timestamptz", "When it was labelled, where known."),
        Column("format", "string", "`coco`, `voc`, `yolo` or `csv`.", required=True),
        Column("source", "string", "URI of the label file.", required=True),
        Column("source_id", "string", "The label's own id in its file, where it has one."),
        Column("attributes", "string", "JSON object of whatever else the label carries."),
    ),
    partitioned_by=(PARTITION_KEY, "label_set"),
    sort_by=("file_name", "annotation_id"),
)

PREDICTIONS = TableModel(
    "predictions",
    "One model output.",
    (
        key_column(),
        Column("model", "string", "Name of the model; a rerun replaces its own model's rows.", required=True),
        Column("model_version", "string", "Version of the model."),
        Column("prediction_id", "string", "Stable id: 32 hex digits from model, file and position in it.", required=True),
        Column("image_id", "string", IMAGE_ID + " Null where the prediction joined no image of the partition."),
        Column("source_uri", "string", "The image's source; null where the prediction joined no image."),
        Column("file_name", "string", "The image as the prediction file names it.", required=True),
        Column("task", "string", "`classification`, `detection` or `segmentation`.", required=True),
        Column("category", "string", "Predicted category; for probabilities the most probable one."),
        Column("score", "double", "Confidence in `category`, 0 to 1."),
        Column("bbox", BBOX, "Top-left corner, width and height in pixels."),
        Column("segmentation", "string", "COCO JSON, as in annotations."),
        Column("probabilities", "list<float>", "Class probabilities, 0 to 1, in the order of `classes`."),
        Column(
            "classes", "string", "JSON array with the category names of `probabilities`; the same in all rows of a model in a partition."
        ),
        Column("embedding", "list<float>", "Embedding of the image, where the model gives one."),
        Column(
            "pixel_probabilities",
            "string",
            "URI of a NumPy file with the image's pixel probabilities, 0 to 1: float of shape (classes, height, width), or (height, width)"
            " for one class; `classes` has their names.",
        ),
        Column("source", "string", "URI of the prediction file.", required=True),
    ),
    partitioned_by=(PARTITION_KEY, "model"),
    sort_by=("file_name", "prediction_id"),
)
