"""Calibration, the bundle, and the command line that makes it."""
import hashlib
import json
import signal
import subprocess
import sys
from types import SimpleNamespace
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import LABELS, SIZES, TINY, write_lines
from emostream_training import calibration, metrics
from emostream_training.__main__ import main
from emostream_training.dataset import UNLABELLED, Modality
from emostream_training.assess import calibrate, choose_look_ahead
from emostream_training.bundle import replacing
from emostream_training.errors import UserError
from emostream_training.model_card import _cell
from onnx_numpy import run as run_numpy

CONFIG = """
[dataset]
name = "toy"
labels = ["calm", "glad", "cross"]
[[dataset.modalities]]
name = "text"
feature_space = "text/toy@1"
dimension = 32
[context]
window = 2
width = 16
heads = 2
joint = 8
hidden = 16
[train]
epochs = 2
[bundle]
name = "toy"
version = "0.1.0"
license = "none"
description = "A toy."
data = ["toy train"]
[[bundle.sources]]
name = "toy"
license = "none"
url = "none"
"""


def test_metrics_of_a_known_confusion():
    truth, logits = np.array([0, 0, 0, 1, 1, 2]), np.eye(3)[[0, 0, 1, 1, 1, 1]]
    m = metrics.classification(truth, logits)
    f1 = [0.8, 2 / 3, 0.0]
    assert m["weightedF1"] == pytest.approx((3 * f1[0] + 2 * f1[1]) / 6)
    assert m["macroF1"] == pytest.approx(sum(f1) / 3) and m["accuracy"] == pytest.approx(4 / 6)


def test_fusion_auc_of_known_weights():
    weights = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [0.7, 0.3]])
    right = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], dtype=bool)
    assert metrics.fusion_auc(weights, right) == pytest.approx(5.5 / 6)  # six pairs, one of them a tie
    assert metrics.fusion_auc(weights, right[:, ::-1]) == pytest.approx(0.5 / 6)
    assert metrics.fusion_auc(weights[:2], right[:2]) is None
    third = np.column_stack([weights * 0.5, np.full(6, 0.5)])
    assert metrics.fusion_auc(third, np.column_stack([right, np.zeros(6, bool)])) == pytest.approx(
        (5 * 5.5 / 6 + 0) / 5)  # the third is never right: its pairs have no other side


def sample(n, temperature, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 5))
    p = metrics.softmax(logits)
    return logits * temperature, np.array([rng.choice(5, p=row) for row in p])


def test_temperature_is_found():
    logits, label = sample(20000, 2.5)
    assert calibration.fit_temperature(logits, label) == pytest.approx(2.5, rel=0.05)
    p = metrics.softmax(logits)
    assert calibration.ece(metrics.softmax(logits / 2.5), label) < 0.02 < calibration.ece(p, label)


def test_temperature_serves_the_label_that_is_shown():
    logits, label = sample(20000, 1.0)
    order = np.argsort(-logits, 1)
    wrong = label != order[:, 0]
    label[wrong] = order[wrong, 1]  # the odds between the labels that are not shown are now far off, the confidence is not
    assert calibration.fit_temperature(logits, label) == pytest.approx(1.0, rel=0.05)
    assert calibration.ece(metrics.softmax(logits), label) < 0.02 and wrong.mean() > 0.2


def test_temperature_of_a_handful_stays_modest():
    logits = np.eye(4) * 2.0
    t = calibration.fit_temperature(logits, np.arange(4))
    assert metrics.softmax(logits / t).max() < 0.999  # four right guesses are no proof of certainty


def test_ece_of_a_perfect_model_is_what_sampling_gives():
    p = metrics.softmax(np.random.default_rng(1).normal(0, 1.5, (600, 5)))
    mean, high = calibration.ece_of_a_perfect_model(p, 1)
    rng = np.random.default_rng(2)
    draws = [calibration.ece(p, (rng.random((len(p), 1)) > p.cumsum(1)).sum(1).clip(0, 4)) for _ in range(300)]
    assert mean == pytest.approx(np.mean(draws), rel=0.05) and high == pytest.approx(np.percentile(draws, 95), rel=0.1)


