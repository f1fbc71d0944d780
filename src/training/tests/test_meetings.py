"""From labelled meetings to a bundle without a configuration: what is derived, what is held out, what is refused."""
import hashlib
import json
import re

import numpy as np
import pytest

from conftest import LABELS, write_lines
from emostream_training.__main__ import main
from emostream_training.meetings import options

SPACE = "text/toy@3"


@pytest.fixture
def encoder(tmp_path):
    """A bundle that serves: it has a context model of its own, which must not be taken over."""
    directory = tmp_path / "general"
    directory.mkdir()
    files = {}
    for name in ("text-encoder.onnx", "vocab.txt", "context.onnx"):
        (directory / name).write_text(name)
        files[name] = hashlib.sha256(name.encode()).hexdigest()
    manifest = {"name": "general", "version": "1.0.0", "license": "Apache-2.0", "labels": ["x", "y"], "files": files,
                "sources": [{"name": "texts", "license": "CC BY 4.0", "url": "somewhere"}],
                "training": {"data": ["texts"], "seeds": {"texts": 4}},
                "modalities": [{"name": "text", "featureSpace": SPACE, "dimension": 6,
                                "encoder": {"model": "text-encoder.onnx", "vocabulary": "vocab.txt", "tokenizer": "wordpiece", "maxTokens": 9}}]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def meetings(path, count=24, audio=True, rows=6):
    """Labelled meetings whose text features tell the label; audio, where it is there, tells nothing."""
    rng, lines = np.random.default_rng(3), []
    for c in range(count):
        for t in range(rows):
            y = int(rng.integers(0, 3))
            features = {"text": (np.eye(3, 6)[y] + rng.normal(0, 0.2, 6)).tolist()}
            if audio and t % 2:
                features["audio"] = rng.normal(0, 1, 4).tolist()
            lines.append({"conversationId": f"m{c}", "utteranceId": f"m{c}-{t}", "speaker": str(t % 2), "text": "-", "label": LABELS[y],
                          "features": features})
    return write_lines(path, lines)


def run(*arguments):
    return main([str(a) for a in arguments])


def test_three_commands_need_no_configuration(tmp_path, encoder, monkeypatch):
    data = meetings(tmp_path / "standup.jsonl")
    assert run("train", "--data", data, "--encoder", encoder, "--features", "audio=audio/mine@2", "--out", tmp_path / "run", "--seed", 5) == 0
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["dataset"]["labels"] == sorted(LABELS) and len(record["heldOut"]) == 5  # a fifth of 24
    assert [(m["name"], m["feature_space"], m["dimension"]) for m in record["dataset"]["modalities"]] == [
        ("text", SPACE, 6), ("audio", "audio/mine@2", 4)]

    monkeypatch.chdir(tmp_path)  # the run remembers where its data lie
    assert run("bundle", "--run", "run", "--out", tmp_path / "My Bundle", "--logits", tmp_path / "logits.json") == 0
    manifest = json.loads((tmp_path / "My Bundle/manifest.json").read_text())
    assert manifest["name"] == "my-bundle" and set(manifest["files"]) == {"text-encoder.onnx", "vocab.txt", "context.onnx"}
    assert (tmp_path / "My Bundle/context.onnx").read_bytes()[:12] != b"context.onnx"
    assert manifest["training"]["seeds"] == {"texts": 4, "context": 5} and manifest["training"]["data"] == ["texts", "standup"]
    assert [s["name"] for s in manifest["sources"]] == ["texts", "standup (training data)"]
    assert manifest["training"]["metrics"]["dev"]["text"]["accuracy"] > 0.8
    held = {u.rsplit("-", 1)[0] for u in json.loads((tmp_path / "logits.json").read_text())}
    assert sorted(held) == record["heldOut"]  # calibrated on what training did not see
    card = (tmp_path / "My Bundle/README.md").read_text()
    assert "# my-bundle 1.0.0" in card
    assert "| recovery of missing modalities | yes |" in card and "| cross-attention between modalities | no |" in card
    assert "| joint embedding | 64 dimensions, aligned |" in card and "| query adaptive fusion | guided |" in card
    assert manifest["training"]["settings"]["context"]["joint"] == 64 and manifest["training"]["settings"]["loss"]["align"] == 0.1
    assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?|unknown", manifest["training"]["revision"])


@pytest.mark.parametrize("name", ["audio", "text"])
def test_vectors_alone_need_no_encoder(tmp_path, name, monkeypatch, capsys):
    monkeypatch.setattr("emostream_training.meetings.STEPS", 20)
    lines = [json.loads(line) for line in meetings(tmp_path / "m.jsonl", audio=False).read_text().splitlines()]
    data = write_lines(tmp_path / "calls.jsonl", [{**x, "features": {name: x["features"]["text"]}} for x in lines])
    assert run("train", "--data", data, "--features", f"{name}={name}/mine@2", "--out", tmp_path / "run") == 0
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "voice") == 0
    manifest = json.loads((tmp_path / "voice/manifest.json").read_text())
    assert manifest["modalities"] == [{"name": name, "featureSpace": f"{name}/mine@2", "dimension": 6}]
    assert set(manifest["files"]) == {"context.onnx"} and manifest["training"]["seeds"] == {"context": 1}
    assert manifest["description"].endswith("trained on calls.") and manifest["license"] == "not stated"
    assert f"| {name} | {name}/mine@2 | 6 | not taken, features only |" in (tmp_path / "voice/README.md").read_text()
    assert ("takes vectors of text" in capsys.readouterr().err) == (name == "text")


