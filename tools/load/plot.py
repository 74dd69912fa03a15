"""Draws the samples of loads. It runs in an environment of its own, which has matplotlib.

    build/load-plot/bin/python tools/load/plot.py docs/load.png < samples.json

The input is an object: the name of each load, and its samples (`tools/load/samples.py`).
"""

import json
import sys

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

PANELS = {
    "answers a second": ("rate",),
    "ms of an answer": ("p50", "p99"),
    "memory, MB": ("rss", "pss"),
    "descriptors": ("descriptors",),
    "threads": ("threads",),
    "event loop's lag, ms": ("lag",),
}
"""The title of each panel, and the fields that it shows."""


def draw(loads: dict[str, list[dict[str, float]]], path: str) -> None:
    """Write the plot to *path*: a column for each load, a row for each panel."""
    mpl.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure, grid = plt.subplots(
        len(PANELS), len(loads), squeeze=False, sharex="col", figsize=(9, 9), layout="constrained"
    )
    for column, (name, samples) in enumerate(loads.items()):
        grid[0][column].set_title(name)
        grid[-1][column].set_xlabel("minutes")
        for axes, (title, fields) in zip(grid[:, column], PANELS.items(), strict=True):
            for field in fields:
                _line(axes, samples, field)
            axes.set(ylabel=title, ylim=(0, None), xlim=(0, samples[-1]["seconds"] / 60))
            if len(fields) > 1:
                axes.legend(frameon=False)
    figure.savefig(path, dpi=100)


def _line(axes: Axes, samples: list[dict[str, float]], field: str) -> None:
    minutes = [one["seconds"] / 60 for one in samples]
    axes.plot(minutes, [one[field] for one in samples], label=field, linewidth=0.8)


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
