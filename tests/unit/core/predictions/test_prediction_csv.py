"""Class probabilities in CSVs as spreadsheets write them."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.predictions.class_probabilities import read_probabilities

COMMAS = "image,cat,dog\na.jpg,0.25,0.75\nb.jpg,1,0\n"
SEMICOLONS = COMMAS.replace(",", ";")


@pytest.mark.parametrize(
    "text",
    [
        COMMAS,
        SEMICOLONS,
        COMMAS.replace(",", "\t"),
        COMMAS.replace(",", "|"),
        f"sep=;\n{SEMICOLONS}",
        f"sep=;\r\n{SEMICOLONS}".replace("\n", "\r\n").replace("\r\r", "\r"),
        f'"sep=;"\n{SEMICOLONS}',
        f"sep=,\n{COMMAS}",
        SEMICOLONS.replace(".", ",").replace(",jpg", ".jpg"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings_of_spreadsheets_are_read(text, encoding):
    found = read_probabilities(text.encode(encoding), "p.csv")
    assert (found.ids, found.classes, found.values.tolist()) == (["a.jpg", "b.jpg"], ("cat", "dog"), [[0.25, 0.75], [1, 0]])


def test_a_cell_that_is_no_number_among_decimal_commas_loses_its_row_only():
    found = read_probabilities(b"image;cat;dog\na.jpg;0,25;0,75\nb.jpg;?;0,5\n", "p.csv")
    assert found.values[0].tolist() == [0.25, 0.75]
    assert found.values[1].tolist()[1:] == [0.5]


def test_commas_go_before_other_signs_in_the_names_of_classes():
    found = read_probabilities(b"image,man|woman|child,cat;dog\na.jpg,0.25,0.75\n", "p.csv")
    assert found.classes == ("man|woman|child", "cat;dog")
    assert read_probabilities(b"image;cat, small;dog\na.jpg;0.25;0.75\n", "p.csv").classes == ("cat, small", "dog")


def test_an_image_column_that_is_not_found_is_told_with_the_columns_that_are_there():
    with pytest.raises(ValueError, match=r"found \['bild', 'cat', 'dog'\]; give `id_column`"):
        read_probabilities(SEMICOLONS.replace("image", "bild").encode(), "p.csv")
    assert read_probabilities(SEMICOLONS.replace("image", "bild").encode(), "p.csv", id_column="bild").ids == ["a.jpg", "b.jpg"]
