"""Checkpoints and logs of a run: written whole or not at all, so that an interrupted run resumes where it was."""
from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import numpy as np
import torch

from .errors import UserError


def save(path: Path, **content: object) -> None:
    """Writes beside the target and renames: a killed process leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def write_text(path: Path, text: str) -> None:
    """The same for a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def load(path: Path) -> dict:
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    return torch.load(path, map_location="cpu")


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class CsvLog:
    """Appends rows to a CSV file; a resumed run drops the rows after its checkpoint first."""

    def __init__(self, path: Path, columns: list[str], resume_at: int = 0):
        self.path, self.columns = path, columns
        kept = []
        if resume_at and path.is_file():
            with open(path, newline="", encoding="utf-8") as f:
                kept = [r for r in csv.DictReader(f) if int(r["step"]) <= resume_at]
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, columns)
            writer.writeheader()
            writer.writerows(kept)

    def write(self, **row: object) -> None:
        with open(self.path, "a", newline="", encoding="utf-8") as f:
            csv.DictWriter(f, self.columns).writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


class Average:
    """Exponential moving average of a model's weights; `decay` is per step, the update may come every few steps.

    The decay warms up, as short runs need: early on the average follows the weights closely.
    """

    def __init__(self, model: torch.nn.Module, decay: float, every: int = 1):
        self.decay, self.every, self.steps = decay, every, 0
        self.values = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        self.steps += self.every
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps)) ** self.every
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                self.values[k].lerp_(v, 1 - decay)
            else:
                self.values[k].copy_(v)
