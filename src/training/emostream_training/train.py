"""Trains the context model on descriptors written by the product's own encoders."""
from __future__ import annotations

import math
import random
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import checkpoint
from .config import check_ranges, number
from .context import ContextModel, ContextOptions
from .dataset import UNLABELLED, Description, Dialogue, apart, read_dialogues
from .errors import UserError
from .losses import Loss, LossOptions
from .missing import drop_modalities
from .predict import cells, collate, score
from .revision import revision

CPU = torch.device("cpu")


@dataclass(frozen=True)
class TrainOptions:
    """The [train] table of a configuration."""

    epochs: int = number(10, 1)
    batch: int = number(16, 1)                   # dialogues
    learning_rate: float = number(1e-3, 1e-12)
    weight_decay: float = number(0.01, 0)
    warmup: float = number(0.1, 0, 1)            # share of the steps
    floor: float = number(0.05, 0, 1)            # the cosine ends at this share of the learning rate
    clip: float = number(1.0, 1e-12)
    average: float = number(0.99, 0, 0.99999)          # decay of the moving average of the weights, per step
    noise: float = number(0.0, 0)                # standard deviation of noise on the standardised inputs
    modality_dropout: float = number(0.5, 0, 1)  # share of (utterance, modality) pairs dropped in the second view; 0: no second view
    empty: float = number(0.0, 0, 0.99)             # share of utterances in the second view that lose everything, told by context alone
    patience: int = number(4, 1)                 # epochs without a better dev score before the run ends

    __post_init__ = check_ranges


def enter(model: ContextModel, dialogues: list[Dialogue], noise: float) -> None:
    """Fits the entry of every modality to the training utterances that have it."""
    for i, modality in enumerate(model.modalities):
        rows = np.concatenate([d.features[modality.name][d.available[:, i]] for d in dialogues])
        if len(rows) < 2:
            raise UserError(f"beside the held-out conversations {len(rows)} utterance{'s' * (len(rows) != 1)} with features.{modality.name} "
                            f"can be trained on, two are needed: give more conversations, or leave {modality.name} out")
        for member in model.members:
            member.modes[i].enter.fit(rows)
            member.modes[i].enter.noise = noise


def train(o: TrainOptions, sizes: ContextOptions, parts: LossOptions, description: Description, train_file: Path,
          dev_file: Path, out: Path, seed: int, device: torch.device = CPU) -> dict:
    """As `fit`, from two files of utterances."""
    data, held = read_dialogues(train_file, description), read_dialogues(dev_file, description)
    apart((d.conversation for d in data), held, dev_file)
    return fit(o, sizes, parts, description, data, held, out, seed, device)


