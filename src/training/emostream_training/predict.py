"""Runs the context model over dialogues and scores what it says."""
from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from . import metrics
from .context import ContextModel, Scores
from .dataset import UNLABELLED, Dialogue
from .errors import UserError
from .missing import RATES, at_rate, only

TOGETHER = 16  # dialogues per run, of about the same length


@dataclass
class Batch:
    """Padded dialogues: inputs per modality [b, r, dim], available [b, r, m], speaker, label [b, r], present [b, r]."""

    inputs: list[torch.Tensor]
    available: torch.Tensor
    speaker: torch.Tensor
    label: torch.Tensor
    present: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch([x.to(device) for x in self.inputs], self.available.to(device), self.speaker.to(device), self.label.to(device),
                     self.present.to(device))


def collate(dialogues: list[Dialogue], names: list[str]) -> Batch:
    rows = max(map(len, dialogues))

    def stack(values: list[np.ndarray]) -> torch.Tensor:
        out = np.zeros((len(values), rows, *values[0].shape[1:]), dtype=values[0].dtype)
        for i, v in enumerate(values):
            out[i, : len(v)] = v
        return torch.from_numpy(out)

    return Batch([stack([d.features[n] for d in dialogues]) for n in names], stack([d.available for d in dialogues]),
                 stack([d.speaker for d in dialogues]), stack([d.label for d in dialogues]),
                 stack([np.ones(len(d), dtype=bool) for d in dialogues]))


@torch.no_grad()
def outputs(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0) -> list[Scores]:
    """Everything the model says, per dialogue: arrays of Scores without the batch axis."""
    mode = model.training
    model.eval()
    names, out, device = [m.name for m in model.modalities], {}, next(model.parameters()).device
    order = sorted(range(len(dialogues)), key=lambda i: len(dialogues[i]))
    for start in range(0, len(order), TOGETHER):
        some = order[start: start + TOGETHER]
        b = collate([dialogues[i] for i in some], names).to(device)
        whole = model(b.inputs, b.available, b.speaker, b.present, torch.tensor(look_ahead))
        if not whole.logits.isfinite().all():
            raise UserError("the model answers with numbers that are not finite; train it with a lower learning_rate")
        out.update({i: Scores(*(x[j, : len(dialogues[i])].cpu().numpy() for x in whole)) for j, i in enumerate(some)})
    model.train(mode)
    return [out[i] for i in range(len(dialogues))]


def predict(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0,
            subset: tuple[int, ...] | None = None) -> list[np.ndarray]:
    """Logits per dialogue [rows, classes]; `subset` keeps only those modalities."""
    return [o.logits for o in outputs(model, dialogues if subset is None else only(dialogues, subset), look_ahead)]


def score(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0) -> dict[str, float]:
    return metrics.classification(np.concatenate([d.label for d in dialogues]),
                                  np.concatenate(predict(model, dialogues, look_ahead)))


def cells(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0) -> dict[str, float]:
    """Weighted F1 for every subset of the modalities (on the utterances that bring all of it) and at every missing rate.

    A model of one modality has one cell.
    """
    names, out = [m.name for m in model.modalities], {}
    label = [d.label for d in dialogues]

    def f1(logits: list[np.ndarray], rows: list[np.ndarray]) -> float:
        truth = np.concatenate([y[r] for y, r in zip(label, rows)])
        return metrics.classification(truth, np.concatenate([x[r] for x, r in zip(logits, rows)]))["weightedF1"]

    for size in range(1, len(names) + 1):
        for subset in itertools.combinations(range(len(names)), size):
            rows = [d.available[:, list(subset)].all(1) & (d.label != UNLABELLED) for d in dialogues]
            if any(r.any() for r in rows):
                out["+".join(names[m] for m in subset)] = f1(predict(model, dialogues, look_ahead, subset), rows)
    rows = [d.available.any(1) & (d.label != UNLABELLED) for d in dialogues]
    for rate in RATES if len(names) > 1 and any(r.any() for r in rows) else ():
        out[f"missing {rate}"] = f1(predict(model, at_rate(dialogues, names, rate), look_ahead), rows)
    return out
