"""Attention over a bounded window of one dialogue: nothing before it, after it, beside it or in the padding is seen."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

MASKED = -1e9


@dataclass
class Sight:
    """Which row may look at which, and how the two relate; [b, r, r] each, row = who looks, column = what is looked at."""

    distance: torch.Tensor  # int64 [r, r], how far the column lies back
    same: torch.Tensor      # bool [b, r, r], one speaker said both

    @staticmethod
    def of(speaker: torch.Tensor) -> "Sight":
        at = torch.arange(speaker.shape[1], device=speaker.device)
        return Sight(at[:, None] - at[None, :], speaker[:, :, None] == speaker[:, None, :])

    def within(self, back: int, ahead: torch.Tensor | int) -> torch.Tensor:
        """bool [1, r, r]: the column lies at most `back` rows back and `ahead` rows ahead."""
        return ((self.distance <= back) & (self.distance >= -ahead))[None]

    def past_of_speaker(self, back: int) -> torch.Tensor:
        """bool [b, r, r]: one of the `back` rows before, said by the same speaker."""
        return self.same & ((self.distance >= 1) & (self.distance <= back))[None]

    def relation(self, back: int, ahead: int) -> torch.Tensor:
        """int64 [b, r, r], a row of `recency(back, ahead, ..)`: the distance, and whether the speaker is the same."""
        return (self.distance.clamp(-ahead, back) + ahead)[None] * 2 + self.same.long()


def recency(back: int, ahead: int, heads: int, slope: float) -> torch.Tensor:
    """Where the bias [2(back+ahead+1), heads] by distance and speaker starts: the further away, the less, by head."""
    far = torch.arange(-ahead, back + 1).abs().repeat_interleave(2)
    return -slope * far[:, None] * 2.0 ** -torch.arange(heads)


class Attention(nn.Module):
    """Multi-head attention, biased by distance and by same or other speaker, with a null key whose value is zero:
    a row that may look at nothing gets zero instead of NaN."""

    def __init__(self, width: int, heads: int, bias: torch.Tensor, dropout: float):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.look, self.memory, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.null_key = nn.Parameter(torch.randn(heads, self.size) * self.size**-0.5)
        self.bias = nn.Parameter(bias.clone())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, seen: torch.Tensor, allowed: torch.Tensor, relation: torch.Tensor) -> torch.Tensor:
        """x, seen [b, r, width]: who looks, at what; allowed bool [b, r, r]; relation int64 [b, r, r] indexes `bias`."""
        batch, rows, width = x.shape
        q = self.look(x).reshape(batch, rows, self.heads, self.size).transpose(1, 2) * self.size**-0.5
        k, v = self.memory(seen).reshape(batch, rows, 2, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.matmul(q, k.transpose(2, 3)) + self.bias[relation].permute(0, 3, 1, 2)
        scores = torch.where(allowed[:, None], scores, torch.full_like(scores, MASKED))
        null = (q * self.null_key[:, None]).sum(-1, keepdim=True)
        share = torch.cat([null, scores], dim=-1).softmax(-1)[..., 1:]
        return self.out(torch.matmul(self.dropout(share), v).transpose(1, 2).reshape(batch, rows, width))


class Layer(nn.Module):
    """Attention and a feed-forward part, each on the normalised input and added to it."""

    def __init__(self, width: int, heads: int, bias: torch.Tensor, hidden: int, dropout: float):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads, bias, dropout)
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout),
                                  nn.Linear(hidden, width))

    def forward(self, x: torch.Tensor, allowed: torch.Tensor, relation: torch.Tensor) -> torch.Tensor:
        seen = self.norm(x)
        x = x + self.attention(seen, seen, allowed, relation)
        return x + self.feed(x)
