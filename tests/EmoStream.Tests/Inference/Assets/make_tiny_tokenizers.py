"""Makes tiny-tokenizers: a byte-level BPE and a SentencePiece model trained on the sample meeting, and what they give.

Expected ids come from elsewhere than the product: SentencePiece's from its own library (Debian: python3-sentencepiece),
BPE's from the textbook algorithm below. Run it with Python 3.11 in this folder; the result is the same every time.
"""
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import sentencepiece

HERE = Path(__file__).parent
OUT = HERE / "tiny-tokenizers"
CORPUS = [json.loads(line).get("text") or "" for line in open(HERE.parents[3] / "infra/samples/meeting.jsonl", encoding="utf-8")]
TEXTS = [
    "", " ", "  ", "We are late again!", "  two  blanks  ", "tab\tand\nline\r\nend ", "I'm sure they'll say it's Dan's, we'd've", "don'T 'S",
    "12,345.67 % off", "caf\u00e9 cafe\u0301 \ufb01ne", "\uff26\uff55\uff4c\uff4c width", "a\u00a0b\u200bc\ufeff d", "no\u0001thing\u007f here",
    "\u65e5\u672c\u8a9e mixed \u4e2d\u6587 end", "\U0001f600\U0001f600 joy \U0001f469\u200d\U0001f467", "\U0001d4d7\U0001d4f2 \U0001d7d9\U0001d7da x", "x\ufffdy",
    "<s> </s> <unk> [SEP]", "...!!!???", "\u2581under \u2581", "the the the " * 80, "\u00a0\u00a0 leading", "z\u0000z",
]
RULES = {"\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u200b": " ", "\ufeff": " ", "\ufffd": " ", "\u0001": "", "\u007f": "", "\u2581": " ",
         "\ufb01": "fi", "e\u0301": "\u00e9"} | {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}


def byte_characters():
    """GPT-2's: a visible character for every byte."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in visible]
    return {b: chr(b) for b in visible} | {b: chr(0x100 + i) for i, b in enumerate(hidden)}


BYTES = byte_characters()


def words(text):
    """GPT-2's pattern on the kinds of the characters: Letter, Number, Blank (U+0020), other White space, Sign."""
    def kind(c):
        category = unicodedata.category(c)
        return "B" if c == " " else "W" if c.isspace() and category[0] != "L" and c not in "\x1c\x1d\x1e\x1f" else category[0] if category[0] in "LN" else "S"

    kinds, at = "".join(map(kind, text)), 0
    while at < len(text):
        m = re.compile(r"'(?:s|t|re|ve|m|ll|d)").match(text, at) or re.compile(r"B?L+|B?N+|B?S+|[BW]+(?![^BW])|[BW]+").match(kinds, at)
        yield text[at: m.end()]
        at = m.end()


def merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        both = tuple(symbols[i: i + 2]) == pair
        out.append("".join(pair) if both else symbols[i])
        i += 2 if both else 1
    return out


def spell(word):
    return [BYTES[b] for b in word.encode("utf-8")]


def train_bpe(count):
    counts = Counter(w for text in CORPUS for w in words(text))
    spelled, merges = {w: spell(w) for w in counts}, []
    for _ in range(count):
        pairs = Counter()
        for w, symbols in spelled.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += counts[w]
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        spelled = {w: merge(symbols, best) for w, symbols in spelled.items()}
    return merges


def encode_bpe(text, ids, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    for word in words(text):
        symbols = spell(word)
        while pairs := [p for p in zip(symbols, symbols[1:]) if p in rank]:
            symbols = merge(symbols, min(pairs, key=rank.get))
        yield from (ids[s] for s in symbols)


def main():
    OUT.mkdir(exist_ok=True)
    merges = train_bpe(150)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(BYTES.values()), *("".join(m) for m in merges)]
    ids = {t: i for i, t in enumerate(dict.fromkeys(tokens))}
    (OUT / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False) + "\n", "utf-8")
    (OUT / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), "utf-8")

    rules, corpus = OUT / "rules.tsv", OUT / "corpus.txt"
    rules.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in k)}\t{' '.join(f'{ord(c):X}' for c in v)}\n" for k, v in RULES.items()), "utf-8")
    corpus.write_text("\n".join(CORPUS), "utf-8")
    models = {"sentencepiece.bpe.model": {}, "spm.model": dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")}
    for name, special in models.items():
        sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(OUT / "new"), vocab_size=200, model_type="unigram",
                                                 normalization_rule_tsv=str(rules), num_threads=1, minloglevel=2, **special)
        (OUT / "new.model").rename(OUT / name)
    for file in (rules, corpus, OUT / "new.vocab"):
        file.unlink()
    fairseq, own = (sentencepiece.SentencePieceProcessor(model_file=str(OUT / name)) for name in models)
    cut = lambda first, inner, last: [first, *list(inner)[:126], last]
    expected = [{"text": t, "roberta": cut(0, encode_bpe(t, ids, merges), 2),
                 "xlm-roberta": cut(0, (3 if i == 0 else i + 1 for i in fairseq.encode(t)), 2),
                 "deberta-v2": cut(1, own.encode(t), 2)} for t in TEXTS]
    (OUT / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n", "utf-8")


if __name__ == "__main__":
    main()
