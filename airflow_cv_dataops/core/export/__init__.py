"""A release to what trains: its images, labels and splits in, files of a training format out.

In: a release, read a few images at a time. Out: label files and image files below a target, and a manifest with their hashes, written last.
Must not know how a release came to be, nor who trains.
"""
