"""Hostile bytes to small upright pictures and the facts of a file's header.

In: the bytes of one file. Out: pictures to measure or to look at, header facts, or a reject with its reason. Must not know what is
measured on a picture, where bytes come from, or that there are tables.
"""
