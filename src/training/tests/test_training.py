"""Training runs: they learn, they resume exactly, and their loss does what it says."""
import csv
import dataclasses
import random

import numpy as np
import pytest
import torch

from conftest import LABELS, SIZES, TINY, echo_dialogues, write_lines
from emostream_training import checkpoint
from emostream_training.bert import Bert
from emostream_training.config import parse
from emostream_training.dataset import UNLABELLED
from emostream_training.errors import DataError, UserError
from emostream_training.finetune import Classifier, Corpus, FinetuneOptions, finetune
from emostream_training.finetune import predict as predict_texts
from emostream_training.losses import Loss, LossOptions, class_weights, info_nce, taught_nce
from emostream_training.missing import drop_modalities
from emostream_training.predict import predict, score
from emostream_training.train import TrainOptions, batches, fit, load_context

OPTIONS = TrainOptions(epochs=14, batch=8, learning_rate=1e-2, average=0.9, patience=14)


def run(describe, out, options=OPTIONS, **parts):
    return fit(options, SIZES, LossOptions(**parts), describe(("text", 4)), echo_dialogues(120, 1), echo_dialogues(20, 2), out, 7)


def test_context_is_learnt_from_the_row_before(describe, tmp_path):
    best = run(describe, tmp_path)
    assert best["weightedF1"] > 0.95
    model, stored = load_context(tmp_path / "context.pt")
    held = echo_dialogues(20, 2)
    assert score(model, held)["weightedF1"] == pytest.approx(best["weightedF1"]) and stored["labels"] == list(LABELS)
    blind = [d for d in echo_dialogues(20, 2)]
    for d in blind:
        d.features["text"] = d.features["text"][np.random.default_rng(0).permutation(len(d))]
    assert score(model, blind)["weightedF1"] < 0.7


def test_row_without_label_is_read_and_not_scored(describe, tmp_path):
    """Even rows have no label, and they alone tell those of the odd ones."""
    data, held = echo_dialogues(240, 1), echo_dialogues(40, 2)
    for d in (*data, *held):
        d.label[::2] = UNLABELLED
    best = fit(OPTIONS, SIZES, LossOptions(), describe(("text", 4)), data, held, tmp_path, 7)
    assert best["weightedF1"] > 0.95 and best["accuracy"] > 0.95


def test_loss_leaves_out_rows_without_label(context):
    model = context(("text", 5), ("audio", 3))
    torch.manual_seed(1)
    given, present = torch.ones(2, 6, 2, dtype=torch.bool), torch.ones(2, 6, dtype=torch.bool)
    present[1, 4:] = False
    kept = given.clone()
    kept[:, ::2, 0], kept[:, 1::2, 1] = False, False
    speaker, inputs = torch.zeros(2, 6, dtype=torch.int64), [torch.randn(2, 6, 5), torch.randn(2, 6, 3)]
    full, part = (model.members[0](inputs, a, speaker, present, torch.tensor(1)) for a in (given, kept))
    label = torch.tensor([[0, UNLABELLED, 2, UNLABELLED, 1, 0], [1, 2, UNLABELLED, 0, 0, 0]])
    parts = LossOptions(label_guided=0.1, teach=0.1, ceiling=0.4)
    left_out = Loss(parts, torch.tensor([3, 2, 1]))(full, part, given, kept, present & (label != UNLABELLED), label.clamp(min=0))
    assert torch.equal(Loss(parts, torch.tensor([3, 2, 1]))(full, part, given, kept, present, label), left_out)


def test_row_without_text_is_told_by_its_context(describe, tmp_path):
    run(describe, tmp_path, dataclasses.replace(OPTIONS, empty=0.3))
    model, _ = load_context(tmp_path / "context.pt")
    held = echo_dialogues(20, 2)
    for d in held:
        d.available[-1] = False
    right = [x[-1].argmax() == d.label[-1] for d, x in zip(held, predict(model, held))]
    assert np.mean(right) > 0.9


