"""Masks of labels as COCO writes them.

In: polygons and run-length encodings, and the size of their image. Out: what is wrong with them, the pixels that they cover, and these
encoded again. Must not know whose label it is, nor what is asked of it.
"""
