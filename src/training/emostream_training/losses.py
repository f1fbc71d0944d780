"""The training loss of the context model, taken on a batch as it is and with modalities dropped."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .config import check_ranges, number
from .context import Output
from .dataset import UNLABELLED
from .errors import UserError


@dataclass(frozen=True)
class LossOptions:
    """The [loss] table of a configuration: the weight of every part; 0 switches a part off."""

    single: float = number(0.3, 0)              # auxiliary heads: each modality alone, on its descriptor and on what stands in for it
    align: float = number(0.1, 0)               # symmetric InfoNCE between the modalities of an utterance, in the joint space
    label_guided: float = number(0.0, 0)        # guided NCE: the same with every utterance of the label as a positive
    teach: float = number(0.0, 0)               # guided NCE: the modality that knows better is a stop-gradient teacher of the other
    recover: float = number(0.5, 0)             # what stands in for a dropped modality against what it was
    trust: float = number(0.5, 0)               # guided fusion: weights against which modality (recovered ones too) was right
    doubt: float = number(0.5, 0)               # what stands in counts so much there: it looks better in training than it is
    collapse: float = number(0.1, 0)            # no fusion weight above `ceiling`
    ceiling: float = number(0.8, 0, 1)
    label_smoothing: float = number(0.05, 0, 0.99)
    class_weight_power: float = number(0.0, 0)  # 0: every utterance counts alike; 0.5: square root of the inverse frequency

    def __post_init__(self):
        check_ranges(self)
        if not self.single and (self.trust or self.teach):
            raise UserError("without single the modalities' own heads are not trained: trust and teach, which ask them, must be 0 too")


def class_weights(counts: torch.Tensor, power: float) -> torch.Tensor:
    """Inverse frequency to a power, scaled so that the mean over utterances is 1."""
    raw = counts.clamp(min=1).float().pow(-power)
    return raw * counts.sum() / (raw * counts).sum()


def info_nce(a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
    """Symmetric InfoNCE of matching rows [n, joint]; with labels [n] every row of the same label is a positive."""
    scores = scale * a @ b.T
    positive = torch.eye(len(a), device=a.device) if label is None else (label[:, None] == label[None, :]).float()
    positive = positive / positive.sum(1, keepdim=True)
    return -0.5 * ((positive * scores.log_softmax(1)).sum(1) + (positive * scores.T.log_softmax(1)).sum(1)).mean()


def taught_nce(a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor, a_teaches: torch.Tensor) -> torch.Tensor:
    """InfoNCE from the student's row to its teacher's among all of that modality; a_teaches bool [n], else b does.

    No gradient reaches the teacher: the modality that knows better stays where it is.
    """
    to_a = (scale * b @ a.detach().T).log_softmax(1).diagonal()
    to_b = (scale * a @ b.detach().T).log_softmax(1).diagonal()
    return -torch.where(a_teaches, to_a, to_b).mean()


class Loss(nn.Module):
    """Sums the parts for one batch seen twice: as it is (`full`) and, where modalities are dropped, what is left (`part`)."""

    def __init__(self, o: LossOptions, counts: torch.Tensor):
        super().__init__()
        self.o = o
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.register_buffer("weight", class_weights(counts, o.class_weight_power))

    def right(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits, label, weight=self.weight, label_smoothing=self.o.label_smoothing)

    def forward(self, full: Output, part: Output | None, given: torch.Tensor, kept: torch.Tensor, present: torch.Tensor,
                label: torch.Tensor) -> torch.Tensor:
        """given, kept bool [b, r, m]: what was there, what was left of it; label int64 [b, r].

        Rows that are UNLABELLED are left out, of every part alike: they were read as context.
        """
        present = present & (label != UNLABELLED)
        o, given = self.o, given & present[:, :, None]
        views = [(full, given)] if part is None else [(full, given), (part, kept)]
        loss = sum(self.right(v.logits[present], label[present]) for v, _ in views) / len(views)
        for m in range(given.shape[-1]):
            has, gone = given[:, :, m], given[:, :, m] & ~kept[:, :, m]
            if o.single and has.any():
                loss = loss + self.single(full, m, has, label)
            if part is not None and gone.any():
                if o.recover:
                    loss = loss + o.recover * F.mse_loss(part.recovered[:, :, m][gone], full.context[:, :, m][gone].detach())
                if o.single:
                    loss = loss + self.single(part, m, gone, label)
        if given.shape[-1] > 1:
            loss = loss + self.between(full, given, label) + sum(self.weighing(v, own[present], present, label) for v, own in views) / len(views)
        return loss

    def single(self, out: Output, m: int, where: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return self.o.single / out.single.shape[2] * self.right(out.single[:, :, m][where], label[where])

    def between(self, full: Output, given: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The joint space: every pair of modalities of an utterance."""
        o, modalities = self.o, given.shape[-1]
        loss, scale = torch.zeros(()), self.scale.clamp(1.0, 100.0)
        pairs = [(m, n) for m in range(modalities) for n in range(m + 1, modalities)]
        for m, n in pairs if full.joint.shape[-1] else []:
            both = given[:, :, m] & given[:, :, n]
            if int(both.sum()) < 2:
                continue
            a, b, y = full.joint[:, :, m][both], full.joint[:, :, n][both], label[both]
            if o.align:
                loss = loss + o.align / len(pairs) * info_nce(a, b, scale)
            if o.label_guided:
                loss = loss + o.label_guided / len(pairs) * info_nce(a, b, scale, y)
            if o.teach:
                knows = truth(full.single[both], y)
                loss = loss + o.teach / len(pairs) * taught_nce(a, b, scale, knows[:, m] >= knows[:, n])
        return loss

    def weighing(self, out: Output, own: torch.Tensor, present: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The fusion weights: large where the modality's own head gives the truth a large probability, none overwhelming.

        own bool [n, m]: the modality is there and not recovered."""
        weights, loss = out.weights[present], torch.zeros(())
        if self.o.trust:
            target = truth(out.single[present], label[present]) * torch.where(own, 1.0, self.o.doubt) * (weights > 0)
            target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
            loss = loss - self.o.trust * (target * weights.clamp(min=1e-6).log()).sum(-1).mean()
        if self.o.collapse:
            loss = loss + self.o.collapse * F.relu(weights.max(-1).values - self.o.ceiling).mean()
        return loss


def truth(single: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Probability of the truth by each modality's own head: [n, m, classes], [n] -> [n, m]; no gradient."""
    return single.detach().softmax(-1).gather(-1, label[:, None, None].expand(-1, single.shape[1], 1))[..., 0]