def test_train_resumes_to_the_same_weights(describe, tmp_path, monkeypatch):
    short = TrainOptions(epochs=4, batch=8)
    run(describe, tmp_path / "whole", short)
    write, calls = checkpoint.CsvLog.write, []

    def interrupted(self, **row):
        calls.append(row)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(self, **row)

    with monkeypatch.context() as m:
        m.setattr(checkpoint.CsvLog, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(describe, tmp_path / "cut", short)
    run(describe, tmp_path / "cut", short)
    whole, cut = (checkpoint.load(tmp_path / d / "checkpoint.pt") for d in ("whole", "cut"))
    assert all(torch.equal(whole["model"][k], cut["model"][k]) for k in whole["model"])
    with open(tmp_path / "cut" / "log.csv") as f:
        assert [r["epoch"] for r in csv.DictReader(f)] == ["1", "2", "3", "4"]


def test_a_loss_that_is_no_number_ends_the_run(describe, tmp_path, start):
    with pytest.raises(UserError, match=r"the loss is (nan|inf) in epoch 1; lower \[train\] learning_rate, which is 1e\+30"):
        run(describe, tmp_path / "run", TrainOptions(epochs=2, batch=8, learning_rate=1e30))
    assert not (tmp_path / "run/context.pt").exists() and not (tmp_path / "run/checkpoint.pt").exists()
    with pytest.raises(UserError, match="not finite; train it with a lower learning_rate"):  # one step: its loss is still a number
        run(describe, tmp_path / "step", TrainOptions(epochs=1, batch=200, learning_rate=1e30))
    texts, others = corpus(tmp_path / "t", 64, 1), corpus(tmp_path / "d", 8, 2)
    with pytest.raises(UserError, match="the loss is (nan|inf) in epoch 1; lower learning_rate, which is 1e[+]30"):
        finetune(FinetuneOptions(labels="one", epochs=1, batch=8, learning_rate=1e30), list(LABELS), texts, others, start, tmp_path / "text", 1)


@pytest.mark.parametrize("kind, wrong", [
    (TrainOptions, dict(epochs=0)), (TrainOptions, dict(patience=0)), (TrainOptions, dict(batch=-3)), (TrainOptions, dict(batch=0)),
    (TrainOptions, dict(learning_rate=float("nan"))), (TrainOptions, dict(learning_rate=-1)), (TrainOptions, dict(learning_rate=10**400)),
    (TrainOptions, dict(average=5.0)), (TrainOptions, dict(clip=-1.0)), (TrainOptions, dict(warmup=-1.0)), (TrainOptions, dict(noise=float("inf"))),
    (FinetuneOptions, dict(epochs=-1)), (FinetuneOptions, dict(dropout=2)), (FinetuneOptions, dict(max_tokens=2)), (LossOptions, dict(label_smoothing=3)),
    (LossOptions, dict(align=-0.1))])
def test_a_number_out_of_its_range_is_refused_by_name(kind, wrong):
    (key,) = wrong
    with pytest.raises(UserError, match=rf"^here: \[x\]: {key} must be [0-9e-]+ (or more|to [\d.]+), not -?(nan|inf|[\d.]+)$"):
        parse(kind, {**({"labels": "one"} if kind is FinetuneOptions else {}), **wrong}, "here: [x]")


def test_a_damaged_checkpoint_is_one_line(describe, tmp_path):
    short = TrainOptions(epochs=1, batch=60)
    run(describe, tmp_path, short)
    saved = checkpoint.load(tmp_path / "checkpoint.pt")
    for change, says in ((dict(made=3), "'int'"), (dict(model=None), "lacks 'model'"), (dict(rng=3), ""),
                         (dict(average={k: v[..., :1] for k, v in saved["average"].items() if v.ndim}), "loading state_dict")):
        content = {**saved, **change}
        checkpoint.save(tmp_path / "checkpoint.pt", **{k: v for k, v in content.items() if v is not None})
        with pytest.raises(UserError, match="checkpoint.pt: is no checkpoint, or damaged: ") as e:
            run(describe, tmp_path, short)
        assert says in str(e.value) and "\n" not in str(e.value)


def test_train_resumes_no_other_run(describe, tmp_path):
    data, held, description = echo_dialogues(16, 1), echo_dialogues(8, 2), describe(("text", 4))
    go = lambda o=TrainOptions(epochs=1), sizes=SIZES, parts=LossOptions(), description=description, seed=7, data=data: fit(
        o, sizes, parts, description, data, held, tmp_path, seed)
    best = go()
    assert go() == best
    for says, change in ((r"\[train\]", {"o": TrainOptions(epochs=1, weight_decay=0.5)}), (r"\[loss\]", {"parts": LossOptions(align=0.3)}),
                         (r"\[context\]", {"sizes": dataclasses.replace(SIZES, window=2)}), ("seed", {"seed": 8}), ("data", {"data": held + data[8:]}),
                         ("data", {"data": [dataclasses.replace(d, features={"text": d.features["text"] * 2}) for d in data]}),
                         ("data", {"data": [dataclasses.replace(d, speaker=d.speaker + 1) for d in data]}),
                         ("data", {"data": [dataclasses.replace(d, available=d.available & (d.label > 0)[:, None]) for d in data]}),
                         ("labels", {"description": dataclasses.replace(description, labels=LABELS[::-1])}),
                         ("modalities", {"description": describe(("text", 4, "log"))})):
        with pytest.raises(UserError, match=f"another run, made with another {says}; use another --out"):
            go(**change)


def corpus(path, count, seed, many=False):
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        c = rng.randrange(3)
        tokens = [1] + [rng.randrange(20, 40) for _ in range(rng.randrange(1, 6))] + [10 + c, 2]
        rows.append({"id": str(i), "text": "-", "tokens": tokens, **({"labels": [LABELS[c]]} if many else {"label": LABELS[c]})})
    return write_lines(path, rows)


@pytest.fixture
def start(tmp_path):
    torch.manual_seed(2)
    torch.save({"encoder": Bert(TINY).state_dict(), "config": TINY.to_json()}, tmp_path / "start.pt")
    return tmp_path / "start.pt"


@pytest.mark.parametrize("many", [False, True])
def test_finetune_learns_a_word(tmp_path, start, many):
    o = FinetuneOptions(labels="many" if many else "one", epochs=6, batch=8, learning_rate=3e-3, head_factor=3, average=0.9)
    figures = finetune(o, list(LABELS), corpus(tmp_path / "t", 400, 1, many), corpus(tmp_path / "d", 80, 2, many), start, tmp_path / "out", 1)
    assert figures["macroF1"] > 0.9


def test_finetune_resumes_to_the_same_weights(tmp_path, start, monkeypatch):
    data, dev = corpus(tmp_path / "t", 96, 1), corpus(tmp_path / "d", 20, 2)
    o = FinetuneOptions(labels="one", epochs=2, batch=8, checkpoint_every=5, learning_rate=1e-3)
    go = lambda out: finetune(o, list(LABELS), data, dev, start, tmp_path / out, 1)
    go("whole")
    save, calls = checkpoint.save, []

    def interrupted(path, **content):
        save(path, **content)
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(checkpoint, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go("cut")
    go("cut")
    whole, cut = (checkpoint.load(tmp_path / d / "encoder.pt") for d in ("whole", "cut"))
    assert all(torch.equal(whole["encoder"][k], cut["encoder"][k]) for k in whole["encoder"])
    again = lambda options=o, seed=1, texts=data, start=start: finetune(options, list(LABELS), texts, dev, start, tmp_path / "cut", seed)
    torch.manual_seed(3)
    torch.save({"encoder": Bert(TINY).state_dict(), "config": TINY.to_json()}, tmp_path / "other.pt")
    for change, says in (({"seed": 2}, "seed"), ({"options": dataclasses.replace(o, learning_rate=2e-3)}, r"\[finetune\]"),
                         ({"texts": corpus(tmp_path / "o", 96, 3)}, "data"), ({"start": tmp_path / "other.pt"}, "starting encoder")):
        with pytest.raises(UserError, match=f"another run, made with another {says}; use another --out"):
            again(**change)


@pytest.mark.parametrize("training", [True, False])
def test_predicting_leaves_the_model_in_its_mode(context, bert, training):
    model, classifier = context(("text", 4)).train(training), Classifier(bert, 3, 0.1).train(training)
    predict(model, echo_dialogues(3, 1))
    predict_texts(classifier, Corpus([[1, 10, 2]], np.zeros(1, np.int64)))
    assert model.training == classifier.training == training


def test_finetune_needs_tokens(tmp_path, start):
    bad = write_lines(tmp_path / "bad", [{"text": "x", "label": "calm"}])
    with pytest.raises(DataError, match="bad:1: lacks tokens"):
        finetune(FinetuneOptions(labels="one"), list(LABELS), bad, corpus(tmp_path / "d", 8, 2), start, tmp_path / "out", 1)


def test_dropping_spares_one_modality_and_invents_none():
    torch.manual_seed(0)
    available = torch.rand(64, 9, 3) > 0.3
    kept = drop_modalities(available, 0.5, 0)
    assert not (kept & ~available).any()
    assert (kept.any(-1) == available.any(-1)).all()
    assert 0.2 < kept.sum() / available.sum() < 0.9
    assert (drop_modalities(available, 0.5, 1).logical_not()).all()


@pytest.mark.parametrize("options", [SIZES, dataclasses.replace(SIZES, cross=True, layers=2), dataclasses.replace(SIZES, joint=0),
                                     dataclasses.replace(SIZES, adaptive=False)])
def test_loss_of_two_modalities_reaches_every_parameter(context, options):
    model = context(("text", 5), ("audio", 3, "log", True), options=options)
    torch.manual_seed(1)
    loss_of = Loss(LossOptions(label_guided=0.1, teach=0.1, ceiling=0.4), torch.tensor([3, 2, 1]))
    given, present = torch.ones(2, 6, 2, dtype=torch.bool), torch.ones(2, 6, dtype=torch.bool)
    kept = given.clone()
    kept[0, :, 0], kept[1, :, 1] = False, False
    speaker, label = torch.arange(6).remainder(2).expand(2, 6), torch.randint(0, 3, (2, 6))
    inputs = [torch.randn(2, 6, 5), torch.randn(2, 6, 3)]
    full, part = (model.members[0](inputs, a, speaker, present, torch.tensor(1)) for a in (given, kept))
    loss_of(full, part, given, kept, present, label).backward()
    without = [n for n, p in [*model.named_parameters(), *loss_of.named_parameters()] if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == ([] if options.joint else ["scale"])  # no joint space, no temperature of its contrast


def test_info_nce_is_lower_for_aligned_rows():
    a = torch.nn.functional.normalize(torch.randn(8, 4), dim=-1)
    assert info_nce(a, a, torch.tensor(10.0)) < info_nce(a, a.roll(1, 0), torch.tensor(10.0))


def test_teacher_gets_no_gradient():
    a, b = (torch.nn.functional.normalize(torch.randn(6, 4), dim=-1).requires_grad_() for _ in range(2))
    teaches = torch.tensor([True, True, True, False, False, False])
    taught_nce(a, b, torch.tensor(10.0), teaches).backward()
    assert (a.grad[teaches] == 0).all() and (b.grad[~teaches] == 0).all()
    assert (a.grad[~teaches] != 0).any() and (b.grad[teaches] != 0).any()


def test_recovered_modality_that_is_wrong_loses_weight(context):
    model = context(("text", 5), ("audio", 3))
    kept, present = torch.tensor([True, False]).expand(1, 4, 2), torch.ones(1, 4, dtype=torch.bool)
    out = model.members[0]([torch.randn(1, 4, 5), torch.randn(1, 4, 3)], kept, torch.zeros(1, 4, dtype=torch.long), present, torch.tensor(0))
    sure, label = torch.tensor([[9.0, 0, 0], [0, 9.0, 0]]).expand(1, 4, 2, 3), torch.zeros(1, 4, dtype=torch.long)
    out.weights.retain_grad()
    loss_of = Loss(LossOptions(collapse=0), torch.ones(3))
    loss_of.weighing(out._replace(single=sure), kept[present], present, label).backward()
    assert (out.weights.grad[..., 0] < out.weights.grad[..., 1]).all()  # descent moves weight to the one that knew
    even = out._replace(single=torch.zeros(1, 4, 2, 3), weights=torch.full((1, 4, 2), 0.5, requires_grad=True))
    loss_of.weighing(even, kept[present], present, label).backward()
    assert (even.weights.grad[..., 0] < even.weights.grad[..., 1]).all()  # equally right: what is really there comes first


def test_no_dropout_of_modalities_trains_on_the_batch_alone(describe, tmp_path):
    best = run(describe, tmp_path, dataclasses.replace(OPTIONS, modality_dropout=0.0, epochs=2))
    assert best["epoch"] > 0


def test_members_are_runs_of_their_own_and_resume(describe, tmp_path):
    few = dataclasses.replace(OPTIONS, epochs=2)

    def go(out, members, seed=7):
        return fit(few, dataclasses.replace(SIZES, members=members), LossOptions(), describe(("text", 4)), echo_dialogues(40, 1),
                   echo_dialogues(10, 2), out, seed)
    go(tmp_path / "two", 2)
    go(tmp_path / "first", 1)
    go(tmp_path / "second", 1, seed=1007)
    go(tmp_path / "last", 2, seed=2**32 - 1)  # its second member's seed begins at 0 again
    held = echo_dialogues(10, 2)
    two, first, second = (load_context(tmp_path / d / "context.pt")[0] for d in ("two", "first", "second"))
    for a, b, c in zip(predict(two, held), predict(first, held), predict(second, held)):
        assert np.allclose(a, (b + c) / 2, atol=1e-5)
    (tmp_path / "two" / "context.pt").unlink()
    go(tmp_path / "two", 2)  # the members are done: nothing is trained again
    assert all(np.allclose(a, b) for a, b in zip(predict(load_context(tmp_path / "two" / "context.pt")[0], held), predict(two, held)))
    with open(tmp_path / "two" / "member-2" / "log.csv") as f:
        assert len(list(csv.DictReader(f))) == 2


def test_batches_hold_every_dialogue_once_and_little_padding():
    lengths = [random.Random(3).randrange(1, 60) for _ in range(3)] + list(range(1, 60))
    cut = batches(lengths, 8, random.Random(1))
    assert sorted(i for b in cut for i in b) == list(range(len(lengths))) and max(map(len, cut)) == 8
    padded = sum(max(lengths[i] for i in b) * len(b) for b in cut)
    assert padded < 1.35 * sum(lengths) and batches(lengths, 8, random.Random(2)) != cut


def test_class_weights_average_to_one_over_utterances():
    counts = torch.tensor([90, 9, 1])
    weight = class_weights(counts, 0.5)
    assert (weight * counts).sum() / counts.sum() == pytest.approx(1) and weight[2] / weight[0] == pytest.approx(90**0.5, rel=1e-4)


def test_every_tensor_of_a_step_is_made_on_the_device_of_the_model(context):
    """On torch's meta device, which refuses to mix with another as CUDA does, but for numbers alone."""
    meta = torch.device("meta")
    model = context(("text", 5), ("audio", 3)).to(meta)
    given = torch.ones(2, 6, 2, dtype=torch.bool, device=meta)
    speaker, inputs = torch.zeros(2, 6, dtype=torch.int64, device=meta), [torch.empty(2, 6, n, device=meta) for n in (5, 3)]
    out = model.members[0](inputs, given, speaker, given[..., 0], torch.tensor(1))
    assert out.logits.device.type == "meta"
    rows = torch.empty(4, 3, device=meta)
    assert info_nce(rows, rows, torch.ones((), device=meta)).device.type == "meta"


def test_weights_are_guided_by_heads_that_are_trained():
    LossOptions(single=0, trust=0)
    for guided in ({"trust": 0.5}, {"trust": 0, "teach": 0.1}):
        with pytest.raises(UserError, match="must be 0 too"):
            LossOptions(single=0, **guided)


def test_recovery_is_not_left_untrained(describe, tmp_path):
    """It learns from what modality dropout takes away."""
    two = describe(("text", 4), ("audio", 4))
    with pytest.raises(UserError, match="recovery has nothing to learn from"):
        fit(dataclasses.replace(OPTIONS, modality_dropout=0.0), SIZES, LossOptions(), two, echo_dialogues(4, 1), echo_dialogues(4, 2), tmp_path, 1)


def test_average_is_restored_to_where_its_model_is():
    average = checkpoint.Average(torch.nn.Linear(2, 2).to("meta"), 0.9)
    average.restore(torch.nn.Linear(2, 2).state_dict(), 7)
    assert average.steps == 7 and all(v.device.type == "meta" for v in average.values.values())


def test_finetune_holds_other_texts_out(tmp_path, start):
    data = corpus(tmp_path / "t", 16, 1)
    with pytest.raises(UserError, match="is what is trained on"):
        finetune(FinetuneOptions(labels="one", epochs=1), list(LABELS), data, data, start, tmp_path / "out", 1)
