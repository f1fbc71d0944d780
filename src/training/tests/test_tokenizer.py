"""An encoder's small files: what is damaged or of another kind is refused with its name."""
import json
from types import SimpleNamespace

import pytest

from emostream_training.errors import UserError
from emostream_training.huggingface import read_config
from emostream_training.tokenizer import read_tokenizer

SIZES = {"vocab_size": 40, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 18}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def tokenizer(path, family):
    return read_tokenizer(SimpleNamespace(model_type=family, vocab_size=40), path)


@pytest.mark.parametrize("content, expected", [
    ([], "expected a JSON object"), (None, "expected a JSON object"), ({"hidden_dropout_prob": None}, "hidden_dropout_prob must be a number, not null"),
    ({"layer_norm_eps": "1e-5"}, "layer_norm_eps must be a number"), ({"pad_token_id": None}, "pad_token_id must be a whole number .* not null"),
    ({"pad_token_id": 17}, "pad_token_id must be a whole number"), ({"pad_token_id": -2}, "pad_token_id must be a whole number"),
    ({"model_type": "deberta-v2", "relative_attention": True, "position_buckets": None}, "position_buckets must be a number, not null"),
])
def test_config_of_wrong_values(tmp_path, content, expected):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "roberta", **SIZES, **content} if isinstance(content, dict) else content))
    with pytest.raises(UserError, match=f"config.json: {expected}"):
        read_config(path)


@pytest.mark.parametrize("file, text, expected", [
    ("vocab.json", "{", "is no JSON"), ("vocab.json", "[]", "expected a JSON object"), ("vocab.json", "{}", "lacks <s>, </s>"),
    ("vocab.json", '{"<s>": 0, "</s>": "2"}', "the id of '</s>' is no whole number"), ("vocab.json", '{"<s>": 0, "</s>": -1}', "the id of '</s>'"),
    ("tokenizer_config.json", "{", "is no JSON"), ("tokenizer_config.json", "[]", "expected a JSON object"),
])
def test_tokenizer_files_of_wrong_content(tmp_path, file, text, expected):
    (tmp_path / "vocab.json").write_text('{"<s>": 0, "</s>": 2}')
    (tmp_path / "merges.txt").write_text("")
    assert tokenizer(tmp_path, "roberta").tokens == 3
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=f"{file}: {expected}"):
        tokenizer(tmp_path, "roberta")


def test_vocabulary_has_one_token_per_line_feed(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL, "\u0085", "\u2028", "a\u2028b", "\x0c", "last"]) + "\n", "utf-8")
    assert tokenizer(path, "bert").tokens == 9
    path.write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(UserError, match="vocab.txt: is no UTF-8"):
        tokenizer(path, "bert")
