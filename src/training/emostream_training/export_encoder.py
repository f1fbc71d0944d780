"""Exports a text encoder to ONNX with its matrices stored as int8 and expanded inside the graph by Cast and Mul.

Only the weights are stored small: activations stay float32, so a text's descriptor depends on nothing but the text
(quantised activations would make it depend on its neighbours in the batch). ONNX Runtime folds Cast and Mul of the
matrices once, when it loads; of the word table only the rows that a batch asks for are expanded.
"""
from __future__ import annotations

import copy
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from .errors import UserError
from .huggingface import Encoder

OPSET = 16
KINDS = ("int8", "float32")
LIMIT = 2**31 - 2**20  # bytes of weights that one ONNX file holds: protobuf's limit, and room for the graph


def quantise(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of a matrix as int8 and one float scale per row [rows, 1]: weight is about q * scale."""
    scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
    return (weight / scale).round().clamp(-127, 127).to(torch.int8), scale


@torch.no_grad()
def round_weights(encoder: Encoder) -> Encoder:
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


def stored(encoder: Encoder, max_tokens: int, weights: str) -> Encoder:
    """A copy as it is exported: positions cut to `max_tokens`, matrices in their stored form."""
    result = copy.deepcopy(encoder).eval()
    if hasattr(result, "positions"):
        result.positions.weight = nn.Parameter(result.positions.weight[:max_tokens].detach().clone(), requires_grad=False)
    if weights == "int8":
        result.words = StoredTable(result.words)
        for layer in result.layers:
            for name, module in list(layer.named_children()):
                if isinstance(module, nn.Linear):
                    setattr(layer, name, StoredLinear(module))
    return result


def export_encoder(encoder: Encoder, path: Path, max_tokens: int, weights: str = "int8") -> int:
    """Writes the ONNX file and returns its size in bytes. Inputs input_ids, attention_mask int64 [batch, tokens];
    output descriptor float32 [batch, 2 * hidden]."""
    if weights not in KINDS:
        raise UserError(f"--weights must be {' or '.join(KINDS)}, not {weights}")
    module = stored(encoder, max_tokens, weights)
    size = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
    if size > LIMIT:
        raise UserError(f"{path}: {size / 1e9:.1f} GB of weights as {weights} do not fit into one ONNX file (2 GB)")
    ids = torch.tensor([[3, 2, 1, 0], [2, 1, 0, 0]])  # any: the graph is the same
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The shape inference of", UserWarning)  # about the exporter's own constants
        torch.onnx.export(module, (ids, (ids > 0).long()), str(path), opset_version=OPSET, do_constant_folding=False,
                          input_names=["input_ids", "attention_mask"], output_names=["descriptor"],
                          dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"},
                                        "descriptor": {0: "batch"}})
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    kinds = [o.data_type for o in model.graph.initializer]
    small = kinds.count(onnx.TensorProto.INT8)
    expected = sum(isinstance(m, (StoredLinear, StoredTable)) for m in module.modules())
    if small != expected:
        raise RuntimeError(f"{path}: {small} int8 tensors, expected {expected}; the exporter expanded some")
    return path.stat().st_size