class Fixed:
    """Dialogues of one modality whose logits are given."""

    modalities = (Modality("text", "text/toy@1", 1),)

    def __init__(self, label):
        self.label, self.available = label, np.ones((len(label), 1), dtype=bool)


@pytest.mark.parametrize("shifted, offered", [(False, True), (True, False)])
def test_sets_are_offered_only_where_they_cover_other_dialogues(monkeypatch, shifted, offered):
    logits, label = sample(1000, 1.0)
    if shifted:  # a few long dialogues are of another kind: what half of them promise, the other half does not keep
        label[:700] = logits[:700].argmin(1)
    held = [Fixed(y) for y in ([label[:700], *np.split(label[700:], 10)] if shifted else np.split(label, 50))]
    parts = [logits[:700], *np.split(logits[700:], 10)] if shifted else np.split(logits, 50)
    monkeypatch.setattr("emostream_training.assess.predict", lambda *_: parts)
    content, figures = calibrate(Fixed(label), held, 0, 0.9, 1)
    assert ("text" in content["conformal"]["thresholds"]) == offered
    assert (abs(figures["text"]["heldOut"]["coverage"] - 0.9) <= 0.02) == offered
    assert figures["text"]["ece"] < figures["text"]["eceBeforeCalibration"] + 0.01


def test_rows_without_label_do_not_count(monkeypatch):
    logits, label = sample(1000, 1.0)
    known = np.arange(1000) % 3 > 0
    figures = []
    for keep, y in ((known, label), (np.ones(1000, bool), np.where(known, label, UNLABELLED))):
        parts = [x[k] for x, k in zip(np.split(logits, 20), np.split(keep, 20))]
        monkeypatch.setattr("emostream_training.assess.predict", lambda *_: parts)
        held = [Fixed(x[k]) for x, k in zip(np.split(y, 20), np.split(keep, 20))]
        chosen = choose_look_ahead(SimpleNamespace(options=SIZES), held, 1)
        figures.append((calibrate(Fixed(label), held, 0, 0.9, 1), chosen, metrics.classification(y[keep], logits[keep])))
    assert figures[0] == figures[1]


def test_conformal_sets_cover_what_they_promise():
    logits, label = sample(4000, 1.0)
    p = metrics.softmax(logits)
    threshold = calibration.conformal_threshold(p[:2000], label[:2000], 0.9)
    covered, size = calibration.coverage_of(p[2000:], label[2000:], threshold)
    assert 0.88 < covered < 0.92 and 1 < size < 5
    assert calibration.conformal_threshold(p[:5], label[:5], 0.9) == 0  # too few to exclude anything


def test_look_ahead_is_chosen_only_when_it_gains_in_most_dialogues(monkeypatch):
    class Held:
        label = np.zeros(20, dtype=int)

    def chosen(right):  # right[k]: hits of 20 per dialogue with K = k
        def predict(model, held, k):
            return [np.where(np.arange(20)[:, None] < hits, [1.0, 0.0], [0.0, 1.0]) for hits in right[k]]
        monkeypatch.setattr("emostream_training.assess.predict", predict)
        return choose_look_ahead(SimpleNamespace(options=SIZES), [Held] * 40, 1)[0]

    base = [10] * 40
    assert chosen([base, base, base, base]) == 0
    assert chosen([base, base, [11] * 40, [12] * 40]) == 2
    assert chosen([base, base, base, [20] + [10] * 39]) == 0  # one lucky dialogue carries the gain: 37% of resamples lack it


