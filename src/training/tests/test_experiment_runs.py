"""Runs as processes: bounded, resumed, cancelled; and the whole command, through the product's own evaluation where it is built."""
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import LABELS, write_lines
from emostream_training import metrics
from emostream_training.__main__ import main
from emostream_training.errors import UserError
from emostream_training.experiments import pool, worker
from emostream_training.experiments.ensemble import late_fusion
from emostream_training.experiments.plan import Variant
from emostream_training.experiments.runs import Run, Setting, plan_run
from emostream_training.predict import predict
from emostream_training.train import load_context

CONFIG = """
[dataset]
name = "toy"
labels = ["calm", "glad", "cross"]
[[dataset.modalities]]
name = "audio"
feature_space = "audio/toy@1"
dimension = 3
[[dataset.modalities]]
name = "face"
feature_space = "face/toy@1"
dimension = 4
[context]
window = 2
width = 16
heads = 2
joint = 8
hidden = 16
dropout = 0.0
input_dropout = 0.0
[train]
epochs = 3
batch = 8
learning_rate = 1e-2
[bundle]
name = "toy"
version = "0.1.0"
license = "none"
description = "A toy."
"""
PLAN = """
title = "Toy"
reference = "full"
views = ["cells", "rates", "fusion", "calibration"]
[[variant]]
name = "full"
title = "full model"
[[variant]]
name = "only"
title = "{modality} alone"
each = "modality"
[[ensemble]]
name = "late"
title = "late fusion"
of = "only"
"""


def clips(path, count, seed):
    """Conversations whose label audio tells loudly and face faintly; some rows lack one of the two."""
    rng, rows = np.random.default_rng(seed), []
    for c in range(count):
        for t in range(5):
            y = int(rng.integers(3))
            features = {"audio": (np.eye(3)[y] + rng.normal(0, 0.3, 3)).round(4).tolist(), "face": (np.eye(3, 4)[y] + rng.normal(0, 0.8, 4)).round(4).tolist()}
            if t == 4:
                del features["audio" if c % 2 else "face"]
            rows.append({"conversationId": f"c{seed}-{c}", "utteranceId": f"u{t}", "index": t, "speaker": "ab"[t % 2], "startMs": t * 1000,
                         "endMs": t * 1000 + 900, "text": "-", "features": features, "label": LABELS[y]})
    return write_lines(path, rows)


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy.toml").write_text(CONFIG)
    (tmp_path / "plan.toml").write_text(PLAN)
    return {"config": tmp_path / "toy.toml", "plan": tmp_path / "plan.toml", "data": clips(tmp_path / "train.jsonl", 24, 1), "dev": clips(tmp_path / "dev.jsonl", 12, 2)}


def waiting(tmp_path, number):
    setting = Setting("emostream", "r")
    return [Run(str(tmp_path / f"run-{i}"), f"form {i}", {}, "", "", "", 1, "key", setting) for i in range(number)]


def stand_in(tmp_path, monkeypatch, body):
    """Puts a script in the worker's place, so that the pool can be watched with processes that need no model."""
    script = tmp_path / "worker.py"
    script.write_text("import json, pathlib, sys, time\nhere = pathlib.Path(sys.argv[1]).parent\n" + body)
    monkeypatch.setattr(pool, "WORKER", (sys.executable, str(script)))


DONE = "(here / 'evaluation-key.json').write_text('{}')\n"


def test_runs_are_bounded_and_done_runs_are_kept(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f"""
marks = here.parent / 'marks'; marks.mkdir(exist_ok=True)
(marks / here.name).touch(); count = len(list(marks.iterdir()))
with open(here.parent / 'most', 'a') as f: f.write(f'{{count}}\\n')
time.sleep(.05)
(marks / here.name).unlink()
{DONE}""")
    runs, said = waiting(tmp_path, 6), []
    pool.run_all(runs, 2, said.append)
    assert all(r.done for r in runs) and max(map(int, (tmp_path / "most").read_text().split())) <= 2
    assert said[-1].startswith("[6/6]") and "to go" in said[0]
    runs[3].evaluation.unlink()
    said.clear()
    pool.run_all(runs, 2, said.append)
    assert said[0] == "5 of 6 runs were done before" and len(said) == 2
    assert len((tmp_path / "most").read_text().split()) == 7


def test_an_ensemble_waits_for_its_members(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f"""
members = json.loads((here / 'run.json').read_text())['members']
assert all((pathlib.Path(m) / 'evaluation-key.json').is_file() for m in members), 'started too early'
time.sleep(0 if members else .2)
{DONE}""")
    a, b, both = waiting(tmp_path, 3)
    pool.run_all([a, b, replace(both, members=(a.directory, b.directory))], 3, lambda line: None)


def test_a_failure_names_the_run_and_its_log(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f"if here.name == 'run-1': sys.exit('error: no luck')\n{DONE}")
    runs = waiting(tmp_path, 4)
    with pytest.raises(UserError, match=r"form 1 seed 1 failed: error: no luck \(log: .*run-1/log.txt\)"):
        pool.run_all(runs, 1, lambda line: None)
    assert [r.done for r in runs] == [True, False, False, False]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_cancelling_ends_the_workers_and_keeps_what_was_done(tmp_path, monkeypatch, sent):
    stand_in(tmp_path, monkeypatch, f"""
import os
if here.name == 'run-1':
    (here / 'pid').write_text(str(os.getpid()))
    os.kill(os.getppid(), {int(sent)})
    time.sleep(600)
{DONE}""")
    runs, began = waiting(tmp_path, 3), time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background starts with it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            pool.run_all(runs, 1, lambda line: None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [r.done for r in runs] == [True, False, False] and time.monotonic() - began < 60
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "run-1" / "pid").read_text()), 0)


