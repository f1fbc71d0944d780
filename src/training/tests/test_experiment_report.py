"""From evaluations to the report: statistics against values worked out by hand, and what the report says."""
import json
import math

import pytest

from emostream_training.experiments import views
from emostream_training.experiments.plan import Plan, Variant
from emostream_training.experiments.report import Outcome, write_report
from emostream_training.experiments.results import MEAN, WHOLE, Results, conditions
from emostream_training.experiments.statistics import T975, paired, summary


def test_summary_by_hand():
    s = summary([0.60, 0.62, 0.64])
    assert (s.mean, s.deviation, s.count) == (pytest.approx(0.62), pytest.approx(0.02), 3)
    assert summary([0.5]).deviation is None


def test_paired_difference_by_hand():
    ours, theirs = {1: 0.60, 2: 0.65, 3: 0.64, 9: 0.1}, {1: 0.58, 2: 0.61, 3: 0.61, 4: 0.9}
    d = paired(ours, theirs)  # differences .02 .04 .03: mean .03, deviation .01, t(2) 4.3027
    half = 4.3027 * 0.01 / math.sqrt(3)
    assert (d.mean, d.low, d.high, d.count) == (pytest.approx(0.03), pytest.approx(0.03 - half), pytest.approx(0.03 + half), 3)
    assert d.sure and not paired({1: 0.1, 2: 0.4}, {1: 0.2, 2: 0.2}).sure
    assert paired({1: 0.1}, {2: 0.1}) is None and paired({1: 0.3}, {1: 0.1}).low is None


def test_quantiles_of_t_have_their_tail():
    def tail(t, df):  # P(T > t) by Simpson's rule on the density
        c = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
        f, n = lambda x: c * (1 + x * x / df) ** (-(df + 1) / 2), 2000
        return 0.5 - t / n / 3 * sum(f(t * i / n) * (1 if i in (0, n) else 4 if i % 2 else 2) for i in range(n + 1))

    assert all(tail(t, df) == pytest.approx(0.025, abs=1e-5) for df, t in enumerate(T975, 1))


def measured(f1, n=100):
    return {"utterances": n, "weightedF1": f1, "macroF1": f1 - 0.1, "accuracy": f1, "calibration": {"ece": 0.03, "nll": 1.2}}


def evaluation(shift=0.0, modalities=("audio", "face"), **more):
    alone = dict(zip(modalities, (0.4, 0.5)))
    subsets = {m: measured(alone[m] + shift) for m in modalities} | ({"audio+face": measured(0.6 + shift, 80)} if len(modalities) > 1 else {})
    return {**measured(0.61 + shift), "conversations": 10, "subsets": subsets, "missing": {"0.1": measured(0.58 + shift), "0.7": measured(0.52 + shift)},
            "intervals": {"weightedF1": [0.55 + shift, 0.66 + shift]}, "fusion": {"auc": 0.7 + shift} if len(modalities) > 1 else None,
            "availability": {"audio+face": 90, "face": 15}, "absent": [],
            "byLength": [{"bucket": "1-5", "utterances": 40, "weightedF1": 0.5 + shift, "accuracy": 0.5},
                         {"bucket": "6+", "utterances": 60, "weightedF1": 0.7 + shift, "accuracy": 0.7}], **more}


def test_conditions_of_an_evaluation():
    c = conditions(evaluation())
    assert c == {WHOLE: 0.61, "audio": 0.4, "face": 0.5, "audio+face": 0.6, "10% missing": 0.58, "70% missing": 0.52,
                 MEAN: pytest.approx((0.4 + 0.5 + 0.58 + 0.52) / 4)}
    assert conditions(evaluation(), "ece")["face"] == 0.03
    assert conditions(evaluation(modalities=("face",))) == {WHOLE: 0.61, "face": 0.4}  # alone nothing goes missing


