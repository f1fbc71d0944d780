"""Fine-tunes a text encoder on a labelled corpus: [first token ; mean] -> 384 -> labels.

Two kinds of corpora: one label per text (`label`, cross-entropy) and several (`labels`, binary cross-entropy).
The result is the moving average of the weights, which is what the next stage and the export read.
"""
from __future__ import annotations

import hashlib
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import checkpoint, metrics
from .config import check_ranges, number
from .huggingface import Encoder, build, load_encoder
from .dataset import read_utterances
from .errors import DataError, UserError
from .revision import revision

AVERAGE_EVERY = 10  # steps between two updates of the moving average


@dataclass(frozen=True)
class FinetuneOptions:
    """The [finetune] table of a configuration."""

    labels: str                                 # "one" or "many" per text
    epochs: int = number(3, 1)
    batch: int = number(16, 1)
    learning_rate: float = number(5e-5, 1e-12)
    head_factor: float = number(10.0, 1e-12)    # the head learns this much faster
    layer_decay: float = number(0.9, 1e-12, 1)  # each layer further from the head learns this much slower
    train_words: bool = True                    # false keeps the word table as it was
    weight_decay: float = number(0.01, 0)
    warmup: float = number(0.06, 0, 1)          # share of the steps
    clip: float = number(1.0, 1e-12)
    dropout: float = number(0.1, 0, 0.99)
    head_dropout: float = number(0.1, 0, 0.99)
    label_smoothing: float = number(0.05, 0, 0.99)
    average: float = number(0.999, 0, 0.99999)        # decay of the moving average of the weights
    max_tokens: int = number(64, 3)
    checkpoint_every: int = number(200, 1)      # steps
    at_once: int = number(0, 0)                 # texts of a batch that the device holds at a time; 0: all of them

    __post_init__ = check_ranges


class Classifier(nn.Module):
    """The encoder with the head that is used for fine-tuning alone."""

    def __init__(self, encoder: Encoder, classes: int, dropout: float):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(encoder.dimension, 384), nn.GELU(),
                                  nn.Dropout(dropout), nn.Linear(384, classes))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(ids, mask))


@dataclass
class Corpus:
    """Token ids and targets (class numbers, or rows of zeros and ones)."""

    tokens: list[list[int]]
    targets: np.ndarray


def read_corpus(path: Path, labels: list[str], many: bool, max_tokens: int) -> Corpus:
    """Reads a file with `tokens`; too long texts keep their last token ([SEP])."""
    index = {label: i for i, label in enumerate(labels)}
    tokens, targets = [], []
    for u in read_utterances(path):
        if u.tokens is None:
            raise DataError(path, u.line, "lacks tokens; write them with `emostream features --tokens`")
        given = u.labels if many else (u.label,)
        if not given or any(g not in index for g in given):
            raise DataError(path, u.line, f"label {next((g for g in given if g not in index), None)!r:.42} is not among {', '.join(labels)}")
        row = np.zeros(len(labels), dtype=np.float32)
        row[[index[g] for g in given]] = 1
        tokens.append(u.tokens if len(u.tokens) <= max_tokens else u.tokens[: max_tokens - 1] + u.tokens[-1:])
        targets.append(row if many else index[given[0]])
    if not tokens:
        raise UserError(f"{path}: holds no text")
    return Corpus(tokens, np.array(targets))


def choose_device(name: str) -> torch.device:
    """"auto" is CUDA where torch sees it."""
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device must be auto, cpu or cuda, not {name}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device")
    return torch.device("cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda")


def pad(rows: list[list[int]], device: torch.device | str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask, both int64 [batch, longest]."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids.to(device), mask.to(device)


def batches(corpus: Corpus, size: int, seed: int, epoch: int) -> list[list[int]]:
    """A shuffled epoch in batches of like length: chunks of 50 batches are sorted, then the batches are shuffled."""
    rng = random.Random(seed * 1009 + epoch)
    order = list(range(len(corpus.tokens)))
    rng.shuffle(order)
    result = []
    for start in range(0, len(order), size * 50):
        chunk = sorted(order[start: start + size * 50], key=lambda i: len(corpus.tokens[i]))
        result += [chunk[i: i + size] for i in range(0, len(chunk), size)]
    rng.shuffle(result)
    return result


@torch.no_grad()
def predict(model: nn.Module, corpus: Corpus, size: int = 64) -> np.ndarray:
    """Logits [n, classes] in the corpus' order; bfloat16 as in training, so figures are the run's own, not the bundle's."""
    mode = model.training
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(corpus.tokens)), key=lambda i: len(corpus.tokens[i]))
    out: np.ndarray | None = None
    for start in range(0, len(order), size):
        rows = order[start: start + size]
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = model(*pad([corpus.tokens[i] for i in rows], device)).float().cpu().numpy()
        if not np.isfinite(logits).all():
            raise UserError("the encoder answers with numbers that are not finite; train it with a lower learning_rate")
        out = np.zeros((len(order), logits.shape[1]), dtype=np.float32) if out is None else out
        out[rows] = logits
    model.train(mode)
    return out


