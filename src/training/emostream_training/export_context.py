"""Exports the context model to ONNX: one input per modality by its name, then available, speaker, present, look_ahead."""
from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from .context import ContextModel
from .export_encoder import OPSET


class Served(nn.Module):
    """The two outputs that are served and those that evaluation reads, with the inputs as separate arguments."""

    def __init__(self, model: ContextModel):
        super().__init__()
        self.model = model

    def forward(self, *arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        inputs, (available, speaker, present, look_ahead) = list(arguments[:-4]), arguments[-4:]
        out = self.model(inputs, available, speaker, present, look_ahead)
        return tuple(getattr(out, name) for name in outputs_of(self.model))


def outputs_of(model: ContextModel) -> list[str]:
    """`joint` only where there are modalities to compare in it."""
    return ["logits", "weights", "single", *(["joint"] if model.options.joint and len(model.modalities) > 1 else [])]


def export_context(model: ContextModel, path: Path) -> int:
    """Writes the ONNX file and returns its size in bytes."""
    rows, names = 5, [m.name for m in model.modalities]
    example = ([torch.randn(2, rows, m.dimension) for m in model.modalities]
               + [torch.ones(2, rows, len(names), dtype=torch.bool), torch.randint(0, 2, (2, rows)),
                  torch.ones(2, rows, dtype=torch.bool), torch.tensor(1)])
    inputs = [*names, "available", "speaker", "present", "look_ahead"]
    outputs = outputs_of(model)
    dynamic = {name: {0: "batch", 1: "rows"} for name in [*inputs[:-1], *outputs]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The shape inference of", UserWarning)  # about the exporter's own constants
        torch.onnx.export(Served(model).eval(), tuple(example), str(path), opset_version=OPSET, input_names=inputs,
                          output_names=outputs, dynamic_axes=dynamic)
    graph = onnx.load(str(path))
    onnx.checker.check_model(graph)
    found = {i.name for i in graph.graph.input}
    if found != set(inputs):
        raise RuntimeError(f"{path}: the exporter dropped the inputs {', '.join(sorted(set(inputs) - found))}")
    return path.stat().st_size
