"""Writes an experiment's report: report.md for people, report.json for programs, its figures beside them."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import figures, views
from .plan import Plan
from .results import Results, conditions
from .runs import Run

HEADINGS = {"cells": "By what is available", "rates": "Random missing rates", "ablation": "What each part is worth",
            "privacy": "The cost of privacy", "across": "On other data sets", "folds": "Groups left out", "buckets": "By conversation"}


@dataclass(frozen=True)
class Outcome:
    """Everything that one experiment measured."""

    plan: Plan
    results: Results
    folds: dict[str, Results]
    across: list[tuple[str, str, dict | str]]
    runs: list[Run]
    setup: dict[str, object]  # how it was made, for the report's first table

    def section(self, view: str) -> views.Section:
        if view == "folds":
            return views.folds(self.plan, self.folds)
        if view == "across":
            return views.across(self.across)
        return getattr(views, view)(self.plan, self.results)


def write_report(outcome: Outcome, out: Path) -> Path:
    """Writes OUT/report.md, OUT/report.json and the figures; returns the path of report.md."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"# {outcome.plan.title}", "", outcome.plan.about, "", *views.table(["", ""], [[k, str(v)] for k, v in outcome.setup.items()])]
    for view in outcome.plan.views:
        section = outcome.section(view)
        lines += [f"## {HEADINGS[view]}", "", *section.lines]
        for stem, (_, draw) in section.figures.items():
            figures.save(out / stem, draw)
    report = out / "report.md"
    report.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    (out / "report.json").write_text(json.dumps(_data(outcome), indent=1) + "\n", "utf-8")
    return report


def _data(outcome: Outcome) -> dict:
    """Every figure behind the report: per form and seed, per condition, weighted F1, macro F1, accuracy, ECE and NLL."""
    def of(results: Results) -> dict:
        return {variant: {str(seed): {metric: conditions(e, metric) for metric in ("weightedF1", "macroF1", "accuracy", "ece", "nll")}
                          for seed, e in seeds.items()} for variant, seeds in results.evaluations.items()}

    return {"experiment": outcome.plan.name, "setup": outcome.setup, "reference": outcome.plan.reference, "titles": outcome.plan.titles(),
            "results": of(outcome.results), "folds": {name: of(r) for name, r in outcome.folds.items()},
            "across": [{"bundle": b, "file": f, **({"refused": e} if isinstance(e, str) else
                        {k: e[k] for k in ("utterances", "weightedF1", "macroF1", "accuracy", "intervals", "calibration")})}
                       for b, f, e in outcome.across],
            "runs": [{"form": r.variant, "seed": r.seed, "directory": Path(r.directory).name, "evaluation": r.evaluation.name} for r in outcome.runs]}
