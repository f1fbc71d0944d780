"""The command `experiment`: 1 read plans, 2 list the runs, 3 run what is not done, 4 gather, 5 write the reports."""
from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import torch

from ..config import read_config
from ..errors import UserError
from ..meetings import read_manifest
from ..revision import revision
from .folds import make_folds
from .plan import TRAINED, Plan, Variant, locate, read_plan
from .pool import run_all
from .report import Outcome, write_report
from .results import Results
from .runs import Run, Setting, code_digest, file_digest, plan_ensemble, plan_run, program_digest
from .worker import evaluate_bundle


def run(a: argparse.Namespace) -> None:
    torch.set_flush_denormal(False)  # nothing is trained in this process, and numpy warns of it when figures are drawn
    # 1. Plans
    config = read_config(a.config)
    plans = [read_plan(path, config, a.config) for path in locate(a.experiment)]
    setting = Setting(a.emostream, revision(), a.threads)
    data, dev, out = a.data.resolve(), a.dev.resolve(), a.out.resolve()

    # 2. Runs
    folds = make_folds(config.get("folds"), a.config, [data, dev], out / "folds") if any("folds" in p.views for p in plans) else []
    listed = {p.name: _runs(p, a.seeds, data, dev, setting, out) for p in plans}
    left_out = {fold.name: [plan_run(_reference(p), seed, fold.train, fold.dev, fold.test, setting, out) for seed in range(1, a.seeds + 1)]
                for p in plans if "folds" in p.views for fold in folds}

    # 3. Run
    run_all([*(r for runs in listed.values() for r in runs), *(r for runs in left_out.values() for r in runs)], a.jobs)

    # 4. Gather, 5. report
    reports = {}
    for p in plans:
        outcome = Outcome(p, gather(listed[p.name]), {n: gather(r) for n, r in left_out.items()} if "folds" in p.views else {},
                          _across(a.across, a.emostream) if "across" in p.views else [], listed[p.name], _setup(a, setting, p, listed[p.name]))
        reports[p.name] = str(write_report(outcome, out / p.name))
    print(json.dumps({"reports": reports}))


def _runs(plan: Plan, seeds: int, data: Path, dev: Path, setting: Setting, out: Path) -> list[Run]:
    """Seed by seed, so that a run cut short holds whole seeds; ensembles after their members."""
    runs = []
    for seed in range(1, seeds + 1):
        of = {v.name: plan_run(v, seed, data, dev, dev, setting, out) for v in plan.variants}
        runs += [*of.values(), *(plan_ensemble(e.name, [of[m] for m in e.members], out) for e in plan.ensembles)]
    return runs


def _reference(plan: Plan) -> Variant:
    return next(v for v in plan.variants if v.name == plan.reference)


def gather(runs: list[Run]) -> Results:
    results = Results()
    for r in runs:
        results.add(r.variant, r.seed, json.loads(r.evaluation.read_text("utf-8")), r.calibration())
    return results


def _across(pairs: list[list[Path]], emostream: str) -> list[tuple[str, str, dict | str]]:
    """Every bundle on its file, with the file's vectors for what the bundle does not encode; where labels or inputs do not agree
    the product's reason stands in the report."""
    found = []
    for bundle, file in pairs:
        name = f"{file.resolve().parent.name}/{file.name}"
        try:
            spaces = [f"{m['name']}={m['featureSpace']}" for m in read_manifest(bundle)["modalities"] if not m.get("encoder")]
            found.append((bundle.resolve().name, name, evaluate_bundle(emostream, bundle, file, spaces)))
        except UserError as e:
            found.append((bundle.resolve().name, name, str(e).rsplit(": ", 1)[-1]))
    return found


def _setup(a: argparse.Namespace, setting: Setting, plan: Plan, runs: list[Run]) -> dict[str, object]:
    """How the figures were made. Paths stay out: they say nothing elsewhere."""
    forms = Counter(r.variant for r in runs)
    full = _reference(plan).config
    settings = ", ".join(f"{table}.{key} = {value}" for table in TRAINED[1:] for key, value in full.get(table, {}).items())
    return {"configuration": a.config.name, "full model": settings, "training data": _file(a.data), "development data": _file(a.dev), "forms": len(forms),
            "seeds": f"1 to {a.seeds}", "training code": code_digest("train"), "evaluating program": program_digest(a.emostream),
            "git revision": setting.revision}


def _file(path: Path) -> str:
    return f"{path.name}, SHA-256 {file_digest(path.resolve())[:16]}"
