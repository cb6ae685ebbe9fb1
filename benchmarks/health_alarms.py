"""How often health alarms on healthy days, and what it finds, on simulated datasets whose truth is known.

    python benchmarks/health_alarms.py --seeds 10 --json

Volume: 150 days of counts, weekdays that differ by 40 % (log-normal), no growth and 1 % a day, days that differ beyond chance by
``noise`` (log-normal), one day in forty a holiday with 30 % of the usual images, which spoils the days after it and is not judged. Each
other day from the 29th on is judged as it is (a false alarm, if there is one), as half a day and as a doubled one.

Shift: 120 days of 1,000 images; from the 61st on there are twice as many, or half. Told is for how many partitions it alarms.

Distribution: brightness of the images of 100 days, with days and weekends that differ by themselves, judged as it is from the 21st day
on; where days do not differ, a darker day is judged beside each.

The thresholds are those of the checks. They were chosen on seeds below 1,000; the seeds here begin at 9,000.
"""

from __future__ import annotations

import argparse
from collections import Counter
from multiprocessing import Pool
from typing import Any

import numpy as np
from measuring import show

from airflow_cv_dataops.core.health.checks import CHECKS
from airflow_cv_dataops.core.health.distances import shape_distance
from airflow_cv_dataops.core.health.histograms import IMAGE_BINS
from airflow_cv_dataops.core.health.season import Slot
from airflow_cv_dataops.core.health.volume_score import NotEnough, volume_score

FIRST_SEED = 9_000
SIZES, NOISES = (20, 100, 1_000, 20_000), (0.0, 0.1, 0.2, 0.3)
WINDOW, FEWEST, FIRST = 56, 14, 28
COUNT, SHAPE = CHECKS["image_count"].thresholds, CHECKS["image_measures"].thresholds
BRIGHTNESS, BRIGHTNESS_IMAGES, DARKER = IMAGE_BINS["brightness"], (50, 200, 2_000), (0.05, 0.1)


def main() -> None:
    options = _options()
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    found: Counter[str] = Counter()
    with Pool() as pool:
        for counted in pool.imap_unordered(of_seed, seeds):
            found += counted
    result: dict[str, Any] = {"seeds": options.seeds}
    for size in SIZES:
        for noise in NOISES:
            name, days = f"{size}_images_{noise:.0%}", found[f"{size}_{noise}_days"]
            result[f"{name}_days"] = days
            result[f"{name}_false_alarms_in_1000"] = round(1_000 * found[f"{size}_{noise}_healthy"] / days, 1)
            result[f"{name}_half_found"] = round(found[f"{size}_{noise}_half"] / days, 3)
            result[f"{name}_doubled_found"] = round(found[f"{size}_{noise}_doubled"] / days, 3)
    for name in ("doubled", "halved"):
        result[f"shift_{name}_alarms"] = round(found[f"shift_{name}"] / options.seeds, 1)
    result |= {"brightness_days": found["shape_days"], "brightness_false_alarms": found["shape_alarms"]}
    for change in DARKER:
        for images in BRIGHTNESS_IMAGES:
            name = f"darker_{change}_{images}"
            result[f"{name}_found"] = round(found[name] / found[f"{name}_days"], 3)
    show(result, as_json=options.json)


def of_seed(seed: int) -> Counter[str]:
    """Return what is counted on the datasets of one seed."""
    random, found = np.random.default_rng(seed), Counter[str]()
    for size in SIZES:
        for noise in NOISES:
            for growth in (0.0, 0.01):
                _volume(random, size, noise, growth, found)
    for name, factor in (("doubled", 2.0), ("halved", 0.5)):
        counts, _ = _counts(random, 120, 1_000, 0.05, 0.0)
        counts[60:] = (counts[60:] * factor).astype(int)
        found[f"shift_{name}"] += sum(_alarms(counts, day, int(counts[day])) for day in range(60, 110))
    for images in BRIGHTNESS_IMAGES:
        for differ, weekends in ((0.0, 0.0), (0.03, 0.0), (0.01, 0.05)):
            _shapes(random, images, differ, weekends, found)
    return found


def _volume(random: np.random.Generator, size: int, noise: float, growth: float, found: Counter[str]) -> None:
    counts, is_holiday = _counts(random, 150, size, noise, growth, holidays=150 // 40)
    for day in range(FIRST, len(counts)):
        if is_holiday[day] or not counts[day]:
            continue
        found[f"{size}_{noise}_days"] += 1
        for name, count in (
            ("healthy", counts[day]),
            ("half", random.poisson(counts[day] / 2)),
            ("doubled", random.poisson(counts[day] * 2)),
        ):
            found[f"{size}_{noise}_{name}"] += _alarms(counts, day, int(count))


def _counts(
    random: np.random.Generator, days: int, size: int, noise: float, growth: float, holidays: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts, and which days are holidays."""
    week = np.exp(random.normal(0, 0.4, 7))
    means = size * np.exp(growth * np.arange(days)) * week[np.arange(days) % 7] * np.exp(random.normal(0, noise, days))
    is_holiday = np.zeros(days, bool)
    is_holiday[random.choice(days, holidays, replace=False)] = True
    return random.poisson(np.where(is_holiday, 0.3, 1.0) * means), is_holiday


def _alarms(counts: np.ndarray, day: int, count: int) -> bool:
    slots = [Slot(str(at), at - day, f"day {at % 7}", int(counts[at])) for at in range(max(0, day - WINDOW), day)]
    score = volume_score(slots, f"day {day % 7}", count, fewest=FEWEST)
    if isinstance(score, NotEnough):
        return False
    least = 1 - COUNT["change"]
    return abs(score.score) > COUNT["score"] and (score.ratio < least or score.ratio * least > 1)


def _shapes(random: np.random.Generator, images: int, differ: float, weekends: float, found: Counter[str]) -> None:
    means = 0.5 + random.normal(0, differ, 100) + weekends * (np.arange(100) % 7 > 4)
    drawn = (np.clip(random.normal(mean, 0.12, max(30, random.poisson(images))), 0, 1) for mean in means)
    histograms = np.array([BRIGHTNESS.count(values) for values in drawn], float)
    for day in range(20, len(histograms)):
        found["shape_days"] += 1
        found["shape_alarms"] += _is_shape_alarm(histograms[day], histograms[max(0, day - WINDOW) : day])
        for change in DARKER if not differ and not weekends else ():
            values = np.clip(random.normal(0.5 - change, 0.12, images), 0, 1)
            found[f"darker_{change}_{images}"] += _is_shape_alarm(BRIGHTNESS.count(values), histograms[max(0, day - WINDOW) : day])
            found[f"darker_{change}_{images}_days"] += 1


def _is_shape_alarm(now: np.ndarray, before: np.ndarray) -> bool:
    distance = shape_distance(np.asarray(now, float), before)
    least = max(SHAPE["distance"], SHAPE["excess"] * distance.habit)
    return bool(distance.distance > least and not distance.is_chance and distance.score > SHAPE["score"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
