"""Late fusion of specialists: one model per modality, the mean of their calibrated probabilities where they have input."""
from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import calibration, metrics
from ..dataset import MODALITIES, UNLABELLED, Description, Dialogue, read_dialogues
from ..errors import UserError
from ..missing import at_rate, only
from ..predict import predict
from ..train import load_context
from .runs import Run

RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # as `emostream evaluate`


def late_fusion(members: list[Run]) -> dict:
    """Figures in the shape of `emostream evaluate --json`, as far as they are defined: whole file, subsets, missing rates.

    The specialists' own figures come from the product; their mean is no bundle, so it is taken here, on torch's
    probabilities, which equal the product's to 1e-5.
    """
    specialists = [_Specialist(run) for run in members]
    names = [m.name for s in specialists for m in s.description.modalities]
    first = specialists[0].description
    if len(names) != len(specialists) or any(s.description.labels != first.labels for s in specialists):
        raise UserError("late fusion takes models of one modality each, with the same labels")
    together = replace(first, modalities=tuple(s.description.modalities[0] for s in specialists))
    dialogues = read_dialogues(Path(members[0].test), together)
    brings = np.concatenate([d.available for d in dialogues])
    subsets = {}
    for size in range(1, len(names) + 1):
        for subset in itertools.combinations(range(len(names)), size):
            key = "+".join(sorted((names[m] for m in subset), key=MODALITIES.index))
            subsets[key] = _figures(specialists, only(dialogues, subset), brings[:, list(subset)].all(1))
    return {"bundle": None, **_figures(specialists, dialogues), "subsets": subsets, "intervals": None, "fusion": None,
            "missing": {str(rate): _figures(specialists, at_rate(dialogues, names, rate)) for rate in RATES}}


class _Specialist:
    """A trained run of one modality, as its bundle serves it: with the bundle's look-ahead and temperature."""

    def __init__(self, run: Run):
        self.description = Description.parse(run.config["dataset"], "run.json: [dataset]")
        self.model, _ = load_context(Path(run.directory) / "context.pt")
        manifest = json.loads((Path(run.directory) / "bundle" / "manifest.json").read_text("utf-8"))
        self.look_ahead = manifest["context"]["lookAhead"]
        self.temperature = next(iter(manifest["calibration"]["temperatures"].values()), 1.0)

    def probabilities(self, dialogues: list[Dialogue], m: int) -> np.ndarray:
        """[utterances, classes] from the modality of index m alone; rows without it mean nothing."""
        own = [replace(d, available=d.available[:, m: m + 1]) for d in dialogues]
        return metrics.softmax(np.concatenate(predict(self.model, own, self.look_ahead)) / self.temperature)


def _figures(specialists: list[_Specialist], dialogues: list[Dialogue], counted: np.ndarray | None = None) -> dict:
    """counted bool [utterances]: which of those that have anything left; all when it is not given."""
    has = np.concatenate([d.available for d in dialogues])
    label = np.concatenate([d.label for d in dialogues])
    rows = has.any(1) & (label != UNLABELLED) & (True if counted is None else counted)
    p = sum(s.probabilities(dialogues, m) * has[:, m: m + 1] for m, s in enumerate(specialists))[rows] / has[rows].sum(1, keepdims=True)
    if not len(p):
        return {"utterances": 0}
    label, logits = label[rows], np.log(np.maximum(p, 1e-12))
    return {"utterances": len(label), **metrics.classification(label, logits),
            "calibration": {"ece": calibration.ece(p, label), "nll": calibration.nll(p, label)}}
