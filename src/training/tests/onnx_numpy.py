"""Runs an exported graph with numpy alone, so that an export is compared with something that torch did not compute."""
import math

import numpy as np
import onnx
from onnx import numpy_helper

ERF = np.frompyfunc(math.erf, 1, 1)
TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: bool}


def _softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _slice(x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.ndim
    axes = range(len(starts)) if axes is None else axes
    for i, axis in enumerate(axes):
        index[int(axis)] = slice(int(starts[i]), int(ends[i]), 1 if steps is None else int(steps[i]))
    return x[tuple(index)]


def _reduce(function):
    def run(a, x, axes=None):
        axes = a.get("axes") if axes is None else axes
        return function(x, tuple(int(i) for i in axes), bool(a.get("keepdims", 1)))
    return run


def _reshape(a, x, shape):
    return x.reshape([x.shape[i] if s == 0 else int(s) for i, s in enumerate(shape)])


def _unsqueeze(a, x, axes):
    return np.expand_dims(x, tuple(int(i) for i in axes))


def _split(a, x, sizes):
    return np.split(x, np.cumsum(sizes)[:-1], axis=a.get("axis", 0))


OPS = {
    "Add": lambda a, x, y: x + y, "Sub": lambda a, x, y: x - y, "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x // y if np.issubdtype(np.asarray(x).dtype, np.integer) else x / y,
    "And": lambda a, x, y: x & y, "Equal": lambda a, x, y: x == y, "Not": lambda a, x: ~x,
    "GreaterOrEqual": lambda a, x, y: x >= y, "LessOrEqual": lambda a, x, y: x <= y,
    "Greater": lambda a, x, y: x > y, "Less": lambda a, x, y: x < y, "Neg": lambda a, x: -x,
    "Sign": lambda a, x: np.sign(x), "Abs": lambda a, x: np.abs(x), "Log": lambda a, x: np.log(x),
    "LogSoftmax": lambda a, x: np.log(_softmax(x, a.get("axis", -1))),
    "Pow": lambda a, x, y: np.power(x, y, dtype=x.dtype), "Sqrt": lambda a, x: np.sqrt(x), "Tanh": lambda a, x: np.tanh(x),
    "Erf": lambda a, x: ERF(x).astype(x.dtype), "MatMul": lambda a, x, y: x @ y, "Where": lambda a, c, x, y: np.where(c, x, y),
    "Cast": lambda a, x: x.astype(TYPES[a["to"]]), "Shape": lambda a, x: np.array(x.shape, dtype=np.int64),
    "Concat": lambda a, *x: np.concatenate(x, a["axis"]), "Expand": lambda a, x, s: x * np.ones(s.astype(int), dtype=x.dtype),
    "ConstantOfShape": lambda a, s: np.full(s.astype(int), numpy_helper.to_array(a["value"])[0]),
    "Constant": lambda a: numpy_helper.to_array(a["value"]), "Range": lambda a, x, y, z: np.arange(x, y, z),
    "Gather": lambda a, x, i: np.take(x, i, axis=a.get("axis", 0)), "Reshape": _reshape,
    "GatherElements": lambda a, x, i: np.take_along_axis(x, i, axis=a.get("axis", 0)),
    "Transpose": lambda a, x: np.transpose(x, a["perm"]), "Unsqueeze": _unsqueeze,
    "Squeeze": lambda a, x, axes: np.squeeze(x, tuple(int(i) for i in axes)), "Split": _split,
    "Slice": lambda a, *x: _slice(*x), "Softmax": lambda a, x: _softmax(x, a.get("axis", -1)),
    "Clip": lambda a, x, low=None, high=None: np.clip(x, low, high) if low is not None or high is not None else x,
    "ReduceMean": _reduce(lambda x, i, k: x.mean(i, keepdims=k)), "ReduceSum": _reduce(lambda x, i, k: x.sum(i, keepdims=k)),
    "ReduceL2": _reduce(lambda x, i, k: np.sqrt((x * x).sum(i, keepdims=k))), "Identity": lambda a, x: x,
}


def run(path, inputs: dict) -> dict:
    """Outputs by name; an operator that is not in OPS is a KeyError that names it."""
    graph = onnx.load(str(path)).graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    values.update(inputs)
    values[""] = None
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        with np.errstate(invalid="ignore"):  # a NaN in padding is an input these tests give on purpose
            out = OPS[node.op_type](attributes, *[values[i] for i in node.input])
        for name, value in zip(node.output, out if isinstance(out, list) else [out]):
            values[name] = value
    return {o.name: values[o.name] for o in graph.output}
