"""Annotation formats in and out of the common model.

In: label and prediction files (COCO, Pascal VOC, YOLO, CSV; COCO results, class probabilities) and a partition's ``images``
rows. Out: rows of ``annotations`` and ``predictions``, findings for what the files themselves had wrong, and the rows back
as files. Must not know what makes a label wrong (audit) or fit for use (release), and opens no image.
"""
