"""Great Expectations expectations for tables of images, labels and predictions, for suites of your own (docs/contracts.md).

    from airflow_cv_dataops.expectations import ExpectBoxInsideImage

Importing this module makes them known to Great Expectations: a suite that was stored with them can be loaded from then on. It imports
Great Expectations and pandas, which takes seconds: import it in tasks and notebooks, never at the top of a DAG file.
"""

from __future__ import annotations

from airflow_cv_dataops.core.contracts.expectations.boxes import ExpectBoxHasExtent as ExpectBoxHasExtent
from airflow_cv_dataops.core.contracts.expectations.boxes import ExpectBoxInsideImage as ExpectBoxInsideImage
from airflow_cv_dataops.core.contracts.expectations.images import ExpectImageHasLabel as ExpectImageHasLabel
from airflow_cv_dataops.core.contracts.expectations.images import ExpectImageSizeBetween as ExpectImageSizeBetween
from airflow_cv_dataops.core.contracts.expectations.images import ExpectOneSplitPerImage as ExpectOneSplitPerImage
from airflow_cv_dataops.core.contracts.expectations.images import ExpectUniqueImage as ExpectUniqueImage
from airflow_cv_dataops.core.contracts.expectations.labels import ExpectKnownCategory as ExpectKnownCategory
from airflow_cv_dataops.core.contracts.expectations.labels import ExpectLabelJoinedImage as ExpectLabelJoinedImage
from airflow_cv_dataops.core.contracts.expectations.segmentations import ExpectSegmentationMatchesBox as ExpectSegmentationMatchesBox
from airflow_cv_dataops.core.contracts.expectations.shares import ExpectCategoryShares as ExpectCategoryShares
from airflow_cv_dataops.core.contracts.expectations.shares import ExpectSplitShares as ExpectSplitShares
