"""Annotation files in and out of the common model.

In: label files (COCO, Pascal VOC, YOLO, CSV) and a partition's ``images`` rows. Out: rows of ``annotations``, findings for what the files
themselves had wrong, and the rows back as files. Must not know what makes a label wrong (audit) or fit for use (release), and opens no
image.
"""
