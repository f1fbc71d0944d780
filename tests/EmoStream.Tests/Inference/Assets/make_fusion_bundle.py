"""Makes a bundle whose context model has every part on, with random weights and normalisation, and what torch says of it.

    python3 make_fusion_bundle.py --out fusion-bundle --small                         the bundle beside this file
    python3 make_fusion_bundle.py --out DIR --modalities 4 --expect FILE              and PyTorch's logits and weights
    python3 make_fusion_bundle.py --out DIR --data FEATURES.jsonl --expect FILE       the same for real utterances

Descriptors are written as base64 of float16, as conversations keep them. Needs python3-torch, -onnx and -numpy.
"""
import argparse
import base64
import hashlib
import itertools
import json
import pathlib
import shutil
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[3] / "src" / "training"))

from emostream_training.context import ContextModel, ContextOptions  # noqa: E402
from emostream_training.dataset import Modality, read_utterances  # noqa: E402
from emostream_training.export_context import export_context  # noqa: E402

LABELS = ["neutral", "joy", "anger", "fear"]
RANDOM = (Modality("text", "text/tiny@1", 8), Modality("audio", "audio/fusion@1", 15, transform="log", speaker_relative=True),
          Modality("face", "face/fusion@1", 7, speaker_relative=True), Modality("body", "body/fusion@1", 5, transform="log"))
PARTS = {"layers": 2, "cross": True, "recover": True, "adaptive": True, "look_ahead": 3}
SMALL = ContextOptions(**PARTS, window=2, speaker_window=3, width=16, heads=2, joint=8, hidden=16)
LARGE = ContextOptions(**PARTS, window=6, speaker_window=12)


def randomised(modalities, options, seed) -> ContextModel:
    """Every parameter away from its start and every statistic away from zero and one, so that no part can hide."""
    torch.manual_seed(seed)
    model = ContextModel(modalities, len(LABELS), options).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * (0.3 if p.dim() < 2 else 1.2 * p.shape[-1] ** -0.5))
        for name, b in model.named_buffers():
            b.copy_(torch.randn_like(b) * 0.3 if name.endswith("mean") else torch.rand_like(b) * 1.5 + 0.5)
    return model


def random_dialogue(rng, modalities, rows):
    blocks = [(rng.standard_normal((rows, m.dimension)) * (30 if m.transform == "log" else 2)).astype(np.float16) for m in modalities]
    return rng.integers(0, 3, rows), blocks, np.ones((rows, len(modalities)), dtype=bool)


def random_dialogues(rng, modalities, field):
    """(look-ahead, dialogue): every subset throughout, then modalities that come and go, at lengths around the receptive field."""
    sizes = range(1, len(modalities) + 1)
    for subset in itertools.chain.from_iterable(itertools.combinations(range(len(modalities)), k) for k in sizes):
        speaker, blocks, available = random_dialogue(rng, modalities, field + 7)
        available[:, [m for m in range(len(modalities)) if m not in subset]] = False
        yield len(subset) % 4, (speaker, blocks, available)
    for n, rows in enumerate([1, 2, field, field + 1, field + 4, 3 * field + 5]):
        speaker, blocks, available = random_dialogue(rng, modalities, rows)
        yield n % 4, (speaker, blocks, available & (rng.random(available.shape) < 0.6))


def real_dialogues(path, modalities):
    """Dialogues of a file with features, once for every subset of the modalities."""
    groups = {}
    for u in read_utterances(path):
        groups.setdefault(u.conversation, []).append(u)
    for number, rows in enumerate(groups.values()):
        names = {}
        speaker = np.array([names.setdefault(u.speaker, len(names)) for u in rows])
        available = np.array([[m.name in u.features for m in modalities] for u in rows])
        blocks = [np.array([u.features.get(m.name, np.zeros(m.dimension)) for u in rows]).astype(np.float16) for m in modalities]
        for mask in range(1, 1 << len(modalities)):
            kept = np.array([bool(mask & 1 << m) for m in range(len(modalities))])
            yield number % 4, (speaker, blocks, available & kept)


def answer(model, look_ahead, dialogue) -> dict:
    speaker, blocks, available = dialogue
    with torch.no_grad():
        out = model([torch.from_numpy(b.astype(np.float32))[None] for b in blocks], torch.from_numpy(available)[None],
                    torch.from_numpy(speaker.astype(np.int64))[None], torch.ones(1, len(speaker), dtype=torch.bool),
                    torch.tensor(look_ahead))
    return {"lookAhead": look_ahead, "speakers": speaker.tolist(), "logits": out.logits[0].tolist(), "weights": out.weights[0].tolist(),
            "descriptors": [[base64.b64encode(b[t].tobytes()).decode() if available[t, m] else None for m, b in enumerate(blocks)]
                            for t in range(len(speaker))]}


def calibration(modalities, rng) -> dict:
    """Different for every set of modalities; the last set has no threshold."""
    names = ["+".join(m.name for m in subset) for k in range(1, len(modalities) + 1) for subset in itertools.combinations(modalities, k)]
    return {"temperatures": {n: round(float(rng.uniform(0.5, 2)), 3) for n in names},
            "conformal": {"coverage": 0.9, "thresholds": {n: round(float(rng.uniform(0.05, 0.3)), 3) for n in names[:-1]}}}


def write_bundle(out, model, calibrated) -> None:
    out.mkdir(parents=True, exist_ok=True)
    export_context(model, out / "context.onnx")
    modalities = [{"name": m.name, "featureSpace": m.feature_space, "dimension": m.dimension} for m in model.modalities]
    if calibrated:
        tiny = json.loads((HERE / "tiny-bundle" / "manifest.json").read_text())
        modalities[0] = tiny["modalities"][0]
        for name in ("text-encoder.onnx", "vocab.txt"):
            shutil.copyfile(HERE / "tiny-bundle" / name, out / name)
    manifest = {"name": "fusion", "version": "1.0.0", "description": "Random weights, for tests.", "license": "Apache-2.0", "labels": LABELS,
                "modalities": modalities, "context": {"model": "context.onnx", "window": model.receptive_field, "lookAhead": 0},
                "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(out.iterdir()) if f.name != "manifest.json"}}
    if calibrated:
        manifest["calibration"] = calibration(model.modalities, np.random.default_rng(1))
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--modalities", type=int, default=3)
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--data", type=pathlib.Path)
    arguments.add_argument("--expect", type=pathlib.Path)
    a = arguments.parse_args()
    torch.set_num_threads(1)
    modalities = RANDOM[:a.modalities]
    if a.data:
        size = {n: len(v) for u in read_utterances(a.data) for n, v in u.features.items()}
        modalities = tuple(Modality(n, f"{n}/real@1", d, *(("log", True) if n == "audio" else ())) for n, d in size.items())
    model = randomised(modalities, SMALL if a.small else LARGE, seed=7)
    write_bundle(a.out, model, calibrated=a.small)
    if a.expect:
        dialogues = real_dialogues(a.data, modalities) if a.data else random_dialogues(np.random.default_rng(11), modalities, model.receptive_field)
        a.expect.write_text(json.dumps([answer(model, look_ahead, dialogue) for look_ahead, dialogue in dialogues]))


if __name__ == "__main__":
    main()
