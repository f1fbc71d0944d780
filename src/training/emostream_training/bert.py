"""BERT, RoBERTa and XLM-RoBERTa from plain torch layers: one network, whose weights differ in their names alone."""
from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import nn

MASKED = -1e4  # added to the score of a padded key: exp() of it is exactly 0 in float32, and it survives float16


@dataclass(frozen=True)
class BertConfig:
    """The sizes of the network. Fields that came later have defaults: checkpoints hold what they were saved with."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int  # tokens of the longest text, special ones included
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1
    model_type: str = "bert"

    def to_json(self) -> dict:
        return asdict(self)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, c: BertConfig):
        super().__init__()
        self.heads, self.size = c.num_attention_heads, c.hidden_size // c.num_attention_heads
        self.query = nn.Linear(c.hidden_size, c.hidden_size)
        self.key = nn.Linear(c.hidden_size, c.hidden_size)
        self.value = nn.Linear(c.hidden_size, c.hidden_size)
        self.attended = nn.Linear(c.hidden_size, c.hidden_size)
        self.attended_norm = nn.LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.up = nn.Linear(c.hidden_size, c.intermediate_size)
        self.down = nn.Linear(c.intermediate_size, c.hidden_size)
        self.down_norm = nn.LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.gelu = nn.GELU()
        self.dropout = nn.Dropout(c.dropout)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, hidden] -> [batch, heads, tokens, size]"""
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.size).transpose(1, 2)

    def scores(self, q: torch.Tensor, k: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        """What every query token gives every key token before the softmax: [batch, heads, tokens, tokens]."""
        return torch.matmul(q, k.transpose(2, 3)) * self.size**-0.5

    def forward(self, x: torch.Tensor, bias: torch.Tensor, *relative: torch.Tensor) -> torch.Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = self.scores(q, k, *relative) + bias
        mixed = torch.matmul(self.dropout(scores.softmax(-1)), v)
        mixed = mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], self.heads * self.size)
        x = self.attended_norm(x + self.dropout(self.attended(mixed)))
        return self.down_norm(x + self.dropout(self.down(self.gelu(self.up(x)))))


def descriptor(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[first token ; mean over tokens] of the last hidden state: float32 [batch, 2 * hidden].

    The mean is a product with the mask divided by its sum: summing over tokens instead rounds differently with the
    padding, and so with the neighbours, that a text has in its batch.
    """
    with torch.autocast(x.device.type, enabled=False):
        x, present = x.float(), mask.float()
        share = present / present.sum(1, keepdim=True).clamp(min=1.0)
        return torch.cat([x[:, 0], torch.matmul(share[:, None, :], x)[:, 0]], dim=-1)


class Bert(nn.Module):
    """ids int64 [batch, tokens], mask int64 [batch, tokens] (1 = a token, 0 = padding) -> descriptor [batch, 2 * hidden]."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.segment = nn.Parameter(torch.zeros(config.hidden_size))  # one segment only: row 0 of the table
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    @property
    def dimension(self) -> int:
        return 2 * self.config.hidden_size

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.segment
        x = self.dropout(self.norm(x))
        bias = ((1.0 - mask.to(x.dtype)) * MASKED)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return descriptor(x, mask)
