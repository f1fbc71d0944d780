"""Every family of encoders: against published outputs where they lie beside the checkout, and always against loops in numpy
that follow the papers, one score at a time."""
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import write_lines, write_safetensors
from emostream_training.__main__ import main
from emostream_training.errors import UserError
from emostream_training.export_encoder import export_encoder, round_weights
from emostream_training.finetune import pad
from emostream_training.huggingface import load_encoder, load_pretrained
from onnx_numpy import run as run_numpy

REFERENCES = next((p / "shared/data/hf-encoders" for p in Path(__file__).resolve().parents if (p / "shared/data/hf-encoders").is_dir()), None)
FAMILIES = ("bert", "roberta", "xlm-roberta", "deberta-v2")
TOKENS = [[1, 5, 9, 2], [1, 2], [1, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 2], [1, 5, 2]]
SIZES = {"vocab_size": 40, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
DEBERTA = {"model_type": "deberta-v2", "relative_attention": True, "max_position_embeddings": 16, "pos_att_type": ["p2c", "c2p"],
           "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False, "position_buckets": 4}
CONFIGS = {
    "bert": {"model_type": "bert", "max_position_embeddings": 16},
    "roberta": {"model_type": "roberta", "max_position_embeddings": 18, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    "deberta, as v3": DEBERTA,
    "deberta, keys of its own": {**DEBERTA, "share_att_key": False},
    "deberta, c2p alone": {**DEBERTA, "pos_att_type": "c2p", "norm_rel_ebd": "none"},
    "deberta, p2c alone": {**DEBERTA, "pos_att_type": ["p2c"], "share_att_key": False, "position_biased_input": True, "type_vocab_size": 2},
    "deberta, every distance": {**DEBERTA, "position_buckets": -1, "max_relative_positions": 5},
}


def make(directory, config, prefix="", rng=np.random.default_rng(4)):
    """An encoder directory with random weights; the arrays it holds."""
    config, h, f = {**SIZES, **config}, SIZES["hidden_size"], SIZES["intermediate_size"]
    deberta = config["model_type"] == "deberta-v2"
    shapes = {"embeddings.word_embeddings.weight": (40, h)}
    linear, norms = {}, ["embeddings.LayerNorm"]
    if not deberta or config.get("type_vocab_size"):
        shapes["embeddings.token_type_embeddings.weight"] = (2, h)
    if not deberta or config["position_biased_input"]:
        shapes["embeddings.position_embeddings.weight"] = (config["max_position_embeddings"], h)
    if deberta:
        span = config["position_buckets"] if config["position_buckets"] > 0 else config["max_relative_positions"]
        shapes["encoder.rel_embeddings.weight"] = (2 * span, h)
        norms += ["encoder.LayerNorm"] if config["norm_rel_ebd"] == "layer_norm" else []
    names = ["query", "key", "value"] if not deberta else ["query_proj", "key_proj", "value_proj"] + (
        [] if config["share_att_key"] else ["pos_key_proj"] * ("c2p" in config["pos_att_type"]) + ["pos_query_proj"] * ("p2c" in config["pos_att_type"]))
    for i in range(2):
        at = f"encoder.layer.{i}"
        linear |= {f"{at}.attention.self.{n}": (h, h) for n in names}
        linear |= {f"{at}.attention.output.dense": (h, h), f"{at}.intermediate.dense": (f, h), f"{at}.output.dense": (h, f)}
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    arrays = {n: rng.normal(0, 0.5, s).astype(np.float32) for n, s in shapes.items()}
    for n in norms:
        arrays |= {f"{n}.weight": rng.normal(1, 0.2, h).astype(np.float32), f"{n}.bias": rng.normal(0, 0.2, h).astype(np.float32)}
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    write_safetensors(directory / "model.safetensors", {prefix + n: a for n, a in arrays.items()} | {"cls.predictions.bias": np.zeros(3)})
    return config, arrays


def row_of(distance, config):
    """The row of DeBERTa's table for query - key = distance."""
    buckets, farthest = config["position_buckets"], config.get("max_relative_positions", -1)
    farthest = farthest if farthest > 0 else config["max_position_embeddings"]
    if buckets > 0 and abs(distance) > buckets // 2:
        half = buckets // 2
        distance = int(math.copysign(half + math.ceil(math.log(abs(distance) / half) / math.log((farthest - 1) / half) * (half - 1)), distance))
    span = buckets if buckets > 0 else farthest
    return min(max(distance + span, 0), 2 * span - 1)


def reference(config, a, tokens):
    """The descriptor of one text, score by score."""
    deberta, heads = config["model_type"] == "deberta-v2", config["num_attention_heads"]
    h, size = config["hidden_size"], config["hidden_size"] // config["num_attention_heads"]
    apply = lambda name, x: x @ a[f"{name}.weight"].T.astype(np.float64) + a[f"{name}.bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config.get("layer_norm_eps", 1e-12)) * a[f"{name}.weight"] + a[f"{name}.bias"]

    x = a["embeddings.word_embeddings.weight"][tokens].astype(np.float64)
    if "embeddings.position_embeddings.weight" in a:
        first = 2 if config["model_type"] == "roberta" else 0
        x = x + a["embeddings.position_embeddings.weight"][first: first + len(tokens)]
    if "embeddings.token_type_embeddings.weight" in a:
        x = x + a["embeddings.token_type_embeddings.weight"][0]
    x, n, ending = norm("embeddings.LayerNorm", x), len(tokens), "_proj" if deberta else ""
    table = a.get("encoder.rel_embeddings.weight")
    if deberta and config["norm_rel_ebd"] == "layer_norm":
        table = norm("encoder.LayerNorm", table)
    for i in range(config["num_hidden_layers"]):
        own = f"encoder.layer.{i}.attention.self."
        q, k, v = (apply(f"{own}{part}{ending}", x) for part in ("query", "key", "value"))
        terms = [t for t in ("c2p", "p2c") if deberta and t in config["pos_att_type"]]
        shared = deberta and config["share_att_key"]
        kr = apply(own + ("key_proj" if shared else "pos_key_proj"), table) if "c2p" in terms else None
        qr = apply(own + ("query_proj" if shared else "pos_query_proj"), table) if "p2c" in terms else None
        mixed = np.zeros((n, h))
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            for s in range(n):
                scores = np.empty(n)
                for t in range(n):
                    scores[t] = q[s, part] @ k[t, part]
                    scores[t] += q[s, part] @ kr[row_of(s - t, config), part] if kr is not None else 0
                    scores[t] += k[t, part] @ qr[row_of(s - t, config), part] if qr is not None else 0
                weights = np.exp(scores / math.sqrt(size * (1 + len(terms))))
                mixed[s, part] = weights / weights.sum() @ v[:, part]
        x = norm(f"encoder.layer.{i}.attention.output.LayerNorm", x + apply(f"encoder.layer.{i}.attention.output.dense", mixed))
        inner = apply(f"encoder.layer.{i}.intermediate.dense", x)
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(f"encoder.layer.{i}.output.LayerNorm", x + apply(f"encoder.layer.{i}.output.dense", inner))
    return np.concatenate([x[0], x.mean(0)])


@pytest.mark.parametrize("name", CONFIGS)
def test_torch_and_the_exported_graphs_equal_the_papers_formulas(name, tmp_path):
    config, arrays = make(tmp_path / "encoder", CONFIGS[name], prefix="bert." if name == "bert" else "")
    encoder = load_pretrained(tmp_path / "encoder").eval()
    expected = np.stack([reference(config, arrays, tokens) for tokens in TOKENS])
    ids, mask = pad(TOKENS)
    feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    with torch.no_grad():
        assert np.abs(encoder(ids, mask).numpy() - expected).max() < 2e-5
    export_encoder(encoder, tmp_path / "exact.onnx", 14, "float32")
    assert np.abs(run_numpy(tmp_path / "exact.onnx", feed)["descriptor"] - expected).max() < 2e-5
    export_encoder(encoder, tmp_path / "small.onnx", 14)
    small = run_numpy(tmp_path / "small.onnx", feed)["descriptor"]
    assert 1e-4 < np.abs(small - expected).max()
    with torch.no_grad():
        assert np.abs(small - round_weights(encoder)(ids, mask).numpy()).max() < 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_published_outputs(family):
    if REFERENCES is None:
        pytest.skip("needs shared/data/hf-encoders beside the checkout")
    cases = json.loads((REFERENCES / family / "reference.json").read_text("utf-8"))["cases"]
    encoder = load_pretrained(REFERENCES / family).eval()
    for start in range(0, len(cases), 32):
        batch = cases[start: start + 32]
        with torch.no_grad():
            mean = encoder(*pad([c["ids"] for c in batch]))[:, encoder.config.hidden_size:][:, :8].numpy()
        assert np.abs(mean - np.array([c["mean"] for c in batch])).max() < 1e-4
    assert len(cases) == 224


@pytest.mark.parametrize("change, expected", [
    ({"model_type": "t5"}, "model_type 't5' is not supported; supported are bert, roberta, xlm-roberta, deberta-v2"),
    ({"hidden_act": "relu"}, 'hidden_act "relu" is not supported; only "gelu" is'),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
    ({"is_decoder": True}, "is_decoder true"),
    ({"hidden_size": None}, "lacks hidden_size"),
    ({"num_attention_heads": 3}, "no multiple of num_attention_heads 3"),
    ({"vocab_size": 41}, "embeddings.word_embeddings.weight has shape .40, 8., expected .41, 8."),
    ({"num_hidden_layers": 3}, "lack the array encoder.layer.2.attention.self.query.weight"),
    ({**DEBERTA, "relative_attention": False}, "relative_attention false is not supported; only true is"),
    ({**DEBERTA, "conv_kernel_size": 3}, "conv_kernel_size 3 is not supported"),
    ({**DEBERTA, "embedding_size": 4}, "embedding_size 4 is not supported; only 8 is"),
    ({**DEBERTA, "pos_att_type": "p2p|c2p"}, "pos_att_type p2p is not supported"),
    ({**DEBERTA, "norm_rel_ebd": "batch_norm"}, "norm_rel_ebd 'batch_norm' is not supported"),
])
def test_what_is_not_supported_is_named(change, expected, tmp_path):
    config, _ = make(tmp_path, CONFIGS["bert"])
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(UserError, match=expected):
        load_pretrained(tmp_path)


def test_old_names_and_numbers_that_are_not_finite(tmp_path):
    _, arrays = make(tmp_path, CONFIGS["bert"])
    with torch.no_grad():
        now = load_pretrained(tmp_path).eval()(*pad(TOKENS))
        write_safetensors(tmp_path / "model.safetensors", {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): a
                                                           for n, a in arrays.items()})
        assert torch.equal(load_pretrained(tmp_path).eval()(*pad(TOKENS)), now)
    arrays["embeddings.LayerNorm.bias"][3] = np.nan
    write_safetensors(tmp_path / "model.safetensors", arrays)
    with pytest.raises(UserError, match="embeddings.LayerNorm.bias holds a number that is not finite"):
        load_pretrained(tmp_path)


CONFIG = """
[dataset]
name = "toy"
labels = ["glad", "cross"]
[finetune]
labels = "one"
epochs = {epochs}
batch = 4
at_once = {at_once}
dropout = 0.0
head_dropout = 0.0
[bundle]
license = "none"
"""


def held_out(data):
    """The same texts as other conversations."""
    dev = data.with_name("dev.jsonl")
    dev.write_text(data.read_text().replace('"conversationId": "c"', '"conversationId": "d"'))
    return dev


@pytest.mark.parametrize("name", ["roberta", "deberta, as v3", "deberta, keys of its own"])
def test_finetune_trains_every_family_and_a_batch_in_parts_is_the_same_batch(name, tmp_path):
    make(tmp_path / "encoder", CONFIGS[name])
    data = write_lines(tmp_path / "data.jsonl", [{"conversationId": "c", "utteranceId": f"u{i}", "text": "t", "label": ("glad", "cross")[i % 2],
                                                  "tokens": [1, 6 + i % 2, 10 + i, 2]} for i in range(12)])
    dev = held_out(data)
    results = []
    for at_once in (0, 3):
        (tmp_path / "c.toml").write_text(CONFIG.format(epochs=2, at_once=at_once))
        assert main(["finetune", "--config", f"{tmp_path}/c.toml", "--data", str(data), "--dev", str(dev), "--encoder", f"{tmp_path}/encoder",
                     "--out", f"{tmp_path}/run{at_once}", "--device", "cpu"]) == 0
        results.append(load_encoder(tmp_path / f"run{at_once}/encoder.pt"))
    start = load_encoder(tmp_path / "encoder").state_dict()
    whole, parts = (r.state_dict() for r in results)
    assert results[0].config.model_type == CONFIGS[name]["model_type"] and results[0].dimension == 16
    moved = [n for n in whole if not torch.equal(whole[n], start[n])]
    assert set(whole) == set(moved)
    assert max((whole[n] - parts[n]).abs().max().item() for n in whole) < 2e-3  # bfloat16 rounds other sums


def test_checkpoints_from_before_there_were_families_load(tmp_path):
    make(tmp_path, CONFIGS["bert"])
    encoder = load_pretrained(tmp_path)
    config = {k: v for k, v in encoder.config.to_json().items() if k != "model_type"}
    torch.save({"encoder": encoder.state_dict(), "config": config}, tmp_path / "encoder.pt")
    again = load_encoder(tmp_path / "encoder.pt")
    assert again.config == encoder.config and all(torch.equal(v, again.state_dict()[k]) for k, v in encoder.state_dict().items())


def test_tokens_of_another_tokenizer_are_refused(tmp_path, capsys):
    make(tmp_path / "encoder", CONFIGS["bert"])
    row = {"conversationId": "c", "utteranceId": "u", "text": "t", "label": "glad", "tokens": [1, 40, 2]}
    data = write_lines(tmp_path / "data.jsonl", [row])
    dev = held_out(data)
    run = lambda: main(["finetune", "--config", f"{tmp_path}/c.toml", "--data", str(data), "--dev", str(dev), "--encoder", f"{tmp_path}/encoder",
                        "--out", f"{tmp_path}/run"])
    (tmp_path / "c.toml").write_text(CONFIG.format(epochs=1, at_once=0))
    assert run() == 1 and "hold token 40, the encoder has 40" in capsys.readouterr().err
    write_lines(data, [{**row, "tokens": [1, *[39] * 30, 2]}])  # longer than the encoder reads: cut
    held_out(data)
    assert run() == 0


def test_device_that_is_not_there_is_refused(tmp_path, capsys):
    make(tmp_path / "encoder", CONFIGS["bert"])
    (tmp_path / "c.toml").write_text(CONFIG.format(epochs=1, at_once=0))
    run = lambda device: main(["finetune", "--config", f"{tmp_path}/c.toml", "--data", "x", "--dev", "x", "--encoder", f"{tmp_path}/encoder",
                               "--out", f"{tmp_path}/run", "--device", device])
    assert run("tpu") == 1 and "--device must be auto, cpu or cuda, not tpu" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert run("cuda") == 1 and "torch sees no CUDA device" in capsys.readouterr().err


def test_encoder_command_takes_the_tokenizer_of_every_family_and_names_what_is_missing(tmp_path, capsys):
    assets = Path(__file__).parents[3] / "tests/EmoStream.Tests/Inference/Assets/tiny-tokenizers"
    wanted = {"roberta": {"tokenizer": "bpe", "vocabulary": "vocab.json", "merges": "merges.txt", "prefixSpace": False},
              "xlm-roberta": {"tokenizer": "sentencepiece", "vocabulary": "sentencepiece.bpe.model", "ids": {"first": 0, "last": 2, "unknown": 3, "offset": 1}},
              "deberta-v2": {"tokenizer": "sentencepiece", "vocabulary": "spm.model", "ids": {"first": 1, "last": 2, "unknown": 3, "offset": 0}}}
    (tmp_path / "c.toml").write_text(CONFIG.format(epochs=1, at_once=0))
    for family, manifest in wanted.items():
        config, arrays = make(tmp_path / family, {**CONFIGS["deberta, as v3" if family == "deberta-v2" else "roberta"], "model_type": family})
        run = lambda *more: main(["encoder", "--config", f"{tmp_path}/c.toml", "--encoder", f"{tmp_path}/{family}", "--space", "text/toy@1",
                                  "--max-tokens", "14", "--out", f"{tmp_path}/{family}-bundle", *more])
        assert run() == 1 and f"{manifest['vocabulary']}: no such file; the encoder's tokenizer needs it" in capsys.readouterr().err
        assert run("--vocabulary", str(assets)) == 1 and "the encoder's table only 40 rows" in capsys.readouterr().err
        arrays["embeddings.word_embeddings.weight"] = np.zeros((500, 8), dtype=np.float32)
        write_safetensors(tmp_path / family / "model.safetensors", arrays)
        (tmp_path / family / "config.json").write_text(json.dumps({**config, "vocab_size": 500}))
        assert run("--vocabulary", str(assets)) == 0
        written = json.loads((tmp_path / f"{family}-bundle/manifest.json").read_text())
        assert written["modalities"][0]["encoder"] == {"model": "text-encoder.onnx", **manifest, "maxTokens": 14}
        assert set(written["files"]) == {"text-encoder.onnx", *(v for k, v in manifest.items() if k in ("vocabulary", "merges"))}