def figures_of(model: nn.Module, held: Corpus, many: bool) -> dict[str, float]:
    """Dev figures of merit: weighted F1 and its like for one label per text, macro and micro F1 for several."""
    return (metrics.multi_label if many else metrics.classification)(held.targets, predict(model, held))


def _groups(model: Classifier, o: FinetuneOptions) -> list[dict]:
    """One parameter group per depth; biases and norms are not decayed."""
    depth = len(model.encoder.layers)
    groups: dict[tuple[float, float], list] = {}
    for name, p in model.named_parameters():
        if name.startswith("head."):
            rate = o.learning_rate * o.head_factor
        else:
            level = int(name.split(".")[2]) + 1 if name.startswith("encoder.layers.") else 0
            rate = o.learning_rate * o.layer_decay ** (depth - level)
        if name == "encoder.words.weight":
            continue  # its gradient is sparse: an optimizer of its own
        groups.setdefault((rate, 0.0 if p.ndim < 2 else o.weight_decay), []).append(p)
    return [{"params": ps, "lr": rate, "base": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]


def _backward(model: Classifier, data: Corpus, rows: list[int], whole: int, o: FinetuneOptions, many: bool) -> float:
    """Adds the gradients of some texts of a batch of `whole` texts; returns their share of its loss."""
    device = model.head[1].weight.device
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = model(*pad([data.tokens[i] for i in rows], device)).float()
    target = torch.from_numpy(data.targets[rows]).to(device)
    loss = (F.binary_cross_entropy_with_logits(logits, target) if many
            else F.cross_entropy(logits, target, label_smoothing=o.label_smoothing)) * (len(rows) / whole)
    loss.backward()
    return float(loss.detach())


def _random_state(device: torch.device) -> object:
    """Of the generator that draws the dropout; a run resumes on the kind of device it began on."""
    return torch.get_rng_state() if device.type == "cpu" else torch.cuda.get_rng_state(device)


def _set_random_state(state: torch.Tensor, device: torch.device) -> None:
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.cuda.set_rng_state(state, device)


def history_of(path: Path) -> dict[str, int]:
    """The stages behind an encoder, each with its seed; none behind a published one."""
    return {} if path.is_dir() else checkpoint.load(path).get("history", {})


def revision_of(path: Path) -> str:
    """The code that made an encoder; of a published one, that which reads it."""
    return revision() if path.is_dir() else checkpoint.load(path).get("revision", "unknown")


def start_digest(encoder: Encoder) -> str:
    """SHA-256 of its weights."""
    digest = hashlib.sha256()
    for name, values in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def finetune(o: FinetuneOptions, labels: list[str], train: Path, dev: Path, start: Path, out: Path, seed: int,
             device: torch.device = torch.device("cpu"), history: dict[str, int] | None = None) -> dict:
    """Runs to the end, resuming from out/checkpoint.pt when it is there; writes out/encoder.pt and returns dev figures.

    `history` (stage to seed, this one included) is stored with the weights, for the manifests of bundles made of them.
    """
    if o.labels not in ("one", "many"):
        raise UserError('finetune.labels must be "one" or "many"')
    if checkpoint.digest(train) == checkpoint.digest(dev):
        raise UserError(f"{dev}: is what is trained on; hold other texts out")
    many = o.labels == "many"
    checkpoint.seed_everything(seed)
    encoder = load_encoder(start)
    longest = min(o.max_tokens, encoder.config.max_position_embeddings)
    data, held = (read_corpus(p, labels, many, longest) for p in (train, dev))
    largest = max(max(map(max, corpus.tokens)) for corpus in (data, held))
    if largest >= encoder.config.vocab_size:
        raise UserError(f"{train}, {dev}: hold token {largest}, the encoder has {encoder.config.vocab_size}: was another tokenizer used?")
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = o.dropout
    model = Classifier(encoder, len(labels), o.head_dropout).to(device)
    optimizers = [torch.optim.AdamW(_groups(model, o), betas=(0.9, 0.999))]
    words = model.encoder.words
    if o.train_words:  # half of all weights, of which a batch touches a few hundred rows: dense steps would cost most of the time
        words.sparse = True
        rate = o.learning_rate * o.layer_decay ** len(model.encoder.layers)
        optimizers.append(torch.optim.SparseAdam([{"params": [words.weight], "lr": rate, "base": rate}]))
    else:
        words.weight.requires_grad_(False)
    dense = [p for name, p in model.named_parameters() if name != "encoder.words.weight"]
    average = checkpoint.Average(model, o.average, AVERAGE_EVERY)
    per_epoch = (len(data.tokens) + o.batch - 1) // o.batch
    total, step = per_epoch * o.epochs, 0
    saved = out / "checkpoint.pt"
    made = checkpoint.digests({"seed": seed, "labels": labels, "[finetune]": asdict(o), "data": train, "dev": dev,
                               "starting encoder": start_digest(encoder)})
    averaged = Classifier(build(encoder.config), len(labels), o.head_dropout).to(device)
    if c := checkpoint.resume(saved, made):
        with checkpoint.content_of(saved):
            model.load_state_dict(c["model"])
            averaged.load_state_dict(c["average"])
            for optimizer, state in zip(optimizers, c["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            average.restore(c["average"], c["averaged"])
            step = c["step"]
            _set_random_state(c["rng"], device)  # last: building the networks above draws numbers too
        print(f"resumed at step {step} of {total}", flush=True)
    log = checkpoint.CsvLog(out / "train.csv", ["step", "epoch", "loss", "rate", "texts_per_second"], step)
    dev_log = checkpoint.CsvLog(out / "dev.csv", ["step", "epoch", "weights", "first", "second", "third"], step)
    figures: dict = {}
    model.train()
    losses, seen, since = [], 0, time.monotonic()
    plan, planned = [], -1
    while step < total:
        epoch, at = divmod(step, per_epoch)
        if epoch != planned:
            plan, planned = batches(data, o.batch, seed, epoch), epoch
        rows = plan[at]
        factor = min((step + 1) / max(1, o.warmup * total), (total - step) / max(1, (1 - o.warmup) * total))
        for group in (g for optimizer in optimizers for g in optimizer.param_groups):
            group["lr"] = group["base"] * factor
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        at_once = o.at_once or len(rows)
        losses.append(sum(_backward(model, data, rows[i: i + at_once], len(rows), o, many) for i in range(0, len(rows), at_once)))
        if not math.isfinite(losses[-1]):
            raise UserError(f"the loss is {losses[-1]} in epoch {epoch + 1}; lower learning_rate, which is {o.learning_rate}")
        nn.utils.clip_grad_norm_(dense, o.clip)
        for optimizer in optimizers:
            optimizer.step()
        step, seen = step + 1, seen + len(rows)
        if step % AVERAGE_EVERY == 0 or step == total:
            average.update(model)
        if step % 50 == 0 or step == total:
            speed = seen / (time.monotonic() - since)
            print(f"epoch {epoch + 1}/{o.epochs} step {step}/{total} loss {np.mean(losses):.4f} {speed:.0f} texts/s", flush=True)
            log.write(step=step, epoch=epoch + 1, loss=float(np.mean(losses)), rate=o.learning_rate * factor, texts_per_second=speed)
            losses, seen, since = [], 0, time.monotonic()
        if step % per_epoch == 0:
            averaged.load_state_dict(average.values)
            for name, m in (("last", model), ("average", averaged)):
                figures = figures_of(m, held, many)
                print(f"epoch {epoch + 1} dev ({name}): " + " ".join(f"{k} {v:.4f}" for k, v in figures.items()), flush=True)
                dev_log.write(step=step, epoch=epoch + 1, weights=name, **dict(zip(("first", "second", "third"), figures.values())))
            since = time.monotonic()
        if step % o.checkpoint_every == 0 or step % per_epoch == 0:
            checkpoint.save(saved, model=model.state_dict(), optimizers=[x.state_dict() for x in optimizers], average=average.values,
                            averaged=average.steps, step=step, made=made, rng=_random_state(device))
    averaged.load_state_dict(average.values)
    figures = figures or figures_of(averaged, held, many)
    checkpoint.save(out / "encoder.pt", encoder=averaged.encoder.cpu().state_dict(), head=averaged.head.cpu().state_dict(),
                    config=encoder.config.to_json(), labels=labels, dev=figures, seed=seed, history=history or {}, revision=revision())
    return figures
