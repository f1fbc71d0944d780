"""Text encoders in Hugging Face's directory layout: config.json decides the family, the weights come under their usual names.

The descriptor of a text is [first token ; mean over its tokens] of the last hidden state, so `2 * hidden` floats.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Union

import numpy as np
import torch

from . import checkpoint
from .bert import Bert, BertConfig
from .deberta import Deberta, DebertaConfig
from .config import read_object
from .errors import UserError
from .safetensors import Weights, open_weights

Encoder = Union[Bert, Deberta]

BERTS = ("bert", "roberta", "xlm-roberta")
DEBERTA = "deberta-v2"  # v3 calls itself v2 too
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings")
NUMBERS = ("hidden_dropout_prob", "layer_norm_eps", "max_relative_positions", "position_buckets", "type_vocab_size")

LAYER = {"attended": "attention.output.dense", "attended_norm": "attention.output.LayerNorm", "up": "intermediate.dense",
         "down": "output.dense", "down_norm": "output.LayerNorm"}


def read_config(path: Path) -> BertConfig | DebertaConfig:
    """Reads config.json; an unknown family or an option that we do not have is an error that names it."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected an encoder directory in Hugging Face's layout")
    raw = read_object(path)
    kind = raw.get("model_type", "bert")
    if kind not in (*BERTS, DEBERTA):
        raise UserError(f"{path}: model_type {kind!r} is not supported; supported are {', '.join((*BERTS, DEBERTA))}")
    missing = [n for n in SIZES if not isinstance(raw.get(n), int) or raw[n] < 1]
    if missing:
        raise UserError(f"{path}: lacks {', '.join(missing)}, or it is not a positive number")
    if raw["hidden_size"] % raw["num_attention_heads"]:
        raise UserError(f"{path}: hidden_size {raw['hidden_size']} is no multiple of num_attention_heads {raw['num_attention_heads']}")
    wrong = [n for n in NUMBERS if n in raw and type(raw[n]) not in (int, float)]
    if wrong:
        raise UserError(f"{path}: {wrong[0]} must be a number, not {json.dumps(raw[wrong[0]])}")
    _check_options(raw, kind, path)
    sizes = {n: raw[n] for n in SIZES}
    common = dict(dropout=float(raw.get("hidden_dropout_prob", 0.1)), model_type=kind)
    if kind in BERTS:
        pad = raw.get("pad_token_id", 1)
        if kind != "bert" and (type(pad) is not int or not 0 <= pad < raw["max_position_embeddings"] - 1):
            raise UserError(f"{path}: pad_token_id must be a whole number below max_position_embeddings - 1, not {json.dumps(pad)}")
        sizes["max_position_embeddings"] -= _first_position(raw)
        return BertConfig(**sizes, **common, layer_norm_eps=raw.get("layer_norm_eps", 1e-12))
    return DebertaConfig(**sizes, **common, **_deberta_parts(raw, path), layer_norm_eps=raw.get("layer_norm_eps", 1e-7))


