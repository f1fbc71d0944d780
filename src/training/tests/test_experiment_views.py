"""The views of fusion and calibration, on made-up evaluations and manifests whose tables are worked out by hand."""
import json

import pytest

from emostream_training.experiments import command, views
from emostream_training.experiments.plan import Ensemble, Plan, Variant
from emostream_training.experiments.report import Outcome, write_report
from emostream_training.experiments.results import Results, conditions
from emostream_training.experiments.runs import Run, Setting
from emostream_training.experiments.section import OVER_SEEDS


def measured(ece, coverage, n=100):
    return {"utterances": n, "weightedF1": 0.5, "macroF1": 0.4, "accuracy": 0.5, "calibration": {"ece": ece, "nll": 1.1, "coverage": coverage}}


def fusion(shift):
    def modality(weight):
        return {"meanWeight": weight + shift, "accuracy": 0.55, "meanWeightWhenRight": weight + 0.05, "meanWeightWhenWrong": weight - 0.05,
                "recovered": {"utterances": 80, "meanWeight": 0.3 - shift, "accuracy": 0.45}}

    return {"utterances": 80, "auc": 0.7 + shift, "shareAbove80": 0.03, "meanWeight": 0.6, "accuracy": 0.5, "meanWeightRecovered": 0.3 + shift,
            "accuracyRecovered": 0.4, "modalities": {"text": modality(0.6), "audio": modality(0.4)}}


RETRIEVAL = {"recallAt1": 0.05, "recallAt10": 0.2, "medianRank": 9.0, "candidates": 80, "chanceAt1": 1 / 80, "chanceAt10": 1 / 8}


def evaluation(shift=0.0, coverage=0.9, **more):
    return {**measured(0.04 + shift, coverage), "nominalCoverage": 0.9, "intervals": None, "fusion": fusion(shift), "retrieval": {"text>audio": RETRIEVAL},
            "subsets": {"text": measured(0.03 + shift, coverage), "audio": measured(0.02 + shift, coverage), "text+audio": measured(0.05 + shift, coverage, 80)},
            "missing": {"0.3": measured(0.06 + shift, coverage and coverage + shift)}, **more}


def manifest(shift=0.0, held_out=True):
    away = {"coverage": 0.9 + shift, "setSize": 2.5, "ece": 0.04 + shift, "nll": 1.2, "splits": 50.0} if held_out else {}
    return {s: {"eceBeforeCalibration": 0.15 - shift, "ece": 0.03, "eceOfPerfectModel": {"mean": 0.02, "percentile95": 0.035}, "heldOut": away}
            for s in ("text", "audio", "text+audio")}


def config(**tables):
    return {"dataset": {"modalities": [{"name": "text"}, {"name": "audio"}]}, **tables}


FORMS = {"full": config(), "uniform": config(context={"adaptive": False}), "no-heads": config(loss={"single": 0.0}),
         "no-recovery": config(context={"recover": False}), "zeros": config(context={"recover": False, "absent": "zero"})}


@pytest.fixture
def outcome():
    plan = Plan("test", "A test", "About it.", "full", ("fusion", "calibration", "ablation"), tuple(Variant(n, f"the {n}", c) for n, c in FORMS.items()),
                (Ensemble("late", "late fusion", ("full",)),))
    results = Results()
    for seed, shift in ((1, 0.0), (2, 0.02)):
        for name in FORMS:
            results.add(name, seed, evaluation(shift), manifest(shift))
        results.add("late", seed, evaluation(shift, None, fusion=None, retrieval=None, nominalCoverage=None))
    return Outcome(plan, results, {}, [], [], {})


def shown(outcome, view):
    return "\n".join(outcome.section(view).lines)


def test_fusion_shows_weights_and_accuracies_of_available_and_recovered(outcome):
    text = shown(outcome, "fusion")
    assert "On the 80 utterances" in text
    # recovered / available: .30 / .60 and .32 / .60, so .517 ± .024; accuracies .4 / .5
    assert ("| the full | 0.710 ± 0.014 | 3.0 ± 0.0 | 0.600 ± 0.000 | 50.0 ± 0.0 | 0.310 ± 0.014 | 40.0 ± 0.0 | 0.52 ± 0.02 | 0.80 ± 0.00 |") in text
    assert "| the full | audio | 0.410 ± 0.014 | 55.0 ± 0.0 | 0.450 ± 0.000 | 0.350 ± 0.000 | 0.290 ± 0.014 | 45.0 ± 0.0 |" in text
    assert "late fusion" not in text


@pytest.mark.parametrize("form, auc, right, recovered", [
    ("uniform", "-", "50.0 ± 0.0", "40.0 ± 0.0"),   # its weights are not learned
    ("no-heads", "-", "-", "-"),                    # nothing was trained to be right
    ("no-recovery", "0.710 ± 0.014", "50.0 ± 0.0", "-"),
    ("zeros", "0.710 ± 0.014", "50.0 ± 0.0", "40.0 ± 0.0")])
def test_what_a_form_has_not_trained_is_not_judged(outcome, form, auc, right, recovered):
    row = next(line for line in shown(outcome, "fusion").splitlines() if line.startswith(f"| the {form} |"))
    cells = row.strip("| ").split(" | ")
    assert (cells[1], cells[4], cells[6], cells[8]) == (auc, right, recovered, "-" if recovered == "-" else "0.80 ± 0.00")
    assert next(line for line in shown(outcome, "ablation").splitlines() if line.startswith(f"| the {form} |")).endswith(f"| {auc} |")


