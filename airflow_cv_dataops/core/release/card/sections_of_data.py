"""What a card says of splits, categories, images and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.release.card.bars_of import doubling, even, whole
from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Plot, Table, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.in_words import UNKNOWN, count, number, share, size
from airflow_cv_dataops.core.release.card.label_tally import CategoryFacts
from airflow_cv_dataops.core.report.plots import Bar

_MOST_CATEGORIES = 50
_MOST_UNEVEN = 10
_FEWEST_TO_COMPARE = 30  # labels of a category; of fewer, shares say little
_MOST_OF_A_KIND = 10


def splits(facts: CardFacts) -> list[Block]:
    told, held = facts.splitting or {}, facts.labels
    shares = told.get("shares")
    wanted = shares if isinstance(shares, Mapping) else {}
    rows: list[list[Cell]] = []
    for place, (name, images) in enumerate(facts.splits.items()):
        asked = f"{100 * wanted[name]:.4g} %" if isinstance(wanted.get(name), int | float) else UNKNOWN
        rows.append([name, images, share(images, facts.images), asked, held.labelled_by_split[place], held.by_split[place]])
    head = ("split", "images", "share", "wanted", "labelled images", "labels")
    blocks: list[Block] = [Table(head, rows), Words(_how_drawn(facts.splitting))]
    for sentence in told.get("unmet") or ():
        blocks.append(Words(str(sentence), is_notice=True))
    return blocks


def _how_drawn(told: Mapping[str, Any] | None) -> str:
    """Say how images came to their splits, as far as the release remembers."""
    if told is None:
        return "Each image's split follows from a hash of its id; which shares were wanted was not recorded."
    together, frozen = _names(told.get("group_by")), _names(told.get("frozen"))
    words = [f"Images with the same {together} are in one split."] if together else []
    if told.get("groups"):
        words.append(f"Images of one group of {told['groups']} are in one split.")
    if isinstance(told.get("group_count"), int):
        words.append(f"There are {count(told['group_count'], 'such group')} of more than one image.")
    if told.get("given"):
        words.append(f"{count(told.get('given_count') or 0, 'image')} were given a split by {told['given']}.")
    if not words:
        words.append("Each image was drawn by itself.")
    if told.get("stratify"):
        words.append("Categories are spread over the splits, as far as groups allow.")
    if isinstance(told.get("kept"), int):
        words.append(f"{count(told['kept'], 'image')} kept the split of an earlier release.")
    if frozen:
        words.append(f"Frozen, so that they only grow: {frozen}.")
    if told.get("salt"):
        words.append(f"The draw's salt is {told['salt']!r}.")
    return " ".join(words)


def _names(given: Any) -> str:
    return given if isinstance(given, str) else " and ".join(str(name) for name in given or ())


def categories(facts: CardFacts) -> list[Block]:
    found, splits = facts.labels.categories, list(facts.splits)
    if not found:
        return [Words("No label of this release names a category.")]
    shown, rest = found[:_MOST_CATEGORIES], found[_MOST_CATEGORIES:]
    rows: list[list[Cell]] = [
        [facts_of.name, facts_of.labels, share(facts_of.labels, facts.labels.labels), *facts_of.by_split] for facts_of in shown
    ]
    bars = [Bar(facts_of.name, facts_of.labels) for facts_of in shown]
    if rest:
        others = [sum(of_split) for of_split in zip(*(facts_of.by_split for facts_of in rest), strict=True)]
        name = f"{count(len(rest), 'other category', 'other categories')}"
        rows.append([name, sum(others), share(sum(others), facts.labels.labels), *others])
        bars.append(Bar(f"({name})", sum(others)))
    title = "Labels by category" + (f": the largest {len(shown)} of {len(found):,}" if rest else "")
    blocks: list[Block] = [Plot(title, bars), Table(("category", "labels", "share", *splits), rows)]
    return [*blocks, *_balance(facts, found, splits)]


def _balance(facts: CardFacts, found: Sequence[CategoryFacts], splits: Sequence[str]) -> list[Block]:
    """Say which categories a split lacks, and which are spread most unlike all labels."""
    if len(splits) < 2:
        return []
    blocks: list[Block] = []
    lacking = [(split, sum(not category.by_split[place] for category in found)) for place, split in enumerate(splits)]
    if any(missing for _, missing in lacking):
        words = "; ".join(f"{split} has no label of {count(missing, 'category', 'categories')}" for split, missing in lacking if missing)
        blocks.append(Words(f"Of {len(found):,} categories, {words}.", is_notice=True))
    total = sum(facts.labels.by_split)
    overall = [labels / total if total else 0.0 for labels in facts.labels.by_split]
    rows = []
    for category in found:
        if category.labels >= _FEWEST_TO_COMPARE:
            off = [labels / category.labels - shared for labels, shared in zip(category.by_split, overall, strict=True)]
            place = max(range(len(off)), key=lambda at: abs(off[at]))
            rows.append((abs(off[place]), category, place))
    if not rows:
        return [*blocks, Words(f"No category has {_FEWEST_TO_COMPARE} labels: how evenly they are spread cannot be said.")]
    rows.sort(key=lambda row: (-row[0], -row[1].labels, row[1].name))
    head = ("category", "labels", "split", "its share there", "of all labels")
    cells: list[list[Cell]] = [
        [category.name, category.labels, splits[place], share(category.by_split[place], category.labels), f"{100 * overall[place]:.1f} %"]
        for _, category, place in rows[:_MOST_UNEVEN]
    ]
    told = f"Least evenly spread over the splits, of the categories with at least {_FEWEST_TO_COMPARE} labels:"
    return [*blocks, Words(told), Table(head, cells)]


def images(facts: CardFacts) -> list[Block]:
    import numpy as np

    held = facts.of_images
    if not held.images:
        return []
    sides = np.array([[*found, images] for found, images in held.sizes.items()], np.int64)
    width, height, times = (sides[:, column] for column in range(3))
    longest, aspect = np.repeat(np.maximum(width, height), times), np.repeat(width / height, times)
    common = sorted(held.sizes.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_OF_A_KIND]
    rows: list[list[Cell]] = [
        ["Sizes", _some([(f"{across} × {down}", images) for (across, down), images in common], len(held.sizes))],
        ["Formats", _some(_most_first(held.counted["format"]), len(held.counted["format"]))],
        ["Pixel modes", _some(_most_first(held.counted["mode"]), len(held.counted["mode"]))],
        ["Bytes", f"{size(held.bytes)} in all, {size(round(held.bytes / held.images))} an image"],
        ["Cameras (EXIF)", _some(_most_first(held.counted["camera"]), len(held.counted["camera"]))],
        ["Captured (EXIF)", f"{held.captured[0]} to {held.captured[1]}" if held.captured else "not stated in any image"],
        ["With a position (EXIF)", f"{held.with_position:,}; the position itself is in the files alone"],
        ["Byte-identical files", f"{held.files - held.images:,} more files hold the same bytes as another"],
        ["Quality issues", _some(_most_first(held.issues), len(held.issues)) if held.issues_known else "not measured"],
    ]
    plots = [
        Plot("Longest side", doubling(longest), "pixels"),
        Plot("Aspect ratio", doubling(aspect), "width by height"),
        Plot("Brightness", even(held.values("brightness"), 0, 1), "0 black, 1 white"),
        Plot("Contrast", even(held.values("contrast"), 0, 0.5), "standard deviation of luminance, 0 to 0.5"),
        Plot("Sharpness", doubling(held.values("sharpness")), "variance of the Laplacian; below 50 is often blurry"),
        Plot("Colourfulness", even(held.values("colourfulness"), 0, 109), "0 grey, 109 extremely colourful"),
    ]
    measured: list[list[Cell]] = [_spread(name, held.values(name)) for name in held.measured if len(held.values(name))]
    blocks: list[Block] = [Table(("", ""), rows), *(plot for plot in plots if len(plot.bars) > 1)]
    if measured:
        blocks.append(Table(("measure", "5 %", "median", "95 %", "images measured"), measured))
    return blocks


def _spread(name: str, values: Any) -> list[Cell]:
    import numpy as np

    return [name, *(number(float(found)) for found in np.percentile(values, (5, 50, 95))), len(values)]


def labels(facts: CardFacts) -> list[Block]:
    import numpy as np

    held = facts.labels
    if not held.labels:
        return [Words("This release has no labels.")]
    people = [(name or "not named", labels) for name, labels in held.by_annotator.items()]
    rows: list[list[Cell]] = [
        ["Tasks", _some(list(held.by_task.items()), len(held.by_task))],
        ["Label sets", _some(list(held.by_label_set.items()), len(held.by_label_set))],
        ["Annotators", _some(people, len(people))],
        ["Images said to hold nothing", f"{held.backgrounds:,}"],
    ]
    if held.untold:
        rows.append(["Drawn on other bytes", f"{held.untold:,}, which no count by category, split or annotator has"])
    plots = [Plot("Labels of an image", whole(held.of_image), "labels")]
    if len(held.sides):
        plots.append(Plot("Sizes of the boxes", doubling(held.sides), "square root of the area in px"))
        low, middle, high = (number(float(found)) for found in np.percentile(held.sides, (5, 50, 95)))
        rows.append(["Sizes of the boxes", f"{middle} px (5 %: {low}, 95 %: {high}), square root of the area"])
    return [Table(("", ""), rows), *plots]


def _most_first(counts: Counter[Any]) -> list[tuple[str, int]]:
    named = [("not stated" if name is None else str(name), images) for name, images in counts.items()]
    return sorted(named, key=lambda entry: (-entry[1], entry[0]))


def _some(entries: Sequence[tuple[str, int]], known: int) -> str:
    """Return ``JPEG 1,234, PNG 5 and 3 more``."""
    if not known:
        return "none"
    more = f" and {known - _MOST_OF_A_KIND:,} more" if known > _MOST_OF_A_KIND else ""
    return ", ".join(f"{name}: {images:,}" for name, images in entries[:_MOST_OF_A_KIND]) + more
