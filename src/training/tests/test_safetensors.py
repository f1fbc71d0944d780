"""The reader of weights: every number format, shards, and files that are damaged."""
import json

import numpy as np
import pytest

from conftest import write_safetensors
from emostream_training.errors import UserError
from emostream_training.safetensors import open_weights

VALUES = np.array([[1.5, -0.25, 0.0], [3.0, 1e-3, -65504.0]], dtype=np.float32)


def test_formats_become_float32(tmp_path):
    half = (VALUES.view(np.uint32) >> 16).astype("<u2")
    write_safetensors(tmp_path / "model.safetensors", {"a": VALUES, "b": ("F16", VALUES.astype("<f2")), "c": ("BF16", half), "d": np.float32(7)})
    weights = open_weights(tmp_path)
    assert set(weights) == {"a", "b", "c", "d"} and weights["d"]().shape == () and all(w().dtype == np.float32 for w in weights.values())
    assert np.array_equal(weights["a"](), VALUES)
    assert np.array_equal(weights["b"](), VALUES.astype(np.float16).astype(np.float32))
    assert (np.abs(weights["c"]() - VALUES) <= np.abs(VALUES) / 128).all()


def test_shards_are_found_by_their_index(tmp_path):
    write_safetensors(tmp_path / "one.safetensors", {"a": VALUES})
    write_safetensors(tmp_path / "two.safetensors", {"b": VALUES + 1})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))
    assert np.array_equal(open_weights(tmp_path)["b"](), VALUES + 1)
    for places, expected in (({"a": "two.safetensors"}, "says that two.safetensors holds a"), ({"a": "../one.safetensors"}, "not beside it"),
                             ({"a": "three.safetensors"}, "not beside it")):
        index.write_text(json.dumps({"weight_map": places}))
        with pytest.raises(UserError, match=expected):
            open_weights(tmp_path)
    index.write_text("[]")
    with pytest.raises(UserError, match="weight_map"):
        open_weights(tmp_path)


def swap(data, old, new):
    """The file with a part of its header replaced by one of another length."""
    length = int.from_bytes(data[:8], "little")
    header = data[8: 8 + length].replace(old.encode(), new.encode())
    return len(header).to_bytes(8, "little") + header + data[8 + length:]


@pytest.mark.parametrize("change, expected", [
    (lambda b: b[:4], "does not fit"),
    (lambda b: (2**60).to_bytes(8, "little") + b[8:], "does not fit"),
    (lambda b: b[:8] + b"x" + b[9:], "header is no JSON"),
    (lambda b: b[:-4], "damaged or cut short"),
    (lambda b: b.replace(b'"F32"', b'"I64"'), "is I64; supported are F32, F16, BF16"),
    (lambda b: b.replace(b"[2, 3]", b"[2, 4]"), "do not hold"),
    (lambda b: b.replace(b"[0, 24]", b"[0,-24]"), "do not hold"),
    (lambda b: swap(b, "[2, 3]", "[4294967296, 4294967296, 6]"), "do not hold"),  # wraps to 0 in 64 bits
    (lambda b: swap(b, "[2, 3]", "[6, 1152921504606846977, 16]"), "do not hold"),
    (lambda b: swap(b, "[2, 3]", "[6" + ", 1" * 40 + "]"), "do not hold"),
    (lambda b: swap(swap(b, "[2, 3]", "[4294967296, 4294967296]"), "[0, 24]", "[0, 0]"), "do not hold"),
    (lambda b: swap(b, "[2, 3]", "[2.0, 3]"), "do not hold"),
    (lambda b: b.replace(b'"dtype"', b'"dtipe"'), "expected dtype, shape and data_offsets"),
])
def test_a_damaged_file_is_refused_with_its_reason(tmp_path, change, expected):
    path = write_safetensors(tmp_path / "model.safetensors", {"a": VALUES})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=expected):
        open_weights(tmp_path)["a"]()


def test_a_pickle_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(UserError, match="expected model.safetensors"):
        open_weights(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="can run code.*model.safetensors"):
        open_weights(tmp_path)
