"""The context model: descriptors of the utterances of a dialogue -> logits per utterance, for any set of modalities.

Per utterance t and modality m with availability a:
 1 project    g = a GELU(LN(W_m x)) + (1-a) absent_m + mode_m
 2 context    c = g' + FFN(LN g'), g' = g + MHA(LN g); keys t-W <= t' <= t+K of the same dialogue that have m, and a null key
 3 embed      p = normalise(P_m c): the joint space, aligned across modalities by the training's contrastive loss
 4 recover    r = D_m([mean of the other available p ; z]), z = LN(c); an absent modality is stood in for by r
 5 weigh      w = softmax over m of v.tanh(q + K_m z + u_m + (1-a) flag), q from the available c: query adaptive fusion
 6 classify   sum w U z + sum w a E_m z -> logits

One attention layer with a hard window: row t depends on rows t-W..t+K only, whatever lies before, after or beside it.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from .dataset import Modality

MAX_LOOK_AHEAD = 3
MASKED = -1e9


@dataclass(frozen=True)
class ContextOptions:
    """The [context] table of a configuration: sizes of the network."""

    window: int = 12
    width: int = 128
    heads: int = 4
    joint: int = 64
    hidden: int = 256
    dropout: float = 0.3
    input_dropout: float = 0.3


class Output(NamedTuple):
    """logits and weights are served; the rest feeds the training's losses (lists have one tensor per modality)."""

    logits: torch.Tensor        # [batch, rows, classes]
    weights: torch.Tensor       # [batch, rows, modalities]
    single: list[torch.Tensor]  # [batch, rows, classes]: each modality alone
    joint: list[torch.Tensor]   # [batch, rows, joint], unit length
    context: list[torch.Tensor]    # z, [batch, rows, width]
    recovered: list[torch.Tensor]  # r, [batch, rows, width]


