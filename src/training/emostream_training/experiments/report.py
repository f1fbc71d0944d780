"""Writes an experiment's report: report.md for people, report.json for programs, its figures beside them."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import figures, views
from .calibration_view import calibration
from .fusion_view import fusion
from .plan import Plan
from .results import Results, conditions
from .runs import Run
from .section import Section, table

HEADINGS = {"cells": "By what is available", "rates": "Random missing rates", "fusion": "Fusion weights and the joint space",
            "calibration": "Calibration", "ablation": "What each part is worth", "privacy": "The cost of privacy",
            "across": "On other data sets", "folds": "Groups left out", "buckets": "By conversation"}
DRAW = {"cells": views.cells, "rates": views.rates, "fusion": fusion, "calibration": calibration, "ablation": views.ablation,
        "privacy": views.privacy, "buckets": views.buckets}
METRICS = ("weightedF1", "macroF1", "accuracy", "ece", "nll", "coverage")


@dataclass(frozen=True)
class Outcome:
    """Everything that one experiment measured."""

    plan: Plan
    results: Results
    folds: dict[str, Results]
    across: list[tuple[str, str, dict | str]]
    runs: list[Run]
    setup: dict[str, object]  # how it was made, for the report's first table

    def section(self, view: str) -> Section:
        if view == "folds":
            return views.folds(self.plan, self.folds)
        if view == "across":
            return views.across(self.across)
        return DRAW[view](self.plan, self.results)


def write_report(outcome: Outcome, out: Path) -> Path:
    """Writes OUT/report.md, OUT/report.json and the figures; returns the path of report.md."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"# {outcome.plan.title}", "", outcome.plan.about, "", *table(["", ""], [[k, str(v)] for k, v in outcome.setup.items()])]
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
    """Every figure behind the report, per form and seed: METRICS per condition, fusion and retrieval as the product measured them,
    calibration as the bundle's manifest has it."""
    def one(e: dict, dev: dict) -> dict:
        return {**{metric: conditions(e, metric) for metric in METRICS}, "fusion": e.get("fusion"), "retrieval": e.get("retrieval"), "calibration": dev}

    def of(results: Results) -> dict:
        return {variant: {str(seed): one(e, results.dev[variant][seed]) for seed, e in seeds.items()}
                for variant, seeds in results.evaluations.items()}

    return {"experiment": outcome.plan.name, "setup": outcome.setup, "reference": outcome.plan.reference, "titles": outcome.plan.titles(),
            "results": of(outcome.results), "folds": {name: of(r) for name, r in outcome.folds.items()},
            "across": [{"bundle": b, "file": f, **({"refused": e} if isinstance(e, str) else
                        {k: e[k] for k in ("utterances", "availability", "absent", "weightedF1", "macroF1", "accuracy", "intervals", "calibration")})}
                       for b, f, e in outcome.across],
            "runs": [{"form": r.variant, "seed": r.seed, "directory": Path(r.directory).name, "evaluation": r.evaluation.name} for r in outcome.runs]}
