"""Query adaptive fusion (QAF): one weight per utterance and modality, and the mix that they give."""
from __future__ import annotations

import torch
from torch import nn

from .attention import MASKED


class Fusion(nn.Module):
    """w = softmax over m of v.tanh(q + K_m z + u_m + S log p_m + (1-a) flag); f = sum w U z + sum w a E_m z.

    q is the mean of the available contexts, p_m what modality m's own head says: a modality that is sure of itself, or that
    the others agree with, can be told from one that is not. U is what the modalities share, E_m what m alone carries.
    With adaptive = False every modality that takes part weighs the same.
    """

    def __init__(self, modalities: int, classes: int, width: int, size: int, adaptive: bool):
        super().__init__()
        self.adaptive = adaptive
        if adaptive:
            self.query, self.judge = nn.Linear(width, size), nn.Linear(size, 1, bias=False)
            self.key = nn.ModuleList(nn.Linear(width, size) for _ in range(modalities))
            self.sure = nn.Linear(classes, size, bias=False)
            self.flag = nn.Parameter(torch.zeros(size))
        self.shared = nn.Linear(width, width, bias=False)
        self.exclusive = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(modalities))

    def forward(self, context: torch.Tensor, filled: torch.Tensor, single: torch.Tensor, given: torch.Tensor,
                takes_part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """context, filled [b, r, m, width]; single [b, r, m, classes]; given float [b, r, m]: available; takes_part bool
        [b, r, m]: may have a weight. Returns the mix [b, r, width] and the weights [b, r, m]."""
        modes, own = range(filled.shape[2]), given[..., None]
        if self.adaptive:
            q = self.query((context * own).sum(2) / own.sum(2).clamp(min=1.0))
            keys = torch.stack([k(filled[:, :, m]) for m, k in enumerate(self.key)], 2)
            sure = self.sure(single.detach().log_softmax(-1))
            scores = self.judge(torch.tanh(q[:, :, None] + keys + sure + (1 - own) * self.flag))[..., 0]
        else:
            scores = torch.zeros_like(given)
        weights = torch.where(takes_part, scores, torch.full_like(scores, MASKED)).softmax(-1)
        exclusive = torch.stack([self.exclusive[m](filled[:, :, m]) for m in modes], 2)
        mixed = (weights[..., None] * (self.shared(filled) + own * exclusive)).sum(2)
        return mixed, weights
