"""Reads a TOML configuration into a dataclass, and JSON objects of others; unknown, missing and wrongly typed keys are errors."""
from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import TypeVar

from .errors import UserError

T = TypeVar("T")
TABLES = ("dataset", "finetune", "context", "train", "loss", "bundle", "folds")


def number(default: float, low: float, high: float | None = None) -> float:
    """A field of an options class with the range that `check_ranges` holds it to, both ends included."""
    return field(default=default, metadata={"range": (low, high)})


def check_ranges(options: object) -> None:
    """The `__post_init__` of an options class: every `number` in its range; neither NaN nor infinity is in any."""
    for f in fields(options):
        if "range" not in f.metadata:
            continue
        (low, high), value = f.metadata["range"], getattr(options, f.name)
        if not low <= value <= (sys.float_info.max if high is None else high):
            raise UserError(f"{f.name} must be {low} {'or more' if high is None else f'to {high}'}, not {value}")


def read_config(path: Path) -> dict:
    """The tables of a configuration; one that no command reads is misspelt."""
    config = read_toml(path)
    unknown = sorted(set(config) - set(TABLES))
    if unknown:
        raise UserError(f"{path}: unknown table {', '.join(unknown)}; known are {', '.join(TABLES)}")
    return config


def read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as e:  # TOML, UTF-8, a number of thousands of digits, tables nested too deeply
        raise UserError(f"{path}: {e}") from None


def read_object(path: Path) -> dict:
    """A JSON object, such as a config.json."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as e:
        raise UserError(f"{path}: is no JSON: {e}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object")
    return content


def parse(kind: type[T], table: dict, where: str) -> T:
    """Builds `kind` from a table; an integer is accepted where a float is wanted."""
    if not isinstance(table, dict):
        raise UserError(f"{where}: expected a table, not {table!r}")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UserError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    values = {}
    for name, f in known.items():
        if name not in table:
            if f.default is MISSING:
                raise UserError(f"{where}: {name} is missing")
            continue
        value = table[name]
        wanted = {"float": (float, int), "int": (int,), "str": (str,), "bool": (bool,)}[f.type]
        if not isinstance(value, wanted) or (isinstance(value, bool) and f.type != "bool"):
            raise UserError(f"{where}: {name} must be a {f.type}")
        fits = f.type == "float" and abs(value) <= sys.float_info.max  # an integer beyond it is left to the check of its range
        values[name] = float(value) if fits else value
    try:
        return kind(**values)
    except UserError as e:
        raise UserError(f"{where}: {e}") from None
