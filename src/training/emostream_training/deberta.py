"""DeBERTa v2 and v3 from plain torch layers: attention by content and, apart from it, by distance (arXiv 2006.03654).

A key at distance d from its query scores Q·K + Q·Kr(d) (content to position) + K·Qr(d) (position to content), where Kr
and Qr project a table with one row per distance; far distances share rows, the farther the more (arXiv 2111.09543).
"""
from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import nn

from .bert import MASKED, Layer, descriptor


@dataclass(frozen=True)
class DebertaConfig:
    """The sizes of the network and the parts that it has."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int  # tokens of the longest text, special ones included
    layer_norm_eps: float = 1e-7
    dropout: float = 0.1
    max_relative_positions: int = 512
    position_buckets: int = 256    # rows per direction; 0: one for every distance up to max_relative_positions
    content_to_position: bool = True
    position_to_content: bool = True
    share_att_key: bool = True     # Kr and Qr come from the layer's own key and query matrices
    normalise_relative: bool = True
    position_biased_input: bool = False
    segments: bool = False
    model_type: str = "deberta-v2"

    def to_json(self) -> dict:
        return asdict(self)

    @property
    def span(self) -> int:
        """Rows per direction in the table of distances."""
        return self.position_buckets or self.max_relative_positions


def rows_of_distances(c: DebertaConfig) -> torch.Tensor:
    """The table's row for every distance query - key from -(longest - 1) to longest - 1, int64 [2 * longest - 1].

    Up to half the buckets a distance has its own row, beyond that a logarithm gives it; in float32 and rounded up as the
    published weights were trained.
    """
    distance = torch.arange(1 - c.max_position_embeddings, c.max_position_embeddings)
    if c.position_buckets:
        half = c.position_buckets // 2
        far = torch.where(distance.abs() < half, torch.tensor(half - 1), distance.abs())
        farthest = torch.log(torch.tensor((c.max_relative_positions - 1) / half))
        log = torch.ceil(torch.log(far / half) / farthest * (half - 1)) + half
        distance = torch.where(far <= half, distance, (log * distance.sign()).long())
    return (distance + c.span).clamp(0, 2 * c.span - 1)


class DebertaLayer(Layer):
    """A layer whose scores know the distance; `table` float [2 * span, hidden], `rows` int64 [tokens, tokens] into it."""

    def __init__(self, c: DebertaConfig):
        super().__init__(c)
        self.to_position, self.to_content = c.content_to_position, c.position_to_content
        if not c.share_att_key:
            if self.to_position:
                self.position_key = nn.Linear(c.hidden_size, c.hidden_size)
            if self.to_content:
                self.position_query = nn.Linear(c.hidden_size, c.hidden_size)
        self.own = not c.share_att_key

    def scores(self, q: torch.Tensor, k: torch.Tensor, table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        shape = (q.shape[0], self.heads, q.shape[2], q.shape[2])
        total = torch.matmul(q, k.transpose(2, 3))
        if self.to_position:
            keys = self.split((self.position_key if self.own else self.key)(table[None]))
            total = total + torch.matmul(q, keys.transpose(2, 3)).gather(3, rows.expand(shape))
        if self.to_content:
            queries = self.split((self.position_query if self.own else self.query)(table[None]))
            total = total + torch.matmul(k, queries.transpose(2, 3)).gather(3, rows.T.expand(shape)).transpose(2, 3)
        return total * (self.size * (1 + self.to_position + self.to_content)) ** -0.5


class Deberta(nn.Module):
    """ids int64 [batch, tokens], mask int64 [batch, tokens] (1 = a token, 0 = padding) -> descriptor [batch, 2 * hidden]."""

    def __init__(self, config: DebertaConfig):
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        if config.position_biased_input:
            self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        if config.segments:
            self.segment = nn.Parameter(torch.zeros(config.hidden_size))  # one segment only: row 0 of the table
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.relative = nn.Embedding(2 * config.span, config.hidden_size)
        self.relative_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps) if config.normalise_relative else nn.Identity()
        self.layers = nn.ModuleList(DebertaLayer(config) for _ in range(config.num_hidden_layers))
        self.register_buffer("rows", rows_of_distances(config), persistent=False)

    @property
    def dimension(self) -> int:
        return 2 * self.config.hidden_size

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.words(ids)
        if self.config.segments:
            x = x + self.segment
        if self.config.position_biased_input:
            x = x + self.positions.weight[: ids.shape[1]]
        x = self.dropout(self.norm(x))
        table = self.dropout(self.relative_norm(self.relative.weight))
        at = torch.arange(ids.shape[1], device=ids.device)
        rows = self.rows[at[:, None] - at[None, :] + (self.config.max_position_embeddings - 1)]
        bias = ((1.0 - mask.to(x.dtype)) * MASKED)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias, table, rows)
        return descriptor(x, mask)
