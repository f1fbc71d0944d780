"""What views are made of: Markdown with tables and figures, and how numbers are written in it."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .statistics import Difference, Summary

NONE = "-"  # what was not measured, or would say nothing
OVER_SEEDS = ("Intervals are over seeds on one set of dialogues: what other dialogues would give is not in them. They are not corrected for "
              "the number of comparisons.")


@dataclass
class Section:
    """Markdown with the figures it shows: file stem -> (what it shows, how it is drawn)."""

    lines: list[str] = field(default_factory=list)
    figures: dict[str, tuple[str, Callable]] = field(default_factory=dict)

    def show(self, stem: str, alternative: str, draw: Callable) -> None:
        self.figures[stem] = (alternative, draw)
        self.lines += [f"![{alternative}]({stem}.svg)", ""]


def percent(s: Summary | None) -> str:
    return NONE if s is None else f"{100 * s.mean:.1f}" + (f" ± {100 * s.deviation:.1f}" if s.deviation is not None else "")


def number(s: Summary | None, digits: int = 3) -> str:
    return NONE if s is None else f"{s.mean:.{digits}f}" + (f" ± {s.deviation:.{digits}f}" if s.deviation is not None else "")


def points(d: Difference | None) -> str:
    """A difference in points with its interval, in bold where the interval leaves out zero."""
    if d is None:
        return NONE
    if d.low is None:
        return f"{100 * d.mean:+.1f}"
    text = f"{100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
    return f"**{text}**" if d.sure else text


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|", *("| " + " | ".join(r) + " |" for r in rows), ""]
