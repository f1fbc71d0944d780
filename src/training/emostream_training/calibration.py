"""Calibration on held-out dialogues: a temperature per availability set and split-conformal thresholds (LAC)."""
from __future__ import annotations

import math

import numpy as np

from . import metrics


def nll(logits: np.ndarray, label: np.ndarray, temperature: float) -> float:
    p = metrics.softmax(logits / temperature)
    return float(-np.log(np.maximum(p[np.arange(len(label)), label], 1e-12)).mean())


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """The temperature with the lowest negative log-likelihood, by golden-section search on its logarithm in [1/8, 8]."""
    low, high = -math.log(8), math.log(8)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if nll(logits, label, math.exp(a)) <= nll(logits, label, math.exp(b)):
            high = b
        else:
            low = a
    return math.exp((low + high) / 2)


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


def held_out_coverage(logits: list[np.ndarray], labels: list[np.ndarray], coverage: float, seed: int,
                      splits: int = 200) -> dict[str, float]:
    """Coverage and set size on dialogues that neither temperature nor threshold saw: mean over random half splits."""
    rng, seen = np.random.default_rng(seed), []
    for _ in range(splits if len(labels) >= 2 else 0):
        order = rng.permutation(len(labels))
        fit, check = order[: len(order) // 2], order[len(order) // 2:]
        x, y = np.concatenate([logits[i] for i in fit]), np.concatenate([labels[i] for i in fit])
        t = fit_temperature(x, y)
        threshold = conformal_threshold(metrics.softmax(x / t), y, coverage)
        p = metrics.softmax(np.concatenate([logits[i] for i in check]) / t)
        seen.append(coverage_of(p, np.concatenate([labels[i] for i in check]), threshold))
    if not seen:
        return {}
    mean = np.mean(seen, axis=0)
    return {"coverage": float(mean[0]), "setSize": float(mean[1]), "splits": float(splits)}


def ece(probabilities: np.ndarray, label: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top label over equal-width bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == label
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean()
                     for b in range(bins) if (place == b).any()))
