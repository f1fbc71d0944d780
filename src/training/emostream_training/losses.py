"""The training loss of the context model, and the dropping of modalities that the loss is taken under."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .context import Output


@dataclass(frozen=True)
class LossOptions:
    """The [loss] table of a configuration: the weight of every part."""

    single: float = 0.3              # each modality alone
    align: float = 0.1               # symmetric InfoNCE between the modalities of an utterance
    label_guided: float = 0.0        # the same with every utterance of the label as a positive
    teach: float = 0.0               # the better modality's prediction teaches the other
    recover: float = 0.5             # what stands in for a dropped modality against what it was
    trust: float = 0.5               # fusion weights against which modality was right
    collapse: float = 0.1            # no fusion weight above `ceiling`
    ceiling: float = 0.8
    label_smoothing: float = 0.05
    class_weight_power: float = 0.0  # 0: every utterance counts alike; 0.5: square root of the inverse frequency
    drop: float = 0.5                # share of the dropped half's (utterance, modality) pairs that go, when drawn one by one
    empty: float = 0.0               # share of utterances in the dropped half that may lose everything they have


def class_weights(counts: torch.Tensor, power: float) -> torch.Tensor:
    """Inverse frequency to a power, scaled so that the mean over utterances is 1."""
    raw = counts.clamp(min=1).float().pow(-power)
    return raw * counts.sum() / (raw * counts).sum()


def drop_modalities(available: torch.Tensor, o: LossOptions) -> torch.Tensor:
    """Half of the dialogues keep one random subset throughout, half lose modalities utterance by utterance.

    An utterance keeps at least one modality, but for a share of `empty`, which must be told by its context.
    """
    batch, rows, modalities = available.shape
    subset = torch.randint(1, 2**modalities, (batch, 1, 1))
    throughout = (subset >> torch.arange(modalities)) % 2 == 1
    single = torch.rand(batch, rows, modalities) >= o.drop
    kept = available & torch.where(torch.rand(batch, 1, 1) < 0.5, throughout.expand_as(single), single)
    spared = available & (torch.rand(batch, rows, modalities).argsort(-1) == 0)  # one at random, where it is there
    kept = torch.where(kept.any(-1, keepdim=True), kept, torch.where(spared.any(-1, keepdim=True), spared, available))
    return kept & (torch.rand(batch, rows, 1) >= o.empty)


def info_nce(a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
    """Symmetric InfoNCE of matching rows; with labels every row of the same label is a positive."""
    scores = scale * a @ b.T
    positive = torch.eye(len(a)) if label is None else (label[:, None] == label[None, :]).float()
    positive = positive / positive.sum(1, keepdim=True)
    return -0.5 * ((positive * scores.log_softmax(1)).sum(1) + (positive * scores.T.log_softmax(1)).sum(1)).mean()


class Loss(nn.Module):
    """Sums the parts for one batch seen twice: as it is (`full`) and with modalities dropped (`part`)."""

    def __init__(self, o: LossOptions, counts: torch.Tensor):
        super().__init__()
        self.o = o
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.register_buffer("weight", class_weights(counts, o.class_weight_power))

    def right(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits, label, weight=self.weight, label_smoothing=self.o.label_smoothing)

    def forward(self, full: Output, part: Output, given: torch.Tensor, kept: torch.Tensor, present: torch.Tensor,
                label: torch.Tensor) -> torch.Tensor:
        """given, kept bool [b, r, m]: what was there, what was left of it; label int64 [b, r]."""
        o, y = self.o, label[present]
        loss = 0.5 * self.right(full.logits[present], y) + 0.5 * self.right(part.logits[present], y)
        modalities = given.shape[-1]
        has = [given[:, :, m] & present for m in range(modalities)]
        for m in range(modalities):
            if o.single and has[m].any():
                loss = loss + o.single / modalities * self.right(full.single[m][has[m]], label[has[m]])
            gone = has[m] & ~kept[:, :, m]
            if o.recover and gone.any():
                loss = loss + o.recover * F.mse_loss(part.recovered[m][gone], full.context[m][gone].detach())
        return loss + self.between(full, part, has, label) if modalities > 1 else loss

    def between(self, full: Output, part: Output, has: list[torch.Tensor], label: torch.Tensor) -> torch.Tensor:
        """The parts that need two modalities or more."""
        o, modalities = self.o, len(has)
        loss, scale = torch.zeros(()), self.scale.clamp(1.0, 100.0)
        pairs = [(m, n) for m in range(modalities) for n in range(m + 1, modalities)]
        for m, n in pairs:
            both = has[m] & has[n]
            if int(both.sum()) < 2:
                continue
            a, b, y = full.joint[m][both], full.joint[n][both], label[both]
            if o.align:
                loss = loss + o.align / len(pairs) * info_nce(a, b, scale)
            if o.label_guided:
                loss = loss + o.label_guided / len(pairs) * info_nce(a, b, scale, y)
            if o.teach:
                left, right = full.single[m][both].log_softmax(-1), full.single[n][both].log_softmax(-1)
                better = (left.gather(1, y[:, None]) >= right.gather(1, y[:, None])).float()
                divergence = (better * F.kl_div(right, left.detach(), reduction="none", log_target=True)
                              + (1 - better) * F.kl_div(left, right.detach(), reduction="none", log_target=True))
                loss = loss + o.teach / len(pairs) * divergence.sum(-1).mean()
        for out in (full, part):
            every = torch.stack(has).all(0)
            if not every.any():
                continue
            weights = out.weights[every]
            if o.trust:
                truth = label[every][:, None]
                correct = torch.cat([s[every].log_softmax(-1).gather(1, truth) for s in full.single], -1).detach()
                loss = loss - 0.5 * o.trust * (correct.softmax(-1) * weights.clamp(min=1e-6).log()).sum(-1).mean()
            if o.collapse:
                loss = loss + 0.5 * o.collapse * F.relu(weights.max(-1).values - o.ceiling).mean()
        return loss
