"""The reports' figures, as SVG and PNG: colours that colour-blind readers tell apart, and a marker for every colour."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from .statistics import Difference, Summary  # noqa: E402

# Okabe and Ito's palette without its yellow, which is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 6.4  # inches
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd",
         "grid.linewidth": 0.6, "axes.axisbelow": True, "svg.fonttype": "none", "svg.hashsalt": "emostream", "font.family": "sans-serif",
         "legend.frameon": False, "figure.facecolor": "white"}


def save(stem: Path, draw: Callable[[], "pyplot.Figure"]) -> None:
    """Writes STEM.svg and STEM.png; the same figure gives the same bytes."""
    with pyplot.rc_context(STYLE):
        figure = draw()
        figure.savefig(stem.with_suffix(".svg"), bbox_inches="tight", metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), bbox_inches="tight", dpi=150, metadata={"Software": None})
        pyplot.close(figure)


def points(panels: Mapping[str, Sequence[tuple[str, Summary, Sequence[float]]]], axis: str) -> "pyplot.Figure":
    """One panel per condition; a row per form: the mean with its standard deviation, and below it every seed as a faint dot."""
    rows = max(len(p) for p in panels.values())
    figure, axes = pyplot.subplots(1, len(panels), figsize=(max(WIDTH, 2.4 * len(panels)), 0.9 + 0.32 * rows), sharey=True, squeeze=False)
    for ax, (title, entries) in zip(axes[0], panels.items()):
        for y, (name, mean, seeds) in enumerate(entries):
            if mean is None:
                continue
            ax.plot([100 * s for s in seeds], [y + 0.2] * len(seeds), ".", color="#999999", markersize=4, zorder=2)
            ax.errorbar(100 * mean.mean, y, xerr=100 * (mean.deviation or 0), fmt=MARKERS[0], color=COLOURS[0], capsize=3, zorder=3)
        ax.set_yticks(range(rows), [e[0] for e in entries])
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(axis)
    axes[0][0].set_ylim(rows - 0.5, -0.5)
    return figure


def lines(series: Mapping[str, Sequence[tuple[float, Summary]]], axis: str, below: str) -> "pyplot.Figure":
    """A line per form over missing rates, with a band of one standard deviation."""
    figure, ax = pyplot.subplots(figsize=(WIDTH, 3.4))
    for i, (name, values) in enumerate(series.items()):
        x = [100 * rate for rate, _ in values]
        y = [100 * s.mean for _, s in values]
        spread = [100 * (s.deviation or 0) for _, s in values]
        ax.plot(x, y, color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], markersize=5, label=name)
        ax.fill_between(x, [a - b for a, b in zip(y, spread)], [a + b for a, b in zip(y, spread)], color=COLOURS[i % len(COLOURS)],
                        alpha=0.15, linewidth=0)
    ax.set_xlabel(below)
    ax.set_ylabel(axis)
    ax.legend(loc="best", fontsize=8)
    return figure


def forest(panels: Mapping[str, Sequence[tuple[str, Difference | None]]], axis: str) -> "pyplot.Figure":
    """Differences with their intervals, one panel per condition; filled where the interval leaves out zero."""
    rows = max(len(p) for p in panels.values())
    figure, axes = pyplot.subplots(1, len(panels), figsize=(max(WIDTH, 2.6 * len(panels)), 0.9 + 0.28 * rows), sharey=True, squeeze=False)
    for ax, (title, entries) in zip(axes[0], panels.items()):
        ax.axvline(0, color="#444444", linewidth=0.8)
        for y, (name, d) in enumerate(entries):
            if d is None:
                continue
            error = None if d.low is None else [[100 * (d.mean - d.low)], [100 * (d.high - d.mean)]]
            colour = COLOURS[4] if not d.sure else COLOURS[1] if d.mean < 0 else COLOURS[0]
            ax.errorbar(100 * d.mean, y, xerr=error, fmt="v" if d.mean < 0 else "^", color=colour, capsize=3, markersize=5,
                        markerfacecolor=colour if d.sure else "white")
        ax.set_yticks(range(rows), [e[0] for e in entries])
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(axis)
    axes[0][0].set_ylim(rows - 0.5, -0.5)
    return figure


def buckets(panels: Mapping[str, Sequence[tuple[str, Summary, int]]], axis: str) -> "pyplot.Figure":
    """F1 by bucket: bars with the seeds' deviation, the number of utterances under each."""
    figure, axes = pyplot.subplots(1, len(panels), figsize=(max(WIDTH, 2.6 * len(panels)), 2.9), sharey=True, squeeze=False,
                                   gridspec_kw={"width_ratios": [len(p) + 1 for p in panels.values()]})
    for ax, (title, entries) in zip(axes[0], panels.items()):
        at = range(len(entries))
        ax.bar(at, [100 * s.mean for _, s, _ in entries], yerr=[100 * (s.deviation or 0) for _, s, _ in entries], color=COLOURS[6],
               ecolor="#333333", capsize=3, width=0.65)
        ax.set_xticks(at, [f"{name}\n({n})" for name, _, n in entries], fontsize=7)
        ax.grid(axis="x", visible=False)
        ax.set_title(title, fontsize=9)
    axes[0][0].set_ylabel(axis)
    return figure
