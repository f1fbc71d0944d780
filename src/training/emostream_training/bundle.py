"""Writes a bundle: the directory that the inference worker loads, with its manifest, hashes and model card."""
from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .assess import calibrate, choose_look_ahead
from .context import ContextModel
from .dataset import Description, Dialogue
from .errors import UserError
from .export_context import export_context
from .export_encoder import export_encoder
from .huggingface import Encoder
from .meetings import read_manifest
from .model_card import card
from .predict import predict
from .tokenizer import read_tokenizer

ENCODER, CONTEXT = "text-encoder.onnx", "context.onnx"


@dataclass(frozen=True)
class BundleOptions:
    """The [bundle] table of a configuration (its `sources` are [[bundle.sources]] tables, its `data` a list)."""

    name: str
    version: str
    description: str
    license: str
    coverage: float = 0.9
    calibrate: bool = True  # false: probabilities as the model says them, and no sets of labels
    purpose: str = ""  # markdown for the model card, as are the next three
    limits: str = ""
    measured: str = ""
    again: str = ""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_encoder_bundle(encoder: Encoder, vocabulary: Path, space: str, license: str, labels: tuple[str, ...], max_tokens: int,
                         weights: str, out: Path, training: dict | None = None) -> dict:
    """A bundle without a context model: enough for `emostream features`, which training starts from."""
    tokenizer = read_tokenizer(encoder.config, vocabulary)
    if not 3 <= max_tokens <= encoder.config.max_position_embeddings:
        raise UserError(f"--max-tokens must be 3 to {encoder.config.max_position_embeddings}")
    out.mkdir(parents=True, exist_ok=True)
    export_encoder(encoder, out / ENCODER, max_tokens, weights)
    for file, source in tokenizer.files.items():
        if source.resolve() != (out / file).resolve():
            shutil.copyfile(source, out / file)
    name, _, version = space.partition("@")
    modality = {"name": "text", "featureSpace": space, "dimension": encoder.dimension,
                "encoder": {"model": ENCODER, **tokenizer.manifest, "maxTokens": max_tokens}}
    manifest = {"name": name.replace("/", "-"), "version": f"{version or 0}.0.0", "license": license,
                "description": "An encoder without a context model, for writing features.", "labels": list(labels),
                "modalities": [modality], "training": training or {},
                "files": {f: sha256(out / f) for f in (ENCODER, *tokenizer.files)}}
    _write(manifest, out)
    return manifest


def write_bundle(o: BundleOptions, sources: list[dict], data: list[str], description: Description, model: ContextModel,
                 encoder: Path | None, held: list[Dialogue], out: Path, stored: dict, logits: Path | None = None) -> dict:
    """Takes the encoder from the bundle `encoder`, exports and calibrates the context model, writes manifest and README.md.

    stored: what `load_context` found beside the model: its seed, settings and revision.

    Without `encoder` every modality, text too, is taken as vectors of its feature space.
    """
    for source in sources:
        if set(source) != {"name", "license", "url"}:
            raise UserError("every [[bundle.sources]] needs name, license and url, and nothing else")
    encoding = read_manifest(encoder) if encoder else {"modalities": [], "files": {}}
    encoders = {m["name"]: m for m in encoding["modalities"] if m.get("encoder")}
    modalities, used = [], set()
    for m in model.modalities:
        entry: dict = {"name": m.name, "featureSpace": m.feature_space, "dimension": m.dimension}
        if m.name in encoders:
            if encoders[m.name]["featureSpace"] != m.feature_space:
                raise UserError(f"{encoder}: encodes {encoders[m.name]['featureSpace']}, the model wants {m.feature_space}")
            entry["encoder"] = encoders[m.name]["encoder"]
            used |= {v for v in entry["encoder"].values() if isinstance(v, str) and v in encoding["files"]}
        modalities.append(entry)
    out.mkdir(parents=True, exist_ok=True)
    copied = [name for name in encoding["files"] if name in used]  # a bundle that serves has a context model of its own
    for name in copied:
        if sha256(_need(encoder / name)) != encoding["files"][name]:
            raise UserError(f"{encoder / name}: differs from its manifest")
        if (encoder / name).resolve() != (out / name).resolve():
            shutil.copyfile(encoder / name, out / name)
    export_context(model, out / CONTEXT)
    seed, made = stored["seed"], encoding.get("training", {}) if encoding["files"] else {}
    look_ahead, ahead = choose_look_ahead(model, held, seed)
    calibrated, figures = calibrate(model, held, look_ahead, o.coverage, seed)
    if not o.calibrate:
        calibrated = {"temperatures": {}}
    files = {name: sha256(out / name) for name in [*copied, CONTEXT]}
    manifest = {
        "name": o.name, "version": o.version, "description": o.description, "license": o.license, "sources": sources,
        "labels": list(description.labels), "modalities": modalities,
        "context": {"model": CONTEXT, "window": model.receptive_field, "lookAhead": look_ahead},
        "calibration": calibrated,
        "training": {"data": data, "seed": seed, "seeds": {**made.get("seeds", {}), "context": seed},
                     "revision": stored["revision"], **({"encoderRevision": made.get("encoderRevision", made.get("revision"))} if made else {}),
                     "settings": stored["settings"],
                     "metrics": _rounded({"dev": figures, "devWeightedF1ByLookAhead": ahead})},
        "files": files,
    }
    _write(manifest, out)
    (out / "README.md").write_text(card(manifest, o, {n: (out / n).stat().st_size for n in files}), "utf-8")
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
    return round(value, 5) if isinstance(value, float) else value
