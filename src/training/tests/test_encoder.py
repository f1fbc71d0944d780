"""The encoder and its exported, int8-stored form."""
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from emostream_training.huggingface import load_pretrained
from emostream_training.export_encoder import export_encoder, quantise, round_weights
from emostream_training.finetune import pad
from onnx_numpy import run as run_numpy

TEXTS = [[1, 5, 9, 2], [1, 2], [1, 30, 31, 32, 33, 34, 35, 2], [1, 5, 2]]


def test_padding_and_neighbours_change_no_descriptor(bert):
    with torch.no_grad():
        together = bert(*pad(TEXTS))
        for i, row in enumerate(TEXTS):
            assert (bert(*pad([row]))[0] - together[i]).abs().max() < 1e-5


def test_descriptor_is_first_token_then_mean(bert):
    hidden = []
    bert.layers[-1].register_forward_hook(lambda module, given, out: hidden.append(out))
    with torch.no_grad():
        descriptor = bert(*pad([TEXTS[0], TEXTS[2]]))[0]
    assert torch.allclose(descriptor[:16], hidden[0][0, 0], atol=1e-6)
    assert torch.allclose(descriptor[16:], hidden[0][0, :4].mean(0), atol=1e-6)


def test_quantise_is_within_half_a_step_per_row():
    weight = torch.randn(7, 50) * torch.logspace(-3, 3, 7)[:, None]
    q, scale = quantise(weight)
    assert q.dtype == torch.int8 and (q.abs().amax(1) == 127).all()
    assert ((q.float() * scale - weight).abs() <= scale * 0.5001).all()


def test_export_stores_int8_and_equals_torch_with_the_same_weights(bert, tmp_path):
    size = export_encoder(bert, tmp_path / "encoder.onnx", 12)
    kinds = [t.data_type for t in onnx.load(str(tmp_path / "encoder.onnx")).graph.initializer]
    assert kinds.count(onnx.TensorProto.INT8) == 1 + 6 * 2 and size == (tmp_path / "encoder.onnx").stat().st_size
    ids, mask = pad(TEXTS)
    out = run_numpy(tmp_path / "encoder.onnx", {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})["descriptor"]
    with torch.no_grad():
        exact, rounded = bert(ids, mask).numpy(), round_weights(bert)(ids, mask).numpy()
    assert np.abs(out - rounded).max() < 1e-4
    assert np.abs(out - exact).max() > 1e-6  # else nothing was rounded and the test above says nothing


def test_published_encoder_reproduces_its_check_texts(request):
    directory = request.config.getoption("--pretrained")
    if not directory:
        pytest.skip("needs --pretrained DIR")
    encoder = load_pretrained(Path(directory)).eval()
    for case in json.loads((Path(directory) / "check.json").read_text("utf-8")):
        with torch.no_grad():
            mean = encoder(*pad([case["ids"]]))[0, encoder.config.hidden_size:]
        assert np.abs((mean / mean.norm()).numpy() - np.array(case["sentenceEmbedding"])).max() < 1e-3
