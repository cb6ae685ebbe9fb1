"""One chosen batch to a page that people look at before it is sent: pictures with reasons, what was left out, the batch against its pool.

In: what the sampling step chose, as values (:mod:`.values`). Out: one self-contained HTML file below the dataset's ``reports/``
(:func:`.write.write_sample_report`). Must not know how images were scored or chosen.
"""