def batches(lengths: list[int], size: int, rng: random.Random) -> list[list[int]]:
    """A random order, cut into batches whose dialogues are about as long as each other, so that little is padding."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    alike = [i for at in range(0, len(order), 6 * size) for i in sorted(order[at: at + 6 * size], key=lengths.__getitem__)]
    cut = [alike[at: at + size] for at in range(0, len(alike), size)]
    rng.shuffle(cut)
    return cut


def learning_rate(o: TrainOptions, step: int, total: int) -> float:
    """Rises over the warm-up, then falls along a cosine to its floor."""
    progress = step / total
    factor = (progress / o.warmup if progress < o.warmup else
              o.floor + (1 - o.floor) * 0.5 * (1 + math.cos(math.pi * (progress - o.warmup) / (1 - o.warmup))))
    return o.learning_rate * max(factor, 1 / total)


def agree(o: TrainOptions, sizes: ContextOptions, description: Description) -> None:
    """Refuses parts that nothing would train."""
    if len(description.modalities) > 1 and sizes.recover and not o.modality_dropout:
        raise UserError("without [train] modality_dropout recovery has nothing to learn from: set [context] recover = false, too")


def fit(o: TrainOptions, sizes: ContextOptions, parts: LossOptions, description: Description, data: list[Dialogue],
        held: list[Dialogue], out: Path, seed: int, device: torch.device = CPU) -> dict:
    """Trains the members one after the other, each from a seed of its own, and writes out/context.pt; resumes where it was."""
    if not description.modalities:
        raise UserError("the [dataset] part of the configuration describes no modality")
    agree(o, sizes, description)
    if sizes.members == 1:
        return fit_one(o, sizes, parts, description, data, held, out, seed, device)
    model = ContextModel(description.modalities, len(description.labels), sizes)
    for k, member in enumerate(model.members):
        print(f"member {k + 1} of {sizes.members}", flush=True)
        own = out / f"member-{k + 1}"
        fit_one(o, replace(sizes, members=1), parts, description, data, held, own, (seed + 1000 * k) % 2**32, device)
        member.load_state_dict(load_context(own / "context.pt")[0].members[0].state_dict())
    every = cells(model, held) if len(description.modalities) > 1 else {}
    dev = {**score(model, held), "lookAhead": score(model, held, sizes.look_ahead)["weightedF1"], **({"cells": every} if every else {})}
    save_context(out, model, model.state_dict(), description, dev, seed,
                 {"[train]": asdict(o), "[context]": asdict(sizes), "[loss]": asdict(parts)})
    return dev


def fit_one(o: TrainOptions, sizes: ContextOptions, parts: LossOptions, description: Description, data: list[Dialogue],
            held: list[Dialogue], out: Path, seed: int, device: torch.device = CPU) -> dict:
    """Trains one network, keeping the epoch that is best on dev without look-ahead; resumes from out/checkpoint.pt.

    Best: weighted F1; with several modalities its mean over all subsets and missing rates (predict.cells). A run that is
    resumed on the CPU goes on as if nothing had happened; on a GPU its dropouts are drawn anew.
    """
    checkpoint.seed_everything(seed)
    names = [m.name for m in description.modalities]
    model = ContextModel(description.modalities, len(description.labels), sizes)
    enter(model, data, o.noise)
    label = np.concatenate([d.label for d in data])
    counts = torch.from_numpy(np.bincount(label[label != UNLABELLED], minlength=model.classes))
    network, loss_of = model.members[0], Loss(parts, counts)
    everything = nn.ModuleList([model, loss_of]).to(device)
    groups = [{"params": [p for p in everything.parameters() if p.ndim > 1], "weight_decay": o.weight_decay},
              {"params": [p for p in everything.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=o.learning_rate)
    average = checkpoint.Average(model, o.average)
    averaged = ContextModel(description.modalities, model.classes, sizes).to(device)
    per_epoch = math.ceil(len(data) / o.batch)
    total, step = per_epoch * o.epochs, 0
    best: dict = {"epoch": 0, "chosenBy": -1.0}
    saved = out / "checkpoint.pt"
    rows = [[[d.conversation, d.utterances, d.label.tolist(), d.digest(names)] for d in some] for some in (data, held)]
    settings = {"[train]": asdict(o), "[context]": asdict(sizes), "[loss]": asdict(parts)}
    made = checkpoint.digests({"seed": seed, "data": rows, "labels": description.labels, "modalities": model.describe()["modalities"],
                               **settings})
    if c := checkpoint.resume(saved, made):
        with checkpoint.content_of(saved):
            everything.load_state_dict(c["model"])
            averaged.load_state_dict(c["average"])
            optimizer.load_state_dict(c["optimizer"])
            average.restore(c["average"], c["averaged"])
            step, best = c["step"], c["best"]
            torch.set_rng_state(c["rng"])  # last: building the networks above draws numbers too
            print(f"resumed after epoch {step // per_epoch} of {o.epochs}", flush=True)
    log = checkpoint.CsvLog(out / "log.csv", ["step", "epoch", "loss", "weightedF1", "macroF1", "accuracy", "chosenBy", "lookAhead", "seconds"], step)
    while step < total and step // per_epoch - best["epoch"] < o.patience:
        epoch, began, losses = step // per_epoch + 1, time.monotonic(), []
        model.train()
        for chosen in batches([len(d) for d in data], o.batch, random.Random(seed * 1009 + epoch)):
            b = collate([data[i] for i in chosen], names)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(o, step, total)
            look_ahead = torch.randint(0, sizes.look_ahead + 1, ())
            kept = drop_modalities(b.available, o.modality_dropout, o.empty) if o.modality_dropout else b.available
            b, kept = b.to(device), kept.to(device)
            full = network(b.inputs, b.available, b.speaker, b.present, look_ahead)
            part = network(b.inputs, kept, b.speaker, b.present, look_ahead) if o.modality_dropout else None
            loss = loss_of(full, part, b.available, kept, b.present, b.label)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise UserError(f"the loss is {losses[-1]} in epoch {epoch}; lower [train] learning_rate, which is {o.learning_rate}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(everything.parameters(), o.clip)
            optimizer.step()
            average.update(model)
            step += 1
        averaged.load_state_dict(average.values)
        now, ahead = score(averaged, held), score(averaged, held, sizes.look_ahead)["weightedF1"]
        every = cells(averaged, held) if len(names) > 1 else {}
        selected = float(np.mean(list(every.values()))) if every else now["weightedF1"]
        seconds = time.monotonic() - began
        figures = {**now, "chosenBy": selected, "lookAhead": ahead}
        print(f"epoch {epoch}/{o.epochs} loss {np.mean(losses):.4f} dev " + " ".join(f"{k} {v:.4f}" for k, v in figures.items())
              + f" ({seconds:.1f} s)", flush=True)
        log.write(step=step, epoch=epoch, loss=float(np.mean(losses)), **figures, seconds=seconds)
        if selected > best["chosenBy"]:
            best = {"epoch": epoch, **figures, **({"cells": every} if every else {})}
            save_context(out, model, averaged.state_dict(), description, best, seed, settings)
        checkpoint.save(saved, model=everything.state_dict(), optimizer=optimizer.state_dict(), average=average.values,
                        averaged=average.steps, step=step, best=best, made=made, rng=torch.get_rng_state())
    return best


def save_context(out: Path, model: ContextModel, state: dict, description: Description, dev: dict, seed: int, settings: dict) -> None:
    """`settings`: the tables of the configuration that made it, for the manifest."""
    checkpoint.save(out / "context.pt", state=state, model=model.describe(), labels=list(description.labels), dev=dev, seed=seed,
                    settings={table.strip("[]"): options for table, options in settings.items()}, revision=revision())


def load_context(path: Path) -> tuple[ContextModel, dict]:
    """The trained model and what was stored with it."""
    content = checkpoint.load(path)
    missing = [key for key in ("state", "model", "labels", "seed", "settings", "revision") if key not in content]
    if missing:
        raise UserError(f"{path}: is no context model, or of another version: lacks {', '.join(missing)}; train again")
    with checkpoint.content_of(path):
        model = ContextModel.build(content["model"])
        model.load_state_dict(content["state"])
    return model.eval(), content
