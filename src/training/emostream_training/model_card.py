"""The bundle's README.md: what the model is, was trained on, can do and must not be used for."""
from __future__ import annotations


def card(manifest: dict, sizes: dict[str, int]) -> str:
    metrics, conformal = manifest["training"]["metrics"], manifest["calibration"]["conformal"]
    lines = [f"# {manifest['name']} {manifest['version']}", "", manifest["description"], "",
             f"Licence: {manifest['license']}. Built from:", "",
             "| source | licence | address |", "| --- | --- | --- |"]
    lines += [f"| {s['name']} | {s['license']} | {s['url']} |" for s in manifest["sources"]]
    lines += ["", "Training data: " + "; ".join(manifest["training"]["data"]) + ".", "",
              "## What it takes and gives", "",
              f"Labels: {', '.join(manifest['labels'])}. Context: the {manifest['context']['window']} utterances before the one "
              f"that is scored, and {manifest['context']['lookAhead']} after it.", "",
              "| modality | feature space | numbers |", "| --- | --- | --- |"]
    lines += [f"| {m['name']} | {m['featureSpace']} | {m['dimension']} |" for m in manifest["modalities"]]
    lines += ["", "| file | bytes | SHA-256 |", "| --- | --- | --- |"]
    lines += [f"| {name} | {sizes[name]:,} | {digest} |" for name, digest in manifest["files"].items()]
    lines += ["", "## Figures on the development split", "",
              "Weighted F1 and macro F1 in %. The split chose the epoch, the settings, the temperature and the conformal "
              "threshold, so these are optimistic; a test split was not touched. Held-out coverage is the mean over random "
              "halves of the dialogues: temperature and threshold from one half, coverage on the other.", "",
              "| available | utterances (dialogues) | weighted F1 | macro F1 | accuracy | NLL | ECE-15 (before temperature) "
              f"| held-out coverage at {conformal['coverage']:.0%} (mean set size) |",
              "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for key, f in metrics["dev"].items():
        held = f["heldOutCoverage"]
        covered = f"{100 * held['coverage']:.1f} % ({held['setSize']:.1f})" if held else "too few dialogues"
        lines.append(f"| {key} | {f['utterances']} ({f['dialogues']}) | {100 * f['weightedF1']:.1f} | {100 * f['macroF1']:.1f} "
                     f"| {100 * f['accuracy']:.1f} | {f['nll']:.3f} | {100 * f['ece']:.1f} ({100 * f['eceBeforeTemperature']:.1f}) "
                     f"| {covered} |")
    ahead = metrics["devWeightedF1ByLookAhead"]
    lines += ["", "Weighted F1 by look-ahead: " + ", ".join(f"{k} later utterances {100 * v:.1f}" for k, v in ahead.items())
              + ". Waiting is chosen only where it gains half a point and 97.5% of bootstrap resamples of the dialogues agree.", "",
              "## Limits", "",
              "- Trained on scripted English dialogue of one television series: meetings, other languages and other registers "
              "are outside what it has seen, and rare labels (disgust, fear) are the weakest.",
              "- It tells which emotion a turn would be labelled with, not what a person feels. Do not use it to judge people.",
              "- Text alone is not biometric data; other modalities may be, and their use is regulated. The policy gate decides "
              "what may be used before anything is scored.", "",
              "Made by `src/training`; see its README for the commands.", ""]
    return "\n".join(lines)
