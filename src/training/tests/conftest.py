"""Shared by the tests: tiny networks and data that train in seconds. `--pretrained DIR` also checks a real encoder."""
import json

import numpy as np
import pytest
import torch

from emostream_training.bert import Bert, BertConfig
from emostream_training.context import ContextModel, ContextOptions
from emostream_training.dataset import Description, Dialogue, Modality

torch.set_num_threads(1)
LABELS = ("calm", "glad", "cross")
TINY = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                  max_position_embeddings=24)
SIZES = ContextOptions(window=3, width=16, heads=2, joint=8, hidden=16, dropout=0.1, input_dropout=0.0)


def pytest_addoption(parser):
    parser.addoption("--pretrained", default=None, help="directory with config.json, .npz, check.json of a published encoder")


@pytest.fixture
def describe():
    """Builds a description of (name, dimension, further keys..) modalities."""
    def build(*modalities):
        return Description("toy", LABELS, tuple(Modality(n, f"{n}/toy@1", *more) for n, *more in modalities), "none", "")
    return build


@pytest.fixture
def bert():
    torch.manual_seed(3)
    encoder = Bert(TINY).eval()
    for p in encoder.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return encoder


@pytest.fixture
def context(describe):
    """Builds a context model with every parameter away from zero, so that no part can hide."""
    def build(*modalities, options=SIZES):
        torch.manual_seed(5)
        model = ContextModel(describe(*modalities).modalities, len(LABELS), options)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.2)
        for i, m in enumerate(model.modalities):
            for member in model.members:
                member.modes[i].enter.fit(torch.randn(50, m.dimension).numpy())
        return model.eval()
    return build


def echo_dialogues(count: int, seed: int, modality: str = "text", rows: int = 6) -> list[Dialogue]:
    """Dialogues whose labels are told by the PREVIOUS row's features alone: only a model that reads the context learns them."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(count):
        said = rng.integers(0, len(LABELS), rows)
        label = np.concatenate([[0], said[:-1]])
        features = np.eye(len(LABELS), 4, dtype=np.float32)[said] + rng.normal(0, 0.05, (rows, 4)).astype(np.float32)
        out.append(Dialogue(f"c{i}", [f"c{i}-{t}" for t in range(rows)], {modality: features}, np.ones((rows, 1), dtype=bool),
                            np.arange(rows) % 2, label))
    return out


def write_safetensors(path, arrays):
    """A file of float32 arrays, or of (dtype, array) pairs whose bytes are taken as they are."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        kind, array = array if isinstance(array, tuple) else ("F32", np.asarray(array, dtype="<f4"))
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def write_lines(path, rows):
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), "utf-8")
    return path
