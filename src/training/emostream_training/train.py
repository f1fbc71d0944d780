"""Trains the context model on descriptors written by the product's own encoders."""
from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import checkpoint, metrics
from .context import MAX_LOOK_AHEAD, ContextModel, ContextOptions
from .dataset import Description, Dialogue, read_dialogues
from .errors import UserError
from .losses import Loss, LossOptions, drop_modalities


@dataclass(frozen=True)
class TrainOptions:
    """The [train] table of a configuration."""

    epochs: int = 10
    batch: int = 16                 # dialogues
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1             # share of the steps
    floor: float = 0.05             # the cosine ends at this share of the learning rate
    clip: float = 1.0
    average: float = 0.99           # decay of the moving average of the weights, per step
    noise: float = 0.0              # standard deviation of noise on the standardised inputs
    patience: int = 4               # epochs without a better dev score before the run ends


@dataclass
class Batch:
    """Padded dialogues: inputs per modality [b, r, dim], available [b, r, m], speaker, label [b, r], present [b, r]."""

    inputs: list[torch.Tensor]
    available: torch.Tensor
    speaker: torch.Tensor
    label: torch.Tensor
    present: torch.Tensor


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
def predict(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0,
            subset: tuple[int, ...] | None = None) -> list[np.ndarray]:
    """Logits per dialogue [rows, classes]; `subset` keeps only those modalities."""
    model.eval()
    names, out = [m.name for m in model.modalities], []
    for start in range(0, len(dialogues), 32):
        b = collate(dialogues[start: start + 32], names)
        if subset is not None:
            b.available = b.available & torch.tensor([m in subset for m in range(len(names))])
        logits = model(b.inputs, b.available, b.speaker, b.present, torch.tensor(look_ahead)).logits
        out += [logits[i, : len(d)].numpy() for i, d in enumerate(dialogues[start: start + 32])]
    model.train()
    return out


def score(model: ContextModel, dialogues: list[Dialogue], look_ahead: int = 0) -> dict[str, float]:
    return metrics.classification(np.concatenate([d.label for d in dialogues]),
                                  np.concatenate(predict(model, dialogues, look_ahead)))


def standardise(model: ContextModel, dialogues: list[Dialogue]) -> None:
    """Sets mean and scale of every modality from the training utterances that have it."""
    for i, (modality, mode) in enumerate(zip(model.modalities, model.modes)):
        rows = np.concatenate([d.features[modality.name][d.available[:, i]] for d in dialogues])
        if len(rows) < 2:
            raise UserError(f"the training data has {len(rows)} utterances with features.{modality.name}; leave it out")
        mode.mean.copy_(torch.from_numpy(rows.mean(0)))
        mode.scale.copy_(torch.from_numpy(1 / np.maximum(rows.std(0), 1e-3)))


def train(o: TrainOptions, sizes: ContextOptions, parts: LossOptions, description: Description, train_file: Path,
          dev_file: Path, out: Path, seed: int) -> dict:
    """Trains, keeping the epoch with the best dev weighted F1 without look-ahead; resumes from out/checkpoint.pt."""
    if not description.modalities:
        raise UserError("the [dataset] part of the configuration describes no modality")
    data, held = read_dialogues(train_file, description), read_dialogues(dev_file, description)
    return fit(o, sizes, parts, description, data, held, out, seed)


