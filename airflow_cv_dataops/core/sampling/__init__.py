"""Predictions of one partition to samples: scores first, then selection.

In: images, predictions, findings of the partition, and which images of the dataset have labels. Out: a manifest for the labelling tool,
rows of ``samples``, a summary. Must not know how a model was run, or which labelling tool reads the manifest.

What is labelled is asked of the whole dataset, so that nothing is labelled twice; that is the one thing in which a sample depends on more
than its own partition.
"""
