"""The view of calibration: what temperatures change, and whether probabilities and sets keep their promise elsewhere."""
from __future__ import annotations

from .plan import Plan
from .results import WHOLE, Results
from .section import NONE, OVER_SEEDS, Section, number, percent, points, table
from .statistics import Summary, paired, summary


def calibration(plan: Plan, results: Results) -> Section:
    """Before against after by subset, then random missing rates."""
    section, titles, errors, sets = Section(), plan.titles(), [], []
    for v in results.evaluations:
        for subset in results.subsets():
            after = results.by_seed(v, subset, "ece")
            if not after:
                continue
            before = results.calibrated(v, subset, lambda d: d["eceBeforeCalibration"])
            away = {key: results.calibrated(v, subset, lambda d: (d["heldOut"] or {}).get(key)) for key in ("ece", "nll", "coverage", "setSize")}
            perfect = [_over(results.calibrated(v, subset, lambda d: d["eceOfPerfectModel"][key])) for key in ("mean", "percentile95")]
            inputs = subset.replace("+", ", ")
            errors.append([titles[v], inputs, str(results.utterances(v, subset)), _largest(before), _largest(after), points(paired(after, before)),
                           _largest(away["ece"]), f"{100 * perfect[0].mean:.1f} ({100 * perfect[1].mean:.1f})" if perfect[0] else NONE])
            sets.append([titles[v], inputs, number(results.summary(v, subset, "nll")), number(_over(away["nll"])), _range(away["coverage"]),
                         number(_over(away["setSize"]), 2)])
    promised = {e["nominalCoverage"] for seeds in results.evaluations.values() for e in seeds.values() if e.get("nominalCoverage")}
    target = f" (target {', '.join(f'{c:.0%}' for c in sorted(promised))})" if promised else ""

    section.lines += ["ECE-15 in %, mean ± standard deviation over the seeds, and ≤ the largest of any seed:", "",
                      "- before: without temperatures; after: with those that were fitted to the same utterances;",
                      "- change: after less before, in points over the same seeds with its 95% t-interval, bold where that leaves out zero; below "
                      "zero calibration helps;",
                      "- held out: temperatures fitted to one half of the dialogues and measured on the other, both ways; mean of random splits;",
                      "- of a perfect model: what chance alone gives so many utterances whose probabilities are true; mean, in brackets the 95th "
                      "percentile.", "",
                      f"\"{NONE}\": late fusion is no bundle; it averages probabilities that are calibrated already.", ""]
    section.lines += table(["form", "inputs", "utterances", "before", "after", "change", "held out", "of a perfect model"], errors)
    section.lines += [OVER_SEEDS, "",
                      f"NLL in nats after calibration; coverage of the sets on held-out dialogues in %{target}, in brackets the lowest and the highest "
                      "seed; labels in a set.", ""]
    section.lines += table(["form", "inputs", "NLL", "NLL held out", "coverage held out", "set size held out"], sets)
    return _rates(section, plan, results, target)


def _rates(section: Section, plan: Plan, results: Results, target: str) -> Section:
    titles = plan.titles()
    shown = [WHOLE, *results.rates()]
    forms = [v for v in results.evaluations if any(results.by_seed(v, rate, "ece") for rate in shown[1:])]
    if not forms:
        return section
    section.lines += ["When modalities go missing at random, ECE-15 after calibration in %, and ≤ the largest of any seed:", ""]
    section.lines += table(["form", *shown], [[titles[v], *(_largest(results.by_seed(v, c, "ece")) for c in shown)] for v in forms])
    section.lines += [f"and coverage of the sets in %{target}, in brackets the lowest and the highest seed, on the dialogues that chose the "
                      "thresholds:", ""]
    section.lines += table(["form", *shown], [[titles[v], *(_range(results.by_seed(v, c, "coverage")) for c in shown)]
                                              for v in forms if results.by_seed(v, WHOLE, "coverage")])
    return section


def _over(by_seed: dict[int, float]) -> Summary | None:
    return summary(by_seed.values()) if by_seed else None


def _largest(by_seed: dict[int, float]) -> str:
    return f"{percent(_over(by_seed))}, ≤ {100 * max(by_seed.values()):.1f}" if by_seed else NONE


def _range(by_seed: dict[int, float]) -> str:
    return f"{percent(_over(by_seed))} [{100 * min(by_seed.values()):.1f}, {100 * max(by_seed.values()):.1f}]" if by_seed else NONE
