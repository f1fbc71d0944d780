"""What a bundle must carry so that serving cuts texts as the encoder was trained: files, and the manifest's words for them.

Serving (C#) tokenises; here the files are only checked, so that a wrong one fails now.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from .bert import BertConfig
from .deberta import DebertaConfig
from .config import read_object
from .errors import UserError


@dataclass(frozen=True)
class TokenizerFiles:
    """`manifest`: members of the bundle's `encoder`; `files`: where each named file comes from; `tokens`: ids 0 to tokens - 1."""

    manifest: dict
    files: dict[str, Path]
    tokens: int


def read_tokenizer(config: BertConfig | DebertaConfig, path: Path) -> TokenizerFiles:
    """From a directory in Hugging Face's layout, or for a BERT from its vocab.txt (which says nothing of case: uncased)."""
    if not path.is_dir() and config.model_type != "bert":
        raise UserError(f"{path}: expected the directory with the tokenizer files of a {config.model_type}")
    found = {"bert": _wordpiece, "roberta": _bpe, "xlm-roberta": _fairseq, "deberta-v2": _sentencepiece}[config.model_type](path)
    if found.tokens > config.vocab_size:
        raise UserError(f"{path}: the tokenizer has {found.tokens} tokens, the encoder's table only {config.vocab_size} rows")
    return found


def _wordpiece(path: Path) -> TokenizerFiles:
    vocabulary = _need(path / "vocab.txt") if path.is_dir() else _need(path)
    try:
        words = vocabulary.read_text("utf-8").removesuffix("\n").split("\n")  # U+0085 and U+2028 are tokens, no ends of lines
    except UnicodeDecodeError as e:
        raise UserError(f"{vocabulary}: is no UTF-8: {e}") from None
    _need_tokens(vocabulary, words, "[PAD]", "[UNK]", "[CLS]", "[SEP]")
    settings = _settings(path)
    lowercase = bool(settings.get("do_lower_case", True))
    if settings.get("strip_accents") not in (None, lowercase) or settings.get("tokenize_chinese_chars", True) is not True:
        raise UserError(f"{path}: strip_accents and tokenize_chinese_chars other than a BERT's own are not supported")
    return TokenizerFiles({"tokenizer": "wordpiece", "vocabulary": "vocab.txt", "lowercase": lowercase}, {"vocab.txt": vocabulary}, len(words))


def _bpe(path: Path) -> TokenizerFiles:
    vocabulary, merges = _need(path / "vocab.json"), _need(path / "merges.txt")
    ids = read_object(vocabulary)
    _need_tokens(vocabulary, ids, "<s>", "</s>")
    wrong = next((token for token, number in ids.items() if type(number) is not int or number < 0), None)
    if wrong is not None:
        raise UserError(f"{vocabulary}: the id of {wrong!r} is no whole number from 0 on")
    manifest = {"tokenizer": "bpe", "vocabulary": "vocab.json", "merges": "merges.txt",
                "prefixSpace": bool(_settings(path).get("add_prefix_space", False))}
    return TokenizerFiles(manifest, {"vocab.json": vocabulary, "merges.txt": merges}, max(ids.values()) + 1)


def _fairseq(path: Path) -> TokenizerFiles:
    """XLM-RoBERTa's ids are fairseq's: <s> 0, <pad> 1, </s> 2, <unk> 3, and every other piece moves up by one."""
    model = _need(path / "sentencepiece.bpe.model")
    pieces = list(_pieces(model))
    if pieces[:3] != ["<unk>", "<s>", "</s>"]:
        raise UserError(f"{model}: begins with {', '.join(pieces[:3])}, expected <unk>, <s>, </s> as in XLM-RoBERTa")
    manifest = {"tokenizer": "sentencepiece", "vocabulary": model.name, "ids": {"first": 0, "last": 2, "unknown": 3, "offset": 1}}
    return TokenizerFiles(manifest, {model.name: model}, len(pieces) + 1)


def _sentencepiece(path: Path) -> TokenizerFiles:
    model = _need(path / "spm.model")
    pieces = list(_pieces(model))
    _need_tokens(model, pieces, "[CLS]", "[SEP]", "[UNK]")
    settings = _settings(path)
    if settings.get("do_lower_case") or settings.get("split_by_punct"):
        raise UserError(f"{path}: do_lower_case and split_by_punct are not supported for a DeBERTa")
    ids = {"first": pieces.index("[CLS]"), "last": pieces.index("[SEP]"), "unknown": pieces.index("[UNK]"), "offset": 0}
    return TokenizerFiles({"tokenizer": "sentencepiece", "vocabulary": model.name, "ids": ids}, {model.name: model}, len(pieces))


def _settings(path: Path) -> dict:
    file = path / "tokenizer_config.json"
    return read_object(file) if file.is_file() else {}


def _need(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file; the encoder's tokenizer needs it")
    return path


def _need_tokens(path: Path, known: object, *tokens: str) -> None:
    missing = [t for t in tokens if t not in known]
    if missing:
        raise UserError(f"{path}: lacks {', '.join(missing)}")


def _pieces(model: Path) -> Iterator[str]:
    """The pieces of a SentencePiece model in order. sentencepiece_model.proto: ModelProto.pieces = 1, SentencePiece.piece = 1."""
    try:
        for field, value in _fields(model.read_bytes()):
            if field == 1:
                yield next(v for f, v in _fields(value) if f == 1).decode("utf-8")
    except (IndexError, ValueError, StopIteration, UnicodeDecodeError, RuntimeError):
        raise UserError(f"{model}: is no SentencePiece model") from None


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Fields of a protobuf message with their bytes; numbers come as empty bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    while at < len(message):
        field, kind = divmod(varint(), 8)
        if kind == 0:
            varint()
            yield field, b""
            continue
        size = {1: 8, 5: 4}[kind] if kind in (1, 5) else varint() if kind == 2 else -1
        if size < 0 or at + size > len(message):
            raise ValueError("no protobuf message")
        yield field, message[at: at + size]
        at += size
