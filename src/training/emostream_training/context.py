"""The context model: descriptors of the utterances of a dialogue -> logits per utterance, for any set of modalities.

Per utterance t and modality m with availability a:
 1 enter      g = a project(x) + (1-a) absent_m + mode_m
 2 context    attention over the modality's own rows t-W <= t' <= t+K of the same dialogue                -> c
 3 embed      p = normalise(P_m c): the joint space, aligned across modalities by the training's contrastive losses
 4 cross      c += attention over the other modalities' rows t-W <= t' <= t; z = LN(c)
 5 recover    r = D_m([mean of the other available p ; z]) stands in for an absent modality
 6 judge      every modality's own head on what enters the fusion
 7 fuse       query adaptive weights -> logits

Later attention never looks ahead, so row t depends on rows t-receptive_field..t+K only, whatever lies before, after or
beside them. Every part can be switched off: see ContextOptions.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from .attention import Attention, Layer, Sight, recency
from .config import check_ranges, number
from .dataset import Modality
from .enter import Enter
from .errors import UserError
from .fusion import Fusion

FARTHEST = 512  # rows back or ahead: what the manifest of a bundle may ask of serving


@dataclass(frozen=True)
class ContextOptions:
    """The [context] table of a configuration: the parts of the network and their sizes."""

    members: int = number(1, 1, 64)                # networks whose answers are averaged
    window: int = number(12, 0, FARTHEST)          # rows back that attention sees; 0: no context
    look_ahead: int = number(3, 0, FARTHEST)       # most rows ahead that it can be asked to see; training draws 0 to this for every batch
    layers: int = number(1, 1, 64)                 # attention layers over a modality's own rows; each adds `window` to the receptive field
    recency: float = number(0.0, 0)                # how strongly attention prefers near rows at the start of training
    cross: bool = False                            # attention to the other modalities' rows
    joint: int = number(64, 0, 65_536)             # size of the joint space; 0: none, and what is absent is recovered from its own past alone
    recover: bool = True                           # what is absent is stood in for; false: it takes no part
    adaptive: bool = True                          # learned fusion weights; false: all that take part weigh the same
    absent: str = "token"                          # "token": learned; "zero": the mean of the training data, taken for real (a baseline)
    speaker_window: int = number(24, 0, FARTHEST)  # earlier rows that speaker_relative modalities are compared with; 0: not compared
    width: int = number(128, 1, 65_536)
    heads: int = number(4, 1, 65_536)
    hidden: int = number(256, 1, 65_536)
    dropout: float = number(0.3, 0, 0.99)
    input_dropout: float = number(0.3, 0, 0.99)

    def __post_init__(self):
        check_ranges(self)
        if self.absent not in ("token", "zero"):
            raise UserError(f"absent must be token or zero, not {self.absent!r}")
        if self.width % self.heads:
            raise UserError(f"width must be a multiple of heads, not {self.width} of {self.heads}")


class Scores(NamedTuple):
    """What the model says: logits and weights are served, single and joint are for evaluation."""

    logits: torch.Tensor     # [batch, rows, classes]
    weights: torch.Tensor    # [batch, rows, modalities], sum 1 over those that take part
    single: torch.Tensor     # [batch, rows, modalities, classes]: each modality's own head, on its descriptor or what stands in
    joint: torch.Tensor      # [batch, rows, modalities, joint * members], unit length where available


class Output(NamedTuple):
    """What one member says: as Scores, and what the training's losses compare."""

    logits: torch.Tensor
    weights: torch.Tensor
    single: torch.Tensor
    joint: torch.Tensor
    context: torch.Tensor    # z, [batch, rows, modalities, width]
    recovered: torch.Tensor  # r, [batch, rows, modalities, width]


class Mode(nn.Module):
    """What one modality owns: entry, context, embedding, recovery, head."""

    def __init__(self, modality: Modality, others: int, classes: int, o: ContextOptions):
        super().__init__()
        bias = recency(o.window, o.look_ahead, o.heads, o.recency)
        self.enter = Enter(modality, o.width, relative(modality, o), o.dropout, o.input_dropout)
        self.absent = nn.Parameter(torch.randn(o.width) * 0.02)
        self.mode = nn.Parameter(torch.randn(o.width) * 0.02)
        self.layers = nn.ModuleList(Layer(o.width, o.heads, bias, o.hidden, o.dropout) for _ in range(o.layers))
        self.norm = nn.LayerNorm(o.width)
        if o.cross:
            self.pure = nn.LayerNorm(o.width)
            self.cross = nn.ModuleList(Attention(o.width, o.heads, bias, o.dropout) for _ in range(others))
        if o.joint:
            self.embed = nn.Linear(o.width, o.joint)
        if o.recover:
            self.recover = nn.Sequential(nn.Linear(o.joint + o.width, o.hidden), nn.GELU(), nn.Linear(o.hidden, o.width))
        self.single = nn.Sequential(nn.Dropout(o.dropout), nn.Linear(o.width, classes))


def relative(modality: Modality, o: ContextOptions) -> bool:
    """Whether the model sees this modality beside its speaker's own past."""
    return modality.speaker_relative and o.speaker_window > 0


