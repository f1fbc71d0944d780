"""Parts of a report: each view turns results into Markdown and figures. Fusion and calibration have their own modules."""
from __future__ import annotations

from statistics import fmean

from ..dataset import MODALITIES
from . import figures
from .fusion_view import auc
from .plan import Plan
from .results import MEAN, WHOLE, Results, rate_name
from .section import NONE, OVER_SEEDS, Section, number, percent, points, table
from .statistics import Difference, Summary, paired, summary

F1 = "weighted F1 (%)"


def cells(plan: Plan, results: Results) -> Section:
    """Every form under every condition, then the differences to the reference."""
    section, titles, shown = Section(), plan.titles(), results.conditions()
    section.lines += [f"Weighted F1 in %, mean ± standard deviation over the seeds. \"{MEAN}\" is the mean of the cells to its left in "
                      "which something is missing.", ""]
    section.lines += table(["form", *shown], [[titles[v], *(percent(results.summary(v, c)) for c in shown)] for v in results.evaluations])
    others = [v for v in results.evaluations if v != plan.reference]
    if others:
        section.lines += [f"Difference to \"{titles[plan.reference]}\" in points, same seeds, with its 95% t-interval; bold where the "
                          "interval leaves out zero.", ""]
        section.lines += table(["form", *shown], [[titles[v], *(points(results.difference(v, plan.reference, c)) for c in shown)]
                                                  for v in others])
        section.lines += [OVER_SEEDS, ""]
    whole = [(WHOLE, "weightedF1"), (WHOLE, "macroF1"), (WHOLE, "accuracy"), (WHOLE, "ece"), (WHOLE, "nll")]
    section.lines += ["The file as it is, by other measures (%, but NLL in nats); the interval is the bootstrap over dialogues, mean "
                      "of the seeds' bounds.", ""]
    section.lines += table(["form", "weighted F1", "95% over dialogues", "macro F1", "accuracy", "ECE-15", "NLL"],
                           [[titles[v], percent(results.summary(v, *whole[0])), _dialogues(results, v),
                             *(percent(results.summary(v, *m)) for m in whole[1:4]), number(results.summary(v, *whole[4]))]
                            for v in results.evaluations])
    keep = _drawn(results)
    section.show("conditions", f"{F1} of every form by what is available", lambda: figures.points(
        {c: [(titles[v], results.summary(v, c), list(results.by_seed(v, c).values())) for v in results.evaluations] for c in keep}, F1))
    return section


def _drawn(results: Results) -> list[str]:
    """What a figure has room for: the modality subsets, the largest last."""
    return sorted(results.subsets(), key=lambda c: c.count("+"))[-4:] or [WHOLE]


def _dialogues(results: Results, variant: str) -> str:
    found = [e["intervals"]["weightedF1"] for e in results.evaluations[variant].values() if e.get("intervals")]
    return f"{100 * fmean(low for low, _ in found):.1f} to {100 * fmean(high for _, high in found):.1f}" if found else NONE


def rates(plan: Plan, results: Results) -> Section:
    """How each form falls when modalities go missing at random."""
    section, titles = Section(), plan.titles()
    series = {}
    for v in results.evaluations:
        wanted = sorted({float(r) for e in results.evaluations[v].values() for r in e["missing"] or ()})
        found = [(r, results.summary(v, rate_name(str(r)))) for r in wanted]
        if any(s for _, s in found):
            found.insert(0, (0.0, results.summary(v, WHOLE)))
            series[titles[v]] = [(r, s) for r, s in found if s]
    if not series:
        section.lines += ["With one modality nothing can go missing at random.", ""]
        return section
    section.lines += ["Each modality of each utterance is missing with the same probability, by masks that are the same for every "
                      "form, seed and machine; every utterance keeps at least one.", ""]
    section.show("missing-rates", f"{F1} over the share of missing modalities",
                 lambda: figures.lines(series, F1, "missing (%)"))
    return section


def ablation(plan: Plan, results: Results) -> Section:
    """What each part is worth: the difference that taking it away makes."""
    section, titles = Section(), plan.titles()
    others = [v for v in results.evaluations if v != plan.reference]
    shown = results.conditions()
    kept = [c for c in (max((c for c in shown if "+" in c), key=len, default=WHOLE), *(c for c in shown if c in MODALITIES), MEAN)
            if c in shown]
    section.lines += ["What taking a part away changes, in points of weighted F1 with the 95% t-interval over paired seeds; below zero "
                      "the part helps. Bold and filled where the interval leaves out zero.", ""]
    section.lines += table(["without", *kept, "weights' AUC"],
                           [[titles[v], *(points(results.difference(v, plan.reference, c)) for c in kept), number(auc(plan, results, v))]
                            for v in [plan.reference, *others]] if plan.reference in results.evaluations else [])
    section.lines += [OVER_SEEDS, ""]
    section.show("ablation", "Change of weighted F1 without each part, with intervals", lambda: figures.forest(
        {c: [(titles[v], results.difference(v, plan.reference, c)) for v in others] for c in kept if c in (kept[0], MEAN)}, "points"))
    return section