@pytest.fixture
def made(bert, tmp_path):
    """Runs `encoder`, writes features with the exported file as the product does, runs `train`."""
    write_lines(tmp_path / "vocab.txt", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(4, TINY.vocab_size))])
    torch.save({"encoder": bert.state_dict(), "config": TINY.to_json()}, tmp_path / "encoder.pt")
    (tmp_path / "c.toml").write_text(CONFIG)
    assert main(["encoder", "--config", f"{tmp_path}/c.toml", "--encoder", f"{tmp_path}/encoder.pt", "--vocabulary",
                 f"{tmp_path}/vocab.txt", "--max-tokens", "12", "--out", f"{tmp_path}/enc"]) == 0
    rng = np.random.default_rng(0)
    for name, dialogues in (("train", 20), ("dev", 12)):
        rows = []
        for c in range(dialogues):
            for u in range(5):
                y = int(rng.integers(0, 3))
                ids = np.array([[1, 10 + y, int(rng.integers(20, 40)), 2]])
                values = run_numpy(tmp_path / "enc/text-encoder.onnx", {"input_ids": ids, "attention_mask": np.ones_like(ids)})
                rows.append({"conversationId": f"{name}{c}", "utteranceId": f"{name}{c}-{u}", "speaker": str(u % 2),
                             "label": LABELS[y], "features": {"text": values["descriptor"][0].astype(np.float16).tolist()}})
        write_lines(tmp_path / f"{name}.jsonl", rows)
    assert main(["train", "--config", f"{tmp_path}/c.toml", "--data", f"{tmp_path}/train.jsonl", "--dev", f"{tmp_path}/dev.jsonl",
                 "--out", f"{tmp_path}/run"]) == 0
    return tmp_path


def bundle(made, **changes):
    options = {"config": made / "c.toml", "run": made / "run", "encoder": made / "enc", "out": made / "out", "logits": made / "logits.json", **changes}
    return main(["bundle", *[x for k, v in options.items() for x in (f"--{k}", str(v))]])


def test_bundle_holds_what_its_manifest_says(made):
    assert bundle(made) == 0
    manifest = json.loads((made / "out/manifest.json").read_text())
    assert set(manifest) == {"name", "version", "description", "license", "sources", "labels", "modalities", "context",
                             "calibration", "training", "files"}
    assert sorted(p.name for p in (made / "out").iterdir()) == sorted([*manifest["files"], "manifest.json", "README.md"])
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((made / "out" / name).read_bytes()).hexdigest() == digest
    assert manifest["modalities"][0]["encoder"]["maxTokens"] == 12 and manifest["context"]["window"] == 2
    assert set(manifest["calibration"]["temperatures"]) == {"text"}
    figures = manifest["training"]["metrics"]["dev"]["text"]
    assert figures["utterances"] == 60 and figures["dialogues"] == 12
    logits = json.loads((made / "logits.json").read_text())
    assert len(logits) == 60 and len(logits["dev0-0"]) == 3
    guess = [int(np.argmax(logits[json.loads(line)["utteranceId"]])) for line in (made / "dev.jsonl").read_text().splitlines()]
    truth = [LABELS.index(json.loads(line)["label"]) for line in (made / "dev.jsonl").read_text().splitlines()]
    assert np.mean(np.array(guess) == truth) == pytest.approx(figures["accuracy"], abs=1e-4)
    card = (made / "out/README.md").read_text()
    assert "| query adaptive fusion | idle: there is one modality |" in card and "| calibration | temperature and conformal sets |" in card


def test_bundle_that_is_not_calibrated_says_so(made):
    (made / "c.toml").write_text(CONFIG.replace('description = "A toy."', 'description = "A toy."\ncalibrate = false'))
    assert bundle(made) == 0
    manifest = json.loads((made / "out/manifest.json").read_text())
    figures = manifest["training"]["metrics"]["dev"]["text"]
    assert manifest["calibration"] == {"temperatures": {}} and figures["ece"] == figures["eceBeforeCalibration"] and figures["heldOut"] == {}
    assert "not calibrated; so none are offered" in (made / "out/README.md").read_text()
    assert "| calibration | none: probabilities are as the model says them |" in (made / "out/README.md").read_text()


