"""The audit on BCCD's real labels, as they are."""

from __future__ import annotations

import pytest
from audit_rows import KEY, bbox, image, label, write
from defusedxml import ElementTree

from airflow_cv_dataops.core.audit.audit import audit_labels

pytestmark = pytest.mark.integration


def test_what_is_wrong_with_bccds_boxes_is_found(shared_data, make_dataset):
    images, labels = [], []
    for path in sorted((shared_data("bccd") / "BCCD" / "Annotations").glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        name = f"{path.stem}.jpg"
        images.append(image(name, int(root.findtext("size/width")), int(root.findtext("size/height"))))
        for number, found in enumerate(root.iter("object")):
            left, top, right, bottom = (float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            box = bbox(left, top, right - left, bottom - top)
            labels.append(label(name, number, category=found.findtext("name"), bbox=box, stated_width=640, stated_height=480))
    dataset = make_dataset("bccd")
    write(dataset, "images", images)
    write(dataset, "annotations", labels, owner="default")
    result = audit_labels(dataset, KEY, categories=["RBC", "WBC", "Platelets"])
    found = dataset.read("findings", where="check = 'zero_area_bbox'")["source_uri"].to_pylist()
    assert sorted(found) == ["s3://photos/BloodImage_00338.jpg", "s3://photos/BloodImage_00343.jpg"]
    assert result.summary.counts["by_severity"]["error"] == 2
    assert result.summary.counts["annotations"] == 4888
    # Each was looked at: seven cells drawn twice, two white cells called platelets, and a platelet called a white cell.
    twice = dataset.read("findings", where="check = 'near_duplicate_bbox'")["source_uri"].to_pylist()
    assert {uri[-7:-4] for uri in twice} == {"020", "100", "104", "251", "284", "331", "403"}
    odd = dataset.read("findings", where="check = 'outlying_bbox_size'").to_pylist()
    assert {(row["source_uri"][-7:-4], row["category"]) for row in odd} == {("113", "WBC"), ("133", "Platelets"), ("135", "Platelets")}
    assert result.summary.counts["by_check"]["outlying_bbox_shape"] == 9
