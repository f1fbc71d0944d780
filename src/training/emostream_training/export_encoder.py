"""Exports a text encoder to ONNX with its matrices stored as int8 and expanded inside the graph by Cast and Mul.

Only the weights are stored small: activations stay float32, so a text's descriptor depends on nothing but the text
(quantised activations would make it depend on its neighbours in the batch). ONNX Runtime folds Cast and Mul of the
matrices once, when it loads; of the word table only the rows that a batch asks for are expanded.
"""
from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from .bert import Bert

OPSET = 16


def quantise(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of a matrix as int8 and one float scale per row [rows, 1]: weight is about q * scale."""
    scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
    return (weight / scale).round().clamp(-127, 127).to(torch.int8), scale


@torch.no_grad()
def round_weights(encoder: Bert) -> Bert:
    """Replaces the matrices by what their stored form expands to, so that torch computes what the file computes."""
    for module in encoder.modules():
        if isinstance(module, nn.Linear) or module is encoder.words:
            q, scale = quantise(module.weight)
            module.weight.copy_(q.float() * scale)
    return encoder


class StoredLinear(nn.Module):
    """A linear layer whose matrix is kept as int8, transposed so that the graph needs no Transpose."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        q, scale = quantise(linear.weight)
        self.register_buffer("matrix", q.T.contiguous())
        self.register_buffer("scale", scale.T.contiguous())
        self.register_buffer("bias", linear.bias.detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(x, self.matrix.float() * self.scale) + self.bias


class StoredTable(nn.Module):
    """An embedding table kept as int8: gather first, expand then."""

    def __init__(self, table: nn.Embedding):
        super().__init__()
        q, scale = quantise(table.weight)
        self.register_buffer("rows", q)
        self.register_buffer("scale", scale)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.rows[ids].float() * self.scale[ids]


class StoredBert(Bert):
    """The encoder as it is exported: positions cut to `max_tokens`, matrices in their stored form."""

    def __init__(self, encoder: Bert, max_tokens: int):
        super().__init__(encoder.config)
        self.load_state_dict(encoder.state_dict())
        self.words = StoredTable(encoder.words)
        self.positions.weight = nn.Parameter(encoder.positions.weight[:max_tokens].detach().clone(), requires_grad=False)
        for layer in self.layers:
            for name, module in list(layer.named_children()):
                if isinstance(module, nn.Linear):
                    setattr(layer, name, StoredLinear(module))


def export_encoder(encoder: Bert, path: Path, max_tokens: int) -> int:
    """Writes the ONNX file and returns its size in bytes. Inputs input_ids, attention_mask int64 [batch, tokens];
    output descriptor float32 [batch, 2 * hidden]."""
    stored = StoredBert(encoder, max_tokens).eval()
    ids = torch.tensor([[3, 2, 1, 0], [2, 1, 0, 0]])  # any: the graph is the same
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The shape inference of", UserWarning)  # about the exporter's own constants
        torch.onnx.export(stored, (ids, (ids > 0).long()), str(path), opset_version=OPSET, do_constant_folding=False,
                          input_names=["input_ids", "attention_mask"], output_names=["descriptor"],
                          dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"},
                                        "descriptor": {0: "batch"}})
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    kinds = {o.name: o.data_type for o in model.graph.initializer}
    small = sum(kind == onnx.TensorProto.INT8 for kind in kinds.values())
    expected = 1 + sum(isinstance(m, StoredLinear) for m in stored.modules())
    if small != expected:
        raise RuntimeError(f"{path}: {small} int8 tensors, expected {expected}; the exporter expanded some")
    return path.stat().st_size


