"""What the context model promises: a row depends on its receptive field alone, on no padding, on no neighbour."""
import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import LABELS, SIZES
from emostream_training.context import FARTHEST, ContextModel, ContextOptions
from emostream_training.errors import UserError
from emostream_training.export_context import export_context, outputs_of
from onnx_numpy import run as run_numpy

ROWS = 14
ONE, TWO = [("text", 5)], [("text", 5), ("audio", 3)]
VOICE, FACE, BODY = ("audio", 3, "log", True), ("face", 4), ("body", 2, "none", True)


def options(**changes):
    return dataclasses.replace(SIZES, **changes)


FORMS = {
    "one": (ONE, SIZES),
    "members": (TWO, options(members=2)),
    "two": (TWO, SIZES),
    "relative": ([("text", 5), VOICE], options(speaker_window=2)),
    "whole": ([("text", 5), VOICE, FACE, BODY], options(window=2, speaker_window=3, layers=2, cross=True)),
    "crossed": ([("text", 5), VOICE, FACE], options(cross=True, speaker_window=0)),
    "no joint space": (TWO, options(joint=0)),
    "no recovery": (TWO, options(recover=False)),
    "uniform": (TWO, options(adaptive=False)),
    "no context": ([("text", 5), VOICE], options(window=0, look_ahead=0, speaker_window=0)),
    "zeros": (TWO, options(absent="zero", recover=False)),
}


def make(modalities, batch=2, rows=ROWS, seed=0, ahead=0):
    g = torch.Generator().manual_seed(seed)
    return dict(inputs=[torch.randn(batch, rows, m[1], generator=g) for m in modalities],
                available=torch.rand(batch, rows, len(modalities), generator=g) > 0.25,
                speaker=torch.randint(0, 3, (batch, rows), generator=g),
                present=torch.ones(batch, rows, dtype=torch.bool), look_ahead=torch.tensor(ahead))


def change(x, function):
    """A copy with the function applied to everything that has rows."""
    return {k: [function(i.clone()) for i in v] if k == "inputs" else v if k == "look_ahead" else function(v.clone()) for k, v in x.items()}


def torch_run(model, x):
    with torch.no_grad():
        out = model(**x)
    return {name: getattr(out, name).numpy() for name in outputs_of(model)}


