"""Makes tiny-bundle/ and tiny-expected.json: a bundle of a few KB with random weights, and what it must answer.

The graphs have the interface of a real bundle; the expected answers come from plain loops over numbers that share no
code with the graphs. Needs python3-onnx and python3-numpy.

    python3 make_tiny_bundle.py
"""
import hashlib
import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
OUT = HERE / "tiny-bundle"
HIDDEN, DESCRIPTOR, AUDIO, WINDOW, LOOK_AHEAD, HEAD = 4, 8, 5, 3, 1, 8
LABELS = ["neutral", "joy", "anger"]
WORDS = ("[PAD] [UNK] [CLS] [SEP] [MASK] the a is it not we you i they are this that good bad great ##s ##ing ##ed "
         "meet talk late again today done no yes why what ok . , ! ? ' $ + fine never always happy sad angry caf ##e "
         "un ##happy budget").split()

rng = np.random.default_rng(20240210)


def weights(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


EMBED = weights(len(WORDS), HIDDEN)
W = {"text": weights(DESCRIPTOR, HEAD, scale=.5), "audio": weights(AUDIO, HEAD, scale=.5)}
V = {"text": weights(HEAD), "audio": weights(HEAD)}
U = weights(HEAD, len(LABELS))
OUT_W = weights(HEAD, len(LABELS))
SAME_SPEAKER = 0.7
DISTANCE = weights(WINDOW + LOOK_AHEAD + 1, scale=.5)  # by t - t' + LOOK_AHEAD
JOINT = 3
diagnostic = np.random.default_rng(20240211)  # of its own: the numbers of what is served stay as they are
HEADS = {m: diagnostic.standard_normal((HEAD, len(LABELS))).astype(np.float32) for m in W}
INTO_JOINT = {m: diagnostic.standard_normal((HEAD, JOINT)).astype(np.float32) for m in W}


class Graph:
    """Appends nodes and names their outputs."""

    def __init__(self):
        self.nodes, self.init = [], []

    def __call__(self, op, *inputs, out=None, **attributes):
        inputs = [i if isinstance(i, str) else self.const(i) for i in inputs]
        out = out or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    def const(self, value):
        name = f"const_{len(self.init)}"
        self.init.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, path.stem, [helper.make_tensor_value_info(*i) for i in inputs],
                                  [helper.make_tensor_value_info(*o) for o in outputs], self.init)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8, producer_name="tiny")
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def f32(x):
    return np.float32(x)


def i64(*x):
    return np.array(x, dtype=np.int64)


def text_encoder(path):
    """One attention layer without weights of its own, so that a wrong mask changes every descriptor."""
    g = Graph()
    h = g("Gather", EMBED, "input_ids", axis=0)
    mask = g("Cast", "attention_mask", to=TensorProto.FLOAT)
    bias = g("Mul", g("Sub", mask, f32(1)), f32(1e9))
    scores = g("Add", g("MatMul", h, g("Transpose", h, perm=[0, 2, 1])), g("Unsqueeze", bias, i64(1)))
    h = g("MatMul", g("Softmax", scores, axis=-1), h)
    column = g("Unsqueeze", mask, i64(2))
    total = g("ReduceSum", g("Mul", h, column), i64(1), keepdims=0)
    mean = g("Div", total, g("ReduceSum", column, i64(1), keepdims=0))
    first = g("Gather", h, np.int64(0), axis=1)
    g("Concat", first, mean, axis=1, out="descriptor")
    g.save(path, [("input_ids", TensorProto.INT64, ["batch", "tokens"]), ("attention_mask", TensorProto.INT64, ["batch", "tokens"])],
           [("descriptor", TensorProto.FLOAT, ["batch", DESCRIPTOR])])