def trained(toy, tmp_path, modality=None):
    import tomllib

    config = tomllib.loads(CONFIG)
    if modality:
        config["dataset"]["modalities"] = [m for m in config["dataset"]["modalities"] if m["name"] == modality]
    program = tmp_path / "emostream.dll"
    program.write_bytes(b"")
    run = plan_run(Variant("form", "form", config), 1, toy["data"], toy["dev"], toy["dev"], Setting(str(program), "r"), tmp_path)
    run.write()
    return run, worker.make(run)


def test_a_trained_run_is_bundled_again_without_training(toy, tmp_path, monkeypatch):
    run, bundle = trained(toy, tmp_path)
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert [m["name"] for m in manifest["modalities"]] == ["audio", "face"] and set(manifest["files"]) == {"context.onnx"}
    before = (Path(run.directory) / "context.pt").read_bytes()
    (bundle / "context.onnx").unlink()
    monkeypatch.setattr(worker, "train", lambda *a: pytest.fail("trained again"))
    worker.make(run)
    assert (bundle / "context.onnx").is_file() and (Path(run.directory) / "context.pt").read_bytes() == before


def test_late_fusion_is_the_mean_of_those_that_have_input(toy, tmp_path):
    runs = [trained(toy, tmp_path, m)[0] for m in ("audio", "face")]
    fused = late_fusion(runs)
    assert set(fused["subsets"]) == {"audio", "face", "audio+face"} and list(fused["missing"]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    assert fused["utterances"] == 60 and fused["subsets"]["audio"]["utterances"] == 54 and fused["subsets"]["audio+face"]["utterances"] == 48
    from emostream_training.dataset import Description, read_dialogues

    total, label, p = 0, [], []
    for run in runs:
        manifest = json.loads((Path(run.directory) / "bundle" / "manifest.json").read_text())
        dialogues = read_dialogues(toy["dev"], Description.parse(run.config["dataset"], "test"))
        logits = np.concatenate(predict(load_context(Path(run.directory) / "context.pt")[0], dialogues, manifest["context"]["lookAhead"]))
        has = np.concatenate([d.available for d in dialogues])
        p.append(np.where(has, metrics.softmax(logits / next(iter(manifest["calibration"]["temperatures"].values()))), 0))
        total, label = total + has, np.concatenate([d.label for d in dialogues])
    assert fused["accuracy"] == pytest.approx(float(((p[0] + p[1]) / total).argmax(1).__eq__(label).mean()))
    assert fused["subsets"]["face"]["accuracy"] == pytest.approx(float((p[1].argmax(1) == label)[p[1].any(1)].mean()))


def emostream():
    """The built product beside this checkout, or none."""
    at = Path(__file__).parents[3] / "src" / "EmoStream.Cli" / "bin"
    return next((p for c in ("Debug", "Release") for p in at.glob(f"{c}/net*/emostream.dll")), None)


@pytest.mark.skipif(emostream() is None, reason="the product is not built: dotnet build src/EmoStream.Cli")
def test_whole_command_with_the_products_evaluation(toy, tmp_path, capsys):
    command = ["experiment", str(toy["plan"]), "--config", str(toy["config"]), "--data", str(toy["data"]), "--dev", str(toy["dev"]),
               "--emostream", f"dotnet {emostream()}", "--seeds", "2", "--jobs", "2", "--out", str(tmp_path / "out")]
    assert main(command) == 0, capsys.readouterr().err
    report = (tmp_path / "out" / "plan" / "report.md").read_text()
    data = json.loads((tmp_path / "out" / "plan" / "report.json").read_text())
    full, audio, late = (data["results"][v]["2"]["weightedF1"] for v in ("full", "only-audio", "late"))
    assert set(full) == {"as it is", "audio", "face", "audio+face", "mean", *(f"{r}0% missing" for r in range(1, 8))}
    assert set(audio) == {"as it is", "audio"} and late["audio"] == pytest.approx(audio["audio"], abs=1e-9)  # torch = product
    assert full["audio+face"] > 0.6 and "| full model |" in report
    assert "| full model | audio looks for face |" in report and "| full model | audio, face | 48 |" in report
    measured = data["results"]["full"]["1"]
    for subset, calibrated in measured["calibration"].items():  # what the view puts side by side is of the same utterances
        assert measured["ece"][subset] == pytest.approx(calibrated["ece"], abs=1e-4) and calibrated["eceBeforeCalibration"] > 0
    capsys.readouterr()
    assert main(command) == 0 and "8 of 8 runs were done before" in capsys.readouterr().out


def test_wrong_use_is_told(toy, tmp_path, capsys):
    command = ["experiment", "complete", "--config", str(toy["config"]), "--data", str(toy["data"]), "--dev", str(toy["dev"]), "--out", str(tmp_path)]
    assert main([*command, "--emostream", "dotnet nowhere.dll"]) == 1 and "names no file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as e:
        main([*command, "--emostream", "x", "--seeds", "0"])
    assert e.value.code == 2 and "--seeds: must be 1 or more" in capsys.readouterr().err
    help = subprocess.run([sys.executable, "-m", "emostream_training", "experiment", "--help"], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert help.returncode == 0 and "--across" in help.stdout
