"""Labels in CSVs as spreadsheets, competitions and public data sets have them."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError

WHEAT = 'image_id,width,height,bbox,source\nb6ab77fd7,1024,1024,"[834.0, 222.0, 56.0, 36.0]",usask_1\n'
OPEN_IMAGES = "ImageID,Source,LabelName,Confidence"


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=; "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_by_which_excel_names_its_separator_is_no_header(read_file, first, end):
    labels = read_file(end.join([first, "image;label", "a.jpg;cat", "b.jpg"]), "a.csv", format="csv")
    assert labels.rows.select(["file_name", "category"]).to_pylist() == [{"file_name": "a.jpg", "category": "cat"}]
    assert [problem.message for problem in labels.problems] == ["Line 4 has no label: b.jpg"]


def test_ids_of_images_are_named_by_argument_and_a_category_by_a_column(read_file):
    with pytest.raises(ConfigurationError, match=r"No column for the file.*with or without extension: csv_columns=\{'file': 'image_id'\}"):
        read_file(WHEAT, "a.csv", format="csv")
    with pytest.raises(ConfigurationError, match=r"No column for the label.*of one category, add a column `label`"):
        read_file(WHEAT, "a.csv", format="csv", csv_columns={"file": "image_id"})
    header, line, _ = WHEAT.split("\n")
    [row] = read_file(f"{header},label\n{line},head\n", "a.csv", format="csv", csv_columns={"file": "image_id"}).rows.to_pylist()
    assert (row["file_name"], row["category"], list(row["bbox"].values())) == ("b6ab77fd7", "head", [834, 222, 56, 36])
    assert (row["stated_width"], row["stated_height"]) == (1024, 1024)


def test_columns_of_open_images_are_refused_by_name(read_file):
    with pytest.raises(ConfigurationError, match=r"those of OpenImages .*normalised.*Confidence 0.*convert them to COCO or YOLO"):
        read_file(f"{OPEN_IMAGES},XMin,XMax,YMin,YMax\n0a,xclick,/m/1,1,0.1,0.2,0.1,0.2\n", "a.csv", format="csv")


def test_a_label_that_open_images_says_to_be_absent_is_no_label(read_file):
    columns = {"file": "ImageID", "label": "LabelName"}
    text = f"{OPEN_IMAGES}\n0a,verification,/m/1,1\n0b,verification,/m/2,"
    assert read_file(f"{text}1\n", "a.csv", format="csv", csv_columns=columns).rows.num_rows == 2
    with pytest.raises(ConfigurationError, match=r"label on line 3 has Confidence 0: .* Leave such lines out"):
        read_file(f"{text}0\n", "a.csv", format="csv", csv_columns=columns)


def test_a_key_of_csv_columns_that_is_none_is_told_with_those_that_are(read_file):
    with pytest.raises(ConfigurationError, match=r"csv_columns has no key 'colour': .* Known keys: file, label, annotator") as told:
        read_file("image,label\na.jpg,cat\n", "a.csv", format="csv", csv_columns={"colour": "label"})
    assert "__init__" not in str(told.value)


def test_a_box_that_cannot_be_used_is_told_in_the_names_of_the_file(read_file):
    labels = read_file("image,label,center_x,center_y,w,h\na.jpg,cat,1,?,3,4\n", "a.csv", format="csv")
    assert "center_x=1, center_y=?, w=3, h=4" in labels.problems[0].message
