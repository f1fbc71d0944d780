"""Writes a bundle: the directory that the inference worker loads, with its manifest, hashes and model card."""
from __future__ import annotations

import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import checkpoint
from .assess import calibrate, choose_look_ahead
from .config import check_ranges, number
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
MANIFEST, CARD = "manifest.json", "README.md"
NAME, NUMBER = "[a-z0-9][a-z0-9._-]{0,63}", "(0|[1-9][0-9]*)"
MAX_TOKENS = 8_192
VERSION = rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z.-]+)?"


@dataclass(frozen=True)
class BundleOptions:
    """The [bundle] table of a configuration (its `sources` are [[bundle.sources]] tables, its `data` a list)."""

    name: str
    version: str
    description: str
    license: str
    coverage: float = number(0.9, 0.01, 0.99)
    calibrate: bool = True  # false: probabilities as the model says them, and no sets of labels
    purpose: str = ""  # markdown for the model card, as are the next three
    limits: str = ""
    measured: str = ""
    again: str = ""

    def __post_init__(self):
        """What the product asks of a manifest."""
        check_ranges(self)
        for key, pattern, wanted in (("name", NAME, "1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"),
                                     ("version", VERSION, "a semantic version such as 1.0.0"), ("license", r"(?s).*\S.*", "a licence's name")):
            if not re.fullmatch(pattern, getattr(self, key)):
                raise UserError(f"{key} must be {wanted}, not {getattr(self, key)!r}")


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """An empty directory beside `out` to write a bundle into; at the end it takes the place of the bundle that lies there.

    Whatever fails in between leaves the old one. A kill between the two renames leaves it under another name, from where
    the next call brings it back. What lies beside the old bundle's own files, such as a licence, is kept.
    """
    out = out.resolve()
    made, old = (out.with_name(f".{out.name}.{state}") for state in ("partial", "replaced"))

    def settle() -> None:
        if old.exists() and not out.exists():
            old.rename(out)
        for left in (made, old):
            shutil.rmtree(left, ignore_errors=True)

    settle()
    kept = _others(out)
    made.mkdir(parents=True)
    try:
        yield made
        for path in kept:
            if not (made / path.name).exists():
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, made / path.name)
        if out.exists():
            out.rename(old)
        made.rename(out)
    finally:
        settle()


def _others(out: Path) -> list[Path]:
    """What lies in the directory of a bundle and is not of it; a directory of other things is refused."""
    if not out.exists() or out.is_dir() and not any(out.iterdir()):
        return []
    if not (out / MANIFEST).is_file():
        raise UserError(f"{out}: holds no bundle that could be replaced; give another --out")
    own = {MANIFEST, CARD, *(name.split("/")[0] for name in read_manifest(out)["files"])}
    return [path for path in out.iterdir() if path.name not in own]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_encoder_bundle(encoder: Encoder, vocabulary: Path, space: str, license: str, labels: tuple[str, ...], max_tokens: int,
                         weights: str, out: Path, training: dict | None = None) -> dict:
    """A bundle without a context model: enough for `emostream features`, which training starts from."""
    tokenizer = read_tokenizer(encoder.config, vocabulary)
    longest = min(encoder.config.max_position_embeddings, MAX_TOKENS)
    if not 3 <= max_tokens <= longest:
        raise UserError(f"--max-tokens must be 3 to {longest}")
    name, _, version = space.partition("@")
    modality = {"name": "text", "featureSpace": space, "dimension": encoder.dimension,
                "encoder": {"model": ENCODER, **tokenizer.manifest, "maxTokens": max_tokens}}
    manifest = {"name": name.replace("/", "-")[:64], "version": f"{version if re.fullmatch(NUMBER, version) else 0}.0.0", "license": license,
                "description": "An encoder without a context model, for writing features.", "labels": list(labels),
                "modalities": [modality], "training": training or {}}
    with replacing(out) as made:
        export_encoder(encoder, made / ENCODER, max_tokens, weights)
        for file, source in tokenizer.files.items():
            shutil.copyfile(source, made / file)
        manifest["files"] = {f: sha256(made / f) for f in (ENCODER, *tokenizer.files)}
        _write(manifest, made)
    return manifest


def write_bundle(o: BundleOptions, sources: list[dict], data: list[str], description: Description, model: ContextModel,
                 encoder: Path | None, held: list[Dialogue], out: Path, stored: dict, logits: Path | None = None) -> dict:
    """Takes the encoder from the bundle `encoder`, exports and calibrates the context model, writes manifest and README.md.

    stored: what `load_context` found beside the model: its seed, settings and revision.

    Without `encoder` every modality, text too, is taken as vectors of its feature space.
    """
    def texts(value: object) -> bool:
        return isinstance(value, list) and all(isinstance(x, str) for x in value)

    if not isinstance(sources, list) or not all(
            isinstance(s, dict) and set(s) == {"name", "license", "url"} and texts(list(s.values())) for s in sources):
        raise UserError("every [[bundle.sources]] needs name, license and url as texts, and nothing else")
    if not texts(data):
        raise UserError("[bundle] data must be a list of texts")
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
    copied = [name for name in encoding["files"] if name in used]  # a bundle that serves has a context model of its own
    for name in copied:
        if sha256(_need(encoder / name)) != encoding["files"][name]:
            raise UserError(f"{encoder / name}: differs from its manifest")
    seed, history = stored["seed"], encoding.get("training", {}) if encoding["files"] else {}
    look_ahead, ahead = choose_look_ahead(model, held, seed)
    calibrated, figures = calibrate(model, held, look_ahead, o.coverage, seed, o.calibrate)
    manifest = {
        "name": o.name, "version": o.version, "description": o.description, "license": o.license, "sources": sources,
        "labels": list(description.labels), "modalities": modalities,
        "context": {"model": CONTEXT, "window": model.receptive_field, "lookAhead": look_ahead},
        "calibration": calibrated,
        "training": {"data": data, "seed": seed, "seeds": {**history.get("seeds", {}), "context": seed},
                     "revision": stored["revision"], **({"encoderRevision": history.get("encoderRevision", history.get("revision"))} if history else {}),
                     "settings": stored["settings"],
                     "metrics": _rounded({"dev": figures, "devWeightedF1ByLookAhead": ahead})},
    }
    with replacing(out) as made:
        for name in copied:
            shutil.copyfile(encoder / name, made / name)
        export_context(model, made / CONTEXT)
        manifest["files"] = {name: sha256(made / name) for name in [*copied, CONTEXT]}
        _write(manifest, made)
        (made / CARD).write_text(card(manifest, o, {n: (made / n).stat().st_size for n in manifest["files"]}), "utf-8")
    if logits:
        rows = {u: [round(float(v), 7) for v in row] for d, x in zip(held, predict(model, held, look_ahead))
                for u, row in zip(d.utterances, x)}
        checkpoint.write(logits, json.dumps(rows).encode())
    return manifest


def _need(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return path


def _write(manifest: dict, out: Path) -> None:
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 5) if isinstance(value, float) else value
