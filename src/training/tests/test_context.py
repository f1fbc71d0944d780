"""What the context model promises: a row depends on its window alone, on no padding, on no neighbour."""
import numpy as np
import pytest
import torch

from conftest import SIZES
from emostream_training.export_context import export_context
from onnx_numpy import run as run_numpy

ROWS, WINDOW = 12, SIZES.window
ONE, TWO = [("text", 5)], [("text", 5), ("audio", 3)]


def make(modalities, batch=2, rows=ROWS, seed=0):
    g = torch.Generator().manual_seed(seed)
    return dict(inputs=[torch.randn(batch, rows, d, generator=g) for _, d in modalities],
                available=torch.rand(batch, rows, len(modalities), generator=g) > 0.25,
                speaker=torch.randint(0, 3, (batch, rows), generator=g),
                present=torch.ones(batch, rows, dtype=torch.bool), look_ahead=torch.tensor(0))


def torch_run(model, x):
    with torch.no_grad():
        out = model(**x)
    return out.logits.numpy(), out.weights.numpy()


def copy(x):
    return {k: [i.clone() for i in v] if isinstance(v, list) else v.clone() for k, v in x.items()}


@pytest.fixture(params=["torch", "onnx"])
def runner(request, tmp_path):
    """Scores with torch, and with the exported file."""
    def build(model):
        if request.param == "torch":
            return lambda x: torch_run(model, x)
        export_context(model, tmp_path / "context.onnx")

        def run(x):
            named = {m.name: i.numpy() for m, i in zip(model.modalities, x["inputs"])}
            named.update({k: v.numpy() for k, v in x.items() if k != "inputs"})
            out = run_numpy(tmp_path / "context.onnx", named)
            return out["logits"], out["weights"]
        return run
    return build


@pytest.mark.parametrize("modalities", [ONE, TWO])
@pytest.mark.parametrize("ahead", [0, 2, 3])
def test_row_depends_on_its_window_only(context, runner, modalities, ahead):
    model = context(*modalities)
    score, x = runner(model), make(modalities)
    x["look_ahead"] = torch.tensor(ahead)
    x["available"][:] = True
    before, _ = score(x)
    changed = 6
    y = copy(x)
    for i in y["inputs"]:
        i[0, changed] += 1
    y["speaker"][0, changed] = 7
    after, _ = score(y)
    moved = np.abs(after - before).max(-1) > 1e-5
    expected = np.zeros_like(moved)
    expected[0, changed - ahead: changed + WINDOW + 1] = True
    assert (moved == expected).all()


@pytest.mark.parametrize("ahead", [0, 3])
def test_window_slice_equals_whole_dialogue(context, runner, ahead):
    model = context(*TWO)
    score, x = runner(model), make(TWO)
    x["look_ahead"] = torch.tensor(ahead)
    whole, weights = score(x)
    for t in range(WINDOW, ROWS):
        part = {k: [i[:, t - WINDOW: t + ahead + 1] for i in v] if k == "inputs" else v if k == "look_ahead"
                else v[:, t - WINDOW: t + ahead + 1] for k, v in x.items()}
        logits, w = score(part)
        assert np.abs(logits[:, WINDOW] - whole[:, t]).max() < 1e-5
        assert np.abs(w[:, WINDOW] - weights[:, t]).max() < 1e-5