def test_bundle_that_fails_leaves_the_old_one(made, monkeypatch):
    assert bundle(made) == 0
    (made / "out/LICENSE").write_text("mine")
    read = lambda: {p.name: p.read_bytes() for p in (made / "out").iterdir()}
    before, beside = read(), sorted(p.name for p in made.iterdir())

    def fail(*_):
        raise KeyboardInterrupt

    for part in ("emostream_training.bundle.export_context", "emostream_training.bundle.calibrate", "emostream_training.bundle.card"):
        with monkeypatch.context() as m:
            m.setattr(part, fail)
            assert bundle(made) == 130 and read() == before and sorted(p.name for p in made.iterdir()) == beside
    (made / "c.toml").write_text(CONFIG.replace('"0.1.0"', '"0.2.0"'))
    assert bundle(made) == 0 and b'"0.2.0"' in read()["manifest.json"] and read()["LICENSE"] == b"mine"
    assert sorted(p.name for p in made.iterdir()) == beside


def test_bundle_killed_between_its_two_renames_is_brought_back(tmp_path):
    out, manifest = tmp_path / "out", json.dumps({"name": "n", "version": "1.0.0", "license": "x", "modalities": [], "files": {}})
    for state in ("replaced", "partial"):
        (tmp_path / f".out.{state}").mkdir()
        (tmp_path / f".out.{state}/manifest.json").write_text(manifest.replace("1.0.0", state))
    with pytest.raises(ZeroDivisionError), replacing(out) as made:
        assert "replaced" in (out / "manifest.json").read_text() and not list(made.iterdir())
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").write_text("not to be lost")
    with pytest.raises(UserError, match="home: holds no bundle that could be replaced"), replacing(tmp_path / "home"):
        pass
    assert (tmp_path / "home/letter").exists()


@pytest.mark.parametrize("old, new, says", [
    ("[train]", "[trian]", "unknown table trian; known are dataset, finetune"), ("[context]", "train = 3\n[contekst]", "unknown table contekst"),
    ("epochs = 2", "epochs = 0", "[train]: epochs must be 1 or more, not 0"), ("text/toy@1", "nospace", "feature_space must be NAME@N"),
    ("[train]\nepochs = 2", "[[train]]\nepochs = 2", "[train]: expected a table")])
def test_train_refuses_a_wrong_configuration(tmp_path, capsys, old, new, says):
    data = write_lines(tmp_path / "d.jsonl", [])
    (tmp_path / "c.toml").write_text(CONFIG.replace(old, new))
    assert main(["train", "--config", f"{tmp_path}/c.toml", "--data", str(data), "--out", f"{tmp_path}/o"]) == 1
    assert says in capsys.readouterr().err


def test_bundle_and_encoder_refuse_what_the_product_would_not_load(made, capsys):
    def refused(old, new, says):
        (made / "c.toml").write_text(CONFIG.replace(old, new))
        assert bundle(made) == 1 and says in capsys.readouterr().err

    refused('name = "toy"\nversion', 'name = "Bad Name"\nversion', "[bundle]: name must be 1 to 64 of a-z")
    refused('version = "0.1.0"', 'version = "1"', "[bundle]: version must be a semantic version")
    refused('version = "0.1.0"', 'version = "0.1.0"\ncoverage = 1.0', "[bundle]: coverage must be 0.01 to 0.99, not 1.0")
    refused('url = "none"', 'url = 3', "every [[bundle.sources]] needs name, license and url as texts")
    refused('data = ["toy train"]', 'data = [3]', "[bundle] data must be a list of texts")
    (made / "c.toml").write_text(CONFIG)
    encoder = lambda *more: main(["encoder", "--config", f"{made}/c.toml", "--encoder", f"{made}/encoder.pt", "--vocabulary", f"{made}/vocab.txt",
                                  "--max-tokens", "12", "--out", f"{made}/other", *more])
    for space in ("bad space", "nospace"):
        assert encoder("--space", space) == 1 and f"--space must be NAME@N, such as text/mine@1, not '{space}'" in capsys.readouterr().err
    assert encoder("--space", "text/toy@v2") == 0
    manifest = json.loads((made / "other/manifest.json").read_text())
    assert manifest["version"] == "0.0.0" and manifest["license"] == "none"
    (made / "c.toml").write_text(CONFIG.replace('license = "none"\ndescription', 'description'))
    assert encoder() == 1 and "[bundle] license must be given" in capsys.readouterr().err


