"""Modalities that go missing: drawn anew in training, fixed for evaluation (the same masks as `emostream evaluate`)."""
from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import torch

from .dataset import Dialogue

RATES = (0.1, 0.3, 0.5, 0.7)  # rates that the choice of the epoch looks at


def drop_modalities(available: torch.Tensor, share: float, empty: float) -> torch.Tensor:
    """Half of the dialogues keep one random subset throughout, half lose a `share` of their modalities row by row.

    An utterance keeps at least one modality, but for a share of `empty`, which must be told by its context.
    """
    batch, rows, modalities = available.shape
    subset = torch.randint(1, 2**modalities, (batch, 1, 1))
    throughout = (subset >> torch.arange(modalities)) % 2 == 1
    single = torch.rand(batch, rows, modalities) >= share
    kept = available & torch.where(torch.rand(batch, 1, 1) < 0.5, throughout.expand_as(single), single)
    spared = available & (torch.rand(batch, rows, modalities).argsort(-1) == 0)  # one at random, where it is there
    kept = torch.where(kept.any(-1, keepdim=True), kept, torch.where(spared.any(-1, keepdim=True), spared, available))
    return kept & (torch.rand(batch, rows, 1) >= empty)


def draw(conversation: str, utterance: str, modality: str) -> float:
    """A number in [0, 1) that is this utterance's and modality's on every machine."""
    digest = hashlib.sha256(f"{conversation}\n{utterance}\n{modality}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def at_rate(dialogues: list[Dialogue], names: list[str], rate: float) -> list[Dialogue]:
    """The dialogues without what is drawn below `rate`; an utterance that would lose all it brings keeps the largest draw."""
    out = []
    for d in dialogues:
        draws = np.array([[draw(d.conversation, u, n) for n in names] for u in d.utterances]).reshape(d.available.shape)
        kept = d.available & (draws >= rate)
        spared = np.where(d.available, draws, -1.0).argmax(1)
        rescued = d.available & (np.arange(len(names)) == spared[:, None])
        out.append(dataclasses.replace(d, available=np.where(kept.any(1, keepdims=True), kept, rescued)))
    return out


def only(dialogues: list[Dialogue], subset: tuple[int, ...]) -> list[Dialogue]:
    """The dialogues with the modalities outside the subset removed."""
    keep = np.array([m in subset for m in range(dialogues[0].available.shape[1])])
    return [dataclasses.replace(d, available=d.available & keep) for d in dialogues]
