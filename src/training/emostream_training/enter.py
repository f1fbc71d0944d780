"""From the vector that an encoder wrote to the token that the context model works on."""
from __future__ import annotations

import numpy as np
import torch
from torch import nn

from .dataset import Modality

FAR = 5.0        # standardised values are clipped here where they are statistics: transformed, or compared with a speaker's past
PRIOR = 3.0      # the speaker's statistics start as if this many average utterances had been heard
FLOOR = 0.05     # least variance of a speaker


class Enter(nn.Module):
    """Transform, standardise, set beside the speaker's own past, project.

    transform = "log" (statistics over many orders of magnitude): sign(x) log(1 + |x|/unit).
    speaker_relative: a, and beside it (a - mu) / sqrt(max(var, .05)) with mu = S1/(n+3), var = (S2+3)/(n+3) - mu^2 over the
    n earlier utterances of the same speaker that the caller lets it see: what is unusual for this voice or face.
    """

    def __init__(self, modality: Modality, width: int, relative: bool, dropout: float, input_dropout: float):
        super().__init__()
        self.log, self.relative, self.noise = modality.transform == "log", relative, 0.0
        size = modality.dimension
        self.register_buffer("unit", torch.ones(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.project = nn.Sequential(nn.Dropout(input_dropout), nn.Linear(size * 2 if relative else size, width),
                                     nn.LayerNorm(width), nn.GELU(), nn.Dropout(dropout))

    def fit(self, rows: np.ndarray) -> None:
        """Takes unit, mean and scale from the training utterances, [n, dimension]."""
        x = torch.from_numpy(rows)
        if self.log:
            size = x.abs()
            self.unit.copy_(torch.tensor([float(c[c > 0].quantile(0.05)) if (c > 0).any() else 1.0 for c in size.T]))
        x = self.transformed(x)
        self.mean.copy_(x.mean(0))
        self.scale.copy_(1 / x.std(0, unbiased=False).clamp(min=1e-3))

    def transformed(self, x: torch.Tensor) -> torch.Tensor:
        return x.sign() * (1 + x.abs() / self.unit).log() if self.log else x

    def forward(self, x: torch.Tensor, has: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
        """x [b, r, dimension], whatever it holds where `has` bool [b, r, 1] is false; past bool [b, r, r]: which rows are
        earlier ones of the speaker that have the modality. Returns [b, r, width]."""
        nothing = torch.zeros_like(x)
        x = (self.transformed(torch.where(has, x, nothing)) - self.mean) * self.scale
        x = torch.where(has, x.clamp(-FAR, FAR) if self.log or self.relative else x, nothing)
        if self.training and self.noise:
            x = x + torch.randn_like(x) * self.noise
        if self.relative:
            heard = past.to(x.dtype)
            n = heard.sum(-1, keepdim=True) + PRIOR
            mu = torch.matmul(heard, x) / n
            variance = (torch.matmul(heard, x * x) + PRIOR) / n - mu * mu
            x = torch.cat([x, (x - mu) / variance.clamp(min=FLOOR).sqrt()], dim=-1)
        return self.project(x)
