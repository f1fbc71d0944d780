"""The bundle's README.md: what the model is, was trained on, can do and must not be used for."""
from __future__ import annotations

import itertools
from typing import Protocol

USE = """- It tells which label annotators would give a turn, not what a person feels. Do not use it to judge, hire, grade or
  watch people, and do not act on a single utterance.
- Tell people that it is used, and on what; let them see and erase their timeline. The policy gate decides per tenant, role
  and modality what may be used before anything is scored.
- Text alone is not biometric data. Voice, face and body may be, and inferring emotions from them at work or in education is
  forbidden in the EU but for medical and safety reasons."""


class Words(Protocol):
    """The parts of a card that somebody wrote: the [bundle] table of a configuration."""

    purpose: str
    limits: str
    measured: str
    again: str
    coverage: float


def card(manifest: dict, words: Words, sizes: dict[str, int]) -> str:
    """Markdown; sections that nobody wrote are left out."""
    training, context = manifest["training"], manifest["context"]
    lines = [f"# {manifest['name']} {manifest['version']}", "", manifest["description"], ""]
    lines += _section("What it is for", words.purpose)
    lines += ["## What it takes and gives", "",
              f"Labels: {', '.join(manifest['labels'])}. Context: the {context['window']} utterances before the one "
              f"that is scored, and {context['lookAhead']} after it.", "",
              "| modality | feature space | numbers | raw input |", "| --- | --- | --- | --- |"]
    lines += [f"| {m['name']} | {m['featureSpace']} | {m['dimension']} | {'encoded' if 'encoder' in m else 'not taken, features only'} |"
              for m in manifest["modalities"]]
    lines += ["", *_parts(manifest), "## Training data and terms", "", f"Licence of the bundle: {manifest['license']}. Built from:", "",
              "| source | licence | address |", "| --- | --- | --- |"]
    lines += [f"| {_cell(s['name'])} | {_cell(s['license'])} | {_cell(s['url'])} |" for s in manifest["sources"]]
    lines += ["", "Trained on: " + "; ".join(training["data"]) + ". Seeds: "
              + ", ".join(f"{stage} {seed}" for stage, seed in training["seeds"].items())
              + f". Training code: revision {training['revision']}"
              + (f", the encoder's {training['encoderRevision']}" if training.get("encoderRevision") else "") + ".", ""]
    lines += _figures(manifest, words.coverage) + _section("Measured elsewhere", words.measured) + _section("Limits", words.limits)
    lines += ["## Use", "", USE, "", "## Files", "", "| file | bytes | SHA-256 |", "| --- | --- | --- |"]
    lines += [f"| {name} | {sizes[name]:,} | {digest} |" for name, digest in manifest["files"].items()]
    lines += ["", *_section("To make it again", words.again or "See `src/training`.")]
    return "\n".join(lines)


def _parts(manifest: dict) -> list[str]:
    """Which parts of AM^2-EmoJE (arXiv 2402.10921) the model has; every number behind them is in the manifest."""
    sizes, loss = manifest["training"]["settings"]["context"], manifest["training"]["settings"]["loss"]
    several = len(manifest["modalities"]) > 1
    on = lambda yes, how="yes": (how if several else "idle: there is one modality") if yes else "no"
    nce = [word for key, word in (("align", "aligned"), ("label_guided", "guided by labels"), ("teach", "guided by a teacher")) if loss[key]]
    rows = {
        "context of the dialogue": f"{sizes['window']} earlier rows, {sizes['layers']} layer(s)" if sizes["window"] else "no",
        "cross-attention between modalities": on(sizes["cross"]),
        "joint embedding": on(sizes["joint"], f"{sizes['joint']} dimensions, {', '.join(nce) or 'not aligned'}"),
        "recovery of missing modalities": on(sizes["recover"]),
        "query adaptive fusion": on(sizes["adaptive"], "guided" if loss["trust"] else "not guided"),
        "modality dropout in training": on(manifest["training"]["settings"]["train"]["modality_dropout"]),
        "networks averaged": str(sizes["members"]),
        "calibration": "temperature and conformal sets" if manifest["calibration"]["temperatures"] else "none: probabilities are as the model says them",
    }
    return ["## Parts of the model", "", "| part | in this bundle |", "| --- | --- |", *(f"| {part} | {what} |" for part, what in rows.items()), ""]


def _cell(text: str) -> str:
    """A text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", "", text.strip(), ""] if text.strip() else []


def _figures(manifest: dict, coverage: float) -> list[str]:
    metrics, calibrated = manifest["training"]["metrics"], bool(manifest["calibration"]["temperatures"])
    conformal = manifest["calibration"].get("conformal", {"coverage": coverage, "thresholds": {}})
    lines = ["## Figures on the held-out dialogues", "",
             "In %, but for NLL and sizes. These dialogues chose the epoch" + (", the calibration and the thresholds" if calibrated else "")
             + ", so the figures are optimistic; a test split was not touched. Held out: calibrated on random halves of the dialogues, measured on the others. "
             "ECE-15 adds up absolute deviations, so a model whose every confidence is right does not reach 0 on so few utterances: "
             "beside it stands what such a model shows, mean and 95th percentile.", "",
             "| available | utterances (dialogues) | weighted F1 | macro F1 | accuracy | NLL | ECE-15 before / after / held out "
             "| of a perfect model | sets held out, promised " + f"{conformal['coverage']:.0%}: coverage (mean size) |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    percent = lambda x: f"{100 * x:.1f}"
    for key, f in metrics["dev"].items():
        away, perfect = f["heldOut"], f["eceOfPerfectModel"]
        sets = f"{percent(away['coverage'])} ({away['setSize']:.1f})" if away else "too few dialogues to tell" if calibrated else "not calibrated"
        if key not in conformal["thresholds"]:
            sets += "; so none are offered"
        lines.append(f"| {key} | {f['utterances']} ({f['dialogues']}) | {percent(f['weightedF1'])} | {percent(f['macroF1'])} "
                     f"| {percent(f['accuracy'])} | {f['nll']:.3f} | {percent(f['eceBeforeCalibration'])} / {percent(f['ece'])} / "
                     f"{percent(away['ece']) if away else '-'} | {percent(perfect['mean'])}, {percent(perfect['percentile95'])} | {sets} |")
    lines.append("")
    names = [m["name"] for m in manifest["modalities"]]
    sets = ("+".join(s) for size in range(1, len(names) + 1) for s in itertools.combinations(names, size))
    if unseen := [s for s in sets if s not in metrics["dev"]]:
        lines += [f"No held-out utterance brings {', '.join(unseen)}: probabilities are not calibrated there, and no sets are offered.", ""]
    ahead = metrics["devWeightedF1ByLookAhead"]
    if len(set(ahead.values())) > 1:
        lines += ["Weighted F1 by look-ahead: " + ", ".join(f"{k} later utterances {percent(v)}" for k, v in ahead.items())
                  + ". Waiting is chosen only where it gains half a point and 97.5% of bootstrap resamples of the dialogues agree.", ""]
    return lines
