"""Reads the weights of an encoder directory: .safetensors (one file, or shards by an index) or one .npz, as float32."""
from __future__ import annotations

import json
import math
import struct
from functools import partial
from pathlib import Path
from typing import Callable

import numpy as np

from .errors import UserError

WIDTH = {"F32": 4, "F16": 2, "BF16": 2}
HEADER_LIMIT = 100_000_000  # bytes: the format's own limit
DIMENSIONS = 32             # numpy's limit

Weights = dict[str, Callable[[], np.ndarray]]
"""Name -> reads that array; a large model is never in memory twice."""


def open_weights(directory: Path) -> Weights:
    """The weights of a directory; says what it expected when there are none it can read."""
    index, single, arrays = directory / "model.safetensors.index.json", directory / "model.safetensors", sorted(directory.glob("*.npz"))
    if single.is_file():
        return open_safetensors(single)
    if index.is_file():
        return _open_shards(index)
    if len(arrays) == 1:
        content = np.load(arrays[0])
        return {name: partial(lambda n: content[n].astype(np.float32), name) for name in content.files}
    if (directory / "pytorch_model.bin").is_file():
        raise UserError(f"{directory}: pytorch_model.bin is a pickle, which can run code when it is read; get the model's "
                        "model.safetensors, or convert it where you trust the file: "
                        "safetensors.torch.save_file(torch.load('pytorch_model.bin', weights_only=True), 'model.safetensors')")
    raise UserError(f"{directory}: expected model.safetensors, model.safetensors.index.json with its shards, or exactly one .npz")


def open_safetensors(path: Path) -> Weights:
    """One file: uint64 length of the header (little-endian), the header (JSON: name -> dtype, shape, data_offsets), the data."""
    size = path.stat().st_size
    with open(path, "rb") as f:
        first = f.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
        if not 2 <= length <= min(size - 8, HEADER_LIMIT):
            raise UserError(f"{path}: is no safetensors file: its header of {length} bytes does not fit into {size}")
        try:
            header = json.loads(f.read(length))
        except ValueError as e:
            raise UserError(f"{path}: is no safetensors file: its header is no JSON: {e}") from None
    if not isinstance(header, dict):
        raise UserError(f"{path}: is no safetensors file: its header is no JSON object")
    start = 8 + length
    return {name: partial(_read, path, name, entry, start, size - start) for name, entry in header.items() if name != "__metadata__"}


def _open_shards(index: Path) -> Weights:
    try:
        places = json.loads(index.read_text("utf-8"))["weight_map"]
        files = sorted(set(places.values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f'{index}: expected {{"weight_map": {{name: file}}}}') from None
    for file in files:
        if Path(file).name != file or not (index.parent / file).is_file():
            raise UserError(f"{index}: names {file}, which is not beside it")
    shards = {file: open_safetensors(index.parent / file) for file in files}
    for name, file in places.items():
        if name not in shards[file]:
            raise UserError(f"{index}: says that {file} holds {name}, which it does not")
    return {name: shards[file][name] for name, file in places.items()}


def _read(path: Path, name: str, entry: object, start: int, available: int) -> np.ndarray:
    try:
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sane = len(shape) <= DIMENSIONS and all(type(n) is int and 0 <= n <= available for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: {name}: expected dtype, shape and data_offsets") from None
    if kind not in WIDTH:
        raise UserError(f"{path}: {name}: is {kind}; supported are {', '.join(WIDTH)}")
    if not sane or begin > end or end - begin != math.prod(shape) * WIDTH[kind]:
        raise UserError(f"{path}: {name}: bytes {begin} to {end} do not hold {kind} {shape}: the file is damaged or cut short")
    with open(path, "rb") as f:
        f.seek(start + begin)
        data = f.read(end - begin)
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, "<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)
