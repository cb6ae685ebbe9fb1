"""Checks on the partition's categories: findings with a category, and no image or annotation."""

from __future__ import annotations

from airflow_cv_dataops.core.audit.categories import category_imbalance, rare_category, single_category, unused_category


def labels(**counts):
    return [{"category": name} for name, count in counts.items() for _ in range(count)]


def test_a_category_of_the_taxonomy_that_never_occurs_is_found(audit_input):
    found = unused_category(audit_input(labels(cat=2), categories=("dog", "cat", "bird")))
    assert found.to_pylist() == [
        {"message": "no label of the partition is of category 'bird'", "category": "bird"},
        {"message": "no label of the partition is of category 'dog'", "category": "dog"},
    ]


def test_without_a_taxonomy_or_any_label_no_category_is_unused(audit_input):
    assert unused_category(audit_input(labels(cat=2))) is None
    assert unused_category(audit_input([], categories=("cat",))) is None
    assert unused_category(audit_input(labels(cat=1, dog=1), categories=("cat", "dog"))) is None


def test_a_partition_of_one_category_is_found(audit_input):
    found = single_category(audit_input([*labels(cat=10), {"category": None}]))
    assert found.to_pylist() == [{"message": "all 10 labels with a category are of category 'cat'", "category": "cat"}]
    assert single_category(audit_input(labels(cat=10), categories=("cat", "dog"))) is not None


def test_one_category_is_right_where_it_is_the_only_one_to_find_or_labels_are_few(audit_input):
    assert single_category(audit_input(labels(cat=10), categories=("cat",))) is None
    assert single_category(audit_input(labels(cat=9))) is None
    assert single_category(audit_input(labels(cat=9, dog=1))) is None
    assert single_category(audit_input(labels(cat=9)), min_labels=9) is not None


def test_rare_categories_are_found_with_their_count(audit_input):
    data = audit_input(labels(cat=10, dog=9, bird=1))
    found = rare_category(data)
    assert found["category"].to_pylist() == ["bird", "dog"]
    assert found["message"].to_pylist() == ["category 'bird' has 1 label", "category 'dog' has 9 labels"]
    assert rare_category(data, min_labels=1) is None


def test_an_imbalance_is_found_beyond_the_ratio(audit_input):
    data = audit_input(labels(cat=101, dog=1, bird=2))
    found = category_imbalance(data)
    assert found.to_pylist() == [{"message": "'cat' (101) has 101.0 times as many labels as 'dog' (1)", "category": "dog"}]
    assert category_imbalance(data, ratio=101) is None
    assert category_imbalance(audit_input(labels(cat=100, dog=1))) is None