def privacy(plan: Plan, results: Results) -> Section:
    """What is left of the full model's F1 when a policy takes modalities away."""
    section = Section()
    names = [m["name"] for m in next(v for v in plan.variants if v.name == plan.reference).config["dataset"]["modalities"]]
    subsets = [c for c in results.subsets() if set(c.split("+")) <= set(names)]
    everything = "+".join(max((c.split("+") for c in subsets), key=len, default=[]))
    rows, drawn = [], []
    for subset in sorted(subsets, key=lambda c: -c.count("+")):
        gone = [n for n in names if n not in subset.split("+")]
        cost = _cost(results, plan, subset, everything)
        alone = results.summary(f"only-{subset}", subset)
        title = "everything" if not gone else f"without {' and '.join(gone)}"
        rows.append([title, subset.replace("+", ", "), str(results.utterances(plan.reference, subset)),
                     percent(results.summary(plan.reference, subset)), points(cost) if gone else NONE, percent(alone)])
        if gone:
            drawn.append((f"{title}", cost))
    section.lines += ["What the policy gate takes away never reaches the model. The cost is the difference to everything, same model, "
                      "same seeds, in points of weighted F1 with its 95% t-interval. A row counts the utterances that bring all of what is left: "
                      "where their numbers differ, the cost compares different utterances too.", ""]
    section.lines += table(["policy", "what is left", "utterances", "weighted F1", "cost", "a model trained on that alone"], rows)
    section.lines += [OVER_SEEDS, ""]
    absent = [m for m in MODALITIES if m not in names]
    if absent:
        section.lines += [f"This data set has no {', '.join(absent)}: nothing is claimed about {'it' if len(absent) == 1 else 'them'}.", ""]
    if drawn:
        section.show("privacy", "Cost of leaving modalities out, in points of weighted F1", lambda: figures.forest({"cost of privacy": drawn}, "points"))
    return section


def _cost(results: Results, plan: Plan, subset: str, everything: str) -> Difference | None:
    return paired(results.by_seed(plan.reference, subset), results.by_seed(plan.reference, everything))


def buckets(plan: Plan, results: Results) -> Section:
    """By conversation length, number of speakers and position in the conversation."""
    section, panels = Section(), {}
    for key, title in (("byLength", "utterances in the conversation"), ("bySpeakers", "speakers"), ("byPosition", "position of the utterance")):
        found: dict[str, list[dict]] = {}
        for e in results.evaluations.get(plan.reference, {}).values():
            for b in e.get(key) or ():
                found.setdefault(str(b["bucket"]), []).append(b)
        if found:
            panels[title] = [(bucket, summary(b["weightedF1"] for b in some), some[0]["utterances"]) for bucket, some in found.items()]
    for title, entries in panels.items():
        section.lines += table([title, "utterances", "weighted F1"], [[name, str(n), percent(s)] for name, s, n in entries])
    if panels:
        section.show("buckets", f"{F1} by length, speakers and position", lambda: figures.buckets(panels, F1))
    return section


def folds(plan: Plan, folds: dict[str, Results]) -> Section:
    """Each group left out in turn: neither trained on nor selected by."""
    section, titles = Section(), plan.titles()
    if not folds:
        section.lines += ["The configuration names no [folds], so no group was left out.", ""]
        return section
    shown = [c for c in next(iter(folds.values())).conditions()]
    section.lines += ["Each group is left out in turn: the next one chooses epoch, temperature and look-ahead, the others train. Nothing "
                      "of the group that is measured was seen, so these figures are lower than those on the development file and more honest.", ""]
    rows = [[name, *(percent(r.summary(plan.reference, c)) for c in shown)] for name, r in folds.items()]
    mean = [percent(_over(folds, plan.reference, c)) for c in shown]
    section.lines += table([f"left out ({titles[plan.reference]})", *shown], [*rows, ["mean ± deviation over the groups", *mean]])
    keep = _drawn(next(iter(folds.values())))
    section.show("folds", f"{F1} by group left out", lambda: figures.points(
        {c: [(name, r.summary(plan.reference, c), list(r.by_seed(plan.reference, c).values())) for name, r in folds.items()] for c in keep}, F1))
    return section


def _over(folds: dict[str, Results], variant: str, condition: str) -> Summary | None:
    means = [s.mean for r in folds.values() if (s := r.summary(variant, condition))]
    return summary(means) if means else None


def across(evaluations: list[tuple[str, str, dict | str]]) -> Section:
    """Bundles on files of other data sets: (bundle, file, evaluation or why there is none)."""
    section = Section()
    if not evaluations:
        section.lines += ["No --across BUNDLE FILE was given, so no bundle was measured on another data set.", ""]
        return section
    rows = []
    for bundle, file, e in evaluations:
        if isinstance(e, str):
            rows.append([bundle, file, NONE, NONE, e, NONE, NONE, NONE])
            continue
        inputs = [*(f"{brought.replace('+', ' and ')}: {n}" for brought, n in e["availability"].items()), *(f"no {m}" for m in e["absent"])]
        bounds = "[{:.1f}, {:.1f}]".format(*(100 * b for b in e["intervals"]["weightedF1"])) if e["intervals"] else ""
        rows.append([bundle, file, f"{e['utterances']} ({e['conversations']})", ", ".join(inputs), f"{100 * e['weightedF1']:.1f} {bounds}".rstrip(),
                     f"{100 * e['macroF1']:.1f}", f"{100 * e['accuracy']:.1f}", f"{100 * e['calibration']['ece']:.1f}"])
    section.lines += ["Weighted F1 in % with the 95% bootstrap interval over dialogues. Inputs: scored utterances by what they bring of what the "
                      "bundle takes; they may be more than those that are measured, which have a label.", ""]
    section.lines += table(["bundle", "file", "utterances (dialogues)", "inputs", "weighted F1", "macro F1", "accuracy", "ECE-15"], rows)
    return section