def _check_options(raw: dict, kind: str, path: Path) -> None:
    """Of what a config.json may ask for we have one form each; what it leaves out is that form."""
    supported = {"hidden_act": "gelu"} | (
        {"is_decoder": False, "add_cross_attention": False, "position_embedding_type": "absolute"} if kind in BERTS else
        {"relative_attention": True, "conv_kernel_size": 0, "embedding_size": raw["hidden_size"],
         "attention_head_size": raw["hidden_size"] // raw["num_attention_heads"]})
    if kind == DEBERTA:
        raw = {"relative_attention": False, **raw}  # there absent means no
    for name, only in supported.items():
        if raw.get(name, only) not in (only, None):
            raise UserError(f"{path}: {name} {json.dumps(raw[name])} is not supported; only {json.dumps(only)} is")


def _first_position(raw: dict) -> int:
    """RoBERTa and XLM-RoBERTa number positions from pad + 1 on: the rows before are never used."""
    return raw.get("pad_token_id", 1) + 1 if raw.get("model_type") in ("roberta", "xlm-roberta") else 0


def _deberta_parts(raw: dict, path: Path) -> dict:
    kinds = raw.get("pos_att_type") or []
    kinds = kinds.split("|") if isinstance(kinds, str) else kinds
    unknown = sorted(set(kinds) - {"c2p", "p2c"})
    if unknown:
        raise UserError(f"{path}: pos_att_type {', '.join(unknown)} is not supported; supported are c2p, p2c")
    norms = [n for n in (raw.get("norm_rel_ebd") or "none").split("|") if n.strip().lower() != "none"]
    if any(n.strip().lower() != "layer_norm" for n in norms):
        raise UserError(f"{path}: norm_rel_ebd {raw['norm_rel_ebd']!r} is not supported; supported are none, layer_norm")
    farthest = raw.get("max_relative_positions", -1)
    return dict(max_relative_positions=farthest if farthest >= 1 else raw["max_position_embeddings"],
                position_buckets=max(0, raw.get("position_buckets", -1)), content_to_position="c2p" in kinds,
                position_to_content="p2c" in kinds, share_att_key=bool(raw.get("share_att_key", False)),
                normalise_relative=bool(norms), position_biased_input=bool(raw.get("position_biased_input", True)),
                segments=raw.get("type_vocab_size", 0) > 0)


def build(config: BertConfig | DebertaConfig) -> Encoder:
    return Bert(config) if config.model_type in BERTS else Deberta(config)


def restore(saved: dict) -> BertConfig | DebertaConfig:
    """The config of a checkpoint; those written before there were families are BERT's."""
    return (DebertaConfig if saved.get("model_type") == DEBERTA else BertConfig)(**saved)


def load_encoder(path: Path) -> Encoder:
    """An encoder from a pretrained directory or from a fine-tuned checkpoint."""
    if path.is_dir():
        return load_pretrained(path)
    content = checkpoint.load(path)
    if "encoder" not in content:
        raise UserError(f"{path}: not an encoder checkpoint")
    with checkpoint.content_of(path):
        encoder = build(restore(content["config"]))
        encoder.load_state_dict(content["encoder"])
    return encoder


def load_pretrained(directory: Path) -> Encoder:
    """Reads config.json and the weights of an encoder directory; says which array is missing or has a wrong shape."""
    path = directory / "config.json"
    config = read_config(path)
    encoder, weights = build(config), _renamed(open_weights(directory))
    state = encoder.state_dict()
    first = _first_position(json.loads(path.read_text("utf-8")))
    for ours, theirs in _names(config).items():
        if theirs not in weights:
            raise UserError(f"{directory}: the weights lack the array {theirs}")
        value = weights[theirs]()
        value = value[0] if ours == "segment" else value[first:] if ours == "positions.weight" else value
        if value.shape != tuple(state[ours].shape):
            raise UserError(f"{directory}: {theirs} has shape {value.shape}, expected {tuple(state[ours].shape)}")
        if not np.isfinite(value).all():
            raise UserError(f"{directory}: {theirs} holds a number that is not finite")
        state[ours].copy_(torch.from_numpy(value))
    return encoder


def _renamed(weights: Weights) -> Weights:
    """Without the name of the model before every array, and with today's names of what old files call gamma and beta."""
    anchor = "embeddings.word_embeddings.weight"
    prefix = next((name[: -len(anchor)] for name in weights if name.endswith(anchor)), "")
    return {name[len(prefix):].replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): read
            for name, read in weights.items() if name.startswith(prefix)}


def _names(c: BertConfig | DebertaConfig) -> dict[str, str]:
    """Names of our parameters -> names in the file."""
    names = {"words.weight": "embeddings.word_embeddings.weight"}
    parts = {"norm": "embeddings.LayerNorm"}
    if c.model_type in BERTS or c.segments:
        names["segment"] = "embeddings.token_type_embeddings.weight"
    if c.model_type in BERTS or c.position_biased_input:
        names["positions.weight"] = "embeddings.position_embeddings.weight"
    if c.model_type in BERTS:
        layer = {p: f"attention.self.{p}" for p in ("query", "key", "value")}
    else:
        names["relative.weight"] = "encoder.rel_embeddings.weight"
        if c.normalise_relative:
            parts["relative_norm"] = "encoder.LayerNorm"
        layer = {p: f"attention.self.{p}_proj" for p in ("query", "key", "value")}
        if not c.share_att_key:
            layer |= {"position_key": "attention.self.pos_key_proj"} if c.content_to_position else {}
            layer |= {"position_query": "attention.self.pos_query_proj"} if c.position_to_content else {}
    for i in range(c.num_hidden_layers):
        parts |= {f"layers.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for ours, theirs in {**layer, **LAYER}.items()}
    for ours, theirs in parts.items():
        names |= {f"{ours}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}
    return names
