"""Evaluations by variant and seed, read as cells: one figure per condition."""
from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean
from typing import Callable

from ..dataset import MODALITIES
from .statistics import Difference, Summary, paired, summary

WHOLE = "as it is"       # the file as it is
MEAN = "mean"            # over the cells where something is missing


def conditions(evaluation: dict, metric: str = "weightedF1") -> dict[str, float]:
    """The evaluation's figure in every condition that has it: the file as it is, each modality subset, each missing rate."""
    whole = _figure(evaluation, metric)
    subsets = {k: _figure(v, metric) for k, v in (evaluation["subsets"] or {}).items() if v["utterances"]}
    rates = {rate_name(k): _figure(v, metric) for k, v in (evaluation["missing"] or {}).items() if v["utterances"] and len(subsets) > 1}
    most = max((k.count("+") for k in subsets), default=0)
    lacking = [v for k, v in subsets.items() if k.count("+") < most] + list(rates.values())
    mean = fmean(lacking) if lacking and None not in lacking else None
    return {k: v for k, v in ({WHOLE: whole} | subsets | rates | {MEAN: mean}).items() if v is not None}


def rate_name(rate: str) -> str:
    return f"{float(rate):.0%} missing"


def _figure(measured: dict, metric: str) -> float | None:
    """None where there is none: late fusion offers no sets, so it has no coverage."""
    return measured[metric] if metric in measured else measured["calibration"].get(metric)


@dataclass
class Results:
    """Everything that one experiment's runs gave: evaluations[variant][seed], and dev[variant][seed][subset], the figures that
    the bundle's manifest has of its calibration (nothing for late fusion, which is no bundle)."""

    evaluations: dict[str, dict[int, dict]] = field(default_factory=dict)
    dev: dict[str, dict[int, dict]] = field(default_factory=dict)

    def add(self, variant: str, seed: int, evaluation: dict, dev: dict | None = None) -> None:
        self.evaluations.setdefault(variant, {})[seed] = evaluation
        self.dev.setdefault(variant, {})[seed] = dev or {}

    def by_seed(self, variant: str, condition: str, metric: str = "weightedF1") -> dict[int, float]:
        found = {seed: conditions(e, metric) for seed, e in self.evaluations.get(variant, {}).items()}
        return {seed: c[condition] for seed, c in found.items() if condition in c}

    def conditions(self) -> list[str]:
        """Every condition that some variant was measured under, in the order of the fullest evaluation."""
        names = [list(conditions(e)) for seeds in self.evaluations.values() for e in seeds.values()]
        return list(dict.fromkeys(n for some in sorted(names, key=len, reverse=True) for n in some))

    def subsets(self) -> list[str]:
        """Those conditions that are sets of modalities."""
        return [c for c in self.conditions() if set(c.split("+")) <= set(MODALITIES)]

    def rates(self) -> list[str]:
        """Those conditions that are missing rates."""
        return [c for c in self.conditions() if c not in (WHOLE, MEAN, *self.subsets())]

    def utterances(self, variant: str, subset: str) -> int:
        """How many bring the whole subset; the same for every seed. 0 where it was not measured."""
        return max((e["subsets"].get(subset, {"utterances": 0})["utterances"] for e in self.evaluations.get(variant, {}).values()), default=0)

    def evaluated(self, variant: str, figure: Callable[[dict], float | None]) -> Summary | None:
        """A figure of the evaluations over the seeds that have it."""
        values = [v for e in self.evaluations.get(variant, {}).values() if (v := figure(e)) is not None]
        return summary(values) if values else None

    def calibrated(self, variant: str, subset: str, figure: Callable[[dict], float | None]) -> dict[int, float]:
        """A figure of the bundles' calibration by seed, of the seeds that have it."""
        found = {seed: figure(d[subset]) for seed, d in self.dev.get(variant, {}).items() if subset in d}
        return {seed: v for seed, v in found.items() if v is not None}

    def summary(self, variant: str, condition: str, metric: str = "weightedF1") -> Summary | None:
        values = self.by_seed(variant, condition, metric)
        return summary(values.values()) if values else None

    def difference(self, variant: str, reference: str, condition: str, metric: str = "weightedF1") -> Difference | None:
        return paired(self.by_seed(variant, condition, metric), self.by_seed(reference, condition, metric))
