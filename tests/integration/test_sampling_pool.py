"""What a batch is chosen from, and what limits it: on real tables."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest
from sampling_rows import KEY, NOW, box, chosen, image, label, manifest_of, output, write

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.strategies.strategy import strategy

pytestmark = pytest.mark.integration

CERTAINTY = {"a": 0.51, "b": 0.55, "c": 0.6, "d": 0.7, "e": 0.8, "f": 0.9}


@pytest.fixture
def photos(make_dataset):
    """Six images, the harder the earlier, none labelled."""
    dataset = make_dataset("photos")
    write(dataset, "images", [image(name) for name in CERTAINTY])
    write(dataset, "predictions", [output(name, cat=cat) for name, cat in CERTAINTY.items()], owner="m")
    return dataset


def test_what_another_sample_holds_is_left_out_and_a_rerun_keeps_its_own(photos):
    first = sample_hard_examples(photos, KEY, budget=2, sample_id="monday")
    second = sample_hard_examples(photos, KEY, budget=2, sample_id="tuesday")
    assert (chosen(first), chosen(second)) == (["a", "b"], ["c", "d"])
    assert second.summary.counts["queued"] == 2
    assert chosen(sample_hard_examples(photos, KEY, budget=2, sample_id="tuesday")) == ["c", "d"]
    kept = sample_hard_examples(photos, KEY, budget=2, sample_id="wednesday", leave_out_queued=False)
    assert chosen(kept) == ["a", "b"]


def test_images_of_poor_quality_are_left_out_where_asked_for(photos):
    write(photos, "images", [image(name, issues=["blurry", "dark"] if name == "a" else []) for name in CERTAINTY])
    result = sample_hard_examples(photos, KEY, budget=2, leave_out_issues=["dark"])
    assert (chosen(result), result.summary.counts["poor_quality"]) == (["b", "c"], 1)
    assert chosen(sample_hard_examples(photos, KEY, budget=2)) == ["a", "b"]


def test_several_partitions_are_one_pool_and_each_image_tells_its_own(photos):
    write(photos, "images", [image("g")], key="2026-11-06")
    write(photos, "predictions", [output("g", cat=0.5)], key="2026-11-06", owner="m")
    assert chosen(sample_hard_examples(photos, KEY, budget=1)) == ["a"]
    result = sample_hard_examples(photos, KEY, budget=2, partitions="all")
    assert [(entry["image_id"], entry["partition_key"]) for entry in manifest_of(result)] == [("g", "2026-11-06"), ("a", KEY)]
    rows = photos.read("samples", partition_key=KEY).sort_by("rank")
    assert rows["image_partition"].to_pylist() == ["2026-11-06", KEY]
    capped = sample_hard_examples(photos, KEY, budget=3, partitions=[KEY, "2026-11-06"], max_per={"partition": 1})
    assert chosen(capped) == ["g", "a"]
    assert "within the limits" in capped.summary.details["notes"][0]


def test_labelled_images_can_be_the_pool(photos):
    write(photos, "annotations", [label("a", category="dog"), label("f")], owner="default")
    result = sample_hard_examples(photos, KEY, strategy="errors_against_labels", candidates="labelled")
    assert chosen(result)[0] == "a", "the model says cat, the label says dog"
    assert result.summary.counts["not_labelled"] == 4
    with pytest.raises(ConfigurationError, match="candidates='labelled'"):
        sample_hard_examples(photos, KEY, strategy="errors_against_labels")


def test_a_named_image_comes_first_and_one_that_cannot_be_is_told(photos, caplog):
    write(photos, "annotations", [label("b")], owner="default")
    with caplog.at_level(logging.WARNING):
        result = sample_hard_examples(photos, KEY, budget=2, preselected=["s3://photos/f.png", "b.png"], strategy="random")
    first, second = manifest_of(result)
    assert (first["image_id"], first["strategy"], first["reasons"]) == ("f", "named", ["named by a person"])
    assert second["strategy"] == "random"
    assert "1 of the preselected images cannot be in the batch" in caplog.text
    with pytest.raises(ConfigurationError, match=r"no image 'x[.]png'"):
        sample_hard_examples(photos, KEY, preselected=["x.png"])


def test_near_duplicates_by_hash_and_by_a_table_of_clusters(photos, tmp_path):
    hashes = {"a": "00000000000000ff", "b": "00000000000000fe"}
    write(photos, "images", [image(name, phash=hashes.get(name, f"{position:x}" * 16)) for position, name in enumerate(CERTAINTY, 1)])
    result = sample_hard_examples(photos, KEY, budget=2)
    assert (chosen(result), result.summary.counts["near_duplicates"]) == (["a", "c"], 1)
    assert chosen(sample_hard_examples(photos, KEY, budget=2, near_duplicates=None)) == ["a", "b"]
    (tmp_path / "clusters.csv").write_text("file_name,cluster\na.png,1\nb.png,1\nc.png,1\nd.png,2\n")
    clustered = sample_hard_examples(photos, KEY, budget=2, clusters=str(tmp_path / "clusters.csv"))
    assert chosen(clustered) == ["a", "d"]
    (tmp_path / "clusters.csv").write_text("file_name,cluster\nzebra.png,1\n")
    with pytest.raises(ConfigurationError, match="no image is in any cluster"):
        sample_hard_examples(photos, KEY, clusters=str(tmp_path / "clusters.csv"))


def test_a_share_is_drawn_at_random_and_told(photos):
    result = sample_hard_examples(photos, KEY, budget=4, explore=0.5, seed=3)
    entries = manifest_of(result)
    assert sorted(entry["strategy"] for entry in entries) == ["margin", "margin", "random", "random"]
    assert result.summary.counts["sampled_at_random"] == 2
    assert [entry["score"] for entry in entries] == sorted((entry["score"] for entry in entries), reverse=True), (
        "hardest first, however taken"
    )
    random = [entry for entry in entries if entry["strategy"] == "random"]
    assert all(entry["reasons"][0] == "drawn at random" for entry in random)


def test_a_budget_in_boxes_is_what_the_model_expects(photos):
    boxes = [box("a", 0.5, number=number) for number in range(6)] + [box("b", 0.5), box("c", 0.9, "blob")]
    write(photos, "predictions", boxes, owner="m")
    result = sample_hard_examples(photos, KEY, budget=4, budget_unit="boxes")
    assert chosen(result)[0] in ("a", "b")
    assert result.summary.metrics["spent"] == 4.0, "a: 3 expected boxes, b: one at least"
    minutes = sample_hard_examples(photos, KEY, budget=1.0, budget_unit="minutes", cost={"image": 0.1, "box": 0.3})
    assert minutes.summary.metrics["spent"] <= 1.0
    assert minutes.summary.details["budget"] == "1 minutes, at 0.1 an image and 0.3 a box"


def test_minimums_of_a_rare_category_are_filled_and_told_where_they_cannot(photos):
    write(photos, "predictions", [output(name, cat=cat if name != "f" else 0.05) for name, cat in CERTAINTY.items()], owner="m")
    result = sample_hard_examples(photos, KEY, budget=2, min_per={"category": {"dog": 1}})
    assert chosen(result) == ["a", "f"]
    short = sample_hard_examples(photos, KEY, budget=3, min_per={"category": {"dog": 2}})
    assert short.summary.counts["unmet_minimums"] == 1
    assert short.summary.details["notes"] == ["Of category 'dog', 1 of at least 2 were taken; there is 1."]


def test_a_limit_for_a_group_that_is_not_there_is_told(photos):
    result = sample_hard_examples(photos, KEY, budget=2, min_per={"category": {"cow": 1}}, max_per={"category": {"Cat": 1}})
    assert result.summary.counts["unmet_minimums"] == 1
    assert result.summary.details["notes"] == [
        "Of category 'cow', 0 of at least 1 were taken; there are 0.",
        "There is no category 'Cat' in the pool, for which there is a limit: there is 'cat'.",
    ]


def test_images_that_wait_in_a_sample_of_another_key_are_queued(photos):
    write(photos, "images", [image("g")], key="2026-11-06")
    assert chosen(sample_hard_examples(photos, "2026-11-06", budget=1, partitions=[KEY], sample_id="one")) == ["a"]
    assert chosen(sample_hard_examples(photos, KEY, budget=1)) == ["b"]
    assert chosen(sample_hard_examples(photos, "2026-11-06", budget=1, partitions=[KEY], sample_id="two")) == ["c"]


def test_partitions_that_nobody_has_written_are_told_and_if_all_are_an_error(photos):
    result = sample_hard_examples(photos, "2026-11-09", budget=1, partitions=[KEY, "2026-11-66"])
    assert chosen(result) == ["a"]
    assert result.summary.details["notes"] == ["Nobody has written to partition 2026-11-66: nothing is chosen from it."]
    with pytest.raises(DatasetNotFoundError, match="2026-11-66"):
        sample_hard_examples(photos, KEY, partitions=["2026-11-66", "2026-11-67"])


def test_an_empty_batch_says_why(photos):
    dear = sample_hard_examples(photos, KEY, budget=1, budget_unit="money", cost={"image": 2})
    assert dear.summary.details["notes"] == ["No image fits the budget of 1, at 2 an image and 0 a box: the cheapest costs 2."]
    write(photos, "annotations", [label(name) for name in CERTAINTY], owner="default")
    assert sample_hard_examples(photos, KEY).summary.details["notes"] == ["No image can be chosen: of 6 images, 6 already labelled."]


def test_a_picture_that_is_stored_twice_has_its_boxes_once_and_all_its_names(photos, tmp_path):
    write(photos, "images", [*(image(name) for name in CERTAINTY), image("z", "a")])
    boxes = [box("a", 0.5) | {"source_uri": "s3://photos/a.png"}, box("a", 0.5, number=1) | {"source_uri": "s3://photos/z.png"}]
    write(photos, "predictions", boxes, owner="m")
    result = sample_hard_examples(photos, KEY, budget=5, budget_unit="boxes", preselected=["z.png"])
    assert [len(entry["boxes"]) for entry in manifest_of(result) if entry["image_id"] == "a"] == [1]
    (tmp_path / "clusters.csv").write_text("file_name,cluster\nz.png,x\nb.png,x\nc.png,\nd.png,\n")
    clustered = sample_hard_examples(photos, KEY, budget=6, clusters=str(tmp_path / "clusters.csv"), near_duplicates=None)
    assert sorted(chosen(clustered)) == ["a", "c", "d", "e", "f"], "a blank cluster is none"


def test_a_vector_of_zeros_is_no_embedding(photos):
    rows = [
        {"image_id": name, "source_uri": f"s3://photos/{name}.png", "embedding": [float(name != "a"), float(at)], "source": "s3://e.npy"}
        for at, name in enumerate(CERTAINTY)
    ]
    write(photos, "embeddings", rows, owner="clip")
    result = sample_hard_examples(photos, KEY, budget=6)
    assert result.summary.counts["without_embedding"] == 1
    assert "a" not in chosen(result)


@pytest.mark.parametrize("rows", [[2.5], [-1], [99], ["first"], [0, 0]])
def test_a_strategy_that_yields_what_is_not_open_is_named(photos, rows):
    @strategy(meaning="Whatever.")
    def odd(choice):
        yield from rows

    with pytest.raises(ConfigurationError, match="'odd' yielded"):
        sample_hard_examples(photos, KEY, budget=6, custom=[odd], strategy="odd")


def test_scores_are_combined_by_their_ranks_and_told(photos):
    @score(meaning="Comes late in the alphabet.", words=lambda pool, row, value: f"letter {value:g}")
    def letter(pool):
        return np.array([float(ord(name[0])) for name in pool.images["image_id"].to_pylist()])

    result = sample_hard_examples(photos, KEY, budget=1, custom=[letter], strategy="top", scores={"margin": 1, "letter": 3})
    [entry] = manifest_of(result)
    assert (entry["image_id"], entry["reasons"][0]) == ("f", "letter 102 [letter]")


def test_a_strategy_of_ones_own_is_held_by_the_limits(photos):
    @strategy(meaning="The easiest.", needs=("scores",))
    def easiest(choice):
        while choice.open.any():
            rows = np.flatnonzero(choice.open)
            yield int(rows[np.argmin(choice.scores[rows])])

    result = sample_hard_examples(photos, KEY, budget=2, custom=[easiest], strategy="easiest")
    assert chosen(result) == ["f", "e"]
    assert manifest_of(result)[0]["strategy"] == "easiest"


def test_what_a_strategy_goes_by_and_nobody_has_is_an_error(photos):
    with pytest.raises(ConfigurationError, match="ImageEmbeddingOperator"):
        sample_hard_examples(photos, KEY, strategy="k_center")
    with pytest.raises(ConfigurationError, match="two or more"):
        sample_hard_examples(photos, KEY, strategy="bald")


def test_embeddings_decide_what_auto_is(photos):
    vectors = {name: [float(position), 1.0] for position, name in enumerate(CERTAINTY)}
    del vectors["f"]
    rows = [
        {"image_id": name, "source_uri": f"s3://photos/{name}.png", "embedding": vector, "preprocessing": "none", "source": "s3://e.npy"}
        for name, vector in vectors.items()
    ]
    write(photos, "embeddings", rows, owner="clip")
    result = sample_hard_examples(photos, KEY, budget=3)
    assert result.summary.details["strategy"] == "uncertainty_herding"
    assert result.summary.counts["without_embedding"] == 1
    assert "1 images have no embedding" in result.summary.details["notes"][0]
    spread = sample_hard_examples(photos, KEY, budget=2, strategy="k_center", similar_to=())
    assert all(entry["score"] is None for entry in manifest_of(spread)), "no score was asked for"
    close = sample_hard_examples(photos, KEY, budget=2, strategy="similarity", similar_to=["e.png"])
    assert chosen(close) == ["e", "d"]


def test_the_report_names_folders_without_what_they_have_in_common_limits_beside_them(photos):
    folders = {name: f"s3://photos/{'left' if name in 'abc' else 'right'}/{name}.png" for name in CERTAINTY}
    write(photos, "images", [image(name, source_uri=uri) for name, uri in folders.items()])
    result = sample_hard_examples(photos, KEY, budget=2, max_per={"source": 1})
    page = read_report(photos, result.lineage.facts["reportUri"]).decode()
    told = re.findall(r'<th scope="row"><bdi>(\w+)</bdi><span class="limit free">([^<]*)</span>', page)
    assert told == [("left", "at most 1"), ("right", "at most 1")]


def test_why_a_strategy_that_goes_by_no_score_took_an_image_is_said_of_that_image(photos):
    rows = [
        {"image_id": name, "source_uri": f"s3://photos/{name}.png", "embedding": [float(at), 1.0], "source": "s3://e.npy"}
        for at, name in enumerate(CERTAINTY)
    ]
    write(photos, "embeddings", rows, owner="net")
    [first, _] = manifest_of(sample_hard_examples(photos, KEY, budget=2, strategy="k_center"))
    assert first["reasons"] == ["least like anything that is labelled or was taken before it"]
    [first] = manifest_of(sample_hard_examples(photos, KEY, budget=1, strategy="diverse_top", scores={"entropy": 1}))
    assert first["reasons"][1:] == ["of the highest scores, and unlike what is labelled or was taken before it"]


def audited(dataset, key=KEY):
    write(dataset, "metrics", [{"metric": "images", "value": 6.0, "recorded_at": NOW}], key=key, owner="audit:quality")


def by_findings(dataset, **options):
    return sample_hard_examples(dataset, KEY, strategy="label_issues", candidates="labelled", budget=2, **options)


def test_findings_that_no_audit_looked_for_are_an_error_and_those_that_none_found_are_told(photos):
    write(photos, "annotations", [label(name) for name in CERTAINTY], owner="default")
    with pytest.raises(
        ConfigurationError, match="'label_issues' cannot be worked out: no step has written a finding, and no audit has looked"
    ):
        by_findings(photos)
    audited(photos)
    result = by_findings(photos)
    assert len(chosen(result)) == 2
    assert result.summary.details["notes"] == ["label_issues says the same of all 6 candidates, and so nothing of which to choose."]


def test_partitions_that_no_audit_looked_at_are_told_where_others_were(photos):
    write(photos, "images", [image("g")], key="2026-11-06")
    write(photos, "annotations", [label("a"), label("b")], owner="default")
    write(photos, "annotations", [label("g")], key="2026-11-06", owner="default")
    found = {"finding_id": "1", "check": "suspect_label", "severity": "error", "message": "Odd.", "image_id": "b"}
    write(photos, "findings", [found], owner="quality")
    audited(photos)
    result = by_findings(photos, partitions="all")
    assert chosen(result)[0] == "b"
    assert result.summary.details["notes"] == [
        "No audit has looked at partition 2026-11-06: images there count as if audits had found nothing."
    ]


def test_an_image_to_compare_with_may_lie_in_another_partition(photos):
    """Last month's failure is the example; its embedding is of the model that the pool's are of."""
    vectors = {name: [float(place), 1.0] for place, name in enumerate(CERTAINTY)}

    def embedded(name, vector):
        return {
            "image_id": name,
            "source_uri": f"s3://photos/{name}.png",
            "embedding": vector,
            "preprocessing": "none",
            "source": "s3://e.npy",
        }

    write(photos, "embeddings", [embedded(name, vector) for name, vector in vectors.items()], owner="net")
    failed = image("failed")
    write(photos, "images", [failed], key="2026-10-01")
    with pytest.raises(ConfigurationError, match="similar_to: 1 of the 1 images have no embedding"):
        sample_hard_examples(photos, KEY, budget=2, strategy="similarity", similar_to=["failed.png"])
    write(photos, "embeddings", [embedded("failed", [5.0, 1.0])], key="2026-10-01", owner="net")
    write(photos, "embeddings", [embedded("failed", [0.0, 1.0])], key="2026-10-01", owner="other")
    near = sorted(vectors, key=lambda name: abs(vectors[name][0] - 5))[:2]
    for name in ("failed", "failed.png", failed["source_uri"]):
        assert sorted(chosen(sample_hard_examples(photos, KEY, budget=2, strategy="similarity", similar_to=[name]))) == sorted(near)
    with pytest.raises(ConfigurationError, match=r"similar_to: there is no image 'gone\.png' in the dataset"):
        sample_hard_examples(photos, KEY, budget=2, strategy="similarity", similar_to=["failed", "gone.png"])


def boxes_of(result, image_id="a"):
    return [[seen["score"] for seen in entry["boxes"]] for entry in manifest_of(result) if entry["image_id"] == image_id]


def test_predictions_for_the_second_of_two_equal_files_count_where_the_first_has_none(photos):
    write(photos, "images", [image("a"), image("z", "a"), image("b"), image("y", "b")])
    of_z = [box("a", 0.5, number=at) | {"source_uri": "s3://photos/z.png"} for at in range(2)]
    of_both = [box("b", 0.25) | {"source_uri": "s3://photos/b.png"}, box("b", 0.75, number=1) | {"source_uri": "s3://photos/y.png"}]
    write(photos, "predictions", [*of_z, *of_both], owner="m")
    result = sample_hard_examples(photos, KEY, budget=2)
    assert result.summary.counts["without_prediction"] == 0
    assert (boxes_of(result), boxes_of(result, "b")) == ([[0.5, 0.5]], [[0.25]])


def test_a_file_that_is_in_two_partitions_has_its_boxes_once(photos):
    seen = {"source_uri": "s3://photos/a.png"}
    for key, score_of_box in (("2026-11-06", 0.75), (KEY, 0.5)):
        write(photos, "images", [image("a")], key=key)
        write(photos, "predictions", [box("a", score_of_box) | seen | {"prediction_id": key}], key=key, owner="m")
    result = sample_hard_examples(photos, KEY, budget=2, partitions="all")
    assert boxes_of(result) == [[0.5]]
    write(photos, "predictions", [box("b", 0.5)], owner="m")
    assert boxes_of(sample_hard_examples(photos, KEY, budget=2, partitions="all")) == [[0.75]]


def test_a_file_in_a_folder_is_named_without_it_where_there_is_one(photos):
    write(photos, "images", [image("left/x", "x"), image("right/x", "y"), image("left/z", "z")])
    write(photos, "predictions", [output(name, cat=0.9) for name in "xyz"], owner="m")
    for row in ("left/x", "right/x", "left/z"):
        assert chosen(sample_hard_examples(photos, KEY, budget=1, preselected=[f"{row}.png"]))
    assert chosen(sample_hard_examples(photos, KEY, budget=1, preselected=["z.png"])) == ["z"]
    with pytest.raises(ConfigurationError, match=r"preselected: 2 images are called 'x\.png'"):
        sample_hard_examples(photos, KEY, budget=1, preselected=["x.png"])


def test_a_batch_that_labels_have_come_back_of_is_not_replaced_in_silence(photos):
    first = sample_hard_examples(photos, KEY, budget=2)
    assert first.summary.details["notes"] == []
    assert sample_hard_examples(photos, KEY, budget=2).summary.details["notes"] == [], "as it was"
    write(photos, "annotations", [label(name) for name in chosen(first)], owner="round_1")
    assert sample_hard_examples(photos, KEY, budget=2).summary.details["notes"] == [
        "2 images of the batch that this one replaces have labels by now, so they are no longer in it, and a review will not count them: "
        "give the next batch a sample_id of its own."
    ]


def test_what_compares_whole_images_refuses_detectors(photos):
    for model in ("m", "other"):
        write(photos, "predictions", [box("a", 0.5)], owner=model)
    for name in ("vote_entropy", "consensus_kl", "bald"):
        with pytest.raises(ConfigurationError, match=f"'{name}' cannot be worked out: it compares what .* take localisation_disagreement"):
            sample_hard_examples(photos, KEY, strategy=name)


def test_a_strategy_that_takes_nothing_is_told(photos):
    @strategy(meaning="Nothing.")
    def none(choice):
        yield from ()

    assert sample_hard_examples(photos, KEY, budget=2, custom=[none], strategy="none").summary.details["notes"] == [
        "none took none of the 6 candidates."
    ]


def test_scores_that_are_only_named_weigh_the_same(photos):
    named = sample_hard_examples(photos, KEY, budget=3, strategy="top", scores=["entropy", "margin"])
    weighed = sample_hard_examples(photos, KEY, budget=3, strategy="top", scores={"entropy": 2, "margin": 2})
    assert chosen(named) == chosen(weighed)
