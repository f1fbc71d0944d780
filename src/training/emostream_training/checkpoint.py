"""Checkpoints and logs of a run: written whole or not at all, so that an interrupted run resumes where it was."""
from __future__ import annotations

import csv
import hashlib
import json
import os
import pickle
import random
import re
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Iterator

import numpy as np
import torch
from torch.serialization import _load, _open_zipfile_reader

from . import plain_pickle
from .errors import UserError


def save(path: Path, **content: object) -> None:
    """Tensors, numbers, texts, lists and dictionaries of them, whole or not at all."""
    with _replacing(path) as file:
        sink = _Sink(file)
        torch.save(content, sink)
        if sink.error:
            raise sink.error


def write(path: Path, data: bytes) -> None:
    """Bytes, whole or not at all."""
    with _replacing(path) as file:
        file.write(data)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside the target that is renamed at the end: a killed process or a full disk leaves the old one."""
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)
    except OSError as e:
        raise UserError(f"{path}: cannot be written: {e.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


class _Sink:
    """Keeps the first error to itself: torch aborts the process when a write fails under it."""

    def __init__(self, file: BinaryIO):
        self.file, self.error = file, None

    def write(self, data: bytes) -> int:
        try:
            if self.error is None:
                self.file.write(data)
        except OSError as e:
            self.error = e
        return len(data)

    def flush(self) -> None:
        """The file does it when it is closed."""


@contextmanager
def content_of(path: Path) -> Iterator[None]:
    """What goes wrong while the content of a checkpoint is put to use is the fault of the file: one line says so."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, EOFError, pickle.UnpicklingError) as e:
        reason = f"lacks {e}" if isinstance(e, KeyError) else " ".join(" ".join(str(e).splitlines()[:2]).split()) or type(e).__name__
        raise UserError(f"{path}: is no checkpoint, or damaged: {reason}") from None


def load(path: Path) -> dict:
    """What `save` wrote: tensors, numbers, texts, lists and dictionaries of them; anything else is refused."""
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    with content_of(path), _open_zipfile_reader(str(path)) as archive:  # torch.load of 1.13 ignores its pickle_module
        content = _load(archive, "cpu", plain_pickle, encoding="utf-8")
    if not isinstance(content, dict):
        raise UserError(f"{path}: is no checkpoint: holds a {type(content).__name__}")
    return content


def resume(path: Path, made: dict[str, str]) -> dict | None:
    """The checkpoint at `path`, or None. `made`: digests of what the run is made of; one made otherwise is refused with what differs."""
    if not path.is_file():
        return None
    content = load(path)
    with content_of(path):
        differs = [part for part in made if content["made"].get(part) != made[part]]
    if differs:
        raise UserError(f"{path}: belongs to another run, made with another {', another '.join(differs)}; use another --out")
    return content


def digests(made: dict[str, object]) -> dict[str, str]:
    """What `resume` compares, to be saved as `made`."""
    return {part: digest(value) for part, value in made.items()}


def digest(value: object) -> str:
    """SHA-256 of a file, or of a value as JSON."""
    data = value.read_bytes() if isinstance(value, Path) else json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


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
            with open(path, newline="", encoding="utf-8", errors="replace") as f:
                kept = [r for r in csv.DictReader(f) if self._until(resume_at, r)]
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, columns)
            writer.writeheader()
            writer.writerows(kept)

    def _until(self, step: int, row: dict) -> bool:
        """Whether it was written before that step; one that a crash left half written was not."""
        whole = set(row) == set(self.columns) and None not in row.values()
        return whole and re.fullmatch("[0-9]{1,18}", row["step"]) is not None and int(row["step"]) <= step

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

    def restore(self, values: dict[str, torch.Tensor], steps: int) -> None:
        """As a checkpoint has it; onto the device of the model."""
        self.values, self.steps = {k: v.to(self.values[k].device) for k, v in values.items()}, steps

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        self.steps += self.every
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps)) ** self.every
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                self.values[k].lerp_(v, 1 - decay)
            else:
                self.values[k].copy_(v)
