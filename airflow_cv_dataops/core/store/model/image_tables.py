"""What was found at a source: images, what could not be taken, and images as vectors."""

from __future__ import annotations

from airflow_cv_dataops.core.store.model.table_model import IMAGE_ID, PARTITION_KEY, Column, TableModel, key_column

IMAGES = TableModel(
    "images",
    "One accepted source file.",
    (
        key_column(),
        Column("source_uri", "string", "Where the file was found; unique in the partition.", required=True),
        Column("image_id", "string", IMAGE_ID + " Repeats where two files are byte-identical.", required=True),
        Column("file_name", "string", "Path of the file below the source prefix, with `/`.", required=True),
        Column(
            "storage_uri",
            "string",
            "Where the bytes are kept: the content-addressed copy, or `source_uri` when images are referenced.",
            required=True,
        ),
        Column("bytes", "long", "Size of the file in bytes.", required=True),
        Column("format", "string", "Format by content, in Pillow's spelling: `JPEG`, `PNG`, `WEBP`, …", required=True),
        Column("width", "int", "Width of the upright image (EXIF orientation applied) in pixels.", required=True),
        Column("height", "int", "Height of the upright image (EXIF orientation applied) in pixels.", required=True),
        Column("mode", "string", "Pillow's pixel mode: `RGB`, `L`, `RGBA`, `I;16`, …", required=True),
        Column("aspect_ratio", "double", "Width by height of the upright image, above 0."),
        Column("bit_depth", "int", "Bits of a channel as the file stores it: 1, 2, 4, 8, 10, 12, 16 or 32; colours of a palette have 8."),
        Column("has_alpha", "boolean", "Pixels can be transparent: by an alpha channel, a palette's alpha or one transparent colour."),
        Column("frames", "int", "Number of frames or pages; the first is measured.", required=True),
        Column(
            "phash",
            "string",
            "64-bit DCT perceptual hash of the upright luminance, 16 hex digits (docs/fingerprints.md defines it to the bit).",
        ),
        Column(
            "dhash",
            "string",
            "64-bit horizontal difference hash of the upright luminance, 16 hex digits (docs/fingerprints.md defines it to the bit).",
        ),
        Column(
            "brightness",
            "double",
            "Mean perceived luminance (ITU-R BT.601 luma), 0 (black) to 1 (white), at most 512 px (docs/image-measures.md).",
        ),
        Column("brightness_p05", "double", "5th percentile of luminance: the smallest level that 5 % of the pixels do not exceed, 0 to 1."),
        Column("brightness_p50", "double", "50th percentile (median) of luminance, 0 to 1."),
        Column("brightness_p95", "double", "95th percentile of luminance, 0 to 1."),
        Column("brightness_p99", "double", "99th percentile of luminance, 0 to 1."),
        Column("contrast", "double", "Standard deviation of luminance, 0 to 0.5."),
        Column(
            "sharpness",
            "double",
            "Variance of the 4-neighbour Laplacian of luminance on a 0 to 255 scale, halved until at most 512 px; 0 is flat, "
            "below about 50 is often blurry.",
        ),
        Column("entropy", "double", "Shannon entropy of the 256-bin luminance histogram in bits, 0 to 8."),
        Column(
            "colourfulness",
            "double",
            "M3 of Hasler and Süsstrunk 2003 on a sample of at most 128 px: 0 (grey), 15 slightly, 33 moderately, 45 averagely, "
            "59 quite, 82 highly, 109 extremely colourful.",
        ),
        Column("saturation", "double", "Mean HSV saturation of the same sample, 0 (grey) to 1 (pure colours)."),
        Column(
            "is_grayscale",
            "boolean",
            "No pixel of the same sample has channels more than 2 of 255 apart: one channel, or an RGB file that shows only greys.",
        ),
        Column(
            "issues",
            "list<string>",
            "Quality issues found: `dark`, `light`, `low_contrast`, `blurry`, `low_information`, `odd_aspect_ratio`, `grayscale`, "
            "`extension_mismatch`, `odd_size`.",
        ),
        Column("exif_orientation", "int", "EXIF tag 0x0112, 1 to 8; null where absent or invalid."),
        Column("captured_at", "string", "EXIF DateTimeOriginal as ISO 8601 local time (EXIF has no zone); null where absent."),
        Column("camera", "string", "EXIF make and model; null where absent."),
        Column(
            "has_gps",
            "boolean",
            "EXIF or XMP holds a latitude or a longitude; the position itself is never stored. Null where EXIF cannot be read.",
        ),
        Column("source_etag", "string", "Entity tag that the source gave when the file was read; of an archive's member, the archive's."),
        Column(
            "source_version",
            "string",
            "Version id that the source gave, where it keeps versions; of a member of an archive, its place in it.",
        ),
        Column("source_modified_at", "timestamptz", "Last-modified time that the source gave."),
        Column(
            "parameters_id", "string", "Hash of the parameters that decided the row; an incremental run reads a file again when it changes."
        ),
        Column("ingested_at", "timestamptz", "When the run that wrote this row started.", required=True),
    ),
    sort_by=("source_uri",),
    run_columns=("ingested_at",),
)

REJECTS = TableModel(
    "rejects",
    "One source file that could not be taken.",
    (
        key_column(),
        Column("source_uri", "string", "Where the file was found.", required=True),
        Column("file_name", "string", "Path of the file below the source prefix, with `/`.", required=True),
        Column(
            "reason",
            "string",
            "`unreadable`, `not_an_image`, `truncated`, `too_large`, `too_small`, `unsupported_format`, `timeout` or `empty`.",
            required=True,
        ),
        Column("detail", "string", "What the decoder or the store said."),
        Column("bytes", "long", "Size of the file in bytes, where known."),
        Column("source_etag", "string", "Entity tag that the source gave when the file was read; of an archive's member, the archive's."),
        Column("source_modified_at", "timestamptz", "Last-modified time that the source gave."),
        Column(
            "parameters_id", "string", "Hash of the parameters that decided the row; an incremental run reads a file again when it changes."
        ),
        Column("ingested_at", "timestamptz", "When the run that wrote this row started.", required=True),
    ),
    sort_by=("source_uri",),
    run_columns=("ingested_at",),
)

EMBEDDINGS = TableModel(
    "embeddings",
    "One image as a vector by one embedding model, such that images that the model takes for alike are near each other; byte-identical "
    "images are one row.",
    (
        key_column(),
        Column(
            "embedding_model",
            "string",
            "What made the vector, and owns the row, e.g. `descriptor` or `dinov2_vits14`: vectors of two models cannot be compared.",
            required=True,
        ),
        Column("image_id", "string", IMAGE_ID, required=True),
        Column("source_uri", "string", "The image's source; of byte-identical images the smallest.", required=True),
        Column(
            "embedding",
            "list<float>",
            "The vector, as the model gives it; of one length for all rows of a model, every number finite.",
            required=True,
        ),
        Column("preprocessing", "string", "What was done to the pixels before, in words; null where the vectors were imported."),
        Column(
            "source",
            "string",
            "URI of the model, or of the file that the vector was imported from; `built_in` for the descriptor.",
            required=True,
        ),
        Column(
            "parameters_id",
            "string",
            "Hash of what decides the numbers (the model's bytes, its pre-processing), 16 hex digits; an image that has them by the same "
            "is not embedded again. Null where they were imported.",
        ),
    ),
    partitioned_by=(PARTITION_KEY, "embedding_model"),
    sort_by=("image_id",),
)