def test_padding_and_neighbours_change_nothing(context, runner):
    model = context(*TWO)
    score, x = runner(model), make(TWO)
    alone = {k: [i[:1, :8] for i in v] if k == "inputs" else v if k == "look_ahead" else v[:1, :8] for k, v in x.items()}
    expected, _ = score(alone)
    y = copy(x)
    y["present"][0, 8:] = False
    y["available"][0, 8:] = True
    for i in y["inputs"]:
        i[0, 8:] = float("nan")
        i[1] *= 100
    for ahead in (0, 3):
        y["look_ahead"] = alone["look_ahead"] = torch.tensor(ahead)
        expected, _ = score(alone)
        logits, weights = score(y)
        assert np.abs(logits[0, :8] - expected[0]).max() < 1e-5
        assert (logits[0, 8:] == 0).all() and (weights[0, 8:] == 0).all()
        front = copy(y)  # the same with the padding in front
        for key in ("available", "speaker", "present"):
            front[key][0] = y[key][0].roll(4, 0)
        for i, j in zip(front["inputs"], y["inputs"]):
            i[0] = j[0].roll(4, 0)
        assert np.abs(score(front)[0][0, 4:] - expected[0]).max() < 1e-5


def test_absent_modality_may_hold_anything(context, runner):
    model = context(*TWO)
    score, x = runner(model), make(TWO)
    y = copy(x)
    for m, i in enumerate(y["inputs"]):
        i[~x["available"][:, :, m]] = float("nan")
    assert np.abs(score(y)[0] - score(x)[0]).max() < 1e-6


def test_only_who_is_the_same_speaker_counts(context, runner):
    model = context(*ONE)
    score, x = runner(model), make(ONE)
    y = copy(x)
    y["speaker"] = torch.tensor([5, 9, 2])[x["speaker"]]
    assert np.abs(score(y)[0] - score(x)[0]).max() < 1e-6
    y["speaker"][:] = 0
    assert np.abs(score(y)[0] - score(x)[0]).max() > 1e-3


def test_weights_sum_to_one_and_are_one_for_a_lone_modality(context, runner):
    model = context(*TWO)
    assert np.abs(runner(model)(make(TWO))[1].sum(-1) - 1).max() < 1e-6
    model = context(*ONE)
    assert (runner(model)(make(ONE))[1] == 1).all()


def test_recovered_row_is_told_by_context_and_other_modality(context):
    model = context(*TWO)
    x = make(TWO)
    x["available"][:] = True
    x["available"][:, 5, 1] = False
    with torch.no_grad():
        out = model(**x)
    assert [tuple(r.shape) for r in out.recovered] == [(2, ROWS, SIZES.width)] * 2
    assert [tuple(p.shape) for p in out.joint] == [(2, ROWS, SIZES.joint)] * 2
    assert torch.allclose(out.joint[0].norm(dim=-1), torch.ones(2, ROWS), atol=1e-5)
    y = copy(x)
    y["inputs"][0][0, 5] += 1  # the other modality of the same row
    with torch.no_grad():
        assert (model(**y).recovered[1] - out.recovered[1])[0, 5].abs().max() > 1e-4
    y = copy(x)
    y["inputs"][1][0, 4] += 1  # its own past
    with torch.no_grad():
        assert (model(**y).recovered[1] - out.recovered[1])[0, 5].abs().max() > 1e-4


def test_row_without_any_modality_still_has_finite_logits(context, runner):
    model = context(*TWO)
    x = make(TWO)
    x["available"][:] = False
    logits, weights = runner(model)(x)
    assert np.isfinite(logits).all() and np.isfinite(weights).all()


@pytest.mark.parametrize("modalities", [ONE, TWO])
def test_export_equals_torch(context, tmp_path, modalities):
    model = context(*modalities)
    export_context(model, tmp_path / "context.onnx")
    for batch, rows, ahead in ((1, 1, 0), (3, 17, 2)):
        x = make(modalities, batch, rows, seed=rows)
        x["look_ahead"] = torch.tensor(ahead)
        named = {m.name: i.numpy() for m, i in zip(model.modalities, x["inputs"])}
        named.update({k: v.numpy() for k, v in x.items() if k != "inputs"})
        out, (logits, weights) = run_numpy(tmp_path / "context.onnx", named), torch_run(model, x)
        assert np.abs(out["logits"] - logits).max() < 1e-5 and np.abs(out["weights"] - weights).max() < 1e-5