def test_held_out_conversations_follow_seed_and_share(tmp_path, encoder, monkeypatch, capsys):
    data, drawn = meetings(tmp_path / "m.jsonl", audio=False), []
    monkeypatch.setattr("emostream_training.commands.fit", lambda *_: {})
    for i, (seed, share) in enumerate(((1, 0.25), (1, 0.25), (2, 0.25), (1, 0.001), (1, 0.999))):
        assert run("train", "--data", data, "--encoder", encoder, "--out", tmp_path / f"run{i}", "--seed", seed, "--held-out", share) == 0
        drawn.append(json.loads((tmp_path / f"run{i}/run.json").read_text())["heldOut"])
        assert ("say little" in capsys.readouterr().err) == (len(drawn[-1]) < 4)
    assert drawn[0] == drawn[1] != drawn[2] and [len(d) for d in drawn] == [6, 6, 6, 1, 23]


def test_what_cannot_be_derived_is_said(tmp_path, encoder, capsys):
    data = meetings(tmp_path / "m.jsonl")
    first = json.loads(data.read_text().splitlines()[0])
    train = lambda file, *more: run("train", "--data", file, "--out", tmp_path / "run", *more)

    def refused(message, *arguments):
        assert train(*arguments) == 1
        assert message in capsys.readouterr().err

    refused(f"{data}:2: has features.audio, but nothing says of which feature space; give --features audio=NAME@N", data, "--encoder", encoder)
    refused(f"{data}:1: has features.text, but nothing says of which feature space; give the bundle", data)
    refused("expected MODALITY=NAME@N", data, "--encoder", encoder, "--features", "audio")
    refused("no utterance has features.face", data, "--encoder", encoder, "--features", "audio=a@1", "--features", "face=f@1")
    refused("expected a bundle with an encoder", data, "--encoder", tmp_path / "none")
    second = {**first, "utteranceId": "2", "label": "odd"}
    bare = write_lines(tmp_path / "bare.jsonl", [{**first, "features": None}, {**second, "features": None}])
    refused("no utterance has features.text; write them with `emostream features`", bare, "--encoder", encoder)
    refused("two or more different labels are needed, found 0", write_lines(tmp_path / "l.jsonl", [{**first, "label": None}]), "--encoder", encoder)
    refused("two or more conversations", write_lines(tmp_path / "o.jsonl", [first, second]), "--encoder", encoder)
    apart = write_lines(tmp_path / "a.jsonl", [first, {**second, "conversationId": "b", "label": "even"}])
    refused("beside the held-out conversations 1 utterance with features.text can be trained on, two are needed", apart, "--encoder", encoder)
    refused("two or more different labels", write_lines(tmp_path / "s.jsonl", [first]), "--encoder", encoder)


def test_bundle_refuses_data_that_changed(tmp_path, encoder, capsys, monkeypatch):
    monkeypatch.setattr("emostream_training.meetings.STEPS", 20)
    data = meetings(tmp_path / "m.jsonl", audio=False)
    assert run("train", "--data", data, "--encoder", encoder, "--out", tmp_path / "run") == 0
    meetings(data, count=25, audio=False)
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "b") == 1
    assert "changed since the run" in capsys.readouterr().err
    assert run("train", "--data", data, "--encoder", encoder, "--out", tmp_path / "run") == 1
    assert "belongs to a run on other data" in capsys.readouterr().err
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "b", "--dev", data) == 1
    assert "19 of its conversations have ids that are trained on, such as m" in capsys.readouterr().err
    record = json.loads((tmp_path / "run/run.json").read_text())
    (tmp_path / "run/run.json").write_text(json.dumps({**record, "heldOut": ["gone"], "heldOutSha256": hashlib.sha256(data.read_bytes()).hexdigest()}))
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "b") == 1
    assert f"{data}: lacks 'gone', which the run's run.json holds out; train again" in capsys.readouterr().err
    (tmp_path / "run/run.json").write_text(json.dumps(record))
    others = data.with_name("others.jsonl")
    others.write_text(data.read_text().replace('"m', '"n'))
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "b", "--dev", others) == 0
    assert run("bundle", "--run", tmp_path, "--out", tmp_path / "b") == 1
    assert "expected the --out of `train`" in capsys.readouterr().err


def test_held_out_file_is_other_conversations_and_stays_what_it_was(tmp_path, encoder, capsys, monkeypatch):
    monkeypatch.setattr("emostream_training.meetings.STEPS", 20)
    data = meetings(tmp_path / "m.jsonl", audio=False)
    train = lambda dev: run("train", "--data", data, "--encoder", encoder, "--dev", dev, "--out", tmp_path / "run")
    assert train(data) == 1 and "24 of its conversations have ids that are trained on, such as m0" in capsys.readouterr().err
    dev = tmp_path / "dev.jsonl"
    dev.write_text(data.read_text().replace('"m', '"n'))
    assert train(dev) == 0
    dev.write_text(data.read_text().replace('"m', '"o'))
    assert run("bundle", "--run", tmp_path / "run", "--out", tmp_path / "b") == 1
    assert f"{dev}: changed since the run" in capsys.readouterr().err


@pytest.mark.parametrize("dialogues", [1, 5, 30, 200, 5000])
def test_small_data_get_as_many_steps_as_they_need(dialogues):
    o = options(dialogues)
    steps = o.epochs * -(-dialogues // o.batch)
    assert 400 <= steps <= max(800, 10 * -(-dialogues // 16)) and o.patience < o.epochs and 2 <= o.batch <= 16