def onnx_run(model, path, x):
    named = {m.name: i.numpy() for m, i in zip(model.modalities, x["inputs"])}
    return run_numpy(path, {**named, **{k: v.numpy() for k, v in x.items() if k != "inputs"}})


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports a model once: `context` gives equal descriptions equal weights."""
    done = {}

    def path(model):
        key = repr(model.describe())
        if key not in done:
            done[key] = tmp_path_factory.mktemp("onnx") / "context.onnx"
            export_context(model, done[key])
        return done[key]
    return path


@pytest.fixture(params=["torch", "onnx"])
def runner(request, exported):
    """Scores with torch, and with the exported file; gives the outputs by name."""
    def build(model):
        return lambda x: torch_run(model, x) if request.param == "torch" else onnx_run(model, exported(model), x)
    return build


def equal(a, b, at=lambda x: x, bound=1e-5):
    assert set(a) == set(b)
    for name in a:
        assert np.abs(at(a[name]) - at(b[name])).max() < bound, name


@pytest.fixture(params=FORMS)
def form(request, context):
    modalities, o = FORMS[request.param]
    return context(*modalities, options=o), modalities


def aheads(model):
    return {0, model.options.look_ahead}


def test_row_depends_on_its_receptive_field_only(form, runner):
    model, modalities = form
    score, changed = runner(model), 4
    for ahead in aheads(model):
        x = make(modalities, ahead=ahead)
        x["available"][:] = True
        before, y = score(x)["logits"], change(x, lambda v: v)
        for i in y["inputs"]:
            i[0, changed] += 1
        y["speaker"][0, changed] = 7
        moved = np.abs(score(y)["logits"] - before).max(-1) > 1e-5
        expected = np.zeros_like(moved)
        expected[0, changed - ahead: changed + model.receptive_field + 1] = True
        assert not (moved & ~expected).any()
        near = np.zeros_like(moved)
        near[0, changed - ahead: changed + model.options.window + 1] = True
        assert (moved | ~near).all()


def test_receptive_field_alone_equals_the_whole_dialogue(form, runner):
    model, modalities = form
    score, field = runner(model), model.receptive_field
    assert field < ROWS - 1
    for ahead in aheads(model):
        x = make(modalities, ahead=ahead)
        whole = score(x)
        for t in range(field, ROWS):
            part = score(change(x, lambda v: v[:, t - field: t + ahead + 1]))
            assert all(np.abs(part[n][:, field] - whole[n][:, t]).max() < 1e-5 for n in whole)


def test_padding_and_neighbours_change_nothing(form, runner):
    model, modalities = form
    score = runner(model)
    for ahead in aheads(model):
        x = make(modalities, ahead=ahead)
        alone = score(change(x, lambda v: v[:1, :8]))
        y = change(x, lambda v: v)
        y["present"][0, 8:], y["available"][0, 8:] = False, True
        for i in y["inputs"]:
            i[0, 8:] = float("nan")
            i[1] *= 100
        padded = score(y)
        assert all(np.abs(padded[n][0, :8] - alone[n][0]).max() < 1e-5 for n in alone)
        assert (padded["logits"][0, 8:] == 0).all() and (padded["weights"][0, 8:] == 0).all()
        swapped, front = score(change(y, lambda v: v.flip(0))), score(change(y, lambda v: torch.cat([v[:, 8:], v[:, :8]], 1)))
        assert all(np.abs(swapped[n][1, :8] - alone[n][0]).max() < 1e-5 for n in alone)
        assert all(np.abs(front[n][0, ROWS - 8:] - alone[n][0]).max() < 1e-5 for n in alone)


def test_absent_modality_may_hold_anything(form, runner):
    model, modalities = form
    score, x = runner(model), make(modalities)
    y = change(x, lambda v: v)
    for m, i in enumerate(y["inputs"]):
        i[~x["available"][:, :, m]] = float("nan")
    equal(score(y), score(x), bound=1e-6)


def test_only_who_is_the_same_speaker_counts(form, runner):
    model, modalities = form
    score, x = runner(model), make(modalities)
    y = {**x, "speaker": torch.tensor([5, 9, 2])[x["speaker"]]}
    equal(score(y), score(x), bound=1e-6)
    y["speaker"] = torch.zeros_like(x["speaker"])
    if model.receptive_field:
        assert np.abs(score(y)["logits"] - score(x)["logits"]).max() > 1e-3


def test_row_without_any_modality_still_has_finite_scores(form, runner):
    model, modalities = form
    x = make(modalities)
    x["available"][:] = False
    assert all(np.isfinite(v).all() for v in runner(model)(x).values())


@pytest.mark.parametrize("seed", range(6))
def test_random_model_of_random_size_is_exported_exactly(describe, tmp_path, seed):
    rng = random.Random(seed)
    modalities = [(n, rng.randint(1, 9), rng.choice(["none", "log"]), rng.random() < 0.5)
                  for n in rng.sample(("text", "audio", "face", "body"), 1 + seed % 4)]
    heads = rng.choice([1, 2, 4])
    o = ContextOptions(members=rng.randint(1, 2), window=rng.randint(0, 6), look_ahead=rng.randint(0, 4), layers=rng.randint(1, 3), cross=rng.random() < 0.5,
                       joint=rng.choice([0, 5, 16]), recover=rng.random() < 0.7, adaptive=rng.random() < 0.7,
                       absent=rng.choice(["token", "zero"]), speaker_window=rng.randint(0, 7), width=heads * rng.randint(8, 12),
                       heads=heads, hidden=rng.randint(3, 20))
    torch.manual_seed(seed)
    model = ContextModel(describe(*modalities).modalities, len(LABELS), o).eval()
    again = ContextModel.build(model.describe()).eval()
    again.load_state_dict(model.state_dict())
    assert again.options == o and again.modalities == model.modalities and again.receptive_field == model.receptive_field
    export_context(again, tmp_path / "context.onnx")
    for batch, rows in ((1, 1), (rng.randint(1, 4), rng.randint(2, 20))):
        x = make(modalities, batch, rows, seed, rng.randint(0, o.look_ahead))
        for i, m in zip(x["inputs"], model.modalities):
            i *= 10.0 ** torch.randint(-3, 4, i.shape) if m.transform == "log" else 1.0
        equal(onnx_run(model, tmp_path / "context.onnx", x), torch_run(model, x))


def test_receptive_field_counts_every_part_that_looks_back(context):
    def field(*modalities, **o):
        return context(*modalities, options=options(**o)).receptive_field
    assert field(("text", 5), window=3, speaker_window=9) == 3
    assert field(("text", 5), VOICE, window=3, speaker_window=9) == 12
    assert field(("text", 5), VOICE, window=3, speaker_window=9, layers=2, cross=True) == 18
    assert field(("text", 5), window=3, cross=True) == 3
    assert field(("text", 5), window=0) == 0


def test_receptive_field_fits_what_serving_accepts(context):
    rules = (Path(__file__).parents[2] / "EmoStream.Inference/Bundle/ManifestRules.cs").read_text("utf-8")
    assert f"MaxWindow = {FARTHEST};" in rules
    assert context(*TWO, options=options(window=256, layers=2)).receptive_field == FARTHEST
    for modalities, wrong in ((TWO, dict(window=257, layers=2)), (TWO, dict(window=300, cross=True)), ([VOICE], dict(window=500)),
                              ([VOICE], dict(window=12, speaker_window=501))):
        with pytest.raises(UserError, match="earlier rows; a bundle may ask for 512"):
            context(*modalities, options=options(**wrong))
    for key in ("window", "look_ahead", "speaker_window"):
        with pytest.raises(UserError, match=f"^{key} must be 0 to 512, not 513$"):
            options(**{key: 513})


def test_weights_sum_to_one_over_what_takes_part(context, runner):
    weights = runner(context(*TWO))(make(TWO))["weights"]
    assert np.abs(weights.sum(-1) - 1).max() < 1e-6 and (weights > 0).all()
    assert (runner(context(*ONE))(make(ONE))["weights"] == 1).all()
    x = make(TWO)
    weights = runner(context(*TWO, options=options(recover=False)))(x)["weights"]
    some = x["available"].any(-1).numpy()
    assert np.abs(weights.sum(-1) - 1).max() < 1e-6 and (weights[some][~x["available"].numpy()[some]] == 0).all()
    weights = runner(context(*TWO, options=options(adaptive=False)))(x)["weights"]
    assert np.abs(weights - 0.5).max() < 1e-6


def test_recovered_row_is_told_by_context_and_other_modality(context):
    model, x = context(*TWO), make(TWO)
    x["available"][:] = True
    x["available"][:, 5, 1] = False

    def recovered(x):
        with torch.no_grad():
            return model.members[0](**x)
    out = recovered(x)
    assert torch.allclose(out.joint.norm(dim=-1), torch.ones(2, ROWS, 2), atol=1e-5)
    for modality, row in ((0, 5), (1, 4)):  # the other modality of the same row; its own past
        y = change(x, lambda v: v)
        y["inputs"][modality][0, row] += 1
        assert (recovered(y).recovered - out.recovered)[0, 5, 1].abs().max() > 1e-4
        assert (recovered(y).single - out.single)[0, 5, 1].abs().max() > 1e-4


def test_speaker_relative_input_is_unmoved_by_a_constant_loudness(context):
    """Every utterance ten times as loud: once some have been heard, what is unusual for the speaker stays the same."""
    model = context(("audio", 3, "log", True), options=options(window=0, look_ahead=0, speaker_window=40))
    entry = model.members[0].modes[0].enter
    entry.scale.fill_(0.2)
    raw = torch.rand(1, 40, 3) * 5 + 5
    past = torch.ones(1, 40, 40, dtype=torch.bool).tril(-1)
    seen = []
    entry.project = torch.nn.Identity()
    for factor in (1, 10):
        seen.append(entry(raw * factor, torch.ones(1, 40, 1, dtype=torch.bool), past)[0, -1])
    absolute, relative = (seen[1] - seen[0]).abs().split(3)
    assert relative.max() < 0.25 * absolute.min()


@pytest.mark.parametrize("says, wrong", [
    ("absent must be token or zero, not 'guess'", dict(absent="guess")), ("layers must be 1 to 64, not 0", dict(layers=0)),
    ("width must be a multiple of heads, not 128 of 3", dict(heads=3)), ("window must be 0 to 512, not -1", dict(window=-1)),
    ("width must be 1 to 65536, not 0", dict(width=0)), ("hidden must be 1 to 65536, not -1", dict(hidden=-1)),
    ("dropout must be 0 to 0.99, not 2", dict(dropout=2)), ("heads must be 1 to 65536, not 0", dict(heads=0)),
    ("recency must be 0 or more, not nan", dict(recency=float("nan"))), ("recency must be 0 or more, not inf", dict(recency=float("inf")))])
def test_options_that_cannot_work_are_refused(says, wrong):
    with pytest.raises(UserError, match=f"^{says}$"):
        ContextOptions(**wrong)
