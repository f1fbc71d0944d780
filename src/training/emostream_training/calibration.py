"""Calibration on held-out dialogues: a temperature per availability set and split-conformal sets (LAC).

The temperature is the one under which the shown confidence is least off. The usual one, under which all the labels' odds are
most likely, serves the labels that are not shown: its confidence is off by one to four points more, on other dialogues too.
"""
from __future__ import annotations

import math

import numpy as np

from . import metrics

FEW_DIALOGUES = 4  # with fewer, nothing can be held out from calibration
BINS = tuple(range(8, 21))  # the error is averaged over these binnings: one alone could be fitted by where its edges lie


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """In [1/8, 8]; log t is normal around 0, so that a handful of utterances cannot ask for certainty."""
    right, logits = logits.argmax(1) == label, logits.astype(np.float64)

    def off(log_t: float) -> float:
        confidence = metrics.softmax(logits / math.exp(log_t)).max(1)
        return float(np.mean([_ece(confidence, right, bins) for bins in BINS])) + 0.5 * log_t**2 / len(right)

    end = math.log(8)
    coarse = min(np.linspace(-end, end, 41), key=off)
    return math.exp(min(np.clip(np.linspace(coarse - 0.1, coarse + 0.1, 21), -end, end), key=off))


def nll(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Mean negative log-likelihood of the truth."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(label)), label], 1e-12)).mean())


def ece(probabilities: np.ndarray, label: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top label over equal-width bins."""
    return _ece(probabilities.max(1), probabilities.argmax(1) == label, bins)


def _ece(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=confidence, minlength=bins) - np.bincount(place, weights=right, minlength=bins)
    return float(np.abs(gap).sum() / len(right))


def ece_of_a_perfect_model(probabilities: np.ndarray, seed: int, draws: int = 1000) -> tuple[float, float]:
    """Mean and 95th percentile of the ECE-15 that these very confidences show when they are exactly right.

    The error is a sum of absolute deviations, so it is never near 0 on a few hundred utterances: a figure below the
    95th percentile is no evidence of miscalibration.
    """
    rng, confidence = np.random.default_rng(seed), probabilities.max(1)
    seen = [_ece(confidence, rng.random(len(confidence)) < confidence) for _ in range(draws)]
    return float(np.mean(seen)), float(np.percentile(seen, 95))


def conformal_threshold(probabilities: np.ndarray, label: np.ndarray, coverage: float) -> float:
    """The highest t such that {labels with p >= t} holds the truth with the asked coverage on exchangeable data.

    With n calibration utterances t is the floor((1-coverage)(n+1))-th smallest probability of the truth; 0 when n is too small.
    """
    truth = np.sort(probabilities[np.arange(len(label)), label])
    rank = math.floor((1 - coverage) * (len(truth) + 1) + 1e-9)
    return float(truth[rank - 1]) if rank >= 1 else 0.0


def coverage_of(probabilities: np.ndarray, label: np.ndarray, threshold: float) -> tuple[float, float]:
    """Share of utterances whose set holds the truth, and the mean size of the sets."""
    return (float((probabilities[np.arange(len(label)), label] >= threshold).mean()),
            float((probabilities >= threshold).sum(1).mean()))


def held_out(logits: list[np.ndarray], labels: list[np.ndarray], coverage: float, seed: int, splits: int = 50) -> dict[str, float]:
    """What calibration and conformal sets are worth on dialogues that they were not fitted to.

    Every split cuts the dialogues into random halves: each half is calibrated on the other. ECE and NLL are of both
    halves together, coverage and set size of the second; all are means over the splits. Empty with fewer than FEW_DIALOGUES.
    """
    full = [i for i, l in enumerate(labels) if len(l)]
    if len(full) < FEW_DIALOGUES:
        return {}
    rng, seen = np.random.default_rng(seed), []
    for _ in range(splits):
        order = rng.permutation(full)
        halves = order[: len(order) // 2], order[len(order) // 2:]
        (x, y), (v, w) = ((np.concatenate([logits[i] for i in h]), np.concatenate([labels[i] for i in h])) for h in halves)
        first, second = fit_temperature(x, y), fit_temperature(v, w)
        p = metrics.softmax(v / first)
        covered, size = coverage_of(p, w, conformal_threshold(metrics.softmax(x / first), y, coverage))
        both, truth = np.concatenate([metrics.softmax(x / second), p]), np.concatenate([y, w])
        seen.append((covered, size, ece(both, truth), nll(both, truth)))
    mean = np.mean(seen, axis=0)
    return {"coverage": float(mean[0]), "setSize": float(mean[1]), "ece": float(mean[2]), "nll": float(mean[3]), "splits": float(splits)}
