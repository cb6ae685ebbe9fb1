"""Model outputs into the common model.

In: COCO results, class probabilities, pixel probabilities, and a partition's ``images`` rows. Out: rows of ``predictions``, findings for
what the files themselves had wrong. Must not know how a model was run, nor what its outputs say about labels (audit, sampling).
"""
