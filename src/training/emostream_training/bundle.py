"""Writes a bundle: the directory that the inference worker loads, with its manifest, hashes and model card."""
from __future__ import annotations

import hashlib
import itertools
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np

from . import calibration, metrics
from .bert import Bert
from .context import ContextModel
from .dataset import MODALITIES, Description, Dialogue
from .errors import UserError
from .export_context import export_context
from .export_encoder import export_encoder
from .model_card import card
from .predict import predict

ENCODER, CONTEXT, VOCABULARY = "text-encoder.onnx", "context.onnx", "vocab.txt"
LOOK_AHEAD_GAIN = 0.005  # weighted F1 that waiting for later utterances must gain to be worth the wait


@dataclass(frozen=True)
class BundleOptions:
    """The [bundle] table of a configuration (its `sources` are [[bundle.sources]] tables, its `data` a list)."""

    name: str
    version: str
    description: str
    license: str
    coverage: float = 0.9


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def choose_look_ahead(model: ContextModel, held: list[Dialogue], seed: int) -> tuple[int, dict[str, float]]:
    """The smallest K whose gain justifies waiting and is no accident of the dialogues, else 0; and weighted F1 for every K.

    Of the resamples of the dialogues 97.5% must agree that K gains: taking the best of three K's on a few hundred
    utterances would otherwise find half a point in noise.
    """
    labels = [d.label for d in held]
    guesses = {k: predict(model, held, k) for k in range(model.options.look_ahead + 1)}

    def f1(k: int, dialogues: Sequence[int]) -> float:
        return metrics.classification(np.concatenate([labels[i] for i in dialogues]),
                                      np.concatenate([guesses[k][i] for i in dialogues]))["weightedF1"]

    whole = {k: f1(k, range(len(held))) for k in guesses}
    rng, chosen = np.random.default_rng(seed), 0
    for k in range(model.options.look_ahead, 0, -1):
        if whole[k] - whole[0] >= LOOK_AHEAD_GAIN:
            draws = [rng.integers(0, len(held), len(held)) for _ in range(400)]
            if np.mean([f1(k, draw) > f1(0, draw) for draw in draws]) >= 0.975:
                chosen = k
    return chosen, {str(k): round(v, 4) for k, v in whole.items()}


def calibrate(model: ContextModel, held: list[Dialogue], look_ahead: int, coverage: float, seed: int) -> tuple[dict, dict]:
    """The manifest's `calibration` and the figures behind it, per availability set that the data holds."""
    temperatures, thresholds, figures = {}, {}, {}
    names = [m.name for m in model.modalities]
    for size in range(1, len(names) + 1):
        for subset in itertools.combinations(range(len(names)), size):
            rows = [d.available[:, list(subset)].all(1) for d in held]
            if not any(r.any() for r in rows):
                continue
            logits = [x[r] for x, r in zip(predict(model, held, look_ahead, subset), rows)]
            labels = [d.label[r] for d, r in zip(held, rows)]
            x, y = np.concatenate(logits), np.concatenate(labels)
            t = calibration.fit_temperature(x, y)
            p = metrics.softmax(x / t)
            key = "+".join(sorted((names[m] for m in subset), key=MODALITIES.index))
            temperatures[key] = round(t, 4)
            thresholds[key] = math.floor(calibration.conformal_threshold(p, y, coverage) * 1e6) / 1e6
            figures[key] = {"utterances": len(y), "dialogues": sum(1 for l in labels if len(l)), **metrics.classification(y, x),
                            "nll": calibration.nll(x, y, t), "ece": calibration.ece(p, y),
                            "eceBeforeTemperature": calibration.ece(metrics.softmax(x), y),
                            "heldOutCoverage": calibration.held_out_coverage(logits, labels, coverage, seed)}
    return {"temperatures": temperatures, "conformal": {"coverage": coverage, "thresholds": thresholds}}, figures


