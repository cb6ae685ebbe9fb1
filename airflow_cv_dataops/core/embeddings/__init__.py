"""Images as vectors: by a descriptor of this package, by an ONNX model of the user's, or from files that others have made.

In: a partition's ``images`` rows and their bytes, or files of vectors. Out: rows of ``embeddings``. Must not know what the vectors are used
for (sampling, audit).
"""