class Attention(nn.Module):
    """Attention over the window of one dialogue, biased by distance and by same or other speaker, with a null key."""

    def __init__(self, o: ContextOptions):
        super().__init__()
        self.window, self.heads, self.size = o.window, o.heads, o.width // o.heads
        self.project = nn.Linear(o.width, 3 * o.width)
        self.out = nn.Linear(o.width, o.width)
        self.null_key = nn.Parameter(torch.randn(o.heads, self.size) * self.size**-0.5)
        self.bias = nn.Parameter(torch.zeros(2 * (o.window + MAX_LOOK_AHEAD + 1), o.heads))
        self.dropout = nn.Dropout(o.dropout)

    def forward(self, x: torch.Tensor, allowed: torch.Tensor, relation: torch.Tensor) -> torch.Tensor:
        """x [b, r, width], allowed bool [b, r, r] (row may look at column), relation int64 [b, r, r] indexes `bias`."""
        batch, rows, width = x.shape
        q, k, v = self.project(x).reshape(batch, rows, 3, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        q = q * self.size**-0.5
        scores = torch.matmul(q, k.transpose(2, 3)) + self.bias[relation].permute(0, 3, 1, 2)
        scores = torch.where(allowed[:, None], scores, torch.full_like(scores, MASKED))
        null = (q * self.null_key[:, None]).sum(-1, keepdim=True)
        share = torch.cat([null, scores], dim=-1).softmax(-1)[..., 1:]  # the null key's value is zero: its share is lost
        mixed = torch.matmul(self.dropout(share), v).transpose(1, 2).reshape(batch, rows, width)
        return self.out(mixed)


class Mode(nn.Module):
    """What one modality owns: projection, context, embedding, recovery, its part of the fusion."""

    def __init__(self, dimension: int, classes: int, o: ContextOptions):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        self.enter = nn.Sequential(nn.Dropout(o.input_dropout), nn.Linear(dimension, o.width), nn.LayerNorm(o.width),
                                   nn.GELU(), nn.Dropout(o.dropout))
        self.absent = nn.Parameter(torch.randn(o.width) * 0.02)
        self.mode = nn.Parameter(torch.randn(o.width) * 0.02)
        self.attention_norm, self.attention = nn.LayerNorm(o.width), Attention(o)
        self.feed = nn.Sequential(nn.LayerNorm(o.width), nn.Linear(o.width, o.hidden), nn.GELU(), nn.Dropout(o.dropout),
                                  nn.Linear(o.hidden, o.width))
        self.norm = nn.LayerNorm(o.width)
        self.embed = nn.Linear(o.width, o.joint)
        self.recover = nn.Sequential(nn.Linear(o.joint + o.width, o.hidden), nn.GELU(), nn.Linear(o.hidden, o.width))
        self.single = nn.Sequential(nn.Dropout(o.dropout), nn.Linear(o.width, classes))
        self.key = nn.Linear(o.width, o.joint)
        self.exclusive = nn.Linear(o.width, o.width, bias=False)


class ContextModel(nn.Module):
    """See the module's comment; inputs and outputs as in `forward`."""

    def __init__(self, modalities: tuple[Modality, ...], classes: int, options: ContextOptions):
        super().__init__()
        o = self.options = options
        self.modalities, self.classes = modalities, classes
        self.modes = nn.ModuleList(Mode(m.dimension, classes, o) for m in modalities)
        self.query = nn.Linear(o.width, o.joint)
        self.judge = nn.Linear(o.joint, 1, bias=False)
        self.flag = nn.Parameter(torch.zeros(o.joint))
        self.shared = nn.Linear(o.width, o.width, bias=False)
        self.classify = nn.Sequential(nn.Dropout(o.dropout), nn.LayerNorm(o.width), nn.Linear(o.width, o.width), nn.GELU(),
                                      nn.Dropout(o.dropout), nn.Linear(o.width, classes))

    def forward(self, inputs: list[torch.Tensor], available: torch.Tensor, speaker: torch.Tensor, present: torch.Tensor,
                look_ahead: torch.Tensor) -> Output:
        """inputs: per modality float32 [b, r, dim]; available bool [b, r, m]; speaker int64 [b, r]; present bool [b, r]
        (false = padding); look_ahead int64 scalar, 0..3."""
        at = torch.arange(present.shape[1])
        distance = at[:, None] - at[None, :]  # how far the column lies back
        near = (distance <= self.options.window) & (distance >= -look_ahead)
        same = (speaker[:, :, None] == speaker[:, None, :]).long()
        relation = (distance.clamp(-MAX_LOOK_AHEAD, self.options.window) + MAX_LOOK_AHEAD)[None] * 2 + same
        given = available & present[:, :, None]

        contexts, normed, joint = [], [], []
        for i, (mode, x) in enumerate(zip(self.modes, inputs)):
            has = given[:, :, i: i + 1]
            x = torch.where(has, (x - mode.mean) * mode.scale, torch.zeros_like(x))  # what is absent may hold anything
            g = torch.where(has, mode.enter(x), mode.absent.expand(x.shape[0], x.shape[1], -1)) + mode.mode
            g = g + mode.attention(mode.attention_norm(g), near[None] & given[:, None, :, i], relation)
            c = g + mode.feed(g)
            contexts.append(c)
            normed.append(mode.norm(c))
            joint.append(F.normalize(mode.embed(c), dim=-1))

        a = given.to(contexts[0].dtype)
        everything = sum(p * a[:, :, i: i + 1] for i, p in enumerate(joint))
        number = a.sum(-1, keepdim=True)
        recovered, filled = [], []
        for i, mode in enumerate(self.modes):
            own = a[:, :, i: i + 1]
            others = (everything - joint[i] * own) / (number - own).clamp(min=1.0)
            r = mode.recover(torch.cat([others, normed[i]], dim=-1))
            recovered.append(r)
            filled.append(own * normed[i] + (1 - own) * r)

        q = self.query(sum(c * a[:, :, i: i + 1] for i, c in enumerate(contexts)) / number.clamp(min=1.0))
        scores = [self.judge(torch.tanh(q + mode.key(z) + (1 - a[:, :, i: i + 1]) * self.flag))
                  for i, (mode, z) in enumerate(zip(self.modes, filled))]
        weights = torch.cat(scores, dim=-1).softmax(-1)
        mixed = sum(weights[:, :, i: i + 1] * (self.shared(z) + a[:, :, i: i + 1] * mode.exclusive(z))
                    for i, (mode, z) in enumerate(zip(self.modes, filled)))
        kept = present[:, :, None].to(mixed.dtype)
        return Output(self.classify(mixed) * kept, weights * kept, [m.single(c) for m, c in zip(self.modes, contexts)],
                      joint, normed, recovered)

    def describe(self) -> dict:
        """What is needed to build the same model again."""
        return {"modalities": [asdict(m) for m in self.modalities], "classes": self.classes, "options": asdict(self.options)}

    @staticmethod
    def build(description: dict) -> "ContextModel":
        return ContextModel(tuple(Modality(**m) for m in description["modalities"]), description["classes"],
                            ContextOptions(**description["options"]))