def write_encoder_bundle(encoder: Bert, vocabulary: Path, space: str, license: str, labels: tuple[str, ...], max_tokens: int,
                         out: Path) -> dict:
    """A bundle without a context model: enough for `emostream features`, which training starts from."""
    if not vocabulary.is_file():
        raise UserError(f"{vocabulary}: no such file")
    words = sum(1 for _ in open(vocabulary, encoding="utf-8"))
    if words != encoder.config.vocab_size:
        raise UserError(f"{vocabulary}: has {words} words, the encoder {encoder.config.vocab_size}")
    if not 3 <= max_tokens <= encoder.config.max_position_embeddings:
        raise UserError(f"--max-tokens must be 3 to {encoder.config.max_position_embeddings}")
    out.mkdir(parents=True, exist_ok=True)
    export_encoder(encoder, out / ENCODER, max_tokens)
    if vocabulary.resolve() != (out / VOCABULARY).resolve():
        shutil.copyfile(vocabulary, out / VOCABULARY)
    name, _, version = space.partition("@")
    modality = {"name": "text", "featureSpace": space, "dimension": encoder.dimension,
                "encoder": {"model": ENCODER, "tokenizer": "wordpiece", "vocabulary": VOCABULARY, "lowercase": True,
                            "maxTokens": max_tokens}}
    manifest = {"name": name.replace("/", "-"), "version": f"{version or 0}.0.0", "license": license,
                "description": "An encoder without a context model, for writing features.", "labels": list(labels),
                "modalities": [modality], "files": {f: sha256(out / f) for f in (ENCODER, VOCABULARY)}}
    _write(manifest, out)
    return manifest


def write_bundle(o: BundleOptions, sources: list[dict], data: list[str], description: Description, model: ContextModel,
                 encoder: Path | None, held: list[Dialogue], out: Path, seed: int, revision: str, logits: Path | None = None) -> dict:
    """Takes the encoder from the bundle `encoder`, exports and calibrates the context model, writes manifest and README.md.

    Without `encoder` every modality, text too, is taken as vectors of its feature space.
    """
    for source in sources:
        if set(source) != {"name", "license", "url"}:
            raise UserError("every [[bundle.sources]] needs name, license and url, and nothing else")
    encoding = json.loads(_need(encoder / "manifest.json").read_text("utf-8")) if encoder else {"modalities": [], "files": {}}
    encoders = {m["name"]: m for m in encoding["modalities"]}
    modalities = []
    for m in model.modalities:
        entry: dict = {"name": m.name, "featureSpace": m.feature_space, "dimension": m.dimension}
        if m.name in encoders:
            if encoders[m.name]["featureSpace"] != m.feature_space:
                raise UserError(f"{encoder}: encodes {encoders[m.name]['featureSpace']}, the model wants {m.feature_space}")
            entry["encoder"] = encoders[m.name]["encoder"]
        modalities.append(entry)
    out.mkdir(parents=True, exist_ok=True)
    for name, digest in encoding["files"].items():
        if sha256(_need(encoder / name)) != digest:
            raise UserError(f"{encoder / name}: differs from its manifest")
        shutil.copyfile(encoder / name, out / name)
    export_context(model, out / CONTEXT)
    look_ahead, ahead = choose_look_ahead(model, held, seed)
    calibrated, figures = calibrate(model, held, look_ahead, o.coverage, seed)
    files = {name: sha256(out / name) for name in [*encoding["files"], CONTEXT]}
    manifest = {
        "name": o.name, "version": o.version, "description": o.description, "license": o.license, "sources": sources,
        "labels": list(description.labels), "modalities": modalities,
        "context": {"model": CONTEXT, "window": model.receptive_field, "lookAhead": look_ahead},
        "calibration": calibrated,
        "training": {"data": data, "seed": seed, "revision": revision,
                     "metrics": _rounded({"dev": figures, "devWeightedF1ByLookAhead": ahead})},
        "files": files,
    }
    _write(manifest, out)
    (out / "README.md").write_text(card(manifest, {n: (out / n).stat().st_size for n in files}), "utf-8")
    if logits:
        rows = {u: [round(float(v), 7) for v in row] for d, x in zip(held, predict(model, held, look_ahead))
                for u, row in zip(d.utterances, x)}
        logits.parent.mkdir(parents=True, exist_ok=True)
        logits.write_text(json.dumps(rows), "utf-8")
    return manifest


def _need(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return path


def _write(manifest: dict, out: Path) -> None:
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value
