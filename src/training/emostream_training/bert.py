"""A BERT encoder from plain torch layers, its weights read from an npz under the usual BERT names.

The descriptor of a text is [first token ; mean over its tokens] of the last hidden state, so `2 * hidden` floats.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .errors import UserError

MASKED = -1e4  # added to the score of a padded key: exp() of it is exactly 0 in float32, and it survives float16


@dataclass(frozen=True)
class BertConfig:
    """The sizes of the network, from the encoder's config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1

    @staticmethod
    def read(path: Path) -> "BertConfig":
        raw = json.loads(path.read_text("utf-8"))
        if raw.get("model_type", "bert") != "bert" or raw.get("hidden_act", "gelu") != "gelu":
            raise UserError(f"{path}: only BERT with the gelu activation is supported")
        names = [f for f in BertConfig.__dataclass_fields__ if f != "dropout"]
        missing = [n for n in names if n not in raw]
        if missing:
            raise UserError(f"{path}: lacks {', '.join(missing)}")
        return BertConfig(**{n: raw[n] for n in names}, dropout=raw.get("hidden_dropout_prob", 0.1))

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
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.size).transpose(1, 2)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(2, 3)) * self.size**-0.5 + bias
        mixed = torch.matmul(self.dropout(scores.softmax(-1)), v)
        mixed = mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], self.heads * self.size)
        x = self.attended_norm(x + self.dropout(self.attended(mixed)))
        return self.down_norm(x + self.dropout(self.down(self.gelu(self.up(x)))))


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
        present = mask.to(x.dtype)
        bias = ((1.0 - present) * MASKED)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        x = x.float()
        total = (x * present[:, :, None]).sum(1)
        mean = total / present.sum(1, keepdim=True).clamp(min=1.0)
        return torch.cat([x[:, 0], mean], dim=-1)

    def load_npz(self, path: Path) -> "Bert":
        """Reads weights under the names of Hugging Face's BERT; says which is missing or has a wrong shape."""
        arrays = np.load(path)
        names = {"words.weight": "embeddings.word_embeddings.weight",
                 "positions.weight": "embeddings.position_embeddings.weight",
                 "segment": "embeddings.token_type_embeddings.weight",
                 "norm.weight": "embeddings.LayerNorm.weight", "norm.bias": "embeddings.LayerNorm.bias"}
        parts = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
                 "attended": "attention.output.dense", "attended_norm": "attention.output.LayerNorm",
                 "up": "intermediate.dense", "down": "output.dense", "down_norm": "output.LayerNorm"}
        for i in range(self.config.num_hidden_layers):
            for ours, theirs in parts.items():
                for kind in ("weight", "bias"):
                    names[f"layers.{i}.{ours}.{kind}"] = f"encoder.layer.{i}.{theirs}.{kind}"
        state = self.state_dict()
        for ours, theirs in names.items():
            if theirs not in arrays:
                raise UserError(f"{path}: lacks the array {theirs}")
            value = torch.from_numpy(arrays[theirs].astype(np.float32))
            if ours == "segment":
                value = value[0]
            if value.shape != state[ours].shape:
                raise UserError(f"{path}: {theirs} has shape {tuple(value.shape)}, expected {tuple(state[ours].shape)}")
            state[ours].copy_(value)
        return self


def load_pretrained(directory: Path) -> Bert:
    """Reads config.json and the one .npz file of an encoder directory."""
    weights = sorted(directory.glob("*.npz"))
    if not (directory / "config.json").is_file() or len(weights) != 1:
        raise UserError(f"{directory}: expected config.json and exactly one .npz file of weights")
    return Bert(BertConfig.read(directory / "config.json")).load_npz(weights[0])
