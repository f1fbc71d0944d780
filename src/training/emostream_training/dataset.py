"""Reads the JSON Lines data of the product: one utterance per line, in dialogue order.

{"conversationId":"c1","utteranceId":"u1","index":0,"speaker":"Ann","startMs":0,"endMs":900,"text":"Hi!",
 "label":"joy","tokens":[101,7632,999,102],"features":{"text":[0.1,-0.2]}}

`tokens` and `features` are written by `emostream features`, so that training and serving cannot drift.
Corpora of single texts carry `id` instead of the two ids, and may have several `labels` instead of one `label`: each
text is a conversation of its own.
"""
from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Iterable, Iterator

import numpy as np

from .config import parse
from .errors import DataError, UserError


MODALITIES = ("text", "audio", "face", "body")
TRANSFORMS = ("none", "log")
FEATURE_SPACE = re.compile(r"[a-z0-9][a-z0-9._/-]*@[0-9A-Za-z][0-9A-Za-z.-]*")  # name@version, as the product's manifests have it
SURROGATE = re.compile(r"[\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
UNLABELLED = -1  # the class of a row that is context alone: seen by its neighbours, neither learnt nor scored


@dataclass
class Utterance:
    """One line of a data file; `line` is its number, for errors found later."""

    line: int
    conversation: str
    utterance: str
    speaker: str
    label: str | None
    labels: tuple[str, ...]
    tokens: list[int] | None
    features: dict[str, np.ndarray] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)  # feature space by modality, where the line says it


