"""Predictions of one partition to samples: scores first, then selection.

In: images, annotations, predictions, findings of the partition. Out: a manifest for the labelling tool,
rows of ``samples``, a summary. Must not know how a model was run, or which labelling tool reads the manifest.

Whether the label of a byte-identical image in another partition counts is the caller's choice; by default a sample, like every partition,
depends on its own partition alone.
"""
