"""Draw the learning curves that ``active_learning.py --plot --json`` has printed.

    python benchmarks/active_learning_picture.py digits.json cells.json mnist.json docs/images/active-learning.svg

A panel for each data set: mean accuracy by number of labels, with bands of two standard errors over the seeds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "active-learning", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})

SHOWN = {
    "uncertainty_herding (margin)": ("uncertainty_herding (default)", "#0b62d6", "-"),
    "margin": ("margin (default without embeddings)", "#c2410c", "-"),
    "entropy": ("entropy", "#7c3aed", "--"),
    "k_center": ("k_center", "#15803d", "-."),
    "random": ("random", "#57606a", ":"),
}
DATA = ("digits", "cells", "mnist")
_TITLES = {"digits": "digits (chosen on)", "cells": "blood cells (served no choice)", "mnist": "MNIST (served no choice)"}


def main() -> None:
    *files, picture = sys.argv[1:]
    results = [json.loads(Path(file).read_text()) for file in files]
    found = {name: (result[f"{name}_curves"], result) for name in DATA for result in results if f"{name}_curves" in result}
    draw(found, Path(picture))


def draw(found: dict, picture: Path) -> None:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(found), figsize=(3.4 * len(found), 3.2), layout="constrained", squeeze=False)
    for panel, (name, (curves, result)) in zip(panels[0], found.items(), strict=True):
        for strategy, (label, colour, line) in SHOWN.items():
            values = np.array(curves[strategy])
            labels = result["first"] + result["batch"] * np.arange(values.shape[1])
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            panel.fill_between(labels, mean - 2 * error, mean + 2 * error, color=colour, alpha=0.15, linewidth=0)
            panel.plot(labels, mean, line, color=colour, label=label, linewidth=1.6)
        panel.set(title=_TITLES[name], xlabel="labels")
        panel.grid(alpha=0.25)
    panels[0][0].set_ylabel("accuracy")
    panels[0][0].legend(loc="lower right", fontsize=7.5, frameon=False)
    figure.savefig(picture, metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
