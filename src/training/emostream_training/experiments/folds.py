"""Leave-one-group-out: every group of conversations (a session, a set of speakers) measured by models that never saw it."""
from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..dataset import read_utterances
from ..errors import UserError

FIELDS = ("conversationId", "speaker")


@dataclass(frozen=True)
class Fold:
    """Files of one fold: `test` is the group left out, `dev` the next group, `train` the rest."""

    name: str
    train: Path
    dev: Path
    test: Path


def make_folds(table: dict | None, where: object, files: list[Path], out: Path) -> list[Fold]:
    """The configuration's [folds]: `field` (conversationId or speaker) and `pattern`, whose match in it names the group.

    A conversation is in one group: no part of it may be trained on while another is measured.
    """
    if table is None:
        return []
    field, pattern = table.get("field"), table.get("pattern")
    if set(table) != {"field", "pattern"} or field not in FIELDS or not isinstance(pattern, str):
        raise UserError(f"{where}: [folds] needs field ({' or '.join(FIELDS)}) and pattern, and nothing else")
    try:
        expression = re.compile(pattern)
    except re.error as e:
        raise UserError(f"{where}: [folds] pattern: {e}") from None
    groups: dict[str, list[str]] = {}
    group_of: dict[str, str] = {}  # by conversation
    for file in files:
        for _ in read_utterances(file):  # checks every line, so that the next loop need not
            pass
        with open(file, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                utterance = json.loads(line)
                found = expression.search(str(utterance.get(field)))
                if not found:
                    raise UserError(f"{file}:{number}: {field} has no match of the [folds] pattern")
                conversation = utterance.get("conversationId") or utterance.get("id")
                if group_of.setdefault(conversation, found.group()) != found.group():
                    raise UserError(f"{file}:{number}: conversation {conversation!r} is in two groups of [folds], which would tear it apart: "
                                    "take a field or pattern that is the same for all its utterances")
                groups.setdefault(found.group(), []).append(line.rstrip("\n") + "\n")
    names = sorted(groups)
    if len(names) < 3:
        raise UserError(f"{where}: [folds] finds {len(names)} groups; three are needed: to train, to choose, to measure")
    out.mkdir(parents=True, exist_ok=True)
    folds = []
    for i, name in enumerate(names):
        dev = names[(i + 1) % len(names)]
        fold = Fold(name, *(out / f"fold-{i + 1}-{part}.jsonl" for part in ("train", "dev", "test")))
        _write(fold.train, [line for n in names if n not in (name, dev) for line in groups[n]])
        _write(fold.dev, groups[dev])
        _write(fold.test, groups[name])
        folds.append(fold)
    return folds


def _write(path: Path, lines: list[str]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text("".join(lines), "utf-8")
    os.replace(partial, path)
