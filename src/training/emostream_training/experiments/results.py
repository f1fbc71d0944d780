"""Evaluations by variant and seed, read as cells: one figure per condition."""
from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from .statistics import Difference, Summary, paired, summary

WHOLE = "as it is"       # the file as it is
MEAN = "mean"            # over the cells where something is missing


def conditions(evaluation: dict, metric: str = "weightedF1") -> dict[str, float]:
    """The evaluation's figure in every condition: the file as it is, each modality subset, each missing rate."""
    out = {WHOLE: _figure(evaluation, metric)}
    subsets = {k: _figure(v, metric) for k, v in (evaluation["subsets"] or {}).items() if v["utterances"]}
    rates = {rate_name(k): _figure(v, metric) for k, v in (evaluation["missing"] or {}).items() if v["utterances"] and len(subsets) > 1}
    most = max((k.count("+") for k in subsets), default=0)
    lacking = [v for k, v in subsets.items() if k.count("+") < most] + list(rates.values())
    out |= subsets | rates
    if lacking:
        out[MEAN] = fmean(lacking)
    return out


def rate_name(rate: str) -> str:
    return f"{float(rate):.0%} missing"


def _figure(measured: dict, metric: str) -> float:
    return measured[metric] if metric in measured else measured["calibration"][metric]


@dataclass
class Results:
    """Everything that one experiment's runs gave: evaluations[variant][seed]."""

    evaluations: dict[str, dict[int, dict]] = field(default_factory=dict)

    def add(self, variant: str, seed: int, evaluation: dict) -> None:
        self.evaluations.setdefault(variant, {})[seed] = evaluation

    def by_seed(self, variant: str, condition: str, metric: str = "weightedF1") -> dict[int, float]:
        found = {seed: conditions(e, metric) for seed, e in self.evaluations.get(variant, {}).items()}
        return {seed: c[condition] for seed, c in found.items() if condition in c}

    def conditions(self) -> list[str]:
        """Every condition that some variant was measured under, in the order of the fullest evaluation."""
        names = [list(conditions(e)) for seeds in self.evaluations.values() for e in seeds.values()]
        return list(dict.fromkeys(n for some in sorted(names, key=len, reverse=True) for n in some))

    def summary(self, variant: str, condition: str, metric: str = "weightedF1") -> Summary | None:
        values = self.by_seed(variant, condition, metric)
        return summary(values.values()) if values else None

    def difference(self, variant: str, reference: str, condition: str, metric: str = "weightedF1") -> Difference | None:
        return paired(self.by_seed(variant, condition, metric), self.by_seed(reference, condition, metric))
