"""What an experiment trains: a table of variants (configs/experiments/*.toml) applied to a data set's configuration."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from ..config import parse, read_toml
from ..context import ContextOptions
from ..dataset import Description
from ..errors import UserError
from ..losses import LossOptions
from ..train import TrainOptions, agree

PLANS = Path(__file__).parents[2] / "configs" / "experiments"
ORDER = ("complete", "missing", "ablation", "privacy", "generalisation")  # what `all` runs, dearest questions first
VIEWS = ("cells", "rates", "fusion", "calibration", "ablation", "privacy", "across", "folds", "buckets")
TRAINED = ("dataset", "context", "train", "loss")  # the tables that a trained model depends on


@dataclass(frozen=True)
class Variant:
    """A form of the model: the configuration with some values replaced, on some of the modalities."""

    name: str
    title: str
    config: dict  # the whole configuration after the changes

    @property
    def modalities(self) -> list[str]:
        return [m["name"] for m in self.config["dataset"]["modalities"]]


@dataclass(frozen=True)
class Ensemble:
    """Late fusion: the mean of the members' probabilities, over those that have their modality."""

    name: str
    title: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """One experiment on one data set; `reference` is the variant that the others are compared with."""

    name: str
    title: str
    about: str
    reference: str
    views: tuple[str, ...]
    variants: tuple[Variant, ...]
    ensembles: tuple[Ensemble, ...] = ()

    def titles(self) -> dict[str, str]:
        return {v.name: v.title for v in (*self.variants, *self.ensembles)}


def locate(name: str) -> list[Path]:
    """The plan files of an experiment's name, of `all`, or of a path."""
    if name == "all":
        return [PLANS / f"{n}.toml" for n in ORDER]
    path = Path(name) if name.endswith(".toml") else PLANS / f"{name}.toml"
    if not path.is_file():
        raise UserError(f"no experiment {name!r}; known are {', '.join(ORDER)}, all, or a path to a .toml file")
    return [path]


def read_plan(path: Path, config: dict, where: object) -> Plan:
    """Reads a plan and applies it to `config` (read from `where`); every variant is checked before anything is trained.

    The plan's own `set` changes every variant, the reference too: what all of them have in common.
    """
    raw = read_toml(path)
    unknown = set(raw) - {"title", "about", "reference", "views", "set", "variant", "ensemble"}
    if unknown:
        raise UserError(f"{path}: unknown key {', '.join(sorted(unknown))}")
    views = tuple(raw.get("views", ()))
    if not views or set(views) - set(VIEWS):
        raise UserError(f"{path}: views must be some of {', '.join(VIEWS)}")
    config = _changed(config, raw.get("set", {}), path)
    families = {entry.get("name"): _expand(entry, config, path, where) for entry in raw.get("variant", [])}
    whole = next((v.config for v in families.get(raw.get("reference"), ())), None)
    # A change that changes nothing here, such as taking away a part that the configuration does without, is left out.
    same = lambda v: whole is not None and check(v.config, where) == check(whole, where)  # a default spelt out is no change either
    variants = tuple(v for family in families.values() for v in family if v.name == raw.get("reference") or not same(v))
    ensembles = tuple(Ensemble(e["name"], e["title"], tuple(v.name for v in families[e["of"]]))
                      for e in raw.get("ensemble", []) if len(families.get(e.get("of"), ())) > 1)
    if len({v.name for v in variants}) != len(variants) or len(families) != len(raw.get("variant", [])):
        raise UserError(f"{path}: two variants have one name")
    reference = raw.get("reference", "")
    if reference not in {v.name for v in variants}:
        raise UserError(f"{path}: reference {reference!r} is not the name of a [[variant]]")
    return Plan(path.stem, raw.get("title", path.stem), raw.get("about", "").strip(), reference, views, variants, ensembles)


def _expand(entry: dict, config: dict, path: Path, where: object) -> list[Variant]:
    """One [[variant]]: `set` replaces values by dotted name, `each = "modality"` makes one variant per modality,
    `needs` names the modalities without which it says nothing (it is left out then)."""
    name = entry.get("name")
    unknown = set(entry) - {"name", "title", "set", "each", "needs"}
    if not isinstance(name, str) or unknown:
        raise UserError(f"{path}: [[variant]] {name or ''}: " + (f"unknown key {', '.join(sorted(unknown))}" if unknown else "lacks a name"))
    changed = _changed(config, entry.get("set", {}), f"{path}: [[variant]] {name}")
    described = changed["dataset"].get("modalities", [])
    names = [m.get("name") for m in described]
    if set(entry.get("needs", ())) - set(names):
        return []
    check(changed, f"{path}: [[variant]] {name} on {where}")
    if entry.get("each") is None:
        return [Variant(name, entry.get("title", name), changed)]
    if entry["each"] != "modality":
        raise UserError(f"{path}: [[variant]] {name}: each must be \"modality\"")
    out = []
    for m in described:
        one = copy.deepcopy(changed)
        one["dataset"]["modalities"] = [m]
        out.append(Variant(f"{name}-{m['name']}", entry.get("title", name).replace("{modality}", m["name"]), one))
    return out


def _changed(config: dict, values: dict, where: object) -> dict:
    """The configuration with values replaced by dotted name."""
    changed = copy.deepcopy(config)
    for dotted, value in values.items():
        table, _, key = dotted.partition(".")
        if table not in TRAINED[1:] or not key:
            raise UserError(f"{where}: {dotted!r} is not context.KEY, train.KEY or loss.KEY")
        changed.setdefault(table, {})[key] = value
    return changed


def check(config: dict, where: object) -> tuple[TrainOptions, ContextOptions, LossOptions, Description]:
    """The configuration as the training takes it; a wrong key or type is an error that names `where`."""
    parts = [parse(kind, config.get(table, {}), f"{where}: [{table}]")
             for kind, table in ((TrainOptions, "train"), (ContextOptions, "context"), (LossOptions, "loss"))]
    description = Description.parse(config.get("dataset", {}), f"{where}: [dataset]")
    try:
        agree(parts[0], parts[1], description)
    except UserError as e:
        raise UserError(f"{where}: {e}") from None
    return *parts, description