@pytest.fixture
def outcome():
    config = {"dataset": {"modalities": [{"name": "audio"}, {"name": "face"}]}}
    titles = {"full": "full model", "less": "without a part", "only-audio": "audio specialist"}
    plan = Plan("test", "A test", "About it.", "full", ("cells", "rates", "ablation", "privacy", "across", "folds", "buckets"),
                tuple(Variant(n, t, config) for n, t in titles.items()))
    results = Results()
    for seed, noise in ((1, 0.0), (2, 0.02)):
        results.add("full", seed, evaluation(noise))
        results.add("less", seed, evaluation(noise - 0.05))
        results.add("only-audio", seed, evaluation(noise, ("audio",)))
    return Outcome(plan, results, {"S1": results, "S2": results}, [("meld", "other/dev.jsonl", evaluation()), ("toy", "x", "unknown label")], [], {"seeds": "1 to 2"})


def test_tables_show_means_differences_and_the_cost_of_privacy(outcome):
    text = "\n".join(outcome.section("cells").lines)
    assert "| full model | 62.0 ± 1.4 | 41.0 ± 1.4 | 51.0 ± 1.4 | 61.0 ± 1.4 | 59.0 ± 1.4 | 53.0 ± 1.4 | 51.0 ± 1.4 |" in text
    assert "| without a part | **-5.0 [-5.0, -5.0]** |" in text and "| audio specialist | +0.0 [+0.0, +0.0] | +0.0 [+0.0, +0.0] | - |" in text and views.OVER_SEEDS in text
    privacy = "\n".join(outcome.section("privacy").lines)
    assert "| everything | audio, face | 80 | 61.0 ± 1.4 | - | - |" in privacy and views.OVER_SEEDS in privacy
    assert "| without face | audio | 100 | 41.0 ± 1.4 | **-20.0 [-20.0, -20.0]** | 41.0 ± 1.4 |" in privacy
    assert "no text, body" in privacy
    ablation = "\n".join(outcome.section("ablation").lines)
    assert "| without a part | **-5.0 [-5.0, -5.0]** |" in ablation and views.OVER_SEEDS in ablation
    assert "0.660 ± 0.014 |" in ablation  # AUC of the weights without the part
    across = "\n".join(outcome.section("across").lines)
    assert "| meld | other/dev.jsonl | 100 (10) | audio and face: 90, face: 15 | 61.0 [55.0, 66.0] | 51.0 | 61.0 | 3.0 |" in across
    assert "| toy | x | - | - | unknown label |" in across
    assert "| 6+ | 60 | 71.0 ± 1.4 |" in "\n".join(outcome.section("buckets").lines)
    assert "| mean ± deviation over the groups | 62.0 ± 0.0 |" in "\n".join(outcome.section("folds").lines)


def test_report_is_written_with_figures_and_numbers(outcome, tmp_path):
    report = write_report(outcome, tmp_path / "r")
    text = report.read_text()
    shown = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert text.startswith("# A test\n\nAbout it.\n") and len(shown) == 6
    for name in shown:
        assert (tmp_path / "r" / name).read_text().startswith("<?xml") and (tmp_path / "r" / name).with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    data = json.loads((tmp_path / "r" / "report.json").read_text())
    assert data["results"]["less"]["2"]["weightedF1"]["face"] == pytest.approx(0.47) and data["across"][1]["refused"] == "unknown label"
    before = {n: (tmp_path / "r" / n).read_bytes() for n in shown}
    write_report(outcome, tmp_path / "r")
    assert all((tmp_path / "r" / n).read_bytes() == b for n, b in before.items())


def test_across_says_what_is_absent_and_does_without_an_interval():
    row = views.across([("b", "f", evaluation(availability={"face": 5}, absent=["audio"], intervals=None))]).lines[-2]
    assert "| face: 5, no audio | 61.0 | 51.0 |" in row


def test_without_folds_or_other_data_the_report_says_so(outcome):
    assert "no group was left out" in views.folds(outcome.plan, {}).lines[0]
    assert "no bundle was measured" in views.across([]).lines[0]
