"""The view of fusion: whether the weights know which modality is right, and whether the joint space is one."""
from __future__ import annotations

from typing import Callable

from ..context import ContextOptions
from ..losses import LossOptions
from .plan import Plan
from .results import Results
from .section import NONE, Section, number, percent, table
from .statistics import Summary


def fusion(plan: Plan, results: Results) -> Section:
    """Weights and accuracies of available and of recovered modalities, then retrieval in the joint space."""
    section, titles = Section(), plan.titles()
    forms = {v.name: v.config for v in plan.variants if _some(results, v.name, "fusion")}
    if not forms:
        section.lines += ["With one modality there is nothing to weigh.", ""]
        return section
    counted = next(e["fusion"]["utterances"] for e in results.evaluations[next(iter(forms))].values() if e.get("fusion"))
    section.lines += [f"On the {counted} utterances that bring every modality; mean ± standard deviation over the seeds:", "",
                      "- weights' AUC: how well the weights tell which of two modalities is right where one is; 0.5: not at all;",
                      "- above .8: share of utterances whose largest weight is above .8, in %;",
                      "- available, recovered: with modalities taken away, the mean weight of one that is there and of what stands in for one that "
                      "is not, and how often its own head is right (%);",
                      "- recovered / available: what stands in deserves no more weight than in proportion to how often it is right, so the first "
                      "of the two should be at most the second.", "",
                      f"\"{NONE}\": the form learns no weights, trains no heads, or has nothing that stands in.", ""]
    rows, by_modality = [], []
    for v, config in forms.items():
        heads, stands_in = _heads(config), _stands_in(config)

        def of(figure: Callable[[dict], float | None], known: bool = True) -> Summary | None:
            return results.evaluated(v, lambda e: figure(e["fusion"]) if known and e.get("fusion") else None)

        rows.append([titles[v], number(auc(plan, results, v)), percent(of(lambda f: f["shareAbove80"])),
                     number(of(lambda f: f["meanWeight"])), percent(of(lambda f: f["accuracy"], heads)),
                     number(of(lambda f: f["meanWeightRecovered"])), percent(of(lambda f: f["accuracyRecovered"], heads and stands_in)),
                     number(of(lambda f: _ratio(f["meanWeightRecovered"], f["meanWeight"])), 2),
                     number(of(lambda f: _ratio(f["accuracyRecovered"], f["accuracy"]), heads and stands_in), 2)])
        for m in (m["name"] for m in config["dataset"]["modalities"]):
            def one(key: str, known: bool = True) -> Summary | None:
                return of(lambda f: f["modalities"].get(m, {}).get(key), known)

            def recovered(key: str, known: bool = True) -> Summary | None:
                return of(lambda f: f["modalities"].get(m, {}).get("recovered", {}).get(key), known)

            by_modality.append([titles[v], m, number(one("meanWeight")), percent(one("accuracy", heads)), number(one("meanWeightWhenRight", heads)),
                                number(one("meanWeightWhenWrong", heads)), number(recovered("meanWeight")), percent(recovered("accuracy", heads and stands_in))])
    section.lines += table(["form", "weights' AUC", "above .8", "weight available", "right", "weight recovered", "right",
                            "recovered / available: weight", "right"], rows)
    section.lines += ["By modality: mean weight with nothing taken away, how often its own head is right, its weight where it is right and where it "
                      "is wrong; then the same of what stands in while the modality is taken away.", ""]
    section.lines += table(["form", "modality", "weight", "right", "weight when right", "when wrong", "weight recovered", "right"], by_modality)
    return _retrieval(section, plan, results)


def auc(plan: Plan, results: Results, variant: str) -> Summary | None:
    """AUC of a form's fusion weights; none where they are not learned or the heads that they are judged by are not trained."""
    config = next((v.config for v in plan.variants if v.name == variant), None)
    if config is None or not _heads(config) or not config.get("context", {}).get("adaptive", ContextOptions.adaptive):
        return None
    return results.evaluated(variant, lambda e: (e.get("fusion") or {}).get("auc"))


def _retrieval(section: Section, plan: Plan, results: Results) -> Section:
    titles, rows = plan.titles(), []
    for v in (v.name for v in plan.variants if _some(results, v.name, "retrieval")):
        pairs = dict.fromkeys(pair for e in results.evaluations[v].values() for pair in e.get("retrieval") or ())
        for pair in pairs:
            def of(key: str) -> Summary | None:
                return results.evaluated(v, lambda e: (e.get("retrieval") or {}).get(pair, {}).get(key))

            candidates = of("candidates").mean
            rows.append([titles[v], pair.replace(">", " looks for "), percent(of("recallAt1")), f"{100 * of('chanceAt1').mean:.2f}",
                         percent(of("recallAt10")), f"{100 * of('chanceAt10').mean:.2f}",
                         number(of("medianRank"), 1), f"{(candidates + 1) / 2:.1f}", f"{candidates:.0f}"])
    if not rows:
        section.lines += ["No form gives joint vectors, so nothing was looked for in a joint space.", ""]
        return section
    section.lines += ["The joint space: an utterance's vector of one modality looks for the same utterance's vector of another, by cosine. Share found "
                      "first and among the first ten (%), median rank, each beside what a random order gives. Forms without a joint space are left out.", ""]
    section.lines += table(["form", "", "R@1", "chance", "R@10", "chance", "median rank", "chance", "candidates"], rows)
    return section


def _some(results: Results, variant: str, key: str) -> bool:
    return any(e.get(key) for e in results.evaluations.get(variant, {}).values())


def _heads(config: dict) -> bool:
    """Whether the modalities' own heads are trained: accuracies ask them."""
    return config.get("loss", {}).get("single", LossOptions.single) > 0


def _stands_in(config: dict) -> bool:
    """Whether something takes the place of what is absent; else it has no weight, and its head says nothing."""
    context = config.get("context", {})
    return context.get("recover", ContextOptions.recover) or context.get("absent", ContextOptions.absent) == "zero"


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