def fit(o: TrainOptions, sizes: ContextOptions, parts: LossOptions, description: Description, data: list[Dialogue],
        held: list[Dialogue], out: Path, seed: int) -> dict:
    checkpoint.seed_everything(seed)
    names = [m.name for m in description.modalities]
    model = ContextModel(description.modalities, len(description.labels), sizes)
    standardise(model, data)
    loss_of = Loss(parts, torch.from_numpy(np.bincount(np.concatenate([d.label for d in data]), minlength=model.classes)))
    everything = nn.ModuleList([model, loss_of])
    groups = [{"params": [p for p in everything.parameters() if p.ndim > 1], "weight_decay": o.weight_decay},
              {"params": [p for p in everything.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=o.learning_rate)
    average = checkpoint.Average(model, o.average)
    averaged = ContextModel(description.modalities, model.classes, sizes)
    per_epoch = math.ceil(len(data) / o.batch)
    total, step = per_epoch * o.epochs, 0
    best: dict = {"epoch": 0, "weightedF1": -1.0}
    saved = out / "checkpoint.pt"
    if saved.is_file():
        c = checkpoint.load(saved)
        if (c["seed"], c["total"]) != (seed, total):
            raise UserError(f"{saved}: belongs to another run (seed {c['seed']}, {c['total']} steps); use another --out")
        everything.load_state_dict(c["model"])
        optimizer.load_state_dict(c["optimizer"])
        average.values, average.steps, step, best = c["average"], c["averaged"], c["step"], c["best"]
        torch.set_rng_state(c["rng"])  # last: building the networks above draws numbers too
        print(f"resumed after epoch {step // per_epoch} of {o.epochs}", flush=True)
    log = checkpoint.CsvLog(out / "log.csv", ["step", "epoch", "loss", "weightedF1", "macroF1", "accuracy", "lookAhead3", "seconds"], step)
    while step < total and step // per_epoch - best["epoch"] < o.patience:
        epoch, began, losses = step // per_epoch + 1, time.monotonic(), []
        order = list(range(len(data)))
        random.Random(seed * 1009 + epoch).shuffle(order)
        model.train()
        for at in range(0, len(order), o.batch):
            b = collate([data[i] for i in order[at: at + o.batch]], names)
            progress = step / total
            factor = (min(1.0, progress / o.warmup) if progress < o.warmup else
                      o.floor + (1 - o.floor) * 0.5 * (1 + math.cos(math.pi * (progress - o.warmup) / (1 - o.warmup))))
            for group in optimizer.param_groups:
                group["lr"] = o.learning_rate * max(factor, 1 / total)
            inputs = [x + torch.randn_like(x) * o.noise / mode.scale for x, mode in zip(b.inputs, model.modes)] if o.noise else b.inputs
            look_ahead = torch.randint(0, MAX_LOOK_AHEAD + 1, ())
            kept = drop_modalities(b.available, parts)
            full = model(inputs, b.available, b.speaker, b.present, look_ahead)
            part = model(inputs, kept, b.speaker, b.present, look_ahead)
            loss = loss_of(full, part, b.available, kept, b.present, b.label)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(everything.parameters(), o.clip)
            optimizer.step()
            average.update(model)
            losses.append(float(loss.detach()))
            step += 1
        averaged.load_state_dict(average.values)
        now, ahead = score(averaged, held), score(averaged, held, MAX_LOOK_AHEAD)
        seconds = time.monotonic() - began
        print(f"epoch {epoch}/{o.epochs} loss {np.mean(losses):.4f} dev " + " ".join(f"{k} {v:.4f}" for k, v in now.items())
              + f" look-ahead {MAX_LOOK_AHEAD}: {ahead['weightedF1']:.4f} ({seconds:.1f} s)", flush=True)
        log.write(step=step, epoch=epoch, loss=float(np.mean(losses)), **now, lookAhead3=ahead["weightedF1"], seconds=seconds)
        if now["weightedF1"] > best["weightedF1"]:
            best = {"epoch": epoch, **now, "lookAhead3": ahead["weightedF1"]}
            checkpoint.save(out / "context.pt", state=averaged.state_dict(), model=model.describe(),
                            labels=list(description.labels), dev=best, seed=seed)
        checkpoint.save(saved, model=everything.state_dict(), optimizer=optimizer.state_dict(), average=average.values,
                        averaged=average.steps, step=step, total=total, best=best, seed=seed, rng=torch.get_rng_state())
    return best


def load_context(path: Path) -> tuple[ContextModel, dict]:
    """The trained model and what was stored with it."""
    content = checkpoint.load(path)
    if "state" not in content or "model" not in content:
        raise UserError(f"{path}: not a context model")
    model = ContextModel.build(content["model"])
    model.load_state_dict(content["state"])
    return model.eval(), content