class Network(nn.Module):
    """One member of the model: the steps of the module's comment; inputs as in ContextModel.forward."""

    def __init__(self, modalities: tuple[Modality, ...], classes: int, options: ContextOptions):
        super().__init__()
        o = self.options = options
        self.modes = nn.ModuleList(Mode(m, len(modalities) - 1, classes, o) for m in modalities)
        self.fusion = Fusion(len(modalities), classes, o.width, o.width // 2, o.adaptive)
        self.classify = nn.Sequential(nn.Dropout(o.dropout), nn.LayerNorm(o.width), nn.Linear(o.width, o.width), nn.GELU(),
                                      nn.Dropout(o.dropout), nn.Linear(o.width, classes))

    def forward(self, inputs: list[torch.Tensor], available: torch.Tensor, speaker: torch.Tensor, present: torch.Tensor,
                look_ahead: torch.Tensor) -> Output:
        o, sight = self.options, Sight.of(speaker)
        relation = sight.relation(o.window, o.look_ahead)
        ahead, back = sight.within(o.window, look_ahead), sight.within(o.window, 0)
        has = available & present[:, :, None]
        taken = has if o.absent == "token" else present[:, :, None].expand_as(has)
        a = taken.to(inputs[0].dtype)

        own = []
        for m, (mode, x) in enumerate(zip(self.modes, inputs)):
            here = has[:, :, m: m + 1]
            token = mode.enter(x, here, sight.past_of_speaker(o.speaker_window) & has[:, None, :, m])
            c = torch.where(taken[:, :, m: m + 1], token, mode.absent.expand_as(token)) + mode.mode
            for depth, layer in enumerate(mode.layers):
                c = layer(c, (back if depth else ahead) & taken[:, None, :, m], relation)
            own.append(c)

        joint = torch.stack([F.normalize(mode.embed(c), dim=-1) if o.joint else c[..., :0] for mode, c in zip(self.modes, own)], 2)
        context = torch.stack([mode.norm(c) for mode, c in zip(self.modes, self.crossed(own, taken, back, relation))], 2)
        recovered = self.recovered(joint, context, a) if o.recover else context
        filled = torch.where(taken[..., None], context, recovered)
        single = torch.stack([mode.single(filled[:, :, m]) for m, mode in enumerate(self.modes)], 2)
        takes_part = torch.ones_like(taken) if o.recover else taken
        mixed, weights = self.fusion(torch.stack(own, 2), filled, single, a, takes_part)
        kept = present[:, :, None].to(mixed.dtype)
        return Output(self.classify(mixed) * kept, weights * kept, single, joint, context, recovered)

    def crossed(self, own: list[torch.Tensor], taken: torch.Tensor, allowed: torch.Tensor,
                relation: torch.Tensor) -> list[torch.Tensor]:
        """Adds what every modality sees in the others; the joint space is taken before this, where modalities are pure."""
        if not self.options.cross:
            return own
        seen = [mode.pure(c) for mode, c in zip(self.modes, own)]
        out = []
        for m, mode in enumerate(self.modes):
            others = [n for n in range(len(own)) if n != m]
            out.append(sum((look(seen[m], seen[n], allowed & taken[:, None, :, n], relation)
                            for look, n in zip(mode.cross, others)), own[m]))
        return out

    def recovered(self, joint: torch.Tensor, context: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """What each modality would be, told by the other modalities' place in the joint space and by its own past."""
        known = context
        if self.options.joint:
            own = a[..., None]
            others = (joint * own).sum(2, keepdim=True) - joint * own
            known = torch.cat([others / (own.sum(2, keepdim=True) - own).clamp(min=1.0), context], dim=-1)
        return torch.stack([mode.recover(known[:, :, m]) for m, mode in enumerate(self.modes)], 2)


class ContextModel(nn.Module):
    """The mean over its members, which are trained each for itself; see the module's comment."""

    def __init__(self, modalities: tuple[Modality, ...], classes: int, options: ContextOptions):
        super().__init__()
        self.modalities, self.classes, self.options = modalities, classes, options
        if self.receptive_field > FARTHEST:
            raise UserError(f"window, layers, cross and speaker_window add up to {self.receptive_field} earlier rows; a bundle may ask for {FARTHEST}")
        self.members = nn.ModuleList(Network(modalities, classes, options) for _ in range(options.members))

    @property
    def receptive_field(self) -> int:
        """How many earlier rows a score depends on."""
        o = self.options
        return (o.window * (o.layers + (o.cross and len(self.modalities) > 1))
                + (o.speaker_window if any(relative(m, o) for m in self.modalities) else 0))

    def forward(self, inputs: list[torch.Tensor], available: torch.Tensor, speaker: torch.Tensor, present: torch.Tensor,
                look_ahead: torch.Tensor) -> Scores:
        """inputs: per modality float32 [b, r, dim]; available bool [b, r, m]; speaker int64 [b, r]; present bool [b, r]
        (false = padding); look_ahead int64 scalar, 0..options.look_ahead."""
        outs = [member(inputs, available, speaker, present, look_ahead) for member in self.members]
        logits, weights, single = (sum(getattr(o, name) for o in outs) / len(outs) for name in ("logits", "weights", "single"))
        return Scores(logits, weights, single, torch.cat([o.joint for o in outs], -1) * len(outs)**-0.5)

    def describe(self) -> dict:
        """What is needed to build the same model again."""
        return {"modalities": [asdict(m) for m in self.modalities], "classes": self.classes, "options": asdict(self.options)}

    @staticmethod
    def build(description: dict) -> "ContextModel":
        return ContextModel(tuple(Modality(**m) for m in description["modalities"]), description["classes"],
                            ContextOptions(**description["options"]))