def context(path, diagnostics=True):
    """Without diagnostics the graph has the served outputs alone."""
    g = Graph()
    flags = g("Cast", "available", to=TensorProto.FLOAT)
    alpha = {m: g("Gather", flags, i64(i), axis=2) for i, m in enumerate(W)}
    modes = {m: g("Mul", g("Tanh", g("MatMul", m, W[m])), alpha[m]) for m in W}
    row = g("Add", modes["text"], modes["audio"])
    # keys t' with t-W <= t' <= t+K that are present
    steps = g("Range", np.int64(0), g("Gather", g("Shape", "speaker"), np.int64(1), axis=0), np.int64(1))
    distance = g("Sub", g("Unsqueeze", steps, i64(1)), g("Unsqueeze", steps, i64(0)))
    seen = g("And", g("LessOrEqual", distance, np.int64(WINDOW)), g("GreaterOrEqual", distance, g("Neg", "look_ahead")))
    seen = g("And", g("Unsqueeze", seen, i64(0)), g("Unsqueeze", "present", i64(1)))
    index = g("Clip", g("Add", distance, np.int64(LOOK_AHEAD)), np.int64(0), np.int64(WINDOW + LOOK_AHEAD))
    near = g("Unsqueeze", g("Gather", DISTANCE, index, axis=0), i64(0))
    same = g("Cast", g("Equal", g("Unsqueeze", "speaker", i64(2)), g("Unsqueeze", "speaker", i64(1))), to=TensorProto.FLOAT)
    scores = g("Mul", g("MatMul", row, g("Transpose", row, perm=[0, 2, 1])), f32(HEAD ** -.5))
    scores = g("Add", g("Add", scores, near), g("Mul", same, f32(SAME_SPEAKER)))
    scores = g("Where", seen, scores, f32(-1e9))
    c = g("MatMul", g("Softmax", scores, axis=-1), row)
    # QAF: weights over the available modes
    gate = g("Concat", *[g("Add", g("ReduceSum", g("Mul", c, V[m]), i64(2)), g("Mul", g("Sub", alpha[m], f32(1)), f32(1e9))) for m in W], axis=2)
    w = g("Mul", g("Softmax", gate, axis=-1), flags, out="weights")
    fused = g("Add", *[g("Mul", modes[m], g("Gather", w, i64(i), axis=2)) for i, m in enumerate(W)])
    g("Add", g("MatMul", c, OUT_W), g("MatMul", fused, U), out="logits")
    outputs = [("logits", TensorProto.FLOAT, ["batch", "rows", len(LABELS)]), ("weights", TensorProto.FLOAT, ["batch", "rows", 2])]
    if diagnostics:  # each modality's own head, and its unit vector in the joint space
        heads = [g("MatMul", g("Add", modes[m], c), HEADS[m]) for m in W]
        joint = [g("LpNormalization", g("MatMul", g("Add", modes[m], c), INTO_JOINT[m]), axis=-1, p=2) for m in W]
        g("Concat", *[g("Unsqueeze", h, i64(2)) for h in heads], axis=2, out="single")
        g("Concat", *[g("Unsqueeze", j, i64(2)) for j in joint], axis=2, out="joint")
        outputs += [("single", TensorProto.FLOAT, ["batch", "rows", 2, len(LABELS)]), ("joint", TensorProto.FLOAT, ["batch", "rows", 2, JOINT])]
    g.save(path, [("text", TensorProto.FLOAT, ["batch", "rows", DESCRIPTOR]), ("audio", TensorProto.FLOAT, ["batch", "rows", AUDIO]),
                  ("available", TensorProto.BOOL, ["batch", "rows", 2]), ("speaker", TensorProto.INT64, ["batch", "rows"]),
                  ("present", TensorProto.BOOL, ["batch", "rows"]), ("look_ahead", TensorProto.INT64, [])],
           outputs)


def softmax(x):
    e = np.exp(np.asarray(x, dtype=np.float64) - np.max(x))
    return e / e.sum()


def reference_descriptor(ids):
    h = EMBED[ids].astype(np.float64)
    out = np.array([softmax(h @ h[t]) @ h for t in range(len(ids))])
    return np.concatenate([out[0], out.mean(axis=0)]).astype(np.float16)