def test_damaged_runs_and_encoders_are_one_line(made, capsys):
    def refused(path, content, says):
        before = path.read_text()
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        assert bundle(made) == 1
        error = capsys.readouterr().err
        assert says in error and str(path) in error and len(error.splitlines()) == 1
        path.write_text(before)

    record, run = json.loads((made / "run/run.json").read_text()), made / "run/run.json"
    refused(run, "{", "is no JSON")
    refused(run, "[]", "expected a JSON object")
    for key in ("dataset", "heldOutSha256"):
        refused(run, {k: v for k, v in record.items() if k != key}, f"{key} must be given as ")
    for content in ({}, []):
        refused(made / "enc/manifest.json", content, "made by another version" if content == {} else "expected a JSON object")
    manifest = json.loads((made / "enc/manifest.json").read_text())
    refused(made / "enc/manifest.json", {**manifest, "files": {"../c.toml": "x"}}, "'../c.toml', which is outside the bundle")


def test_interrupt_during_the_import_of_torch_is_a_cancellation(tmp_path):
    """A torch that is interrupted while it is imported and, as the real one, makes an error of its own of that."""
    (tmp_path / "torch.py").write_text(
        "import os, signal, sys\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    for _ in range(1000): pass\n"
        "except KeyboardInterrupt as e:\n    raise RuntimeError('KeyboardInterrupt') from e\n"
        f"sys.path.remove({str(tmp_path)!r})\ndel sys.modules['torch']\nimport torch\n")
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}, '.']\n"
                           "from emostream_training.__main__ import main\nsys.exit(main())", "train", "--data", "d", "--out", "o"],
                          capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=300,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a shell's background has it ignored
    assert (done.returncode, done.stderr) == (130, "cancelled; the same command resumes from the last checkpoint\n")


def test_card_keeps_its_tables_whole():
    assert _cell("a | b\nc") == "a \\| b c"


def test_bundle_refuses_what_does_not_belong_together(made, capsys):
    (made / "enc/vocab.txt").write_text("changed\n")
    assert bundle(made) == 1 and "differs from its manifest" in capsys.readouterr().err
    record = json.loads((made / "run/run.json").read_text())
    record["dataset"]["modalities"][0]["feature_space"] = "text/toy@2"
    (made / "run/run.json").write_text(json.dumps(record))
    assert bundle(made) == 1 and "other labels or modalities" in capsys.readouterr().err


def test_exit_codes_and_messages(tmp_path, capsys):
    finetune = ["finetune", "--config", "c", "--data", "d", "--dev", "e", "--encoder", "f", "--out", "g"]
    for arguments in ([], ["walk"], ["train"], [*finetune, "--epochs", "-1"], [*finetune, "--epochs", "0"], [*finetune, "--seed", "-1"],
                      [*finetune, "--seed", "4294967296"], ["--threads", "0", *finetune]):
        with pytest.raises(SystemExit) as e:
            main(arguments)
        assert e.value.code == 2
    (tmp_path / "c.toml").write_text(CONFIG)
    bad = write_lines(tmp_path / "bad.jsonl", ["{"])
    run = lambda *more: main(["train", "--config", f"{tmp_path}/c.toml", "--data", str(bad), "--dev", str(bad), "--out", f"{tmp_path}/o", *more])
    assert run() == 1 and f"{bad}:1: not JSON" in capsys.readouterr().err
    (tmp_path / "c.toml").write_text(CONFIG.replace("epochs = 2", "epoks = 2"))
    assert run() == 1 and "unknown key epoks" in capsys.readouterr().err


def test_every_command_has_help():
    for command in ("finetune", "encoder", "train", "bundle"):
        done = subprocess.run([sys.executable, "-m", "emostream_training", command, "--help"], capture_output=True, text=True,
                              cwd=Path(__file__).parents[1], timeout=60)
        assert done.returncode == 0 and "--config" in done.stdout and "Example:" in done.stdout
