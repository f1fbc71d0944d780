"""From labelled meetings to a trained model without a configuration: what the data and the encoder's bundle already say.

Labels and modalities are those of the data; the encoder's bundle names the feature space of text, the command line those
of other modalities. Without held-out data whole dialogues are held out, drawn by the seed.
"""
from __future__ import annotations

import json
import math
import random
from pathlib import Path, PurePosixPath

from . import checkpoint
from .config import read_object
from .dataset import MODALITIES, Description, Dialogue, Modality, Utterance, apart, read_dialogues
from .errors import DataError, UserError
from .train import TrainOptions

STEPS = 400  # a run on a few dialogues takes at least so many, or it ends before it has learnt anything
RECORD = "run.json"


def read_manifest(bundle: Path) -> dict:
    """The manifest of a bundle directory."""
    path = bundle / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a bundle with an encoder")
    manifest = read_object(path)
    _check(path, manifest, {"name": str, "version": str, "license": str, "modalities": list, "files": dict, "training": (dict, None), "sources": (list, None)})
    for m in manifest["modalities"]:
        _check(path, m, {"name": str, "featureSpace": str, "encoder": (dict, None)})
    for name in manifest["files"]:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{path}: files names {name!r}, which is outside the bundle")
    return manifest


def _check(path: Path, table: object, wanted: dict[str, object]) -> None:
    """Refuses an object that lacks a key or has it of another type; (type, None): it may be missing."""
    for key, kind in wanted.items():
        kinds = tuple(type(None) if k is None else k for k in (kind if isinstance(kind, tuple) else (kind,)))
        if not isinstance(table, dict) or not isinstance(table.get(key), kinds):
            raise UserError(f"{path}: {key} must be given as {kinds[0].__name__}: damaged, or made by another version")


def describe(path: Path, rows: list[Utterance], encoder: Path | None, spaces: dict[str, str]) -> Description:
    """Labels in alphabetical order, and every modality that has features and a known feature space."""
    if encoder is not None:
        encoded = next((m for m in read_manifest(encoder)["modalities"] if m["name"] == "text" and m.get("encoder")), None)
        if encoded is None:
            raise UserError(f"{encoder}: has no text encoder")
        spaces = {"text": encoded["featureSpace"], **spaces}
    labels: set[str] = set()
    modalities: dict[str, Modality] = {}
    for u in rows:
        if u.label is not None:
            labels.add(u.label)
        for name, values in u.features.items():
            if name in modalities:
                continue
            if name not in MODALITIES:
                raise DataError(path, u.line, f"features.{name} is not a modality; known are {', '.join(MODALITIES)}")
            if name not in spaces:
                raise DataError(path, u.line, f"has features.{name}, but nothing says of which feature space; "
                                + ("give the bundle that wrote them with --encoder" if name == "text" else f"give --features {name}=NAME@N"))
            modalities[name] = Modality(name, spaces[name], len(values))
    missing = sorted(set(spaces) - set(modalities), key=MODALITIES.index)
    if missing:
        raise UserError(f"{path}: no utterance has features.{missing[0]}" + ("; write them with `emostream features`" if missing[0] == "text" else ""))
    if len(labels) < 2:
        raise UserError(f"{path}: two or more different labels are needed, found {len(labels)}")
    ordered = tuple(sorted(modalities.values(), key=lambda m: MODALITIES.index(m.name)))
    return Description(path.stem, tuple(sorted(labels)), ordered, "not stated", "")


def hold_out(path: Path, dialogues: list[Dialogue], share: float, seed: int) -> list[str]:
    """Ids of the dialogues that training leaves for choosing the epoch and for calibration: a share drawn by the seed."""
    if len(dialogues) < 2:
        raise UserError(f"{path}: two or more conversations are needed, or held-out ones in --dev")
    ids = [d.conversation for d in dialogues]
    random.Random(seed).shuffle(ids)
    return sorted(ids[: min(len(ids) - 1, max(1, round(share * len(ids))))])


def options(dialogues: int) -> TrainOptions:
    """Batches and epochs that suit a number of training dialogues."""
    batch = min(16, max(2, dialogues // 8))
    epochs = max(10, math.ceil(STEPS / math.ceil(dialogues / batch)))
    return TrainOptions(epochs=epochs, batch=batch, patience=max(4, epochs // 4))


def write_record(out: Path, data: Path, dev: Path | None, trained: list[str], held: list[str], encoder: Path | None,
                 description: Description) -> None:
    """run.json: what `bundle` needs to know of a run. One that is there must agree: a resumed run must not mix data."""
    source = dev or data
    content = {"data": str(data.resolve()), "dev": str(dev.resolve()) if dev else None, "heldOut": held, "trained": trained,
               "sha256": checkpoint.digest(data), "heldOutSha256": checkpoint.digest(source),
               "encoder": str(encoder.resolve()) if encoder else None, "dataset": description.to_json()}
    path = out / RECORD
    if path.is_file() and any(out.rglob("checkpoint.pt")) and {**read_record(out), "encoder": None} != {**content, "encoder": None}:
        raise UserError(f"{path}: belongs to a run on other data; use another --out")
    checkpoint.write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read_record(run: Path) -> dict:
    path = run / RECORD
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the --out of `train`")
    record = read_object(path)
    _check(path, record, {"data": str, "dev": (str, None), "heldOut": list, "trained": list, "heldOutSha256": str,
                          "encoder": (str, None), "dataset": dict})
    return record


def held_out_of(record: dict, description: Description, dev: Path | None) -> list[Dialogue]:
    """The held-out dialogues of a run, from the file that it held them in; or those of `dev`, none of which it may have trained on."""
    path = dev or Path(record["dev"] or record["data"])
    if dev is None:
        if not path.is_file():
            raise UserError(f"{path}: the run's data is gone; give held-out dialogues with --dev")
        if checkpoint.digest(path) != record["heldOutSha256"]:
            raise UserError(f"{path}: changed since the run; give held-out dialogues with --dev, or train again")
    found = read_dialogues(path, description)
    if dev is None and not record["dev"]:
        held = {str(c) for c in record["heldOut"]}
        lost = sorted(held - {d.conversation for d in found})
        if lost:
            raise UserError(f"{path}: lacks {lost[0]!r}, which the run's {RECORD} holds out; train again")
        found = [d for d in found if d.conversation in held]
    apart(map(str, record["trained"]), found, path)
    return found