def read_utterances(path: Path) -> Iterator[Utterance]:
    """Yields every line, checked for types; blank lines are skipped. No utterance may come twice, not even as a revision."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    first: dict[tuple[str, str], int] = {}
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for number, text in enumerate(lines, 1):
            if text.strip():
                u = _parse(path, number, text)
                before = first.setdefault((u.conversation, u.utterance), number) if u.utterance else number
                if before != number:
                    raise DataError(path, number, f"holds the same utterance of the same conversation as line {before}")
                yield u


def _parse(path: Path, number: int, text: str) -> Utterance:
    try:
        text.encode()  # fails where bytes that are no UTF-8 were read as surrogates
        raw = json.loads(text)
    except UnicodeEncodeError:
        raise DataError(path, number, "not valid UTF-8") from None
    except json.JSONDecodeError as e:
        raise DataError(path, number, f"not JSON: {e.msg} at column {e.colno}") from None
    except (ValueError, RecursionError):
        raise DataError(path, number, "not JSON: nested too deeply, or a number of thousands of digits") from None
    if not isinstance(raw, dict):
        raise DataError(path, number, "expected a JSON object")

    def string(name: str, default: str | None) -> str | None:
        value = raw.get(name, default)
        if value is not None and not isinstance(value, str):
            raise DataError(path, number, f"{name} must be a string")
        if value and SURROGATE.search(value):
            raise DataError(path, number, f"{name} holds half a surrogate pair, which is no character")
        return value

    if string("kind", None) not in (None, "utterance"):
        raise DataError(path, number, f"is a {raw['kind'][:40]!r}: expected the final text of every utterance, and nothing else")
    labels = raw.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
        raise DataError(path, number, "labels must be a list of strings")
    tokens = raw.get("tokens")
    if tokens is not None and not (isinstance(tokens, list) and tokens and all(type(x) is int and x >= 0 for x in tokens)):
        raise DataError(path, number, "tokens must be a non-empty list of token ids")
    features = raw.get("features") or {}
    if not isinstance(features, dict):
        raise DataError(path, number, "features must be an object of lists of numbers")
    spaces = raw.get("featureSpaces") or {}
    if not isinstance(spaces, dict) or not all(isinstance(s, str) for s in spaces.values()):
        raise DataError(path, number, "featureSpaces must be an object of strings")
    label = string("label", None)
    if not all(map(is_label, labels if label is None else [*labels, label])):
        raise DataError(path, number, "a label must not be empty, nor have blanks around it or control characters in it; leave it out where there is none")
    alone = string("id", "") or ""  # the id of a single text
    return Utterance(number, string("conversationId", None) or alone, string("utteranceId", None) or alone,
                     string("speaker", "") or "", label, tuple(labels), tokens,
                     {m: _vector(path, number, m, v) for m, v in features.items() if v is not None}, spaces)


def is_label(value: object) -> bool:
    """Whether the product takes it, and a table can show it."""
    return isinstance(value, str) and value != "" and value == value.strip() and not CONTROL.search(value)


def _vector(path: Path, number: int, modality: str, value: object) -> np.ndarray:
    if not isinstance(value, list) or not all(type(x) in (int, float) for x in value):
        raise DataError(path, number, f"features.{modality} must be a list of numbers")
    try:
        if not all(map(math.isfinite, value)):
            raise DataError(path, number, f"features.{modality} holds a number that is not finite")
        with np.errstate(over="ignore"):
            served = np.asarray(value, dtype=np.float32).astype(np.float16)  # serving keeps descriptors so: train on what it sees
    except OverflowError:  # an integer that is too large for every float
        served = np.array(np.inf)
    if not np.isfinite(served).all():
        raise DataError(path, number, f"features.{modality} holds a number that does not fit float16 (65,504 at most)")
    return served.astype(np.float32)


@dataclass(frozen=True)
class Modality:
    """One input of the context model: its name in the data, its vector space and that space's size.

    transform: "none", or "log" for statistics over many orders of magnitude; speaker_relative: what matters is what is
    unusual for the speaker (loudness, pitch). Both happen inside the graph: whoever serves it sends the vector as it is.
    """

    name: str
    feature_space: str
    dimension: int
    transform: str = "none"
    speaker_relative: bool = False

    def __post_init__(self):
        if self.name not in MODALITIES:
            raise UserError(f"{self.name!r} is not a modality; known are {', '.join(MODALITIES)}")
        if not FEATURE_SPACE.fullmatch(self.feature_space):
            raise UserError(f"feature_space must be NAME@N, such as audio/mine@1, not {self.feature_space!r}")
        if not 1 <= self.dimension <= 65_536:
            raise UserError(f"dimension must be 1 to 65536, not {self.dimension}")
        if self.transform not in TRANSFORMS:
            raise UserError(f"transform must be one of {', '.join(TRANSFORMS)}, not {self.transform!r}")


@dataclass(frozen=True)
class Description:
    """What a data set holds: labels, modalities, licence. Read from the [dataset] part of a configuration.

    `map` ([dataset.map]) translates the labels of the file; without it they are used as they are.
    """

    name: str
    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    licence: str
    url: str
    map: dict[str, str] = field(default_factory=dict)

    def label_of(self, path: Path, u: Utterance) -> str | None:
        """The one label of a row; None without labels or where they translate to several: nobody said which is meant."""
        given = u.labels or ((u.label,) if u.label is not None else ())
        known = self.map or self.labels
        unknown = [g for g in given if g not in known]
        if unknown:
            raise DataError(path, u.line, f"label {unknown[0][:40]!r} is not one of {', '.join(known)}")
        found = {self.map.get(g, g) for g in given}
        if len(found) > 1 and not self.map:
            raise DataError(path, u.line, "has several labels where one is wanted; [dataset.map] can translate them")
        return found.pop() if len(found) == 1 else None

    def to_json(self) -> dict:
        """As `parse` reads it."""
        return {"name": self.name, "labels": list(self.labels), "modalities": [asdict(m) for m in self.modalities],
                "license": self.licence, "url": self.url, **({"map": self.map} if self.map else {})}

    @staticmethod
    def parse(raw: dict, where: object) -> "Description":
        def need(key: str, default: object) -> object:
            """A value of the default's type, which a type stands for where there is no default."""
            value, kind = raw.get(key, default), default if isinstance(default, type) else type(default)
            if not isinstance(value, kind):
                raise UserError(f"{where}: {key} must be given as {kind.__name__}")
            return value

        labels = need("labels", list)
        if len(labels) < 2 or not all(map(is_label, labels)) or len(set(labels)) != len(labels):
            raise UserError(f"{where}: labels must be two or more different strings, without control characters and blanks around them")
        modalities = [parse(Modality, entry, f"{where}: modalities") for entry in need("modalities", [])]
        for key in ("name", "feature_space"):
            if len({getattr(m, key) for m in modalities}) != len(modalities):
                raise UserError(f"{where}: a modality is described twice, or two have one feature_space")
        translation = need("map", {})
        lost = sorted({str(x) for x in translation.values() if x not in labels})
        if lost:
            raise UserError(f"{where}: map leads to {lost[0]!r}, which labels does not list")
        return Description(need("name", str), tuple(labels), tuple(modalities), need("license", "unknown"), need("url", ""), translation)


