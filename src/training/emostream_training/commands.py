"""What the commands of the command line do with their parsed options; see __main__.py."""
from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from .bundle import BundleOptions, write_bundle, write_encoder_bundle
from .calibration import FEW_DIALOGUES
from .config import parse, read_config
from .context import ContextOptions
from .dataset import FEATURE_SPACE, MODALITIES, UNLABELLED, Description, Dialogue, apart, group, read_dialogues, read_utterances
from .errors import UserError
from .finetune import FinetuneOptions, choose_device, history_of, revision_of
from .finetune import finetune as run_finetune
from .huggingface import load_encoder
from .losses import LossOptions
from .meetings import describe, held_out_of, hold_out, options, read_manifest, read_record, write_record
from .train import TrainOptions, fit, load_context


def _table(config: dict, name: str, path: Path) -> dict:
    if not isinstance(config.get(name), dict):
        raise UserError(f"{path}: lacks the table [{name}]")
    return config[name]


def _description(config: dict, path: Path) -> Description:
    return Description.parse(_table(config, "dataset", path), f"{path}: [dataset]")


def finetune(a: argparse.Namespace) -> None:
    config = read_config(a.config)
    description = _description(config, a.config)
    o = parse(FinetuneOptions, _table(config, "finetune", a.config), f"{a.config}: [finetune]")
    o = replace(o, epochs=a.epochs) if a.epochs else o
    history = {**history_of(a.encoder), description.name: a.seed}
    figures = run_finetune(o, list(description.labels), a.data, a.dev, a.encoder, a.out, a.seed, choose_device(a.device), history)
    print(json.dumps({"encoder": str(a.out / "encoder.pt"), "dev": figures}))


def encoder(a: argparse.Namespace) -> None:
    config = read_config(a.config)
    description = _description(config, a.config)
    space = a.space or next((m.feature_space for m in description.modalities if m.name == "text"), None)
    if space is None:
        raise UserError(f"{a.config}: [dataset] describes no text modality; give --space")
    if not FEATURE_SPACE.fullmatch(space):
        raise UserError(f"--space must be NAME@N, such as text/mine@1, not {space!r}")
    license = _table(config, "bundle", a.config).get("license")
    if not isinstance(license, str) or not license.strip():
        raise UserError(f"{a.config}: [bundle] license must be given as str")
    manifest = write_encoder_bundle(load_encoder(a.encoder), a.vocabulary or a.encoder, space, license, description.labels, a.max_tokens, a.weights,
                                    a.out, {"seeds": history_of(a.encoder), "revision": revision_of(a.encoder)})
    print(json.dumps({"bundle": str(a.out), "files": manifest["files"]}))


def train(a: argparse.Namespace) -> None:
    config = read_config(a.config) if a.config else {}
    o, sizes, parts = (parse(kind, config.get(name, {}), f"{a.config}: [{name}]")
                       for kind, name in ((TrainOptions, "train"), (ContextOptions, "context"), (LossOptions, "loss")))
    rows = list(read_utterances(a.data))
    description = _description(config, a.config) if "dataset" in config else describe(a.data, rows, a.encoder, _spaces(a.features))
    if not description.modalities:
        raise UserError(f"{a.config}: [dataset] describes no modality")
    data = group(a.data, rows, description)
    if a.dev:
        held, ids = read_dialogues(a.dev, description), []
        apart((d.conversation for d in data), held, a.dev)
    else:
        ids = hold_out(a.data, data, a.held_out, a.seed)
        held, data = ([d for d in data if (d.conversation in set(ids)) == out] for out in (True, False))
    o = o if "train" in config else options(len(data))
    write_record(a.out, a.data, a.dev, sorted(d.conversation for d in data), ids, a.encoder, description)
    print(f"{sum(map(len, data))} utterances of {len(data)} conversations, {sum(map(len, held))} of {len(held)} held out; "
          f"{', '.join(m.name for m in description.modalities)}; {_counts(description, [*data, *held])}", flush=True)
    if len(held) < FEW_DIALOGUES:
        print(f"warning: only {len(held)} held-out conversations choose the epoch and calibrate the bundle, so its figures will say little; "
              "hold out more with --held-out or --dev", file=sys.stderr)
    print(json.dumps({"run": str(a.out), "dev": fit(o, sizes, parts, description, data, held, a.out, a.seed, choose_device(a.device))}))


def _counts(description: Description, dialogues: list[Dialogue]) -> str:
    """How often every label occurs: a mistyped one is seen here, before it is trained on."""
    found = Counter(y for d in dialogues for y in d.label.tolist())
    names = {**dict(enumerate(description.labels)), UNLABELLED: "without a label"}
    return ", ".join(f"{name} {found[y]}" for y, name in names.items() if found[y] or y != UNLABELLED)


def bundle(a: argparse.Namespace) -> None:
    record = read_record(a.run)
    description = Description.parse(record["dataset"], a.run / "run.json")
    source = a.encoder or (Path(record["encoder"]) if record["encoder"] else None)
    if source is None and any(m.name == "text" for m in description.modalities):
        print("no --encoder, here or in training: the bundle takes vectors of text, no texts", file=sys.stderr)
    if a.config:
        table = dict(_table(read_config(a.config), "bundle", a.config))
        sources, data = table.pop("sources", []), table.pop("data", [])
        words = parse(BundleOptions, table, f"{a.config}: [bundle]")
    else:
        words, sources, data = _own(a.out, description, source)
    model, stored = load_context(a.run / "context.pt")
    if stored["labels"] != list(description.labels) or model.modalities != description.modalities:
        raise UserError(f"{a.run}: context.pt was trained on other labels or modalities than run.json says")
    manifest = write_bundle(words, sources, data, description, model, source, held_out_of(record, description, a.dev), a.out, stored, a.logits)
    print(json.dumps({"bundle": str(a.out), "metrics": manifest["training"]["metrics"]}))


def experiment(a: argparse.Namespace) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError("experiments draw figures with matplotlib, which is not installed (Debian: python3-matplotlib)") from None
    from .experiments.command import run

    run(a)


def _spaces(given: list[str]) -> dict[str, str]:
    """`--features audio=audio/mine@1`, as `emostream evaluate` and `replay` take it."""
    spaces = {}
    for text in given:
        name, _, space = text.partition("=")
        if name not in MODALITIES or not FEATURE_SPACE.fullmatch(space):
            raise UserError(f"--features {text}: expected MODALITY=NAME@N, such as audio=audio/mine@1")
        spaces[name] = space
    return spaces


def _own(out: Path, description: Description, encoder: Path | None) -> tuple[BundleOptions, list[dict], list[str]]:
    """The words of a bundle that nobody configured."""
    name = re.sub(r"[^a-z0-9._-]+", "-", out.resolve().name.lower()).strip("-._")[:64] or "bundle"
    made = read_manifest(encoder) if encoder else {}
    sources = [*made.get("sources", []), {"name": description.name + " (training data)", "license": description.licence, "url": description.url}]
    words = BundleOptions(name, "1.0.0", f"Emotion per utterance from {', '.join(m.name for m in description.modalities)}, trained on "
                          f"{description.name}" + (f"; text encoder of {made['name']} {made['version']}." if made else "."),
                          "not stated" + (f"; the encoder's is {made['license']}" if made else ""))
    return words, sources, [*made.get("training", {}).get("data", []), description.name]