def reference_scores(rows, calibration):
    """rows: (speaker, text descriptor or None, audio or None)"""
    modes = [[np.tanh(np.float64(x) @ W[m]) if x is not None else None for m, x in zip(W, row[1:])] for row in rows]
    total = [sum((z for z in mode if z is not None), np.zeros(HEAD)) for mode in modes]
    scores = []
    for t, (speaker, *given) in enumerate(rows):
        keys = [k for k in range(len(rows)) if t - WINDOW <= k <= t + LOOK_AHEAD]
        a = softmax([total[t] @ total[k] / HEAD ** .5 + DISTANCE[t - k + LOOK_AHEAD] + SAME_SPEAKER * (rows[k][0] == speaker) for k in keys])
        c = sum(a[i] * total[k] for i, k in enumerate(keys))
        have = [i for i, x in enumerate(given) if x is not None]
        q = softmax([c @ V[list(W)[i]] for i in have])
        w = np.zeros(2)
        w[have] = q
        logits = c @ OUT_W + sum(w[i] * modes[t][i] for i in have) @ U
        key = "+".join(list(W)[i] for i in have)
        p = softmax(logits / calibration["temperatures"].get(key, 1.0))
        threshold = calibration["conformal"]["thresholds"].get(key)
        chosen = None if threshold is None else [int(i) for i in np.argsort(-p) if p[i] >= threshold]
        inner = [(c if z is None else z + c) for z in modes[t]]
        joint = [z @ INTO_JOINT[m] for m, z in zip(W, inner)]
        scores.append({"probabilities": p.tolist(), "weights": w.tolist(), "predictionSet": chosen,
                       "heads": [(z @ HEADS[m]).tolist() for m, z in zip(W, inner)],
                       "joint": [(j / np.linalg.norm(j)).tolist() for j in joint]})
    return scores


def main():
    OUT.mkdir(exist_ok=True)
    text_encoder(OUT / "text-encoder.onnx")
    context(OUT / "context.onnx")
    context(HERE / "tiny-context-served-only.onnx", diagnostics=False)
    (OUT / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    calibration = {"temperatures": {"text": 2.0, "audio": 0.5}, "conformal": {"coverage": 0.9, "thresholds": {"text": 0.3, "text+audio": 0.2}}}
    manifest = {
        "name": "tiny", "version": "1.2.3", "description": "Random weights, for tests.", "license": "Apache-2.0", "labels": LABELS,
        "modalities": [
            {"name": "text", "featureSpace": "text/tiny@1", "dimension": DESCRIPTOR, "encoder": {
                "model": "text-encoder.onnx", "tokenizer": "wordpiece", "vocabulary": "vocab.txt", "lowercase": True, "maxTokens": 12}},
            {"name": "audio", "featureSpace": "audio/tiny@1", "dimension": AUDIO}],
        "context": {"model": "context.onnx", "window": WINDOW, "lookAhead": LOOK_AHEAD}, "calibration": calibration,
        "files": {f: hashlib.sha256((OUT / f).read_bytes()).hexdigest() for f in ("text-encoder.onnx", "context.onnx", "vocab.txt")}}
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")

    # What BERT's uncased tokenizer makes of each text, spelled out by hand; the long one is cut to 12.
    spelled = {
        "We are late again!": "we are late again !", "": "", "unhappy café $": "un ##happy caf ##e $", "Budget meetings?": "budget meet ##ing ##s ?",
        "[SEP] xyz": "[UNK] [UNK] [UNK] [UNK]", "the a is it not we you i they are this that good bad": "the a is it not we you i they are"}
    ids = {text: [WORDS.index(w) for w in f"[CLS] {tokens} [SEP]".split()] for text, tokens in spelled.items()}
    said = [(0, "We are late again!", True), (1, None, True), (0, "", False), (2, "unhappy café $", False),
            (2, "We are late again!", True), (1, "unhappy café $", True), (0, None, True)]
    rows, given = [], []
    for speaker, text, audio in said:
        values = [round(float(x), 3) for x in rng.standard_normal(AUDIO)] if audio else None
        descriptor = None if text is None else reference_descriptor(ids[text])
        rows.append((speaker, descriptor, None if values is None else np.array(values, dtype=np.float16)))
        given.append({"speaker": speaker, "text": text, "audio": values, "textDescriptor": None if descriptor is None else [float(x) for x in descriptor]})
    expected = {"tokens": ids, "rows": given, "scores": reference_scores(rows, calibration)}
    (HERE / "tiny-expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
