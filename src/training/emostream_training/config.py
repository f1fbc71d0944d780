"""Reads a TOML configuration into a dataclass, and JSON objects of others; unknown, missing and wrongly typed keys are errors."""
from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TypeVar

from .errors import UserError

T = TypeVar("T")


def read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UserError(f"{path}: {e}") from None


def read_object(path: Path) -> dict:
    """A JSON object, such as a config.json."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as e:
        raise UserError(f"{path}: is no JSON: {e}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object")
    return content


def parse(kind: type[T], table: dict, where: str) -> T:
    """Builds `kind` from a table; an integer is accepted where a float is wanted."""
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
        values[name] = float(value) if f.type == "float" else value
    try:
        return kind(**values)
    except UserError as e:
        raise UserError(f"{where}: {e}") from None