@dataclass
class Dialogue:
    """One conversation as arrays: features per modality [rows, dim], available [rows, M], speaker and label [rows].

    A label is a class number or UNLABELLED.
    """

    conversation: str
    utterances: list[str]
    features: dict[str, np.ndarray]
    available: np.ndarray
    speaker: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.speaker)

    def digest(self, names: list[str]) -> str:
        """SHA-256 of all that a model of those modalities takes from it."""
        return hashlib.sha256(b"".join(x.tobytes() for x in (*(self.features[n] for n in names), self.available, self.speaker))).hexdigest()


def apart(trained: Iterable[str], held: list[Dialogue], path: Path) -> None:
    """Refuses held-out dialogues (of the file `path`) that were trained on: what they choose and calibrate would mean nothing."""
    both = sorted(set(trained) & {d.conversation for d in held})
    if both:
        raise UserError(f"{path}: {len(both)} of its conversations have ids that are trained on, such as {both[0]}: hold others out, or rename them where they are others")


def read_dialogues(path: Path, description: Description) -> list[Dialogue]:
    """Groups a file's utterances by conversation; a label outside the description or a wrong vector length is an error."""
    return group(path, read_utterances(path), description)


def group(path: Path, utterances: Iterable[Utterance], description: Description) -> list[Dialogue]:
    """The same of utterances that were read already; `path` is for errors.

    Rows without a label are kept as the context of others; a conversation that has only such rows is left out.
    """
    index = {label: i for i, label in enumerate(description.labels)}
    groups: dict[str, list[tuple[Utterance, int]]] = {}
    for u in utterances:
        if not u.conversation or not u.utterance:
            raise DataError(path, u.line, "conversationId and utteranceId are needed")
        for m in description.modalities:
            if m.name in u.features and u.spaces.get(m.name, m.feature_space) != m.feature_space:
                raise DataError(path, u.line, f"features.{m.name} are of {u.spaces[m.name]}, the model takes {m.feature_space}")
            if m.name in u.features and len(u.features[m.name]) != m.dimension:
                raise DataError(path, u.line, f"features.{m.name} has {len(u.features[m.name])} numbers, "
                                              f"{m.feature_space} has {m.dimension}")
        groups.setdefault(u.conversation, []).append((u, index.get(description.label_of(path, u), UNLABELLED)))
    groups = {c: rows for c, rows in groups.items() if any(label != UNLABELLED for _, label in rows)}
    if not groups:
        raise UserError(f"{path}: holds no utterance with a label")
    dialogues = []
    for conversation, labelled in groups.items():
        rows = [u for u, _ in labelled]
        local: dict[str, int] = {}
        features, available = {}, np.zeros((len(rows), len(description.modalities)), dtype=bool)
        for j, m in enumerate(description.modalities):
            block = np.zeros((len(rows), m.dimension), dtype=np.float32)
            for t, u in enumerate(rows):
                if m.name in u.features:
                    block[t], available[t, j] = u.features[m.name], True
            features[m.name] = block
        dialogues.append(Dialogue(conversation, [u.utterance for u in rows], features, available,
                                  np.array([local.setdefault(u.speaker, len(local)) for u in rows], dtype=np.int64),
                                  np.array([label for _, label in labelled], dtype=np.int64)))
    if not any(d.available.any() for d in dialogues):
        raise UserError(f"{path}: no utterance carries features of {', '.join(m.name for m in description.modalities)}; "
                        "write them with `emostream features`")
    return dialogues