def test_retrieval_stands_beside_chance(outcome):
    assert "| the full | text looks for audio | 5.0 ± 0.0 | 1.25 | 20.0 ± 0.0 | 12.50 | 9.0 ± 0.0 | 40.5 | 80 |" in shown(outcome, "fusion")
    for e in outcome.results.evaluations["full"].values():
        e["retrieval"] = None  # as without a joint space
    assert "| the full | text looks for" not in shown(outcome, "fusion")


def test_one_modality_has_no_fusion(outcome):
    for seeds in outcome.results.evaluations.values():
        for e in seeds.values():
            e["fusion"] = e["retrieval"] = None
    assert outcome.section("fusion").lines == ["With one modality there is nothing to weigh.", ""]


def test_calibration_shows_before_against_after_with_the_largest_seed(outcome):
    text = shown(outcome, "calibration")
    # before .15 and .13, after .03 and .05: differences -.12 and -.08, half width 12.7062 * .0283 / sqrt(2)
    assert ("| the full | text | 100 | 14.0 ± 1.4, ≤ 15.0 | 4.0 ± 1.4, ≤ 5.0 | -10.0 [-35.4, +15.4] | 5.0 ± 1.4, ≤ 6.0 | 2.0 (3.5) |") in text
    assert "| the full | text, audio | 80 | 14.0" in text and OVER_SEEDS in text
    assert "(target 90%)" in text and "| the full | text | 1.100 ± 0.000 | 1.200 ± 0.000 | 91.0 ± 1.4 [90.0, 92.0] | 2.50 ± 0.00 |" in text


def test_calibration_at_missing_rates(outcome):
    text = shown(outcome, "calibration")
    assert "| form | as it is | 30% missing |" in text
    assert "| the full | 5.0 ± 1.4, ≤ 6.0 | 7.0 ± 1.4, ≤ 8.0 |" in text
    assert "| the full | 90.0 ± 0.0 [90.0, 90.0] | 91.0 ± 1.4 [90.0, 92.0] |" in text


def test_late_fusion_has_errors_but_no_bundle(outcome):
    text = shown(outcome, "calibration")
    assert "| late fusion | text | 100 | - | 4.0 ± 1.4, ≤ 5.0 | - | - | - |" in text and "| late fusion | text | 1.100 ± 0.000 | - | - | - |" in text
    assert "| late fusion | 5.0 ± 1.4, ≤ 6.0 | 7.0 ± 1.4, ≤ 8.0 |" in text
    assert conditions(evaluation(coverage=None), "coverage") == {}


def test_few_dialogues_have_no_held_out_figures(outcome):
    outcome.results.add("full", 1, evaluation(), manifest(held_out=False))
    outcome.results.add("full", 2, evaluation(), manifest(held_out=False))
    assert "| the full | text | 100 | 15.0 ± 0.0, ≤ 15.0 | 3.0 ± 0.0, ≤ 3.0 | **-12.0 [-12.0, -12.0]** | - | 2.0 (3.5) |" in shown(outcome, "calibration")


def test_the_report_holds_the_numbers_behind_both(outcome, tmp_path):
    text = write_report(outcome, tmp_path).read_text()
    assert "## Fusion weights and the joint space" in text and "## Calibration" in text
    full = json.loads((tmp_path / "report.json").read_text())["results"]["full"]["2"]
    assert full["fusion"]["auc"] == 0.72 and full["retrieval"]["text>audio"]["medianRank"] == 9.0 and full["coverage"]["30% missing"] == 0.92
    assert full["calibration"]["text"]["eceBeforeCalibration"] == 0.13


def test_runs_bring_what_their_bundle_says_of_calibration(tmp_path):
    def run(name):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "evaluation-key.json").write_text(json.dumps(evaluation()))
        return Run(str(directory), name, {}, "", "", "", 1, "key", Setting("emostream", "r"))

    runs = [run("full"), run("late")]
    (tmp_path / "full" / "bundle").mkdir()
    (tmp_path / "full" / "bundle" / "manifest.json").write_text(json.dumps({"training": {"metrics": {"dev": manifest()}}}))
    results = command.gather(runs)
    assert results.calibrated("full", "audio", lambda d: d["eceBeforeCalibration"]) == {1: 0.15}
    assert results.calibrated("late", "audio", lambda d: d["eceBeforeCalibration"]) == {}


def test_across_takes_the_files_vectors_of_what_the_bundle_does_not_encode(tmp_path, monkeypatch):
    bundle = tmp_path / "meld"
    bundle.mkdir()
    modalities = [{"name": "text", "featureSpace": "text/a@1", "encoder": {"model": "text-encoder.onnx"}}, {"name": "audio", "featureSpace": "audio/b@2"}]
    (bundle / "manifest.json").write_text(json.dumps({"name": "meld", "version": "1.0.0", "license": "none", "files": {}, "modalities": modalities}))
    asked = []
    monkeypatch.setattr(command, "evaluate_bundle", lambda emostream, bundle, file, spaces: asked.append(spaces) or evaluation())
    found = command._across([[bundle, tmp_path / "dev.jsonl"], [tmp_path / "nothing", tmp_path / "dev.jsonl"]], "emostream")
    assert asked == [["audio=audio/b@2"]] and found[0][0] == "meld"
    assert "no such file" in found[1][2] and "no such file" in views.across(found[1:]).lines[-2]
